"""One run of the load, `load.mjs`, beside a server: what it did, and what that cost the server."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench import machine
from bench.machine import Cores
from devtools.terminal import StopError, leash

PROGRAM = Path(__file__).with_name("load.mjs")
MOST = 100_000
"""Things done in one measurement at the most, so that a fast one fills neither memory nor disk."""
WARM = 1
"""Seconds of the same before the count begins."""
NOISY = 0.05
"""From this share of the servers' core on, taken by other programs, a wall-clock figure is worth little."""


@dataclass(frozen=True)
class Measured:
    """One measurement. `away` are those that a busy server turned away, as it should; no other figure counts them."""

    done: int
    seconds: float
    requests: int
    middle_ms: float
    slower_ms: float
    slow_ms: float
    server_cpu: float
    load_cpu: float
    others: float
    away: int = 0
    away_middle_ms: float = 0.0
    away_slow_ms: float = 0.0

    @property
    def rate(self) -> float:
        return self.done / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """What one second of the server's own processor time does: hardly touched by whatever else the machine does."""
        return self.done / self.server_cpu if self.server_cpu else 0.0

    @property
    def server_busy(self) -> float:
        return self.server_cpu / self.seconds

    @property
    def load_busy(self) -> float:
        return self.load_cpu / self.seconds


class Load:
    """A run under way. `what` names it for whoever reads why it failed."""

    def __init__(self, order: Mapping[str, Any], cores: Cores, *, session: int, what: str) -> None:
        """Begin as the order says; `session` is the server's, whose processor time is counted."""
        self.what = what
        self.session = session
        self.core = cores.server
        self.child = subprocess.Popen(
            cores.pinned(cores.load, "node", str(PROGRAM)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=leash(),  # noqa: PLW1509 - the benchmark has one thread
        )
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps({"warm": WARM, "most": MOST, **order}))
        self.child.stdin.close()
        self.before = (0.0, 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()

    def begin(self) -> None:
        """Wait until it counts."""
        self._next("begin")
        self.before = self._spent()

    def stop(self) -> None:
        """Ask it to end now, and not when its time is over."""
        self.child.send_signal(signal.SIGTERM)

    def end(self) -> Measured:
        """Wait for its end. A single wrong answer ends the benchmark: a figure of errors is none."""
        end = self._next("end")
        cpu, busy = (after - before for after, before in zip(self._spent(), self.before, strict=True))
        self.child.wait(timeout=30)
        if end["failed"]:
            why = "\n".join(f"  {count} × {fault}" for fault, count in end["faults"])
            raise StopError(f"A wrong answer, {self.what}:\n{why}")
        return Measured(
            done=end["done"],
            seconds=end["seconds"],
            requests=end["requests"],
            middle_ms=end["middle_ms"],
            slower_ms=end["slower_ms"],
            slow_ms=end["slow_ms"],
            server_cpu=cpu,
            load_cpu=end["load_cpu"],
            others=max(0.0, busy - cpu) / end["seconds"],
            away=end["away"],
            away_middle_ms=end["away_middle_ms"],
            away_slow_ms=end["away_slow_ms"],
        )

    def _spent(self) -> tuple[float, float]:
        return machine.cpu_seconds(self.session), machine.busy_seconds(self.core)

    def _next(self, wanted: str) -> Mapping[str, Any]:
        """Its next event. It gives up by itself when an answer stays out, so this never waits for ever."""
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        event: dict[str, Any] = json.loads(line) if line else {"event": "failed", "why": "the load ended by itself"}
        if event["event"] != wanted:
            raise StopError(f"Not to be measured, {self.what}: {event.get('why', event)}")
        return event
