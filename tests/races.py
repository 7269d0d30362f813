"""Real processes that want the same thing at the same moment."""

import multiprocessing
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

from idp.cli.main import FOUND_IN

_PATIENCE = 100  # seconds; starting an interpreter on a busy machine takes several

Ready = Callable[[], object]
"""What a racer calls when it has prepared itself: it returns when the slowest one has, too."""


def prepared() -> ForkServerContext:
    """Where processes are made that have imported the house: by one that does nothing but import and fork. To import it anew
    for each takes seconds.
    """
    context = multiprocessing.get_context("forkserver")
    commands = (f"idp.cli.{place.partition(':')[0]}" for place in FOUND_IN.values())
    context.set_forkserver_preload(["idp.app", *commands, "pytest", "tests.world"])
    return context


def together(racer: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Run `racer(ready, *args)` in a process for each tuple and return what each returned; a fault in one fails the test."""
    context = prepared()
    barrier, results = context.Barrier(len(arguments)), context.Queue()
    processes = [context.Process(target=_run, args=(racer, barrier, results, given)) for given in arguments]
    for process in processes:
        process.start()
    told = [results.get(timeout=_PATIENCE) for _ in processes]
    for process in processes:
        process.join()
    faults = [fault for fault, _ in told if fault]
    assert not faults, "\n".join(faults)
    return [returned for _, returned in told]


def _run(racer: Callable[..., Any], barrier: Barrier, results: "Queue[Any]", given: tuple[Any, ...]) -> None:
    try:
        results.put(("", racer(lambda: barrier.wait(_PATIENCE), *given)))
    except BaseException:  # noqa: BLE001 - told to the test, which fails by it
        barrier.abort()
        results.put((traceback.format_exc(), None))
