"""However an invented person spells their own name by the rules that people spell by, they are met; an initial opens no record."""

import unicodedata
from collections.abc import Callable
from datetime import date

from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from idp.directory import names
from idp.directory.matching import compare
from idp.directory.records import Facts
from idp.directory.spelling import words
from idp.ports import Claimed, IdKind

BORN = date(1984, 2, 10)
FIRST = st.sampled_from((*names.FEMALE, *names.MALE, *names.EITHER))
LAST = st.sampled_from(names.FAMILY)
DOUBLE = st.tuples(LAST, st.sampled_from(" -"), LAST).map("".join)


@st.composite
def somebody(draw: DrawFn) -> Facts:
    """Somebody with one surname or two, a middle name or none, and a former surname or none."""
    former = draw(st.none() | LAST)
    return Facts(
        person="p",
        edipi="9900000015",
        given_name=draw(FIRST),
        middle_name=draw(st.none() | FIRST),
        family_name=draw(LAST | DOUBLE),
        former_family_names=(former,) if former else (),
        birth_date=BORN,
    )


def without_accents(name: str) -> str:
    """As a keyboard has it that knows no accents."""
    plain = name.translate(str.maketrans("øØłŁđĐ", "oOlLdD")).replace("ß", "ss")
    return "".join(one for one in unicodedata.normalize("NFD", plain) if not unicodedata.combining(one))


def accented(name: str) -> str:
    """Whole letters taken apart, as some phones send them."""
    return unicodedata.normalize("NFD", name)


def full_width(name: str) -> str:
    """As a Japanese keyboard sends Latin letters."""
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in name)


_SPELLINGS: list[Callable[[str], str]] = [
    str,
    str.upper,
    str.lower,
    str.title,
    without_accents,
    accented,
    full_width,
    lambda name: name.replace("-", " "),
    lambda name: name.replace(" ", "-"),
    lambda name: name.replace("'", "’"),
    lambda name: name.replace("'", ""),
    lambda name: name.replace(".", ""),
    lambda name: f"  {name}  ",
    lambda name: name.replace("a", "a\u200b"),
]
SPELLINGS = st.sampled_from(_SPELLINGS)
SUFFIXED = st.sampled_from(["{}", "{} Jr", "{}, Jr.", "{} III", "{} Sr."])


@st.composite
def claims(draw: DrawFn, of: Facts) -> Claimed:
    """How this person might write their name: middle name, surname, and two manners of spelling over both."""
    middle = of.middle_name
    given_name = of.given_name
    if middle is not None:
        given_name = draw(
            st.sampled_from(
                [given_name, f"{given_name} {middle}", f"{given_name} {middle[0]}", f"{given_name} {middle[0]}.",
                 f"{middle} {given_name}", f"{given_name}-{middle}"]
            )
        )  # fmt: skip
    else:
        given_name = draw(st.sampled_from([given_name, f"{given_name} X", f"{given_name} Whatever"]))
    family_name = draw(st.sampled_from([of.family_name, *of.former_family_names]))
    for _ in range(2):
        spelled = draw(SPELLINGS)
        given_name, family_name = spelled(given_name), spelled(family_name)
    if draw(st.booleans()):
        family_name = draw(SUFFIXED).format(family_name)
    else:
        given_name = draw(SUFFIXED).format(given_name)
    if draw(st.booleans()):
        given_name, family_name = family_name, given_name
    return Claimed(given_name, family_name, BORN, IdKind.SSN, "900000015")


@given(st.data())
def test_however_somebody_spells_their_name_they_are_met(data: st.DataObject) -> None:
    held = data.draw(somebody())
    said = data.draw(claims(held))
    verdict = compare(said, held)
    assert verdict.names, (
        f"{said.given_name!r} {said.family_name!r} is not met by {held.given_name!r} {held.family_name!r}"
    )
    assert verdict.birth_date


@given(st.data())
def test_either_half_of_a_double_surname_will_do(data: st.DataObject) -> None:
    one, other = data.draw(LAST), data.draw(LAST)
    held = data.draw(somebody()).model_copy(update={"family_name": f"{one}-{other}"})
    assume(len(words(one)) == len(words(other)) == 1)
    assume(one != "Le")  # Le Tran is read as le Tran: such a name's first half alone could be anybody's article
    for half in (one, other, f"{other} {one}"):
        assert compare(Claimed(held.given_name, half, BORN, IdKind.SSN, "900000015"), held).names


@given(somebody(), FIRST, LAST)
def test_neither_another_first_name_nor_an_initial_opens_a_record(held: Facts, first: str, last: str) -> None:
    own = {*words(held.given_name), *words(held.middle_name or ""), *words(held.family_name)}
    own |= {word for former in held.former_family_names for word in words(former)}
    assume(own.isdisjoint(words(first)))
    assume(own.isdisjoint(words(last)))
    assume(set(words(held.given_name)).isdisjoint(words(held.family_name)))  # Kim Kim is met by Kim Kim
    for given_name, family_name in (
        (first, held.family_name),
        (held.given_name, last),
        (held.given_name[0], held.family_name),
        (held.given_name, held.family_name[0]),
        (held.family_name, held.family_name),
        ("", held.family_name),
    ):
        assert not compare(Claimed(given_name, family_name, BORN, IdKind.SSN, "900000015"), held).names


@given(somebody())
def test_another_birth_date_is_never_met(held: Facts) -> None:
    """Day and month changed over are two dates: numbers and dates are exact."""
    said = Claimed(held.given_name, held.family_name, date(1984, 10, 2), IdKind.SSN, "900000015")
    assert not compare(said, held).birth_date
