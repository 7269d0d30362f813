"""What the benchmark of signing in makes of its measurements; the measuring itself is run by hand."""

from pathlib import Path

import pytest

from bench import report
from bench.load import Measured
from bench.signing_in import ASKED, BARE, STEPS, Flood, Members, SignIns
from devtools.terminal import StopError


def _measured(done: int, cpu: float, *, others: float = 0.0, away: int = 0) -> Measured:
    return Measured(
        done=done,
        seconds=2.0,
        requests=done,
        middle_ms=10.0,
        slower_ms=20.0,
        slow_ms=30.0,
        server_cpu=cpu,
        load_cpu=0.1,
        others=others,
        away=away,
    )


def _results(*, rounds: int = 3, others: float = 0.0) -> SignIns:
    asked = {what: _measured(40, 0.1) for what in ASKED}
    results = SignIns(rounds, 2.0)
    for _ in range(rounds):
        results.measured.setdefault(BARE, []).append(_measured(60, 1.8))
        for what in STEPS:
            results.measured.setdefault(what, []).append(_measured(50, 1.8))
        results.floods.append(Flood(_measured(30, 1.9, others=others, away=90), asked, asked, 100.0, 140.0, 138.0))
    return results


def test_what_a_sign_in_costs_is_held_against_bare_argon2() -> None:
    """R173: 30 ms of argon2 and 36 ms for the whole are 6 ms of ours, a fifth of argon2."""
    results = _results()
    assert results.cost(BARE).cpu_ms == pytest.approx(30.0)
    assert results.cost("post").above(results.cost(BARE)).cpu_ms == pytest.approx(6.0)
    rows = report.sign_ins(results).splitlines()
    assert "above" in rows[0]
    assert [row for row in rows if STEPS["post"] in row and "6.0 ms (20%)" in row]


def test_a_flood_tells_how_many_were_turned_away_and_what_memory_was_held() -> None:
    """R173: a figure of all that were sent, not of those that went well."""
    said = report.flood(_results())
    assert "270 of 360" in said
    assert "140 (140–140)" in said
    assert all(title in report.meanwhile(_results()) for title in ASKED.values())


def test_figures_of_a_machine_that_was_not_quiet_are_not_to_be_quoted() -> None:
    assert report.doubts_of_sign_ins(_results()) == ""
    assert "12%" in report.doubts_of_sign_ins(_results(others=0.12))
    assert "three rounds" in report.doubts_of_sign_ins(_results(rounds=1))


def test_the_figures_go_between_the_marks_of_the_page(tmp_path: Path) -> None:
    told = report.Told(machine="a machine", versions="versions")
    parts = report.page(told, None, _results(others=0.5), [])
    assert list(parts) == ["sign-in"]
    assert "**Not to be quoted:**" in parts["sign-in"]
    place = tmp_path / "performance.md"
    place.write_text("before\n<!-- bench: sign-in -->\nold\n<!-- bench: end of sign-in -->\nafter\n", "utf-8")
    report.write(parts, place)
    text = place.read_text("utf-8")
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    place.write_text("a page without marks", "utf-8")
    with pytest.raises(StopError):
        report.write(parts, place)
    assert all(f"<!-- bench: {mark}sign-in -->" in report.PAGE.read_text("utf-8") for mark in ("", "end of "))


def test_a_member_who_used_a_code_comes_again_last() -> None:
    members = Members("secret", [], [{"username": name} for name in "abcd"], {})
    members.turn(3)
    assert [one["username"] for one in members.with_app] == ["d", "a", "b", "c"]
