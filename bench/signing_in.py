"""Signing in: what it costs above bare argon2, and what a flood of it does to everything else (R173)."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import machine
from bench.load import NOISY, Load, Measured
from bench.machine import Cores
from bench.sides import Side
from devtools.terminal import StopError, leash, run, say

BARE = "argon2 alone"
STEPS = {
    "post": "the form sent: POST /login",
    "page": "the page and the form: GET and POST /login",
    "all": "the same, then the page and the code of an app",
}
"""What the load does for one sign-in, and its row of the table."""
AT_ONCE = 3
"""As many as one core's argon2 takes, running and waiting: nobody is turned away, and the core has always work."""
FLOOD = 64
"""Connections of the flood."""
LONGEST_FLOOD = 120
PAUSE = 20
"""Milliseconds that whoever asks for something else waits between two requests: they measure the server and not fill it."""
SETTLED = 2.0
"""Seconds after a flood until what is left in memory is read."""
PLAIN, WITH_APP = 500, 1000
ASKED = {"discovery": "discovery", "jwks": "JWKS", "health": "/healthz", "refresh": "POST /token, refresh"}
"""What others ask for meanwhile, and its row of the table."""


@dataclass(frozen=True)
class Members:
    """Whom the load signs in, and the one password that all of them have, as it is kept."""

    password: str
    plain: list[dict[str, str]]
    with_app: list[dict[str, str]]
    bare: Mapping[str, str]

    @classmethod
    def made(cls, env: Mapping[str, str]) -> Members:
        """Give accounts to people in the database of this environment."""
        words = [sys.executable, "-m", "bench.members", str(PLAIN), str(WITH_APP)]
        said = json.loads(run(words, doing="Making members who sign in", env=env))
        bare = {name: said[name] for name in ("encoded", "peppered")}
        return cls(said["password"], said["plain"], said["with_app"], bare)

    def turn(self, count: int) -> None:
        """Put the first ones last: a code of an app counts once, so whoever used theirs comes again late."""
        self.with_app[:] = self.with_app[count:] + self.with_app[:count]


@dataclass(frozen=True)
class Cost:
    """What one sign-in takes, milliseconds: of the core's processor time, and of the core."""

    cpu_ms: float
    wall_ms: float

    def above(self, bare: Cost) -> Cost:
        """What is ours: this without argon2."""
        return Cost(self.cpu_ms - bare.cpu_ms, self.wall_ms - bare.wall_ms)


@dataclass(frozen=True)
class Flood:
    """One flood, and what was asked for beside it: each before it, and meanwhile. Memory is the worker's, in MiB."""

    signed_in: Measured
    quiet: Mapping[str, Measured]
    meanwhile: Mapping[str, Measured]
    before: float
    most: float
    after: float


@dataclass
class SignIns:
    """Every measurement, in the order in which they were made."""

    rounds: int
    seconds: float
    measured: dict[str, list[Measured]] = field(default_factory=dict)
    floods: list[Flood] = field(default_factory=list)

    def cost(self, what: str) -> Cost:
        """The medians of all rounds, for `BARE` or one of `STEPS`."""
        every = self.measured[what]
        return Cost(
            statistics.median(1000 / one.per_cpu_second for one in every),
            statistics.median(1000 / one.rate for one in every),
        )

    def middle(self, what: str, name: str) -> float:
        """The median of one figure of `BARE` or one of `STEPS`."""
        return statistics.median(float(getattr(one, name)) for one in self.measured[what])

    @property
    def noise(self) -> float:
        """The largest share of the server's core that other programs took in any measurement."""
        every = [one for measured in self.measured.values() for one in measured]
        return max(one.others for one in (*every, *(flood.signed_in for flood in self.floods)))


def take(ours: Side, env: Mapping[str, str], cores: Cores, *, rounds: int, tries: int, seconds: float) -> SignIns:
    """Measure all of it `rounds` times; what other programs disturbed is made again, up to `tries` times.

    `env` is the server's, for members who sign in.
    """
    members = Members.made(env)
    results = SignIns(rounds, seconds)
    for number in range(1, rounds + 1):
        for what in (BARE, *STEPS):
            measured = _quietest(ours, members, cores, what, tries=tries, seconds=seconds)
            results.measured.setdefault(what, []).append(measured)
            say(
                f"{number}/{rounds}  {STEPS.get(what, BARE):<64} {measured.rate:>8,.1f}/s"
                f"   server {measured.server_busy:4.0%}  load {measured.load_busy:4.0%}  others {measured.others:4.0%}"
            )
        flood = _flood(ours, members, cores, seconds=seconds)
        results.floods.append(flood)
        say(
            f"{number}/{rounds}  {f'a flood of {FLOOD} connections':<64} {flood.signed_in.rate:>8,.1f}/s"
            f"   turned away {flood.signed_in.away / flood.signed_in.seconds:,.0f}/s"
            f"  memory {flood.before:.0f} → {flood.most:.0f} MiB  others {flood.signed_in.others:4.0%}"
        )
    return results


