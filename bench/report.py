"""The tables: on the terminal as they are, and in docs/performance.md between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.rounds import NOISY, Results, Scenario
from bench.sides import CONNECTIONS
from bench.weights import Weight
from devtools.terminal import ROOT, StopError

PAGE = ROOT / "docs" / "performance.md"
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


def page(told: Told, results: Results | None, pages: Sequence[Weight]) -> dict[str, str]:
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
    if pages:
        parts["weight"] = f"Measured on {today}. Bytes as they are served, headers not counted.\n\n{weights(pages)}"
    return parts


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


def _rate(results: Results, scenario: Scenario, side: str) -> str:
    low, high = results.spread(scenario, side)
    middle = f"{results.middle(scenario, side):,.0f}"
    return middle if results.rounds == 1 else f"{middle} ({low:,.0f}–{high:,.0f})"


def _memory(results: Results, side: str) -> str:
    idle, after = results.memory[side]
    return f"{idle:.0f} → {after:.0f}"
