"""Which names fit, however they are written, and which do not."""

from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.directory.matching import compare, family_names_fit, given_names_fit
from idp.directory.records import Facts
from idp.directory.spelling import words
from idp.ports import Claimed, IdKind

NAMES = st.text(alphabet=st.characters(categories=("L", "Mn", "Pd", "Zs"), include_characters="'’.-"), max_size=30)


@pytest.mark.parametrize(
    "claimed",
    [
        "O'Neil-Garcia",
        "o’neil garcia",
        "ONEILGARCIA",
        "O Neil García",
        "O'Neil-Garcia Jr.",
        "O'NEIL-GARCIA III",
        "Garcia-O'Neil",
        "Garcia",
        "O'Neil",
        "  O'Neil - Garcia ",
    ],
)
def test_a_family_name_fits_however_it_is_written(claimed: str) -> None:
    assert family_names_fit(claimed, "O'Neil-Garcia")


@pytest.mark.parametrize(
    ("claimed", "held"),
    [
        ("Neil", "O'Neil-Garcia"),
        ("O", "O'Neil-Garcia"),
        ("Garci", "O'Neil-Garcia"),
        ("Example", "Sample"),
        ("", "Example"),
        ("-", "Example"),
        ("'", "'"),
        ("Jr", "Example"),
        ("de la", "de la Cruz"),
        ("Cruz", "de la Vega"),
        ("Li Smith", "Li Jones"),
    ],
)
def test_another_family_name_does_not_fit(claimed: str, held: str) -> None:
    assert not family_names_fit(claimed, held)


@pytest.mark.parametrize(
    ("claimed", "held"),
    [
        ("de la Cruz", "Delacruz"),
        ("Nunez", "Núñez"),
        ("Sorensen", "Sørensen"),
        ("Strasse", "Straße"),
        ("Lodz", "Łódź"),
        ("van der Berg", "Vanderberg"),
        ("Smith-Jones", "Smith"),
        ("de la Cruz Vega", "de la Cruz"),
        ("St James", "St. James"),
        ("V", "V"),
    ],
)
def test_letters_particles_and_double_names_are_told_alike(claimed: str, held: str) -> None:
    assert family_names_fit(claimed, held)


def test_a_string_of_names_cannot_guess_several_at_once() -> None:
    """R64 counts guesses: one try must not carry ten surnames."""
    assert not family_names_fit("Adams-Baker-Clark-Davis-Example", "Example")
    assert not given_names_fit("Alice Bridget Carmen Dana", "Dana", "Q")


@pytest.mark.parametrize(
    ("claimed", "held"),
    [
        ("Mueller", "Müller"),
        ("Muller", "Müller"),
        ("MÜLLER", "Mu\u0308ller"),
        ("Joergensen-Aas", "Jørgensen-Ås"),
        ("Ｇａｒｃíａ", "Garcia"),
        ("YILDIZ", "Y\u0131ld\u0131z"),
        ("\u0131ş\u0131k", "IŞIK"),
        ("İnce", "ince"),
        ("Dang", "Đặng"),
        ("Gar\u200bcia\ufeff", "Garcia"),
        ("Gar\u00adcia", "Garcia"),
        ("Garcia\u00a0\u2011 Lopez", "Garcia-Lopez"),
        ("D\u00b4Angelo Smith", "D'Angelo-Smith"),
        ("Puig i Cadafalch", "Puig Cadafalch"),
        ("García y Vega", "García Vega"),
        ("García", "García y Vega"),
        ("Vega-García", "García y Vega"),
        ("Hassan", "Al-Hassan"),
        ("Cruz", "de la Cruz"),
        ("van der Berg", "Berg"),
        ("Le-Abernathy", "Abernathy Le"),
        ("Abernathy", "Le-Abernathy"),
        ("Le", "Abernathy-Le"),
        ("AlHassan", "Al Hassan"),
        ("Bin Laith", "BinLaith"),
        ("Li", "Li-Johnson"),
        ("Oliveira", "Silva Santos Oliveira"),
        ("Silva Oliveira", "Silva Santos Oliveira"),
        ("Oliveira Santos Silva", "Silva Santos Oliveira"),
        ("Smith Smith", "Smith"),
        ("O", "O"),
        ("Gal·la", "Galla"),
        ("Example, Jr.", "Example"),
        ("Παπαδόπουλος", "ΠΑΠΑΔΟΠΟΥΛΟΣ"),
        ("Ков\u0430лёв", "КОВАЛЕВ"),
        ("कुमार", "कुमार"),
        ("がくと", "か\u3099くと"),
        ("王小明", "王 小明"),
    ],
)
def test_scripts_signs_and_customs_are_told_alike(claimed: str, held: str) -> None:
    assert family_names_fit(claimed, held)


