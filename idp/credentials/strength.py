"""How strong a typed password looks. This only encourages: what is refused, `passwords.check` refuses.

zxcvbn counts what a guesser would have to try. It takes its time with some texts, keeps the person's words in a place that all
threads share, and so is used by one at a time, on a piece that cannot cost much.
"""

import threading
from collections.abc import Iterable
from math import prod

LONGEST = 72
_PIECES = (LONGEST, 48, 32, 24, 16)
_COST = 30_000
_WORDS = 20
_ONE_AT_A_TIME = threading.Lock()


def measure(password: str, about: Iterable[str]) -> int:
    """From 0 (guessed at once) to 4 (past any guesser). `about` are words that others know of the person.

    Only a beginning of the password is looked at; the whole is never weaker than that.
    """
    # Two megabytes that most processes never need.
    from zxcvbn import matching, zxcvbn  # noqa: PLC0415

    words = [word[:LONGEST] for word in about if word][:_WORDS]
    piece = next(
        (password[:length] for length in _PIECES if _cost(password[:length]) <= _COST), password[: _PIECES[-1]]
    )
    with _ONE_AT_A_TIME:
        try:
            score: int = zxcvbn(piece, words)["score"]
        finally:
            matching.RANKED_DICTIONARIES["user_inputs"] = {}
    return score


def _cost(piece: str) -> int:
    """What zxcvbn does with it at the most: for each way of reading its signs as letters, as much as the square of its length."""
    from zxcvbn.matching import L33T_TABLE  # noqa: PLC0415 - as above

    readings = prod(max(1, sum(sign in piece for sign in signs)) for signs in L33T_TABLE.values())
    return readings * len(piece) ** 2
