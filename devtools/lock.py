"""The lock files, made anew from the `.in` files: every version fixed, every file's hash written down."""

from __future__ import annotations

import os

from devtools import environment
from devtools.terminal import run, say

NAMES = ("requirements", "requirements-dev", "requirements-build")
"""In this order: the later ones are held to what the earlier ones chose."""


def renew(*, upgrade: bool) -> None:
    """Write the lock files; what is locked already stays as it is unless it is to be upgraded."""
    python = environment.ensure(environment.WITH_CHECKS)
    for name in NAMES:
        run(
            [
                *(python, "-m", "piptools", "compile", "--quiet", "--generate-hashes", "--strip-extras"),
                # No address of any index: it is whatever pip is configured with, there and here.
                *("--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host"),
                "--allow-unsafe",  # with hashes even pip and setuptools have to be named
                *(("--upgrade",) if upgrade else ()),
                *("--output-file", f"{name}.txt", f"{name}.in"),
            ],
            doing=f"Locking {name}.txt",
            env={**os.environ, "CUSTOM_COMPILE_COMMAND": "python3 dev.py lock"},
        )
    say("The lock files are written; `python3 dev.py test` installs and tries them.")