@pytest.mark.parametrize(
    ("claimed", "held"),
    [
        ("かくと", "がくと"),
        ("कि", "का"),
        ("Muller", "Mueller"),
        ("\u200b", "\u200b"),
        ("\u0301", "\u0301"),
        ("ㅤ", "ㅤ"),
        ("Smith Jones", "Smith Brown"),
        ("Silva Lopes Oliveira", "Silva Santos Oliveira"),
        ("Silva Lopes", "Silva Santos Oliveira"),
        ("S", "S-Oliveira"),
        ("Al", "Al-Hassan"),
        ("Donald", "Mc Donald"),
        ("Martin", "San Martin"),
        ("James", "St. James"),
        ("Garcia2", "Garcia"),
        ("D\u0430n\u0430", "Dana"),
    ],
)
def test_another_letter_is_another_name(claimed: str, held: str) -> None:
    """What a script writes with a mark is not dropped like an accent, and nothing that cannot be seen is a name."""
    assert not family_names_fit(claimed, held)


def test_a_very_long_name_is_judged_at_once() -> None:
    """As long as a form lets through; what is quadratic in it stays small."""
    long = "Ab-" * 26
    assert family_names_fit(long, long)
    assert not family_names_fit(long, "Example")
    assert not given_names_fit("a " * 40, "Dana", "b " * 40)


@given(NAMES, NAMES)
def test_family_names_of_one_or_two_parts_fit_both_ways_round(one: str, other: str) -> None:
    if max(len(words(one)), len(words(other))) <= 2:
        assert family_names_fit(one, other) == family_names_fit(other, one)


@given(NAMES, NAMES)
def test_given_names_without_a_middle_one_fit_both_ways_round(one: str, other: str) -> None:
    assert given_names_fit(one, other, None) == given_names_fit(other, one, None)


@given(st.text(max_size=40))
def test_reading_a_name_twice_changes_nothing(name: str) -> None:
    read = words(name)
    assert words(" ".join(read)) == read


@given(st.text(max_size=40))
def test_a_name_fits_itself_unless_it_is_empty(name: str) -> None:
    assert family_names_fit(name, name) == bool(words(name))
    assert given_names_fit(name, name, None) == bool(words(name))


@pytest.mark.parametrize(
    ("claimed", "held", "middle"),
    [
        ("Dana", "Dana", "Q"),
        ("DANA", "Dana", None),
        ("Dana Q", "Dana", "Quinn"),
        ("Dana Quinn", "Dana", "Q."),
        ("Dana Quinn", "Dana", None),
        ("Quinn Dana", "Dana", "Quinn"),
        ("Mary Ann", "Maryann", None),
        ("Mary-Ann", "Mary", "Ann"),
        ("Mary", "Mary Ann", "Lou"),
        ("Jose", "José", "Luis"),
        ("Dana Jr", "Dana", None),
        ("Jürgen", "Juergen", None),
        ("J R", "J", "R"),
        ("J.R.", "J", "R"),
        ("J Robert", "J", "R"),
        ("Dana NMN", "Dana", "Quinn"),
        ("Dana Quinn", "Dana", "NMN"),
        ("Abd al-Rahman", "Abd Al Rahman", None),
        ("Thị Mai", "Thi Mai", None),
        ("Dana\u200b", "Dana", None),
    ],
)
def test_given_names_fit_with_middle_names_missing_short_or_swapped(
    claimed: str, held: str, middle: str | None
) -> None:
    assert given_names_fit(claimed, held, middle)