def _quietest(ours: Side, members: Members, cores: Cores, what: str, *, tries: int, seconds: float) -> Measured:
    found: list[Measured] = []
    while len(found) < tries and all(one.others > NOISY for one in found):
        found.append(_once(ours, members, cores, what, seconds=seconds))
    return min(found, key=lambda one: one.others)


def _once(ours: Side, members: Members, cores: Cores, what: str, *, seconds: float) -> Measured:
    if what == BARE:
        return _bare(members, cores, seconds=seconds)
    order = _order(ours, members, what, connections=AT_ONCE, seconds=seconds)
    with Load(order, cores, session=ours.session, what=STEPS[what]) as load:
        load.begin()
        measured = load.end()
    if measured.away:
        raise StopError(
            f"{measured.away} of {AT_ONCE} sign-ins at once were turned away: the figures would mean nothing."
        )
    if what == "all":
        # Those before the count, and those on their way at its end, used a code too.
        members.turn(measured.done * 2)
    return measured


def _bare(members: Members, cores: Cores, *, seconds: float) -> Measured:
    """Argon2 on the server's core, where nothing else of ours runs now."""
    child = subprocess.Popen(
        cores.pinned(cores.server, sys.executable, "-m", "bench.bare"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=leash(),  # noqa: PLW1509 - the benchmark has one thread
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps({**members.bare, "seconds": seconds}))
        child.stdin.close()
        child.stdout.readline()
        busy = machine.busy_seconds(cores.server)
        said = child.stdout.readline()
        busy = machine.busy_seconds(cores.server) - busy
    if not said:
        raise StopError("The program that only runs argon2 ended by itself.")
    end = json.loads(said)
    each = 1000 * end["seconds"] / max(end["done"], 1)
    return Measured(
        done=end["done"],
        seconds=end["seconds"],
        requests=0,
        middle_ms=each,
        slower_ms=each,
        slow_ms=each,
        server_cpu=end["cpu"],
        load_cpu=0.0,
        others=max(0.0, busy - end["cpu"]) / end["seconds"],
    )


def _flood(ours: Side, members: Members, cores: Cores, *, seconds: float) -> Flood:
    """Everything else first in quiet, then while as many as `FLOOD` sign in as fast as they can."""
    quiet = _ask(ours, cores, seconds=seconds)
    before, _ = machine.resident(ours.session)
    machine.forget_peak(ours.session)
    order = _order(ours, members, "post", connections=FLOOD, seconds=LONGEST_FLOOD)
    with Load(order, cores, session=ours.session, what="in a flood of sign-ins") as load:
        load.begin()
        meanwhile = _ask(ours, cores, seconds=seconds)
        load.stop()
        signed_in = load.end()
    if signed_in.seconds >= LONGEST_FLOOD:
        raise StopError("Everything else outlasted the flood of sign-ins, so it was not measured in one.")
    time.sleep(SETTLED)
    after, most = machine.resident(ours.session)
    return Flood(signed_in, quiet, meanwhile, before, most, after)


def _ask(ours: Side, cores: Cores, *, seconds: float) -> dict[str, Measured]:
    """All that others ask for at the same time, each by one connection."""
    paths = {**ours.endpoints, "health": "/healthz", "refresh": ""}
    with contextlib.ExitStack() as under_way:
        loads = {}
        for what, title in ASKED.items():
            told = ours.order("refresh" if what == "refresh" else "get", "confidential", paths[what])
            order = {**told, "connections": 1, "pause": PAUSE, "seconds": seconds}
            loads[what] = under_way.enter_context(Load(order, cores, session=ours.session, what=title))
        for load in loads.values():
            load.begin()
        return {what: load.end() for what, load in loads.items()}


def _order(ours: Side, members: Members, steps: str, *, connections: int, seconds: float) -> dict[str, Any]:
    whom: Sequence[dict[str, str]] = members.with_app if steps == "all" else members.plain
    return {
        "what": "sign-in", "steps": steps, "port": ours.port, "host": f"localhost:{ours.port}", "origin": ours.origin,
        "connections": connections, "members": whom, "password": members.password, "seconds": seconds,
    }  # fmt: skip
