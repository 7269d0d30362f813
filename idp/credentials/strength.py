"""How strong a typed password looks. This only encourages: what is refused, `passwords.check` refuses.

zxcvbn counts what a guesser would have to try. It takes its time with some texts and keeps the person's words in a place that
all threads share, and so is used by one at a time, on a piece that cannot cost much.
"""

import threading
from collections.abc import Iterable
from math import prod

LONGEST = 72
SHORTEST = 16
COST = 30_000
"""The most that a piece may cost, unless it is the shortest; measured at about a tenth of a second."""

_LENGTHS = (LONGEST, 48, 32, 24)
_WORDS = 20
_ONE_AT_A_TIME = threading.Lock()


def measure(password: str, about: Iterable[str]) -> int:
    """From 0 (guessed at once) to 4 (past any guesser). `about` are words that others know of the person.

    Only a beginning of the password is looked at; the whole is never weaker than that.
    """
    if not password:
        # zxcvbn fails at nothing at all.
        return 0
    # Two megabytes that most processes never need.
    from zxcvbn import matching, zxcvbn  # noqa: PLC0415

    words = [word[:LONGEST] for word in about if word][:_WORDS]
    with _ONE_AT_A_TIME:
        try:
            score: int = zxcvbn(piece_of(password), words)["score"]
        finally:
            matching.RANKED_DICTIONARIES["user_inputs"] = {}
    return score


def piece_of(password: str) -> str:
    """The longest beginning that does not cost too much."""
    pieces = (password[:length] for length in _LENGTHS)
    return next((piece for piece in pieces if cost_of(piece) <= COST), password[:SHORTEST])


def cost_of(piece: str) -> int:
    """How much zxcvbn does with it at the most: for each way of reading its signs as letters, the square of its length."""
    from zxcvbn.matching import L33T_TABLE  # noqa: PLC0415 - as above

    readings = prod(max(1, sum(sign in piece for sign in signs)) for signs in L33T_TABLE.values())
    return readings * len(piece) ** 2
