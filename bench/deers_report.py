"""The tables of the directory at a million, for the terminal and docs/performance.md."""

from __future__ import annotations

from collections.abc import Callable

from bench.deers import ASKED, Deers, Held, Ran
from bench.load import NOISY
from bench.report import table

MIB = 1024 * 1024


def imports(results: Deers) -> str:
    """How fast a file of each size goes in, and with how much memory."""
    kinds, rows = _kinds(results), [["people"]]
    for kind in kinds:
        rows[0] += [f"{kind}: import", "a second", "memory", "of the server", "the same file again"]
    for count, row in _by_size(results).items():
        cells = [f"{count:,}"]
        for kind in kinds:
            one = row[kind]
            ran = one.imported
            cells += [
                _seconds(ran),
                f"{count / ran.seconds:,.0f}",
                f"{ran.memory:,.0f} MiB",
                f"{ran.server:,.0f} MiB" if ran.server else "",
                _seconds(one.again),
            ]
        rows.append(cells)
    return _without_empty(rows)


def matches(results: Deers) -> str:
    """How long one claim takes, and how that grows."""
    kinds = _kinds(results)
    rows = [["median · 99th percentile of one claim"]]
    for kind in kinds:
        rows[0] += [f"{kind}: matched", "not matched", "median, ÷ the smallest"]
    first: dict[str, Held] = {}
    for count, row in _by_size(results).items():
        cells = [f"{count:,} people"]
        for kind in kinds:
            one = row[kind]
            smallest = first.setdefault(kind, one)
            cells += [
                f"{one.hit.middle:.2f} · {one.hit.slow:.2f} ms",
                f"{one.no.middle:.2f} · {one.no.slow:.2f} ms",
                f"{one.hit.middle / smallest.hit.middle:.2f}",
            ]
        rows.append(cells)
    return table(rows)


def day(results: Deers) -> str:
    """A day of changes in the largest directory; empty if none was measured."""
    largest = [one for one in results.held if one.applied is not None and one.synced is not None]
    if not largest:
        return ""
    rows = [[f"{largest[0].changes:,} changes to {largest[0].people:,} people", *(one.store for one in largest)]]
    told: list[tuple[str, Callable[[Held], str]]] = [
        ("applied (`idp deers apply`)", lambda one: _seconds(one.applied)),
        ("changes a second", lambda one: f"{one.changes / one.applied.seconds:,.0f}" if one.applied else ""),
        ("memory", lambda one: f"{one.applied.memory:,.0f} MiB" if one.applied else ""),
        ("followed (`idp deers sync`)", lambda one: _seconds(one.synced)),
        ("entries a second", lambda one: f"{_read(one) / one.synced.seconds:,.0f}" if one.synced else ""),
        ("accounts among them", lambda one: f"{one.members:,}"),
        ("memory", lambda one: f"{one.synced.memory:,.0f} MiB" if one.synced else ""),
    ]
    rows += [[title, *(cell(one) for one in largest)] for title, cell in told]
    return table(rows)


def sizes(results: Deers) -> str:
    """What the largest directory takes of the disk, table by table."""
    count, row = list(_by_size(results).items())[-1]
    kinds = _kinds(results)
    names = [name for name in row[kinds[0]].sizes if name.startswith("deers_")]
    rows = [
        [f"on the disk, {count:,} people", *(part for kind in kinds for part in (f"{kind}: MiB", "bytes a person"))]
    ]
    for name in [*names, ""]:
        cells = [f"`{name}`" if name else "the whole database"]
        for kind in kinds:
            size = row[kind].sizes.get(name, 0)
            cells += [f"{size / MIB:,.0f}", f"{size / count:,.0f}"]
        if name == "" or any(row[kind].sizes.get(name, 0) >= MIB / 10 for kind in kinds):
            rows.append(cells)
    return table(rows)


def likeness(results: Deers) -> str:
    """Whether anybody could be taken for another; empty if it was not looked at."""
    found = results.likeness
    if found is None:
        return ""
    by_chance = found.twins - found.doubles
    per_million = by_chance * 2 / found.people * 1e6
    return table(
        [
            ["people held against themselves and against each other", f"{found.people:,}"],
            ["their own claim did not fit", f"{found.lost:,}"],
            ["taken for the one before them in the file, with that one's number", f"{found.strayed:,}"],
            ["pairs born on the same day", f"{found.same_day:,}"],
            ["of them, asked of the matcher", f"{found.asked:,}"],
            ["whose names fit though they share no first or no last name", f"{found.strange:,}"],
            ["whose names fit: they would pass for each other, if one had the other's number", f"{found.twins:,}"],
            ["of these, two records of one person, which wait to be merged", f"{found.doubles:,}"],
            ["people with another such twin, of a million", f"{per_million:,.0f}"],
            ["all of this took", f"{results.likeness_seconds:,.0f} s"],
        ]
    )


def doubts(results: Deers) -> str:
    """Why these figures should not be quoted; empty if nothing is known against them."""
    if results.noise > NOISY:
        return f"other programs took up to {results.noise:.0%} of the cores meanwhile"
    return ""


def text(results: Deers) -> str:
    """All the tables."""
    claims = f"Each figure of one claim is of {ASKED:,} claims, one after another."
    parts = [imports(results), claims, matches(results), day(results), sizes(results), likeness(results)]
    return "\n\n".join(filter(None, parts))


def _kinds(results: Deers) -> list[str]:
    return list(dict.fromkeys(one.store for one in results.held))


def _by_size(results: Deers) -> dict[int, dict[str, Held]]:
    found: dict[int, dict[str, Held]] = {}
    for one in results.held:
        found.setdefault(one.people, {})[one.store] = one
    return found


def _seconds(ran: Ran | None) -> str:
    return "" if ran is None else f"{ran.seconds:,.1f} s"


def _read(one: Held) -> int:
    return int(one.synced.said["read"]) if one.synced else 0


def _without_empty(rows: list[list[str]]) -> str:
    """Without the columns that have a head and nothing under it."""
    kept = [number for number in range(len(rows[0])) if any(row[number] for row in rows[1:])]
    return table([[row[number] for number in kept] for row in rows])
