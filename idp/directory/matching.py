"""Whether what somebody claims fits a record: numbers and birth date exactly, names with the tolerance that names need.

Pure: no clock, no database. Everything is always worked out, whatever the first comparison said, so that no answer is quicker
than another (R63). Nicknames are not accepted: "Bill" is not on file for a William.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from idp.directory.records import Facts
from idp.directory.spelling import Reading, Readings, readings
from idp.ports import Claimed, Matched, NoMatch

ADULT = 18
"""Years: who is younger has no account of their own (domain: "DS Logon needs 18")."""

LOOKED_AT = 3
"""Records that are opened for every claim, whether the number leads to none, one or more; a number that leads to this many is
refused unread, so two is the most that can be told apart."""

# Prepositions and articles, which are often left out or forgotten by an office: van der Berg is filed under Berg.
_LEFT_OUT = frozenset(
    "af al am av da das de degli dei del della dello den der di do dos du el la las le lo los op te ten ter van vom von zu zum zur"
    .split()
)  # fmt: skip
# Words that begin a name and belong to it.
_BEGINNINGS = frozenset("abu ap ben bin bint ibn mac mc o san santa st ste umm".split())
_AND = frozenset({"e", "i", "y"})
_SHORTEST_PART = 2
# What offices write where there is no name: first or last name unknown, no middle name or initial.
_NO_NAME = frozenset({"fnu", "lnu", "nfn", "nln"})
_NO_MIDDLE_NAME = frozenset({"nmn", "nmi"})


@dataclass(frozen=True, repr=False)
class Verdict:
    """What each comparison said of one record. Nothing of it is ever shown to who asked."""

    names: bool
    birth_date: bool


def judge(claimed: Claimed, held: Sequence[Facts], decoys: Sequence[Facts], today: date) -> Matched | NoMatch:
    """The one living adult among `held` whom the claim fits, or why there is none.

    `held` are the records that the number leads to, `LOOKED_AT` at the most, and `decoys` fill them up to that many: they are
    compared in earnest and their verdicts dropped.
    """
    verdicts = [compare(claimed, facts) for facts in (*held, *decoys)][: len(held)]
    fitting = [facts for facts, verdict in zip(held, verdicts, strict=True) if verdict.names and verdict.birth_date]
    if not held:
        return NoMatch.NO_SUCH_NUMBER
    if len(held) >= LOOKED_AT or len(fitting) > 1:
        return NoMatch.AMBIGUOUS
    if not fitting:
        return NoMatch.NAME_DIFFERS if not any(verdict.names for verdict in verdicts) else NoMatch.BIRTH_DATE_DIFFERS
    one = fitting[0]
    if one.conflict_since is not None:
        return NoMatch.CONFLICT
    if one.deceased_on is not None:
        return NoMatch.DECEASED
    if age(one.birth_date, today) < ADULT:
        return NoMatch.TOO_YOUNG
    return Matched(person_key=one.person, edipi=one.edipi, other_edipis=one.other_edipis)


def compare(claimed: Claimed, facts: Facts) -> Verdict:
    """Hold a claim against one record. Every comparison is made, also when an earlier one failed."""
    given, family = _both(readings(claimed.given_name), readings(claimed.family_name))
    held, present = _both(readings(facts.given_name), readings(facts.family_name))
    middle = readings(facts.middle_name or "")
    families = (present, *(readings(name) for name in facts.former_family_names))
    # Where the family name comes first, as in much of Asia and in Hungary, it lands in the first field.
    fitting = [
        (_given_fits(first, held, middle, families), *(_family_fits(last, name) for name in families))
        for first, last in ((given, family), (family, given))
    ]
    names = any(given_fits and any(family_fits) for given_fits, *family_fits in fitting)
    return Verdict(names=names, birth_date=claimed.born == facts.birth_date)


def age(born: date, today: date) -> int:
    """Full years. Somebody born on 29 February has the birthday on 1 March in a common year."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def years_later(born: date, years: int) -> date:
    """The birthday on which somebody turns `years`, by the same rule as `age`."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def family_names_fit(claimed: str, held: str) -> bool:
    """Whether two family names may be the same one: spelled together or apart, in any order, or one of a double name's halves.

    Somebody may claim one or two of the names on file, however many these are. A claim of three or more fits only as a whole: it
    could otherwise guess several names at once.
    """
    return _family_fits(readings(claimed), readings(held))


def given_names_fit(claimed: str, given: str, middle: str | None, *, families: Sequence[str] = ()) -> bool:
    """Whether given names as claimed may be those on file: the first in full; middle ones may be missing, initials or swapped.

    One of the person's own `families` among the middle names says nothing: a surname becomes one at a wedding.
    """
    return _given_fits(readings(claimed), readings(given), readings(middle or ""), [readings(one) for one in families])


def _both(given: Readings, family: Readings) -> tuple[Readings, Readings]:
    """Given and family name. Who has only one, and nothing or "FNU" in the other's place, has it in both."""
    no_given, no_family = _NO_NAME.issuperset(given[0]), _NO_NAME.issuperset(family[0])
    if no_given == no_family:
        return given, family
    return (family, family) if no_given else (given, given)


def _family_fits(claimed: Readings, held: Readings) -> bool:
    pairs = [*zip(claimed, held, strict=True), (_bare(claimed[0]), _bare(held[0]))]
    fitting = [_family_reads(these, those) for these, those in pairs]
    return any(fitting)


def _family_reads(these: Reading, those: Reading) -> bool:
    if not these or not those:
        return False
    claimed, held = _parts(these), _parts(those)
    if "".join(these) == "".join(those) or sorted(these) == sorted(those) or sorted(claimed) == sorted(held):
        return True
    if len(claimed) > 2:
        return False
    fewer, more = sorted((claimed, held), key=len)
    return all(len(part) >= _SHORTEST_PART and part in more for part in fewer)


def _given_fits(claimed: Readings, given: Readings, middle: Readings, families: Sequence[Readings]) -> bool:
    surnames = {word for plain, _ in families for word in plain} | _NO_MIDDLE_NAME
    fitting = [_given_reads(*read, surnames) for read in zip(claimed, given, middle, strict=True)]
    return any(fitting)


def _given_reads(these: Reading, first: Reading, rest: Reading, surnames: set[str]) -> bool:
    if not these or not first:
        return False
    those = first + rest
    if "".join(these) in {"".join(first), "".join(those)} or sorted(these) == sorted(those):
        return True
    if these[0] != those[0]:
        return False
    ours, theirs = ([word for word in names[1:] if word not in surnames] for names in (these, those))
    fewer, more = sorted((ours, theirs), key=len)
    return all(any(_same_or_initial(word, candidate) for candidate in more) for word in fewer)


def _bare(found: Reading) -> Reading:
    """Hassan for Al-Hassan, Berg for van der Berg. What stands last is the name itself, as in Nguyen Le."""
    return (*(word for word in found[:-1] if word not in _LEFT_OUT), *found[-1:])


def _parts(found: Reading) -> list[str]:
    """The names within a family name, each once, with particles joined to what follows them: "de la Cruz y Vega" has two."""
    parts: list[str] = []
    joined = ""
    last = len(found) - 1
    for place, word in enumerate(found):
        if word in _AND and 0 < place < last:
            continue
        joined += word
        if word not in _LEFT_OUT and word not in _BEGINNINGS:
            parts.append(joined)
            joined = ""
    if joined:
        parts.append(joined)
    return list(dict.fromkeys(parts))


def _same_or_initial(one: str, other: str) -> bool:
    return one == other or (len(one) == 1 and other.startswith(one)) or (len(other) == 1 and one.startswith(other))
