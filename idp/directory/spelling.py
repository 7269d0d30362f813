"""How a name is read: without what people write in one way and offices in another. Which names then fit is `matching`'s."""

import functools
import unicodedata

Reading = tuple[str, ...]
"""A name's words, ready to be compared."""
Readings = tuple[Reading, Reading]
"""The ways to read one name, see `readings`."""

# Letters that have no accent to take off, as passports and cards write them in plain letters.
_PLAIN = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ɖ": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\u0131": "i",
        "ħ": "h",
        "ŋ": "n",
        "ŧ": "t",
    }
)
# How German, Danish, Norwegian and Swedish passports write theirs out (ICAO 9303-3 §6): Müller is Mueller there.
_WRITTEN_OUT = str.maketrans({"ä": "ae", "å": "aa", "ö": "oe", "ø": "oe", "ü": "ue"})
# Apostrophes of every kind, points, and Catalan's middle point: what stands around them is one word.
_DROPPED = dict.fromkeys(
    map(
        ord, "'\u2019\u2018\u201b\u02bc\u02bb\u02bd\u02be\u02bf\u02b9\u2032\u2035`\u00b4\uff07\uff40\ua78c\u05f3.\u00b7"
    )
)
# Accents, and the vowel points of Hebrew and Arabic, which are seldom written. In other scripts a mark is a letter's own half:
# without the voicing mark that follows it, か is another letter than が.
_ACCENTS = (
    range(0x0300, 0x0370),
    range(0x0483, 0x0488),
    range(0x0591, 0x05C8),
    range(0x0610, 0x061B),
    range(0x064B, 0x0660),
    range(0x0670, 0x0671),
    range(0x06D6, 0x06EE),
    range(0x1AB0, 0x1B00),
    range(0x1DC0, 0x1E00),
    range(0x20D0, 0x2100),
    range(0xFE20, 0xFE30),
)
# Nothing to see, and yet a letter or a mark: fillers, and selectors of a letter's shape.
_UNSEEN = frozenset({0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)}) | frozenset(
    range(0xE0100, 0xE01F0)
)
_TATWEEL = "ـ"  # lengthens an Arabic word, and is no letter of it
_SUFFIXES = frozenset({"jr", "junior", "sr", "senior", "i", "ii", "iii", "iv", "v", "vi", "vii", "2nd", "3rd", "4th"})


def words(name: str) -> Reading:
    """A name's words without case, accents, apostrophes, hyphens and a suffix such as Jr or III at the end."""
    return _words(_folded(name))


def readings(name: str) -> Readings:
    """The words as `words` has them, and the same with umlauts written out: Müller is read as Muller and as Mueller."""
    folded = _folded(name)
    return _words(folded), _words(folded.translate(_WRITTEN_OUT))


def _folded(name: str) -> str:
    """Every way to write a letter, full-width or put together from pieces, as the one small letter."""
    composed = unicodedata.normalize("NFKC", name.translate(_DROPPED))
    return unicodedata.normalize("NFKC", composed.casefold()).translate(_DROPPED)


def _words(folded: str) -> Reading:
    apart = unicodedata.normalize("NFKD", folded.translate(_PLAIN))
    found = "".join(map(_kept, apart)).split()
    found = [word for word in found if any(map(str.isalnum, word))]
    while len(found) > 1 and found[-1] in _SUFFIXES:
        found.pop()
    return tuple(found)


# Asked for each letter of each name of each claim; the letters are few.
@functools.lru_cache(maxsize=1024)
def _kept(character: str) -> str:
    """A letter, digit or mark as it is, nothing for what is not to be seen, and a space for all else."""
    code, category = ord(character), unicodedata.category(character)
    if category == "Cf" or character == _TATWEEL or code in _UNSEEN:
        return ""
    if category.startswith("M"):
        return "" if any(code in accents for accents in _ACCENTS) else character
    return character if character.isalnum() else " "
