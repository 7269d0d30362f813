"""The file of stolen passwords: what goes in, what is found in it, and what is refused."""

import hashlib
import itertools
import struct
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.credentials import breached, passwords
from idp.credentials.breached import BadList, BreachedFault, BreachedFile
from idp.outcomes import Reason

STOLEN = ("seven herons in a row", "ein Häuschen am See", "p" * 20)


def _digest(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def _list(*stolen: str, end: str = "\r\n", count: str = ":3") -> str:
    return "".join(f"{digest}{count}{end}" for digest in sorted(map(_digest, stolen)))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "list.txt"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "breached.bin"


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("count", [":3", ""])
def test_every_stolen_password_is_found_and_no_other(source: Path, target: Path, end: str, count: str) -> None:
    """R6, SP 800-63B-4 §3.1.1.2: whatever ends the lines, and with or without the counts."""
    source.write_text(_list(*STOLEN, end=end, count=count), newline="")
    assert breached.import_list(source, target) == 3
    held = BreachedFile(target)
    assert held.describe().entries == 3
    assert [held.holds(password) for password in STOLEN] == [True] * 3
    assert not any(held.holds(password.upper()) for password in STOLEN)
    assert not held.holds("")


def test_a_last_line_without_an_end_and_small_letters_are_taken(source: Path, target: Path) -> None:
    source.write_text(_list(*STOLEN).lower().rstrip())
    assert breached.import_list(source, target) == 3
    assert BreachedFile(target).holds(STOLEN[0])


def test_both_unicode_forms_of_a_stolen_password_are_refused(source: Path, target: Path) -> None:
    """R3, R6."""
    source.write_text(_list(STOLEN[1]))
    breached.import_list(source, target)
    for form in ("NFC", "NFD"):
        refused = passwords.check(
            unicodedata.normalize(form, STOLEN[1]), username="mrivera", breached=BreachedFile(target)
        )
        assert refused is not None
        assert refused.reason is Reason.PASSWORD_BREACHED
    assert passwords.check("eine Hütte am anderen See", username="mrivera", breached=BreachedFile(target)) is None


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        ("no digest\r\n", 3),
        ("\r\n", 3),
        ("0" * 40 + ":1\r\n", 3),  # out of order
        ("F" * 39 + ":1\r\n", 3),
        ("F" * 41 + ":1\r\n", 3),
        ("F" * 40 + ":many\r\n", 3),
        ("F" * 40 + " :1\r\n", 3),
        ("F" * 32 + ":1\r\n", 3),  # the list of NTLM digests
        ("F" * 40 + ":1\r\n" + "F" * 40 + ":2\r\n", 4),  # twice
        ("F" * 5_000_000, 3),
        ("F" * 40 + ":1\r\n" + "\0" * 3_000_000, 4),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_replaced(source: Path, target: Path, bad: str, line: int) -> None:
    source.write_text(_list(*STOLEN))
    breached.import_list(source, target)
    before = target.read_bytes()
    good = _list("one more", "and another")
    source.write_text(good + bad, newline="")
    with pytest.raises(BadList) as caught:
        breached.import_list(source, target)
    assert caught.value.line == line
    assert target.read_bytes() == before
    assert sorted(path.name for path in target.parent.iterdir()) == ["breached.bin", "list.txt"]


def test_an_empty_list_is_refused(source: Path, target: Path) -> None:
    source.write_bytes(b"")
    with pytest.raises(BadList, match="empty"):
        breached.import_list(source, target)
    assert not target.exists()


def test_a_bad_line_far_down_is_counted_right(source: Path, target: Path) -> None:
    """Over the borders of what is read at once, too."""
    lines = [f"{number:040X}:1\r\n" for number in range(1, 60_001)]
    lines[54_320] = lines[54_319]
    source.write_text("".join(lines), newline="")
    with pytest.raises(BadList) as caught:
        breached.import_list(source, target)
    assert caught.value.line == 54_321


def test_a_file_that_is_missing_foreign_or_cut_short_is_a_fault(source: Path, target: Path) -> None:
    """R6: what cannot be looked up is not taken."""
    held = BreachedFile(target)
    with pytest.raises(BreachedFault, match="idp passwords import"):
        held.describe()
    target.write_bytes(b"something else, of some length or other")
    with pytest.raises(BreachedFault):
        held.holds("x")
    source.write_text(_list(*STOLEN))
    breached.import_list(source, target)
    target.write_bytes(target.read_bytes()[:-1])
    with pytest.raises(BreachedFault):
        held.check()


def test_a_new_import_counts_at_once(source: Path, target: Path) -> None:
    held = BreachedFile(target)
    for stolen, other in itertools.permutations(STOLEN[:2]):
        source.write_text(_list(stolen))
        breached.import_list(source, target)
        assert held.holds(stolen)
        assert not held.holds(other)


def test_progress_hears_of_every_byte(source: Path, target: Path) -> None:
    source.write_text(_list(*(f"stolen {number}" for number in range(30_000))), newline="")
    heard: list[int] = []
    breached.import_list(source, target, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == source.stat().st_size
    assert len(heard) > 1


# Digests as they come, and such as no hash would give: all together at one end, or in two heaps.
_PREFIXES = st.one_of(
    st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=3_000),
    st.sets(st.integers(0, 5_000), min_size=1, max_size=3_000),
    st.sets(st.one_of(st.integers(0, 2_000), st.integers(2**64 - 2_000, 2**64 - 1)), min_size=1, max_size=3_000),
)


@settings(max_examples=100, deadline=None, database=None)
@given(held=_PREFIXES, asked=st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_the_search_says_what_a_set_says(
    tmp_path_factory: pytest.TempPathFactory, held: set[int], asked: list[int]
) -> None:
    path = tmp_path_factory.mktemp("search") / "file"
    entries = sorted(held)
    path.write_bytes(
        breached._HEADER.pack(breached._MAGIC, len(entries), 0) + struct.pack(f">{len(entries)}Q", *entries)
    )
    near = {value + step for value in entries[:: max(1, len(entries) // 20)] for step in (-1, 0, 1)}
    with path.open("rb", buffering=0) as file:
        for wanted in {*asked, *near, 0, 2**64 - 1} - {-1, 2**64}:
            assert breached._is_in(file, len(entries), wanted) == (wanted in held), wanted


@settings(max_examples=100, deadline=None, database=None)
@given(password=st.text())
def test_any_text_at_all_can_be_asked_about(tmp_path_factory: pytest.TempPathFactory, password: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "list").write_text(_list(*STOLEN))
    breached.import_list(folder / "list", folder / "file")
    assert BreachedFile(folder / "file").holds(password) == (password in STOLEN)


def test_a_look_up_reads_a_few_pages_of_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded: of 300,000 digests two or three pages of 4 KiB are read."""
    path = tmp_path / "file"
    entries = sorted(breached.prefix_of(f"stolen {number}") for number in range(300_000))
    path.write_bytes(
        breached._HEADER.pack(breached._MAGIC, len(entries), 0) + struct.pack(f">{len(entries)}Q", *entries)
    )
    reads: list[int] = []
    read_page = breached._read_page

    def counted(*where: object) -> tuple[int, ...]:
        page: tuple[int, ...] = read_page(*where)  # type: ignore[arg-type]
        reads.append(len(page))
        return page

    monkeypatch.setattr(breached, "_read_page", counted)
    held = BreachedFile(path)
    for number in range(0, 300_000, 3_001):
        reads.clear()
        assert held.holds(f"stolen {number}")
        assert not held.holds(f"another {number}")
        assert len(reads) <= 6
        assert max(reads) <= 512
