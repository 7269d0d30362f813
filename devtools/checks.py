"""Lint, types, import contracts, migrations, generated pages and tests."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools import environment, interop, phrases, system
from devtools.terminal import StopError, in_ci, say, show

CHROMIUM = "chromium"
LIBATOMIC = "libatomic1"
"""What the Node that drives the browser is linked with; a bare Debian has it not."""


@dataclass(frozen=True)
class Need:
    """What the tests of one mark need of Debian, and what they are called to a person."""

    mark: str
    tests: str
    missing: Callable[[], list[str]]


def test(arguments: Sequence[str]) -> int:
    """Run pytest, with what it needs in place; its own exit code comes back."""
    python = environment.ensure(environment.WITH_CHECKS)
    return _pytest(python, arguments)


def check() -> int:
    """Run every check, then the tests; one that fails does not hide the others. 0 only if all went well."""
    python = environment.ensure(environment.WITH_CHECKS)
    failed = []
    with tempfile.TemporaryDirectory(prefix="guidon-check-") as folder:
        env = _settings(Path(folder))
        for name, argv in _commands(python):
            say(f"--- {name}")
            if show(argv, env=env):
                failed.append(name)
        say("--- phrases for translation")
        try:
            phrases.check(python)
        except StopError as stop:
            say(str(stop))
            failed.append("phrases for translation")
    if failed:
        say(f"\nFailed: {', '.join(failed)}. The tests follow.\n")
    else:
        say("--- tests")
    tested = _pytest(python, ())
    return 1 if failed or tested else 0


def bench(arguments: Sequence[str]) -> int:
    """Run the benchmarks; they print their figures and where they wrote them."""
    python = environment.ensure(environment.WITH_CHECKS)
    return show([python, "-m", "bench", *arguments])


def _commands(python: str) -> list[tuple[str, list[str]]]:
    run = (python, "-m")
    return [
        ("ruff: lint", [*run, "ruff", "check", "."]),
        ("ruff: format", [*run, "ruff", "format", "--check", "."]),
        ("mypy --strict", [*run, "mypy"]),
        ("import contracts", [python, "-c", "from importlinter.cli import lint_imports_command as go; go()"]),
        ("keys, in an empty place", [*run, "idp", "keys", "init"]),
        ("migrations: from nothing to the newest", [*run, "idp", "db", "upgrade"]),
        ("migrations: what the code declares", [*run, "idp", "db", "check"]),
        ("generated pages", [*run, "idp", "docs", "--check"]),
    ]


def _settings(folder: Path) -> Mapping[str, str]:
    """An empty place for the checks that need a database; nothing of a real installation is touched."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
    return mine | {
        "IDP_DEMO": "1",
        "IDP_ISSUER": "http://localhost:5000",
        "IDP_KEYS": str(folder / "keys"),
        "IDP_SMTP_URL": "smtp://localhost:5025",
        "DATABASE_URL": f"sqlite:///{folder / 'check.db'}",
    }


def _pytest(python: str, arguments: Sequence[str]) -> int:
    left_out = [f"not {need.mark}" for need in needs() if not have(need)]
    chosen: tuple[str, ...] = ("-m", " and ".join(left_out)) if left_out else ()
    if not arguments and (workers := min(4, os.cpu_count() or 1)) > 1:
        # In the order of the folders: the browser's few long tests begin, where otherwise files with many tests would. What goes
        # together tests/conftest.py says.
        chosen += ("-n", str(workers), "--no-loadscope-reorder")
    return show([python, "-m", "pytest", *chosen, *arguments])


def missing_for_browser() -> list[str]:
    """Debian's packages that walking the pages needs and that are not here."""
    missing = [] if shutil.which(CHROMIUM) else [CHROMIUM]
    return missing if _loads("libatomic.so.1") else [*missing, LIBATOMIC]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def needs() -> tuple[Need, ...]:
    """Every mark whose tests need more than the Python packages."""
    return (
        Need("browser", "browser tests", missing_for_browser),
        Need("interop", "tests with relying parties of other makers", interop.missing_packages),
    )


def have(need: Need) -> bool:
    """Whether what it needs is here, installing it where we may.

    Where we may not, a person is told the command and those tests stay out; a machine that asked (CI) gets a failure,
    because there nothing may be missing unseen.
    """
    missing = need.missing()
    if not missing:
        return True
    try:
        system.install(missing, why=f"The {need.tests} need {' and '.join(missing)} of Debian, not installed here.")
    except StopError as stop:
        if in_ci():
            raise
        say(f"{stop}\nGoing on WITHOUT the {need.tests}.\n")
        return False
    return True
