"""The tables: on the terminal as they are, and in docs/performance.md between two marks."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.load import NOISY, Measured
from bench.rounds import Results, Scenario
from bench.sides import CONNECTIONS
from bench.signing_in import ASKED, AT_ONCE, BARE, FLOOD, STEPS, SignIns
from bench.weights import Weight
from devtools.terminal import ROOT, StopError

PAGE = ROOT / "docs" / "performance.md"
PERCENTILES = ("middle_ms", "slower_ms", "slow_ms")
MEMORY = "memory, MiB: idle, then after all of this"


@dataclass(frozen=True)
class Told:
    """What stands beside the figures, so that they can be believed or doubted."""

    machine: str
    versions: str


def speeds(results: Results) -> str:
    """Every scenario a row, every side a column; Guidon, the first, is held against each of the others."""
    names = list(next(iter(results.measured.values())))
    ours, *others = names
    head = ["per second, one core", ours]
    for other in others:
        head += [other, "Guidon ÷ it"]
    rows = [head]
    for scenario in results.measured:
        row = [scenario.title, _rate(results, scenario, ours)]
        for other in others:
            ratio = results.middle(scenario, ours) / results.middle(scenario, other)
            row += [_rate(results, scenario, other), f"{ratio:.2f}"]
        rows.append(row)
    row = [MEMORY, _memory(results, ours)]
    for other in others:
        row += [_memory(results, other), ""]
    rows.append(row)
    return table(rows)


def costs(results: Results) -> str:
    """What one of each costs the server, and how long it takes whoever asks."""
    names = list(next(iter(results.measured.values())))
    ours, *others = names
    head = ["processor time of the server for one; wait: median · 99th percentile", ours]
    for other in others:
        head += [other, "it ÷ Guidon"]
    rows = [[*head, *(f"wait, {name}" for name in names)]]
    for scenario in results.measured:
        spent = {name: 1e6 / results.middle(scenario, name, "per_cpu_second") for name in names}
        row = [scenario.title, f"{spent[ours]:,.0f} µs"]
        for other in others:
            row += [f"{spent[other]:,.0f} µs", f"{spent[other] / spent[ours]:.2f}"]
        for name in names:
            middle, slow = results.middle(scenario, name, "middle_ms"), results.middle(scenario, name, "slow_ms")
            row.append(f"{middle:.1f} · {slow:.1f} ms")
        rows.append(row)
    return table(rows)


def sign_ins(results: SignIns) -> str:
    """What signing in costs, each row held against bare argon2 on the same core."""
    head = [
        "signing in, one core", "per second", "processor time of the server for one", "of it above argon2",
        "the core, for one", "of it above argon2", "wait: median · 99th percentile",
    ]  # fmt: skip
    bare = results.cost(BARE)
    rows = [head]
    for what, every in results.measured.items():
        cost = results.cost(what)
        ours = cost.above(bare)
        waited = f"{results.middle(what, 'middle_ms'):,.0f} · {results.middle(what, 'slow_ms'):,.0f} ms"
        above = [_above(ours.cpu_ms, bare.cpu_ms), _above(ours.wall_ms, bare.wall_ms)] if what != BARE else ["", ""]
        rows.append(
            [
                STEPS.get(what, BARE),
                _spread([one.rate for one in every], "{:,.1f}"),
                f"{cost.cpu_ms:.1f} ms",
                above[0],
                f"{cost.wall_ms:.1f} ms",
                above[1],
                waited if what != BARE else "",
            ]
        )
    return table(rows)


def meanwhile(results: SignIns) -> str:
    """How long everything else waits while a flood of sign-ins runs, next to how long it does in quiet."""
    rows = [
        ["wait: median · 95th · 99th percentile", "in quiet", f"while {FLOOD} connections sign in", "beside it, each"]
    ]
    for what, title in ASKED.items():
        floods = results.floods
        answered = statistics.median(flood.meanwhile[what].rate for flood in floods)
        rows.append(
            [
                title,
                _waits([flood.quiet[what] for flood in floods], *PERCENTILES),
                _waits([flood.meanwhile[what] for flood in floods], *PERCENTILES),
                f"{answered:,.0f}/s",
            ]
        )
    return table(rows)


def flood(results: SignIns) -> str:
    """What a flood comes to, and what it takes of memory."""
    every = [flood.signed_in for flood in results.floods]
    rows = [
        [f"{FLOOD} connections that sign in as fast as they can", ""],
        ["signed in", _spread([one.rate for one in every], "{:,.1f}") + " per second"],
        [
            "turned away (503 and Retry-After)",
            _spread([one.away / one.seconds for one in every], "{:,.0f}") + " per second",
        ],
        [
            "turned away, together",
            f"{sum(one.away for one in every):,} of {sum(one.away + one.done for one in every):,}",
        ],
        ["wait until turned away: median · 99th percentile", _waits(every, "away_middle_ms", "away_slow_ms")],
        ["wait until signed in: median · 99th percentile", _waits(every, "middle_ms", "slow_ms")],
    ]
    for title, name in (("before", "before"), ("at the most", "most"), ("afterwards", "after")):
        held = [float(getattr(one, name)) for one in results.floods]
        rows.append([f"memory of the worker, MiB: {title}", _spread(held, "{:,.0f}")])
    return table(rows)


def weights(pages: Sequence[Weight]) -> str:
    """Bytes on the wire of a first visit, page by page."""
    head = ["page", "HTML", "style", "scripts", "fonts", "images", "together", "requests", "together, unpacked"]
    rows = [head]
    for page in pages:
        rows.append(
            [
                page.path,
                *(f"{page.kinds.get(kind, 0):,}" for kind in ("html", "style", "script", "font", "image")),
                f"{page.sent:,}",
                str(page.requests),
                f"{page.unpacked:,}",
            ]
        )
    return table(rows)


def doubts(results: Results) -> str:
    """Why these figures should not be quoted; empty if nothing is known against them."""
    found = []
    if results.noise > NOISY:
        found.append(f"other programs took up to {results.noise:.0%} of the servers' core meanwhile")
    slow = [
        f"{name} at “{scenario.title}”"
        for scenario, sides in results.measured.items()
        for name in sides
        if results.middle(scenario, name, "load_busy") > 0.9 and results.middle(scenario, name, "server_busy") < 0.9
    ]
    if slow:
        found.append(f"the load, not the server, was the slower end: {', '.join(slow)}")
    if results.rounds < 3:
        found.append("fewer than three rounds were run")
    return "; ".join(found)


def doubts_of_sign_ins(results: SignIns) -> str:
    """The same of signing in."""
    found = []
    if results.noise > NOISY:
        found.append(f"other programs took up to {results.noise:.0%} of the server's core meanwhile")
    if any(one.signed_in.load_busy > 0.9 for one in results.floods):
        found.append("the load was at its own limit in the flood")
    if results.rounds < 3:
        found.append("fewer than three rounds were run")
    return "; ".join(found)


def page(told: Told, results: Results | None, signing: SignIns | None, pages: Sequence[Weight]) -> dict[str, str]:
    """The generated parts of docs/performance.md, by their marks."""
    today = datetime.now(tz=UTC).date().isoformat()
    parts = {}
    if results is not None:
        doubt = doubts(results)
        how = f"{CONNECTIONS} connections, medians of {results.rounds} rounds of {results.seconds:g} seconds each"
        parts["speed"] = "\n\n".join(
            [
                f"Measured on {today}: {told.machine}. {told.versions}. {how}.",
                *([f"**Not to be quoted:** {doubt}."] if doubt else []),
                speeds(results),
                costs(results),
            ]
        )
    if signing is not None:
        doubt = doubts_of_sign_ins(signing)
        how = f"{AT_ONCE} connections, medians of {signing.rounds} rounds of {signing.seconds:g} seconds each"
        parts["sign-in"] = "\n\n".join(
            [
                f"Measured on {today}: {told.machine}. {told.versions}. {how}.",
                *([f"**Not to be quoted:** {doubt}."] if doubt else []),
                sign_ins(signing),
                meanwhile(signing),
                flood(signing),
            ]
        )
    if pages:
        parts["weight"] = f"Measured on {today}. Bytes as they are served, headers not counted.\n\n{weights(pages)}"
    return parts


def part(told: Told, doubt: str, tables: str) -> str:
    """One generated part: when and on what it was measured, what speaks against it, and the tables."""
    today = datetime.now(tz=UTC).date().isoformat()
    warning = [f"**Not to be quoted:** {doubt}."] if doubt else []
    return "\n\n".join([f"Measured on {today}: {told.machine}. {told.versions}.", *warning, tables])


def write(parts: dict[str, str], place: Path = PAGE) -> None:
    """Put each part between its marks and leave everything else as it stands."""
    text = place.read_text("utf-8")
    for name, part in parts.items():
        begin, end = f"<!-- bench: {name} -->", f"<!-- bench: end of {name} -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise StopError(f"{place} has no {begin} … {end} to write between.")
        text = f"{before}{begin}\n\n{part}\n\n{end}{after}"
    place.write_text(text, "utf-8")


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns also line up on a terminal."""
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(_placed(cell, width, column) for column, (cell, width) in enumerate(zip(row, wide, strict=True)))
        + " |"
        for row in rows
    ]  # fmt: skip
    rules = [f"{'-' * (width + 1)}{':' if column else '-'}" for column, width in enumerate(wide)]
    return "\n".join([lines[0], f"|{'|'.join(rules)}|", *lines[1:]])


def _placed(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def _spread(every: Sequence[float], form: str) -> str:
    """The median, and the lowest and highest of several."""
    middle = form.format(statistics.median(every))
    return middle if len(every) == 1 else f"{middle} ({form.format(min(every))}–{form.format(max(every))})"


def _above(ours: float, bare: float) -> str:
    return f"{ours:.1f} ms ({ours / bare:.0%})"


def _waits(every: Sequence[Measured], *names: str) -> str:
    return " · ".join(f"{statistics.median(getattr(one, name) for one in every):,.1f}" for name in names) + " ms"


def _rate(results: Results, scenario: Scenario, side: str) -> str:
    low, high = results.spread(scenario, side)
    middle = f"{results.middle(scenario, side):,.0f}"
    return middle if results.rounds == 1 else f"{middle} ({low:,.0f}–{high:,.0f})"


def _memory(results: Results, side: str) -> str:
    idle, after = results.memory[side]
    return f"{idle:.0f} → {after:.0f}"
