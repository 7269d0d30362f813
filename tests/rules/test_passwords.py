"""Passwords: which may be chosen, how they are kept, and what checking one costs."""

import base64
import hashlib
import re
import subprocess
import sys
import threading
import unicodedata
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn import matching

from idp import clock, db, keyring
from idp.config import PasswordHash
from idp.credentials import blocklist, hashing, passwords, strength
from idp.credentials.passwords import Busy, Hashed, Password, Slots
from idp.keyring import KeyFault, Keyring
from idp.outcomes import Reason

GOOD = "blue kettle over Tuesday"
ARGON2ID, PBKDF2 = PasswordHash.ARGON2ID, PasswordHash.PBKDF2_SHA256


@pytest.fixture
def keys(keys_folder: Path) -> Keyring:
    return keyring.load(keys_folder)


def _reason(password: str, username: str = "mrivera", *, alone: bool = True, about: tuple[str, ...] = ()) -> str | None:
    refused = passwords.check(password, username=username, breached=None, alone=alone, about=about)
    return refused.reason.value if refused else None


def _kept(hashed: Hashed) -> Password:
    return Password(account_id="a", encoded=hashed.encoded, pepper_kid=hashed.pepper_kid, disabled_at=None)


def test_fifteen_characters_are_enough_and_fourteen_are_not() -> None:
    """R1, SP 800-63B-4 §3.1.1.2."""
    assert _reason("q8#rT2v!Lm5@xZ") == Reason.PASSWORD_TOO_SHORT
    assert _reason("q8#rT2v!Lm5@xZ7") is None


def test_beside_a_second_factor_eight_are_enough() -> None:
    """R1."""
    assert _reason("q8#rT2v", alone=False) == Reason.PASSWORD_TOO_SHORT
    assert _reason("q8#rT2v!", alone=False) is None


def test_length_is_counted_in_code_points_of_the_composed_form() -> None:
    """R2: an accent does not count twice, an emoji counts once, and spaces count."""
    composed = "écôle à Nîmes 7"
    assert len(composed) == 15
    assert _reason(unicodedata.normalize("NFD", composed)) is None
    assert _reason(unicodedata.normalize("NFD", composed[:-1])) == Reason.PASSWORD_TOO_SHORT
    assert _reason("🐎🔋📎 seven of 9s") is None


@pytest.mark.parametrize("length", [64, 128, 256])
def test_long_passwords_are_welcome(length: int) -> None:
    """R2."""
    assert _reason((GOOD * 20)[: length - 1] + "7") is None


@pytest.mark.parametrize("length", [257, 5_000, 60_000])
def test_longer_than_256_is_refused_before_anything_is_hashed(length: int) -> None:
    """R2."""
    runs = passwords.SLOTS.runs
    assert _reason("xy7 " * (length // 4) + "z" * (length % 4)) == Reason.PASSWORD_TOO_LONG
    assert passwords.SLOTS.runs == runs


@pytest.mark.parametrize("password", ["839201748291038", "qhwmvzkeoptlrsb", "QHWMVZKEOPTLRSB", '~}|^ =;:"<)(*&% $#'])
def test_no_kind_of_character_is_asked_for(password: str) -> None:
    """R5: all digits, one case, or signs alone will do."""
    assert _reason(password) is None


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaaaaa",
        "abababababababababab",
        "123456789012345",
        "543210987654321",
        "qwertyuiopasdfg",
        "passwordpassword",
        "Password Password Password",
        "PASSWORDPASSWOR",
        "password1234567",
        "   password    ",
        "mrivera mrivera mrivera",
        "mrivera1234567890",
        "Correct-Horse-Battery-Staple!",
        "thankyouforyourservice",
        "Semper Fidelis 1975",
        "guidonguidonguidon",
        "dslogon password",
        "unitedstatesmarinecorps",
        "UnitedStatesNavy",
        "---------------",
    ],
)
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    """R6."""
    assert _reason(password) == Reason.PASSWORD_COMMON


def test_words_known_of_the_person_are_refused() -> None:
    """R6: name and the part of an e-mail address before the @."""
    assert _reason("maria.rivera.1984@mail") is None
    assert _reason("maria.rivera.1984@mail", about=("Maria.Rivera.1984@mail",)) == Reason.PASSWORD_COMMON
    assert _reason("Rivera-Rivera-Rivera", about=("Rivera",)) == Reason.PASSWORD_COMMON


