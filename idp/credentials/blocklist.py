"""Passwords that everybody tries first (R6, SP 800-63B-4 §3.1.1.2).

The whole password is compared, never a part of it: with the words of zxcvbn's lists and our own, with one of them
written again and again, with two of them side by side, and with runs of the keyboard. No rule asks for kinds of
characters (R5).
"""

import string
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

# Words of this service and of the people whom it serves: the first that somebody who knows them would try.
_OWN_WORDS = """
guidon dslogon ds logon login signin account password passphrase passcode secret letmein welcome welcometo access
basic premium level managed milconnect deers tricare edipi dodid cac identity portal patient provider myhealth
mhsgenesis genesis veteran veterans veteransaffairs ebenefits va vets dod defense department departmentofdefense
pentagon government federal military soldier sailor marine marines airman guardian coastguard coastguardsman spouse
sponsor dependent retiree reserve reservist army navy airforce usaf usmc uscg usarmy usnavy ussf spaceforce
marinecorps usmarines usmarinecorps nationalguard unitedstates unitedstatesofamerica unitedstatesarmy unitedstatesnavy
unitedstatesairforce unitedstatesmarinecorps unitedstatescoastguard unitedstatesspaceforce america american usa
freedom liberty patriot eagle semperfi semperfidelis semperparatus semperfortis hooah hoorah oorah hooyah
anchorsaweigh bealliyoucanbe armystrong aimhigh thisweshalldefend goarmy gonavy gonavybeatarmy goarmybeatnavy
godblessamerica thankyouforyourservice landofthefree homeofthebrave landofthefreehomeofthebrave ilovemycountry
iloveamerica infantry rangers ranger airborne specialforces delta bravo alpha charlie sergeant captain colonel general
admiral private corporal lieutenant major commander chief deployment afghanistan vietnam iraqifreedom fortbragg
fortliberty forthood norfolk pendleton correcthorsebatterystaple ilovemyfamily ilovemywife ilovemyhusband ilovemykids
iloveyou thisismypassword mypassword mypasswordis thisisapassword passwordpassword onetwothreefour letmeinplease
opensesame changeme changemenow administrator
"""
_OWN = frozenset(_OWN_WORDS.split())

_RUNS = (
    "0123456789",
    "1234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1234567890qwertyuiop",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1234qwerasdfzxcv",
    "!@#$%^&*()",
)
_COMMONEST = 1_000
_SIGNS = str.maketrans("", "", string.punctuation + string.whitespace + "\u00a0")


def is_common(password: str, about: Iterable[str]) -> bool:
    """Whether this is among the first passwords that somebody would try who knows the words `about` the person."""
    folded = unicodedata.normalize("NFC", password).casefold()
    own = {form for word in about for form in _forms(word.casefold()) if len(form) > 2}
    return any(_is_listed(form, own) for form in _forms(folded))


def _forms(folded: str) -> set[str]:
    """As written, and without the signs that people put between and after words."""
    return {folded, folded.translate(_SIGNS)} - {""}


def _is_listed(form: str, own: set[str]) -> bool:
    if form in own or form in _words() or _is_run(form):
        return True
    if any(len(unit) < 3 or unit in own or unit in _words() or _is_run(unit) for unit in _repeated(form)):
        return True
    return any(_is_unit(form[:cut], own) and _is_unit(form[cut:], own) for cut in range(2, len(form) - 1))


def _is_unit(part: str, own: set[str]) -> bool:
    return part in own or part in _units() or _is_run(part)


def _is_run(part: str) -> bool:
    return len(part) > 2 and any(part in run for run in _long_runs())


def _repeated(form: str) -> Iterator[str]:
    """Every beginning that gives `form` when written again: of `abcabcabc` both `abc` and, twice as long, `abcabc`."""
    period = _period(form)
    lengths = range(period, max(period, len(form) // 2) + 1, period) if period < len(form) else ()
    return (form[:length] for length in lengths)


def _period(text: str) -> int:
    """The length of the shortest beginning that gives `text` when written again and again, perhaps cut short."""
    borders = [0] * len(text)
    for place in range(1, len(text)):
        border = borders[place - 1]
        while border and text[place] != text[border]:
            border = borders[border - 1]
        borders[place] = border + (text[place] == text[border])
    return len(text) - borders[-1]


@cache
def _words() -> frozenset[str]:
    """Every word of the lists. They are read at first use: a process that checks no password never holds them."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - two megabytes that most processes never need

    return frozenset(word for words in FREQUENCY_LISTS.values() for word in words) | frozenset(_OWN)


@cache
def _units() -> frozenset[str]:
    """Words so common that two of them side by side are common too."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - as above

    commonest = [word for word in FREQUENCY_LISTS["passwords"][:_COMMONEST] if len(word) > 2]
    years = [str(year) for year in range(1930, 2041)]
    return frozenset([*commonest, *_OWN, *years])


@cache
def _long_runs() -> tuple[str, ...]:
    """Each run forward and backward, long enough for the longest password."""
    repeated = [run * (256 // len(run) + 2) for run in _RUNS]
    return (*repeated, *(run[::-1] for run in repeated))
