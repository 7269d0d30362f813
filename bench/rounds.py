"""The measurements: every side in turn, round after round, so that a slow minute of the machine meets all of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import machine
from bench.load import NOISY, Load, Measured
from bench.machine import Cores
from bench.sides import Side
from devtools.terminal import say


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
    order = {**side.order(scenario.what, scenario.client, scenario.path(side)), "seconds": seconds}
    with Load(order, cores, session=side.session, what=f"{side.name} at “{scenario.title}”") as load:
        load.begin()
        return load.end()