@pytest.mark.parametrize(
    ("claimed", "held", "middle"),
    [
        ("D", "Dana", "Q"),
        ("Q", "Dana", "Q"),
        ("Quinn", "Dana", "Quinn"),
        ("Dan", "Dana", None),
        ("Bill", "William", None),
        ("Dana Rose", "Dana", "Quinn"),
        ("", "Dana", None),
        ("Q Dana", "Dana", "Quinn"),
        ("J", "James", "R"),
        ("James", "J", "R"),
        ("R", "J", "R"),
        ("\u200b", "Dana", None),
    ],
)
def test_initials_nicknames_and_other_names_do_not_stand_for_the_first(
    claimed: str, held: str, middle: str | None
) -> None:
    assert not given_names_fit(claimed, held, middle)


# The whole name


@dataclass(frozen=True)
class OnFile:
    """A name in the record."""

    given: str
    family: str
    middle: str | None = None
    former: tuple[str, ...] = ()


DANA = OnFile("Dana", "Example", "Quinn", ("Sampleton",))
MINH = OnFile("Minh", "Nguyễn", "Anh")
ALONE = OnFile("FNU", "Suharto")


@pytest.mark.parametrize(
    ("given_name", "family_name", "held"),
    [
        ("Dana", "Sampleton", DANA),
        ("Dana", "Sampleton-Example", DANA),
        ("Dana Sampleton", "Example", DANA),
        ("Dana Example", "Example", DANA),
        ("Dana", "Quinn Example", DANA),
        ("Dana Q", "Example Jr", DANA),
        ("Dana Jr", "Example", DANA),
        ("Example", "Dana", DANA),
        ("Nguyen", "Minh Anh", MINH),
        ("Minh Anh", "Nguyen", MINH),
        ("Suharto", "Suharto", ALONE),
        ("FNU", "Suharto", ALONE),
        ("-", "Suharto", ALONE),
        ("Suharto", ".", ALONE),
        ("Dana Quinn", "Sampleton", OnFile("Dana", "Example", "Sampleton", ("Sampleton",))),
    ],
)
def test_a_person_is_met_by_whatever_their_papers_and_forms_call_them(
    given_name: str, family_name: str, held: OnFile
) -> None:
    assert names_fit(given_name, family_name, held)


@pytest.mark.parametrize(
    ("given_name", "family_name", "held"),
    [
        ("Dana", "Quinn", DANA),
        ("Quinn", "Example", DANA),
        ("Sampleton", "Example", DANA),
        ("Example", "Example", DANA),
        ("Dana", "Dana", DANA),
        ("-", "Example", DANA),
        ("FNU", "Example", DANA),
        ("Dana", "LNU", DANA),
        ("-", ".", DANA),
        ("-", ".", ALONE),
        ("Anh", "Nguyen", MINH),
        ("Dana", "Suharto", ALONE),
    ],
)
def test_half_a_name_is_nobodys(given_name: str, family_name: str, held: OnFile) -> None:
    assert not names_fit(given_name, family_name, held)


def names_fit(given_name: str, family_name: str, held: OnFile) -> bool:
    born = date(1984, 2, 10)
    facts = Facts(
        person="p",
        edipi="9900000015",
        given_name=held.given,
        middle_name=held.middle,
        family_name=held.family,
        former_family_names=held.former,
        birth_date=born,
    )
    return compare(Claimed(given_name, family_name, born, IdKind.SSN, "900000015"), facts).names