def test_the_whole_is_compared_and_never_a_part() -> None:
    """R6: a common word inside something longer is no reason."""
    assert _reason("my password is a heron at dusk") is None


def test_the_list_is_long_enough() -> None:
    """R6 asks for the first 3,000 of the length that may be chosen at all; doubled words alone are more."""
    doubled = [word * 2 for word in blocklist._words() if 15 <= len(word * 2) <= 30]
    assert len(doubled) > 3_000
    assert [password for password in sorted(doubled)[::97] if not blocklist.is_common(password, ())] == []


def test_a_listed_word_that_repeats_itself_is_common_again_when_doubled() -> None:
    """R6: `bang` is no word of the lists, `bangbang` is."""
    word = next(
        word
        for word in sorted(blocklist._words())
        if len(word) >= 8 and word[: len(word) // 2] * 2 == word and word[: len(word) // 2] not in blocklist._words()
    )
    assert _reason(word * 2) == Reason.PASSWORD_COMMON


def test_what_is_kept_is_argon2id_at_owasps_floor_and_salted(keys: Keyring) -> None:
    """R10."""
    one, other = passwords.hash_password(keys, GOOD, ARGON2ID), passwords.hash_password(keys, GOOD, ARGON2ID)
    parameters = extract_parameters(one.encoded)
    assert one.encoded.startswith("$argon2id$")
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert parameters.salt_len >= 16
    assert one.encoded != other.encoded
    assert GOOD not in repr(one)
    assert one.encoded not in repr(one)


def test_without_the_pepper_the_database_tells_nothing(keys: Keyring) -> None:
    """R10: the right password under another pepper is wrong, and a lost pepper is a fault for the operator."""
    stored = _kept(passwords.hash_password(keys, GOOD, ARGON2ID))
    kid, _ = keys.pepper[0]
    stolen = Keyring(keys.sealing, ((kid, b"\0" * 32),), keys.lookup)
    assert not passwords.verify(stolen, stored, GOOD, ARGON2ID)
    with pytest.raises(KeyFault):
        passwords.verify(Keyring(keys.sealing, (("another", b"\0" * 32),), keys.lookup), stored, GOOD, ARGON2ID)


def test_both_unicode_forms_are_one_password(keys: Keyring) -> None:
    """R3."""
    typed = "Ärger über Öl, süß 7"
    stored = _kept(passwords.hash_password(keys, unicodedata.normalize("NFD", typed), ARGON2ID))
    assert passwords.verify(keys, stored, unicodedata.normalize("NFC", typed), ARGON2ID)
    assert passwords.verify(keys, stored, unicodedata.normalize("NFD", typed), ARGON2ID)


def test_every_character_counts(keys: Keyring) -> None:
    """R4: case, a space at the end, and whatever comes after the 72nd."""
    long = "a heron stands in the reeds at dusk and waits for the small silver fish to come by"
    stored = _kept(passwords.hash_password(keys, long, ARGON2ID))
    assert len(long) > 72
    assert passwords.verify(keys, stored, long, ARGON2ID)
    for other in (long.capitalize(), long + " ", long[:-1] + "i", long[:72]):
        assert not passwords.verify(keys, stored, other, ARGON2ID)


@pytest.mark.parametrize("chosen", [ARGON2ID, PBKDF2])
def test_each_check_runs_once(keys: Keyring, chosen: PasswordHash) -> None:
    """R21: for a right one, a wrong one, none at all, a disabled one, a damaged one and one that is far too long; whichever
    kind is chosen.
    """
    stored = _kept(passwords.hash_password(keys, GOOD, ARGON2ID))
    disabled = _kept(Hashed(stored.encoded, stored.pepper_kid, may_stand_alone=True))
    disabled.disabled_at = stored.changed_at = clock.now()
    damaged = _kept(Hashed("$argon2id$rubbish", stored.pepper_kid, may_stand_alone=True))
    for row, typed, right in [
        (stored, GOOD, True),
        (stored, "wrong", False),
        (None, GOOD, False),
        (disabled, GOOD, False),
        (damaged, GOOD, False),
        (stored, "x" * 50_000, False),
        (None, "x" * 50_000, False),
    ]:
        before = passwords.SLOTS.runs
        assert passwords.verify(keys, row, typed, chosen) is right
        assert passwords.SLOTS.runs == before + 1


def test_older_figures_and_older_peppers_are_noticed(keys: Keyring) -> None:
    """R11."""
    stored = _kept(passwords.hash_password(keys, GOOD, ARGON2ID))
    assert not passwords.needs_rehash(keys, stored, ARGON2ID)
    kid, peppered = keys.peppered(GOOD)
    weak = _kept(
        Hashed(
            PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(peppered), kid, may_stand_alone=True
        )
    )
    assert passwords.verify(keys, weak, GOOD, ARGON2ID)
    assert passwords.needs_rehash(keys, weak, ARGON2ID)
    rotated = Keyring(keys.sealing, (("newer", b"\1" * 32), *keys.pepper), keys.lookup)
    assert passwords.verify(rotated, stored, GOOD, ARGON2ID)
    assert passwords.needs_rehash(rotated, stored, ARGON2ID)


def test_pbkdf2_is_kept_as_fips_approves_it(keys: Keyring) -> None:
    """R10, SP 800-132: HMAC-SHA-256 in 600,000 rounds, 16 bytes of salt, and the figures in the string."""
    one, other = passwords.hash_password(keys, GOOD, PBKDF2), passwords.hash_password(keys, GOOD, PBKDF2)
    mark, figures, salt, tag = one.encoded.removeprefix("$").split("$")
    assert (mark, figures) == ("pbkdf2-sha256", "i=600000")
    _, peppered = keys.peppered(GOOD)
    raw_salt = base64.b64decode(salt + "==")
    assert len(raw_salt) == 16
    expected = PBKDF2HMAC(hashes.SHA256(), 32, raw_salt, 600_000).derive(peppered)
    assert base64.b64decode(tag + "=") == expected
    assert one.encoded != other.encoded


@pytest.mark.parametrize(("was", "chosen"), [(ARGON2ID, PBKDF2), (PBKDF2, ARGON2ID)])
def test_either_kind_is_checked_whatever_is_chosen(keys: Keyring, was: PasswordHash, chosen: PasswordHash) -> None:
    """R11: a house that changes the setting locks nobody out, and moves each at the next sign-in."""
    stored = _kept(passwords.hash_password(keys, GOOD, was))
    assert passwords.verify(keys, stored, GOOD, chosen)
    assert not passwords.verify(keys, stored, GOOD + " ", chosen)
    assert passwords.needs_rehash(keys, stored, chosen)
    assert not passwords.needs_rehash(keys, stored, was)


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "$",
        "$pbkdf2-sha256$i=0$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$pbkdf2-sha256$i=9999999999$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$pbkdf2-sha256$i=600000$" + "A" * 43,
        "$pbkdf2-sha512$i=600000$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=19456,t=2,p=1$$",
    ],
)
def test_a_damaged_string_fits_nobody(keys: Keyring, encoded: str) -> None:
    """R21: and is no fault, or a damaged row would answer otherwise than a wrong password."""
    kid, _ = keys.pepper[0]
    assert not passwords.verify(keys, _kept(Hashed(encoded, kid, may_stand_alone=True)), GOOD, ARGON2ID)


