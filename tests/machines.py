"""Running a machine of hypothesis on a prepared database: each run of it gets a copy of its own."""

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings


def run(machine: type, *, database: Path, keys: Path, runs: int, steps: int) -> set[str]:
    """Run it, and tell every page that a form led to, in any run: what was never reached was never tried.

    The machine finds the two paths in `database` and `keys`, and notes pages in `reached`.
    """
    reached: set[str] = set()
    here: Any = type(f"{machine.__name__}Here", (machine,), {"database": database, "keys": keys, "reached": reached})
    case = here.TestCase
    case.settings = settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    outcome = case("runTest").run()
    assert outcome is not None
    assert outcome.testsRun == 1
    assert outcome.wasSuccessful(), "\n".join(text for _, text in [*outcome.failures, *outcome.errors])
    return reached
