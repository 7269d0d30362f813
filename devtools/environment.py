"""`.venv`: made from the lock files, remade when half-made, left alone when nothing changed."""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from devtools import system
from devtools.terminal import ROOT, StopError, run, say

RUN_TIME = ("requirements.txt",)
WITH_CHECKS = ("requirements.txt", "requirements-dev.txt")


class Environment:
    """One virtual environment with a stamp in it that says what it was made from."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.stamp = self.folder / "guidon-stamp.json"
        self.unfinished = self.folder / "guidon-unfinished"

    def wanted(self, locks: Sequence[str]) -> dict[str, str]:
        """What the stamp must say for nothing to need doing: the Python, the place, and each lock file's digest."""
        made_from = {"python": sys.version.split()[0], "checkout": str(self.root), "version": self.version()}
        for lock in locks:
            made_from[lock] = hashlib.sha256((self.root / lock).read_bytes()).hexdigest()
        return made_from

    def version(self) -> str:
        about = configparser.ConfigParser()
        about.read(self.root / "setup.cfg", "utf-8")
        return about["metadata"]["version"]

    def stamped(self) -> dict[str, str]:
        """What the stamp says; nothing at all where it is missing or was cut off."""
        try:
            found = json.loads(self.stamp.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def is_ready(self, locks: Sequence[str]) -> bool:
        """Whether these locks are installed. A stamp that knows more locks than asked for is as good."""
        stamped = self.stamped()
        return (
            not self.unfinished.exists()
            and self.python.exists()
            and all(stamped.get(key) == value for key, value in self.wanted(locks).items())
        )

    def is_sound(self) -> bool:
        """Whether pip runs in it, under the Python that is running now; if not it is remade."""
        if self.unfinished.exists() or not self.python.exists():
            return False
        ask = "import pip, sys; print(sys.version.split()[0])"
        asked = subprocess.run([self.python, "-c", ask], capture_output=True, text=True, check=False)
        return asked.returncode == 0 and asked.stdout.strip() == sys.version.split()[0]

    def ensure(self, locks: Sequence[str]) -> Path:
        """Make it so, and give its Python back."""
        if self.is_ready(locks):
            return self.python
        with self._alone():
            if not self.is_ready(locks):  # somebody else may have done it while we waited
                self._make(locks)
        return self.python

    def _make(self, locks: Sequence[str]) -> None:
        if not self.is_sound():
            if self.folder.exists():
                say("The virtual environment .venv is incomplete, or of another Python: making it anew.")
                shutil.rmtree(self.folder)
            self._create()
        kept = [lock for lock in WITH_CHECKS if lock in locks or lock in self.stamped()]
        self.unfinished.touch()
        self.stamp.unlink(missing_ok=True)
        wheels = "runs" if "requirements-dev.txt" not in kept else "runs, tests and checks"
        run(
            [
                *(str(self.python), "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:"),
                *("--no-input", "--disable-pip-version-check", "--progress-bar", "off"),
                *(part for lock in kept for part in ("-r", lock)),
            ],
            doing=f"Installing the Python packages for what {wheels}",
            otherwise="Is the package index that pip is configured with within reach? Run this again to go on.",
        )
        self._link()
        self.stamp.write_text(json.dumps(self.wanted(kept), indent=1) + "\n", "utf-8")
        self.unfinished.unlink()

    def _create(self) -> None:
        if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
            system.install(
                [system.venv_package()], why="This Python came without the part that makes virtual environments."
            )
        self.folder.mkdir()
        self.unfinished.touch()  # a pip that is killed leaves packages without their records, which pip cannot mend
        run([sys.executable, "-m", "venv", str(self.folder)], doing="Making the virtual environment .venv")

    def _link(self) -> None:
        """Let `.venv/bin/idp` and every `import idp` find this checkout, from whatever folder, and `idp --version` too.

        What `pip install --editable` does, but without setuptools, which only the checks need.
        """
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        site = subprocess.run([self.python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
        Path(site, "guidon.pth").write_text(f"{self.root}\n", "utf-8")
        for old in Path(site).glob("guidon-*.dist-info"):
            shutil.rmtree(old)
        known_as = Path(site, f"guidon-{self.version()}.dist-info")
        known_as.mkdir()
        about = f"Metadata-Version: 2.1\nName: guidon\nVersion: {self.version()}\n"
        known_as.joinpath("METADATA").write_text(about, "utf-8")
        command = self.folder / "bin" / "idp"
        command.write_text(f'#!/bin/sh\nexec "{self.python}" -m idp "$@"\n', "utf-8")
        command.chmod(0o755)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One dev.py at a time: two pips in one environment ruin it."""
        (self.root / "var").mkdir(exist_ok=True)
        with (self.root / "var" / "environment.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another dev.py is setting up; waiting for it.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def ensure(locks: Sequence[str]) -> str:
    """The Python of `.venv`, set up from these locks."""
    if os.name != "posix":
        raise StopError("dev.py runs on Linux and other Unix systems.")
    for lock in locks:
        if not (ROOT / lock).exists():
            raise StopError(f"The lock file {lock} is missing; `python3 dev.py lock` makes it.")
    return str(Environment().ensure(locks))
