"""Passwords: which may be chosen, how they are kept, and what checking one costs."""

import subprocess
import sys
import threading
import unicodedata
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters

from idp import clock, keyring
from idp.config import PasswordHash
from idp.credentials import blocklist, passwords
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


def test_each_check_runs_argon2_once(keys: Keyring) -> None:
    """R21: for a right one, a wrong one, none at all, a disabled one, a damaged one and one that is far too long."""
    stored = _kept(passwords.hash_password(keys, GOOD, ARGON2ID))
    disabled = _kept(Hashed(stored.encoded, stored.pepper_kid))
    disabled.disabled_at = stored.changed_at = clock.now()
    damaged = _kept(Hashed("$argon2id$rubbish", stored.pepper_kid))
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
        assert passwords.verify(keys, row, typed, ARGON2ID) is right
        assert passwords.SLOTS.runs == before + 1


def test_older_figures_and_older_peppers_are_noticed(keys: Keyring) -> None:
    """R11."""
    stored = _kept(passwords.hash_password(keys, GOOD, ARGON2ID))
    assert not passwords.needs_rehash(keys, stored, ARGON2ID)
    kid, peppered = keys.peppered(GOOD)
    weak = _kept(Hashed(PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(peppered), kid))
    assert passwords.verify(keys, weak, GOOD, ARGON2ID)
    assert passwords.needs_rehash(keys, weak, ARGON2ID)
    rotated = Keyring(keys.sealing, (("newer", b"\1" * 32), *keys.pepper), keys.lookup)
    assert passwords.verify(rotated, stored, GOOD, ARGON2ID)
    assert passwords.needs_rehash(rotated, stored, ARGON2ID)


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
