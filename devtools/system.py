"""Packages of the operating system: installed where we may, else the one command that does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from devtools.terminal import StopError, run

APT_WAITS_FOR_LOCK = "DPkg::Lock::Timeout=120"
"""A fresh machine is often still busy with its first unattended upgrade."""


def venv_package() -> str:
    """Debian's package that completes the `venv` module of the Python that is running."""
    return f"python3.{sys.version_info.minor}-venv"


def apt_prefix() -> list[str] | None:
    """What goes before `apt-get` so that it may install; None where this user or this machine cannot."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else None


def by_hand(packages: Sequence[str]) -> str:
    """The one command that a person can run instead of us."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    wanted = " ".join(packages)
    if shutil.which("apt-get"):
        return f'{sudo}sh -c "apt-get update && apt-get install -y --no-install-recommends {wanted}"'
    return f"install, with this system's package manager, what Debian calls: {wanted}"


def install(packages: Sequence[str], *, why: str) -> None:
    """Install with apt-get, or stop with the command that would have."""
    prefix = apt_prefix()
    command = by_hand(packages)
    if prefix is None:
        raise StopError(f"{why}\nInstall what is missing, then run this again:\n\n    {command}\n")
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", APT_WAITS_FOR_LOCK]
    otherwise = f"{why}\nThe same by hand:\n\n    {command}\n"
    # Never tied to us: apt-get killed half-way leaves the machine's package database to be mended by hand.
    run([*apt, "update"], doing="Reading Debian's package lists", otherwise=otherwise, tied=False)
    run(
        [*apt, "install", "-y", "--no-install-recommends", *packages],
        doing=f"Installing {' and '.join(packages)}",
        otherwise=otherwise,
        tied=False,
    )
