"""The demo's stand-in for a vendor of questions: it invents a credit and payment history for each person and asks about it.

The history follows from the SSN alone, and a quiz from its reference, so nothing is kept: any process can judge what another
drew. It refuses to run in production.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from idp import clock, crypto
from idp.adapters.fake import StandInRefused
from idp.config import Settings
from idp.ports import Applicant, Question, Quiz

T = TypeVar("T")

ASKED = 4
"""Questions in one quiz (SP 800-63A rev. 3 §5.3.2: at least four)."""
YOUNGEST = 21
"""Years: who is younger has no history to ask about."""

NONE_OF_THESE = "None of the above"

_STREETS = (
    "Alder Street",
    "Birchwood Lane",
    "Canal Road",
    "Dune Court",
    "Eagle Crest",
    "Fifth Avenue",
    "Grove Terrace",
)
_TOWNS = ("Millbrook", "Stanton", "Oakdale", "Harlow", "Westfield", "Linden", "Ferris")
_LENDERS = (
    "Harbor Loans",
    "First Meadow Bank",
    "Summit Auto Finance",
    "Prairie Credit Union",
    "Beacon Lending",
    "Red Rock Bank",
)
_CARDS = ("Bluebird Card", "Everyday Rewards", "Northstar Card", "Pinecone Cash", "Traveler One", "Union Square Card")
_CARS = (
    "a 2012 pickup truck",
    "a 2014 hatchback",
    "a 2016 minivan",
    "a 2017 sedan",
    "a 2019 station wagon",
    "a 2020 sports car",
)
_SHOPS = ("a hardware store", "a pharmacy", "a grocery store", "a gas station", "a book shop", "a shoe store")


@dataclass(frozen=True, repr=False)
class History:
    """What the vendor knows of one person: each question with its right answer and others that could be."""

    asked: tuple[tuple[str, str, tuple[str, ...]], ...]

    def __repr__(self) -> str:
        """Without the answers (R67)."""
        return "History()"


class StandInVendor:
    """A vendor of credit- and transaction-style questions about invented people."""

    def __init__(self, settings: Settings) -> None:
        if not settings.demo:
            raise StandInRefused("the vendor of invented questions runs only with IDP_DEMO=1")

    def draw(self, applicant: Applicant) -> Quiz | None:
        """Four of the questions, each with four answers and "None of the above"; None for who is too young for any."""
        if not _has_history(applicant.born):
            return None
        reference = crypto.new_handle()
        return Quiz(reference, tuple(question for question, _ in _quiz(applicant.ssn, reference)))

    def judge(self, applicant: Applicant, reference: str, chosen: tuple[int, ...]) -> bool:
        """Whether every answer was right."""
        right = tuple(place for _, place in _quiz(applicant.ssn, reference))
        return _has_history(applicant.born) and chosen == right


def history(ssn: str) -> History:
    """The invented life behind a number; the demo shows it to whoever plays that person."""

    def pick(what: str, among: Sequence[str], salt: int = 0) -> str:
        return among[_number(ssn, f"{what}/{salt}") % len(among)]

    def others(what: str, among: Sequence[str]) -> tuple[str, ...]:
        right = pick(what, among)
        return tuple(one for one in _shuffled(among, f"{ssn}/{what}") if one != right)[:4]

    def figures(what: str, least: int, step: int) -> tuple[str, tuple[str, ...]]:
        place = _number(ssn, what) % 6
        shown = [f"${least + step * number:,}" for number in range(6)]
        wrong = _shuffled([one for index, one in enumerate(shown) if index != place], f"{ssn}/{what}")
        return shown[place], tuple(wrong[:4])

    payment = figures("payment", 185, 60)
    deposit = figures("deposit", 1_140, 275)
    return History(
        (
            ("On which of these streets have you lived?", pick("street", _STREETS), others("street", _STREETS)),
            ("In which of these towns did you have an address?", pick("town", _TOWNS), others("town", _TOWNS)),
            ("Who gave you a car loan?", pick("lender", _LENDERS), others("lender", _LENDERS)),
            ("Which of these cards have you had?", pick("card", _CARDS), others("card", _CARDS)),
            ("Which of these have you owned?", pick("car", _CARS), others("car", _CARS)),
            ("How much do you pay for your car loan each month?", *payment),
            ("How much was your last pay deposit?", *deposit),
            ("Where did you last pay with your bank card?", pick("shop", _SHOPS), others("shop", _SHOPS)),
        )
    )


def _quiz(ssn: str, reference: str) -> list[tuple[Question, int]]:
    """The questions of one reference about one person, each with the place of its right answer."""
    key = f"{ssn}/{reference}"
    drawn = _shuffled(history(ssn).asked, key)[:ASKED]
    # One question at the most has no right answer among those shown, so "None of the above" never has the majority.
    trick = _number(key, "trick") % (ASKED * 2)
    quiz = []
    for place, (text, right, wrong) in enumerate(drawn):
        shown = _shuffled(wrong if place == trick else (right, *wrong[:3]), f"{key}/{place}")
        options = (*shown, NONE_OF_THESE)
        quiz.append((Question(text, options), options.index(NONE_OF_THESE if place == trick else right)))
    return quiz


def _has_history(born: date) -> bool:
    today = clock.now().date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day)) >= YOUNGEST


def _number(key: str, what: str) -> int:
    return int.from_bytes(hmac.digest(key.encode("utf-8"), what.encode("utf-8"), hashlib.sha256)[:6], "big")


def _shuffled(among: Sequence[T], key: str) -> list[T]:
    places = sorted(range(len(among)), key=lambda place: _number(key, f"order/{place}"))
    return [among[place] for place in places]
