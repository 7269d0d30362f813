"""The measurements: every side in turn, round after round, so that a slow minute of the machine meets all of them."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from bench import machine
from bench.machine import Cores
from bench.sides import Side
from devtools.terminal import StopError, leash, say

LOAD = Path(__file__).with_name("load.mjs")
MOST = 100_000
"""Things done in one measurement at the most, so that a fast one fills neither memory nor disk."""
WARM = 1
"""Seconds of the same before the count begins."""
NOISY = 0.05
"""From this share of the servers' core on, taken by other programs, a wall-clock figure is worth little."""


@dataclass(frozen=True)
class Scenario:
    """One thing that is counted: what the load does, as which client, and where."""

    title: str
    what: str
    client: str = "confidential"
    endpoint: str = ""

    def path(self, side: Side) -> str:
        return side.endpoints.get(self.endpoint, "")


FLOWS = (
    Scenario("whole code flows, ID token RS256", "flow"),
    Scenario("whole code flows, ID token ES256", "flow", "confidential ES256"),
)
REQUESTS = (
    Scenario("userinfo", "userinfo"),
    Scenario("refresh, the token stays (confidential client), ID token RS256", "refresh"),
    Scenario("refresh, the token rotates (public client), ID token RS256", "refresh", "public"),
    Scenario("discovery", "get", endpoint="discovery"),
    Scenario("JWKS", "get", endpoint="jwks"),
)


@dataclass(frozen=True)
class Measured:
    """One measurement. Everything is per second of it, but for `per_cpu_second`."""

    done: int
    seconds: float
    requests: int
    middle_ms: float
    slow_ms: float
    server_cpu: float
    load_cpu: float
    others: float

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


@dataclass
class Results:
    """Every measurement, by scenario and side, in the order in which they were made."""

    rounds: int
    seconds: float
    measured: dict[Scenario, dict[str, list[Measured]]] = field(default_factory=dict)
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)

    def middle(self, scenario: Scenario, side: str, what: str = "rate") -> float:
        """The median of all rounds."""
        return statistics.median(float(getattr(one, what)) for one in self.measured[scenario][side])

    def spread(self, scenario: Scenario, side: str) -> tuple[float, float]:
        """The slowest round and the fastest."""
        rates = [one.rate for one in self.measured[scenario][side]]
        return min(rates), max(rates)

    @property
    def noise(self) -> float:
        """The largest share of the servers' core that other programs took in any measurement."""
        return max(one.others for sides in self.measured.values() for every in sides.values() for one in every)


def take(
    sides: Sequence[Side], scenarios: Sequence[Scenario], cores: Cores, *, rounds: int, tries: int, seconds: float
) -> Results:
    """Measure everything on every side, `rounds` times. A single wrong answer ends it: a figure of errors is none.

    A measurement that other programs disturbed is made again, up to `tries` times, and the quietest of them counts.
    """
    results = Results(rounds, seconds)
    for number in range(1, rounds + 1):
        for scenario in scenarios:
            for side in sides:
                measured = _quietest(side, scenario, cores, tries=tries, seconds=seconds)
                results.measured.setdefault(scenario, {}).setdefault(side.name, []).append(measured)
                say(
                    f"{number}/{rounds}  {scenario.title:<64} {side.name:<24} {measured.rate:>8,.0f}/s"
                    f"   server {measured.server_busy:4.0%}  load {measured.load_busy:4.0%}  others {measured.others:4.0%}"
                )
    for side in sides:
        results.memory[side.name] = (side.idle, machine.memory(side.session))
    return results


def _quietest(side: Side, scenario: Scenario, cores: Cores, *, tries: int, seconds: float) -> Measured:
    best = _once(side, scenario, cores, seconds=seconds)
    for _ in range(tries - 1):
        if best.others <= NOISY:
            break
        best = min(best, _once(side, scenario, cores, seconds=seconds), key=lambda one: one.others)
    return best


def _once(side: Side, scenario: Scenario, cores: Cores, *, seconds: float) -> Measured:
    if scenario.what != "get":
        side.prove(scenario.client)
    order = {
        **side.order(scenario.what, scenario.client, scenario.path(side)),
        "seconds": seconds,
        "warm": WARM,
        "most": MOST,
    }
    child = subprocess.Popen(
        cores.pinned(cores.load, "node", str(LOAD)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=leash(),  # noqa: PLW1509 - the benchmark has one thread
    )
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(order))
        child.stdin.close()
        _next(child.stdout, "begin", side, scenario)
        cpu, busy = machine.cpu_seconds(side.session), machine.busy_seconds(cores.server)
        end = _next(child.stdout, "end", side, scenario)
        cpu, busy = machine.cpu_seconds(side.session) - cpu, machine.busy_seconds(cores.server) - busy
        child.wait(timeout=30)
    finally:
        child.kill()
        child.wait()
    if end["failed"]:
        why = "\n".join(f"  {count} × {what}" for what, count in end["faults"])
        raise StopError(f"{side.name} answered wrongly to “{scenario.title}”:\n{why}")
    return Measured(
        done=end["done"],
        seconds=end["seconds"],
        requests=end["requests"],
        middle_ms=end["middle_ms"],
        slow_ms=end["slow_ms"],
        server_cpu=cpu,
        load_cpu=end["load_cpu"],
        others=max(0.0, busy - cpu) / end["seconds"],
    )


def _next(said: IO[str], wanted: str, side: Side, scenario: Scenario) -> Mapping[str, Any]:
    """The load's next event. It gives up by itself when an answer stays out, so this never waits for ever."""
    line = said.readline()
    event: dict[str, Any] = json.loads(line) if line else {"event": "failed", "why": "the load ended by itself"}
    if event["event"] != wanted:
        raise StopError(f"{side.name} could not be measured at “{scenario.title}”: {event.get('why', event)}")
    return event