def test_rounds_that_were_fewer_are_noticed(keys: Keyring) -> None:
    """R11."""
    kid, peppered = keys.peppered(GOOD)
    salt = b"0123456789abcdef"
    tag = base64.b64encode(hashlib.pbkdf2_hmac("sha256", peppered, salt, 1_000)).decode().rstrip("=")
    text = base64.b64encode(salt).decode().rstrip("=")
    weak = _kept(Hashed(f"$pbkdf2-sha256$i=1000${text}${tag}", kid, may_stand_alone=True))
    assert passwords.verify(keys, weak, GOOD, PBKDF2)
    assert passwords.needs_rehash(keys, weak, PBKDF2)


@pytest.mark.parametrize("chosen", [ARGON2ID, PBKDF2])
def test_a_stranger_costs_a_run_of_the_chosen_kind(
    keys: Keyring, chosen: PasswordHash, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R21: or the time that it takes would tell who has an account."""
    checked: list[str] = []
    fits = hashing.fits

    def noted(encoded: str, peppered: bytes) -> bool:
        checked.append(encoded)
        return fits(encoded, peppered)

    monkeypatch.setattr(hashing, "fits", noted)
    assert not passwords.verify(keys, None, GOOD, chosen)
    assert [hashing.is_todays(chosen, encoded) for encoded in checked] == [True]


@pytest.mark.parametrize("chosen", [ARGON2ID, PBKDF2])
def test_a_string_that_no_password_fits_is_like_any_other(keys: Keyring, chosen: PasswordHash) -> None:
    """R21: it costs what a real one costs, and is made without a run."""
    runs = passwords.SLOTS.runs
    dummy = hashing.dummy(chosen)
    assert passwords.SLOTS.runs == runs
    assert hashing.is_todays(chosen, dummy)
    assert len(dummy) == len(passwords.hash_password(keys, GOOD, chosen).encoded)
    assert not hashing.fits(dummy, keys.peppered(GOOD)[1])


def test_a_full_queue_turns_people_away_at_once() -> None:
    """R173: two run, one waits, the fourth is told to come back; afterwards there is room again."""
    slots = Slots(running=2, waiting=1)
    go = threading.Event()
    inside = threading.Barrier(3)

    def run(*, counted: bool) -> None:
        with slots.taken():
            if counted:
                inside.wait(timeout=10)
            go.wait(timeout=10)

    running = [threading.Thread(target=run, kwargs={"counted": True}) for _ in range(2)]
    for thread in running:
        thread.start()
    inside.wait(timeout=10)
    waiting = threading.Thread(target=run, kwargs={"counted": False})
    waiting.start()
    while slots._places._value:
        threading.Event().wait(0.01)
    with pytest.raises(Busy), slots.taken():
        pytest.fail("there was no room")
    go.set()
    for thread in [*running, waiting]:
        thread.join(timeout=10)
    with slots.taken():
        assert slots.runs == 4


def test_a_process_that_checks_no_password_holds_no_word_lists() -> None:
    """The lists are several megabytes; importing the house must not read them."""
    told = subprocess.run(
        [sys.executable, "-c", "import sys, idp.credentials.passwords; print('zxcvbn' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert told.stdout.strip() == "False"


@settings(max_examples=100, deadline=None, database=None)
@given(password=st.text(max_size=300), about=st.lists(st.text(max_size=90), max_size=5))
def test_any_text_has_a_strength(password: str, about: list[str]) -> None:
    assert strength.measure(password, about) in range(5)


@pytest.mark.parametrize(
    ("password", "score"),
    [("", 0), ("aaaaaaaaaaaaaaa", 0), ("Tr0ub4dour&3 Maria", 4), ("blue kettle over Tuesday", 4), ("x" * 60_000, 0)],
)
def test_strength_counts_what_a_guesser_would_try(password: str, score: int) -> None:
    assert strength.measure(password, ()) == score


def test_the_persons_own_words_make_a_password_weaker_and_are_forgotten() -> None:
    """zxcvbn keeps them in a place that all threads share: afterwards nothing of them is there."""
    assert strength.measure("zbygniewbrzeski", ("zbygniewbrzeski",)) < strength.measure("zbygniewbrzeski", ())
    assert matching.RANKED_DICTIONARIES["user_inputs"] == {}


def test_signs_that_may_stand_for_letters_cost_no_more_than_others() -> None:
    """Measured: twenty such signs in 72 characters kept zxcvbn busy for five seconds. Only a beginning of them is looked at."""
    for password in ("4@8({[<369!1|07$+5%2" * 4, "4@8({[<3", "blue kettle over Tuesday" * 3):
        piece = strength.piece_of(password)
        assert strength.cost_of(piece) <= strength.COST or len(piece) == strength.SHORTEST
        assert password.startswith(piece)
    assert strength.piece_of("4@8({[<3") == "4@8({[<3"


def test_nothing_forces_a_change_after_years() -> None:
    """R7, R8: nothing that is kept says when a password must go, and nothing that could remind of it or replace it."""
    columns = {column.name for table in db.Row.metadata.tables.values() for column in table.columns}
    told = re.compile("hint|question|reminder|expire|must_change")
    assert [name for name in {column.name for column in Password.__table__.columns} if told.search(name)] == []
    assert [name for name in columns if re.search("hint|security_question|reminder", name)] == []


def test_expensive_runs_happen_in_as_many_threads_as_there_are_slots() -> None:
    """R173: the memory of a run stays with its thread, so many threads that ask must not each keep 19 MiB."""
    slots = Slots(running=2, waiting=6)
    ran_in: set[int] = set()

    def work() -> None:
        ran_in.add(threading.get_ident())

    asking = [threading.Thread(target=slots.run, args=(work,)) for _ in range(8)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(timeout=10)
    assert slots.runs == 8
    assert 1 <= len(ran_in) <= 2
    assert not ran_in & {thread.ident for thread in asking}
