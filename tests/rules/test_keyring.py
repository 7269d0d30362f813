"""The keys outside the database: sealed values stay where they were put, and key files stay their owner's."""

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp import keyring
from idp.keyring import KeyFault, Keyring, SealBroken

_KEYS = Keyring(sealing=(("a1", b"s" * 32),), pepper=(("p1", b"p" * 32),), lookup=(("l1", b"l" * 32),))
_PLACES = st.text(max_size=20)


@given(plain=st.binary(max_size=200), table=_PLACES, column=_PLACES, row=_PLACES)
def test_a_sealed_value_opens_in_its_own_place(plain: bytes, table: str, column: str, row: str) -> None:
    sealed = _KEYS.seal(plain, table=table, column=column, row=row)
    assert _KEYS.unseal(sealed, table=table, column=column, row=row) == plain


def test_swapped_rows_columns_and_tables_do_not_open() -> None:
    """R74: ciphertexts moved by somebody who can write to the database tell and change nothing."""
    sealed = _KEYS.seal(b"9900000015", table="person", column="edipi", row="1")
    for place in (
        {"table": "person", "column": "edipi", "row": "2"},
        {"table": "person", "column": "other", "row": "1"},
        {"table": "other", "column": "edipi", "row": "1"},
    ):
        with pytest.raises(SealBroken):
            _KEYS.unseal(sealed, **place)


def test_an_older_sealing_key_still_opens_what_it_sealed() -> None:
    sealed = _KEYS.seal(b"kept", table="t", column="c", row="r")
    rotated = Keyring(sealing=(("b2", b"n" * 32), *_KEYS.sealing), pepper=_KEYS.pepper, lookup=_KEYS.lookup)
    assert rotated.unseal(sealed, table="t", column="c", row="r") == b"kept"
    assert rotated.seal(b"new", table="t", column="c", row="r").startswith(b"b2.")


def test_look_up_values_differ_by_purpose_and_key() -> None:
    """R75: the SSN's look-up value is keyed, and nobody can compare it with another table's."""
    other = Keyring(sealing=_KEYS.sealing, pepper=_KEYS.pepper, lookup=(("l2", b"x" * 32),))
    values = {_KEYS.mac("ssn", "900000015"), _KEYS.mac("edipi", "900000015"), other.mac("ssn", "900000015")}
    assert len(values) == 3


def test_a_short_look_up_value_is_the_beginning_of_the_long_one() -> None:
    """RFC 2104 §5: the leftmost bytes, and no fewer than half of them (R75)."""
    long = _KEYS.mac("ssn", "900000015")
    assert _KEYS.short_mac("ssn", b"900000015") == base64.urlsafe_b64decode(long + "=")[:16]


def test_made_files_are_the_owners_alone_and_are_never_made_twice(tmp_path: Path) -> None:
    """R145."""
    folder = tmp_path / "keys"
    assert keyring.make(folder) == list(keyring.FILES)
    before = {name: (folder / name).read_bytes() for name in keyring.FILES}
    assert keyring.make(folder) == []
    assert before == {name: (folder / name).read_bytes() for name in keyring.FILES}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in keyring.FILES} == {0o600}


def test_a_key_file_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    """R145."""
    keyring.make(tmp_path / "keys")
    (tmp_path / "keys" / "pepper.key").chmod(0o640)
    with pytest.raises(KeyFault, match=r"pepper\.key can be read by others"):
        keyring.load(tmp_path / "keys")


@pytest.mark.parametrize("content", ["", "no colon\n", "kid:!!!!\n", "kid:c2hvcnQ\n"])
def test_a_damaged_key_file_is_named_without_its_content(tmp_path: Path, content: str) -> None:
    keyring.make(tmp_path / "keys")
    (tmp_path / "keys" / "lookup.key").write_text(content)
    with pytest.raises(KeyFault, match=r"lookup\.key") as fault:
        keyring.load(tmp_path / "keys")
    assert not content.strip() or content.strip() not in str(fault.value)


def test_nothing_shows_a_key() -> None:
    """R145: not `repr`, not `str`."""
    assert "ssss" not in repr(_KEYS)
    assert "ssss" not in str(_KEYS)
