"""Whether what somebody claims fits a record: numbers and birth date exactly, names with the tolerance that names need.

Pure: no clock, no database. Everything is always worked out, whatever the first comparison said, so that no answer is quicker
than another (R63). Nicknames are not accepted: "Bill" is not on file for a William.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from idp.directory.records import Facts
from idp.ports import Claimed, Matched, NoMatch

ADULT = 18
"""Years: who is younger has no account of their own (domain: "DS Logon needs 18")."""

LOOKED_AT = 3
"""Records that are opened for every claim, whether the number leads to none, one or more; a number that leads to this many is
refused unread, so two is the most that can be told apart."""

# Letters that have no accent to take off, as passports and cards write them in plain letters.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŋ": "n"}
)
_DROPPED = frozenset("'’‘ʼʻ`´.")
_SUFFIXES = frozenset({"jr", "junior", "sr", "senior", "i", "ii", "iii", "iv", "v", "vi", "2nd", "3rd", "4th"})
_PARTICLES = frozenset(
    {
        "al",
        "ap",
        "ben",
        "bin",
        "da",
        "das",
        "de",
        "del",
        "della",
        "den",
        "der",
        "di",
        "do",
        "dos",
        "du",
        "el",
        "ibn",
        "la",
    }
    | {"las", "le", "los", "mac", "mc", "o", "san", "santa", "st", "ste", "ter", "van", "von", "y", "zu"}
)
_SHORTEST_PART = 3


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
    families = [family_names_fit(claimed.family_name, name) for name in (facts.family_name, *facts.former_family_names)]
    given = given_names_fit(claimed.given_name, facts.given_name, facts.middle_name)
    return Verdict(names=any(families) & given, birth_date=claimed.born == facts.birth_date)


def age(born: date, today: date) -> int:
    """Full years. Somebody born on 29 February has the birthday on 1 March in a common year."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def years_later(born: date, years: int) -> date:
    """The birthday on which somebody turns `years`, by the same rule as `age`."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def family_names_fit(one: str, other: str) -> bool:
    """Whether two family names may be the same one: spelled together or apart, or one of the two halves of a double name.

    A name of three parts or more fits only as a whole: it could otherwise guess several names at once.
    """
    these, those = words(one), words(other)
    if not these or not those:
        return False
    if "".join(these) == "".join(those):
        return True
    halves, other_halves = _parts(these), _parts(those)
    if len(halves) > 2 or len(other_halves) > 2:
        return False
    shorter, longer = sorted((halves, other_halves), key=len)
    if len(shorter) == len(longer):
        return len(longer) == 2 and shorter == longer[::-1]
    return len(shorter[0]) >= _SHORTEST_PART and shorter[0] in longer


def given_names_fit(claimed: str, given: str, middle: str | None) -> bool:
    """Whether given names as claimed may be those on file: the first in full; middle ones may be missing, initials or swapped."""
    these, first, rest = words(claimed), words(given), words(middle or "")
    if not these or not first:
        return False
    those = first + rest
    together = "".join(these)
    if together in {"".join(first), "".join(those)} or sorted(these) == sorted(those):
        return True
    if these[0] != those[0]:
        return False
    shorter, longer = sorted((these[1:], those[1:]), key=len)
    return all(any(_same_or_initial(word, candidate) for candidate in longer) for word in shorter)


def words(name: str) -> tuple[str, ...]:
    """A name's words without case, accents, apostrophes, hyphens and a suffix such as Jr or III at the end."""
    apart = unicodedata.normalize("NFKD", name.casefold()).translate(_PLAIN)
    kept = []
    for character in apart:
        if character in _DROPPED or unicodedata.combining(character):
            continue
        kept.append(character if character.isalnum() else " ")
    found = "".join(kept).casefold().split()
    while len(found) > 1 and found[-1] in _SUFFIXES:
        found.pop()
    return tuple(found)


def _parts(found: tuple[str, ...]) -> list[str]:
    """The words of a family name with particles joined to what follows them: "de la Cruz Vega" has two parts."""
    parts: list[str] = []
    joined = ""
    for word in found:
        joined += word
        if word not in _PARTICLES:
            parts.append(joined)
            joined = ""
    if joined:
        parts.append(joined)
    return parts


def _same_or_initial(one: str, other: str) -> bool:
    return one == other or (len(one) == 1 and other.startswith(one)) or (len(other) == 1 and one.startswith(other))
