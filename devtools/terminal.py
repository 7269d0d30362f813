"""What a person at the terminal sees, and how a command is run under it."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
SILENT_FOR = 2.0
"""Seconds after which whatever runs must be seen to run."""
LINE_EVERY = 15.0
TURNS = "|/-\\"
PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


class StopError(Exception):
    """Something a person has to know or do; the message is all that is shown."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def say(line: str = "") -> None:
    """Print it; where nobody reads any more (a closed terminal, `| head`) what runs goes on all the same."""
    try:
        print(line, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def in_ci() -> bool:
    """Whether a machine asked, so that nothing missing may be passed over."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def leash(number: int = signal.SIGTERM) -> Callable[[], None]:
    """A `preexec_fn` that ends the child when this program ends, even if that was by SIGKILL.

    Linux only; elsewhere the child is stopped by the ordinary ways alone.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def tie() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, int(number))
            if os.getppid() != parent:  # it died before the line above
                os.kill(os.getpid(), number)

    return tie


class Progress:
    """Shows that something runs once it has run for two seconds: a spinner on a terminal, else a line now and then."""

    def __init__(self, doing: str, to: IO[str] | None = None) -> None:
        self.doing = doing
        self.to = to or sys.stdout
        self.live = self.to.isatty()
        self.began = time.monotonic()
        self.said_at: float | None = None
        self.turns = 0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def tick(self, detail: str = "") -> None:
        if self.elapsed < SILENT_FOR:
            return
        if self.live:
            self.turns += 1
            line = f"{TURNS[self.turns % len(TURNS)]} {self.doing} ({self.elapsed:.0f} s)  {detail}"
            self.to.write(f"\r\x1b[2K{line[: shutil.get_terminal_size().columns - 1]}")
        elif self.said_at is None or self.elapsed - self.said_at >= LINE_EVERY:
            self.said_at = self.elapsed
            self.to.write(f"{self.doing} ... {self.elapsed:.0f} s\n")
        self.to.flush()

    def end(self, how: str) -> None:
        """Say how it went; what was over before it was announced needs no line."""
        if self.live:
            self.to.write("\r\x1b[2K")
        if self.elapsed >= SILENT_FOR:
            self.to.write(f"{self.doing}: {how} ({self.elapsed:.0f} s)\n")
        self.to.flush()


def tail(path: Path, lines: int = 30) -> str:
    """The last lines of a log, for a person who has to see why something stopped."""
    text = path.read_text("utf-8", errors="replace") if path.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def run(
    argv: Sequence[str],
    *,
    doing: str,
    env: Mapping[str, str] | None = None,
    otherwise: str = "",
    tied: bool = True,
) -> str:
    """Run a command quietly, with progress; its standard output comes back, its last lines are shown if it failed.

    `otherwise` is what the person can do about a failure. `tied` is off for what must not be killed half-way.
    """
    progress = Progress(doing)
    with tempfile.TemporaryDirectory(prefix="guidon-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        with out.open("wb") as out_to, err.open("wb") as err_to:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out_to,
                stderr=err_to,
                cwd=ROOT,
                env=env,
                preexec_fn=leash() if tied else None,  # noqa: PLW1509 - dev.py has one thread
            )
            try:
                while (code := _wait(child, 0.1)) is None:
                    progress.tick(tail(out, 1))
            except BaseException:
                child.terminate()
                child.wait()
                raise
        if code:
            progress.end("failed")
            said = "\n".join(part for part in (tail(out), tail(err)) if part)
            raise StopError(f"{doing} failed (`{' '.join(argv)}` ended with {code}).\n{said}\n{otherwise}".rstrip())
        progress.end("done")
        return out.read_text("utf-8", errors="replace")


def show(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Run a command whose output is the point of it; the exit code comes back."""
    sys.stdout.flush()
    return subprocess.run(argv, stdin=subprocess.DEVNULL, cwd=ROOT, env=env, check=False).returncode


def _wait(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
