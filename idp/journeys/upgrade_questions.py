"""The questions of an upgrade: drawn once, shown one by one, judged by the vendor as a whole (R66, R67).

A quiz counts as a try when it is drawn: stopping, running out of time and a wrong answer all use it up, and none says which
answer was wrong. The lock that follows is of its own: it never touches signing in. The answers are handed in by one
compare-and-set before the vendor is asked, so one set of questions is judged with one set of answers, however often.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from idp import audit, clock, limits
from idp.accounts.accounts import get_account
from idp.audit import Event
from idp.credentials.sessions import SignedIn
from idp.journeys import engine, upgrade
from idp.journeys.engine import Journey
from idp.journeys.upgrade import MACHINE, QUIZ_TAKES, At, Proved
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Applicant, PortDown, Question, Services
from idp.proofing import authority, evidence, held_numbers
from idp.proofing.policy import Method

EACH_LASTS = timedelta(minutes=2)
"""SP 800-63A rev. 3 §5.3.2: two minutes for a question, and time that ran out is a failed try."""
_ON_THE_WAY = timedelta(seconds=5)
"""What an answer may take to get here."""


@dataclass(frozen=True, repr=False)
class Asked:
    """The question that is open now."""

    number: int
    total: int
    question: Question
    until: datetime

    def __repr__(self) -> str:
        """Without the question."""
        return f"Asked({self.number} of {self.total})"

    @property
    def is_over(self) -> bool:
        """Whether its time has run out."""
        return clock.now() > self.until + _ON_THE_WAY

    @property
    def seconds(self) -> int:
        """How many are left."""
        return max(0, int((self.until - clock.now()).total_seconds()))


def current(journey: Journey) -> Asked | None:
    """The open question; None before the quiz was drawn, and once every answer is handed in."""
    questions = journey.facts["questions"]
    if questions is None or is_handed_in(journey):
        return None
    number = len(journey.facts["chosen"])
    text, options = questions[number]
    asked_at = datetime.fromtimestamp(journey.facts["asked_at"], UTC)
    return Asked(number + 1, len(questions), Question(text, tuple(options)), asked_at + EACH_LASTS)


def is_handed_in(journey: Journey) -> bool:
    """Whether every question is answered, and only the vendor's verdict is missing."""
    questions = journey.facts["questions"]
    return questions is not None and len(journey.facts["chosen"]) == len(questions)


def start(services: Services, journey: Journey, me: SignedIn) -> Refused | None:
    """Draw the questions; a reload later shows the same ones. The try is counted first, and given back where the vendor does
    not answer or knows too little (`NO_QUESTIONS`), which is not the person's fault (R79). Raises `PortDown`.
    """
    if services.kbv is None:
        return Refused(Reason.NOT_ALLOWED)
    applicant = _applicant(services, journey, me, at_least=QUIZ_TAKES)
    if applicant is None:
        return Refused(Reason.EXPIRED)

    def reserve(conn: Connection) -> Journey | Refused:
        counted = journey.facts["charged"]
        if not counted and (refused := limits.reserve(conn, Limit.KBV, me.person_id)) is not None:
            return refused
        moved = _move(conn, services.keyring, journey, At.QUESTIONS, charged=True)
        if moved is None and not counted:
            limits.give_back(conn, Limit.KBV, me.person_id)
        return Refused(Reason.ALREADY_DONE) if moved is None else moved

    reserved = services.db.write(reserve)
    if isinstance(reserved, Refused):
        return reserved
    try:
        quiz = services.kbv.draw(applicant)
    except PortDown:
        services.db.write(lambda conn: _undo(conn, services.keyring, reserved, me, no_questions=False))
        raise
    if quiz is None:
        services.db.write(lambda conn: _undo(conn, services.keyring, reserved, me, no_questions=True))
        return Refused(Reason.NO_QUESTIONS)

    def write(conn: Connection) -> Refused | None:
        moved = _move(
            conn,
            services.keyring,
            reserved,
            At.QUESTIONS,
            reference=quiz.reference,
            questions=[[question.text, list(question.options)] for question in quiz.questions],
            asked_at=clock.epoch(clock.now()),
        )
        if moved is None:
            return Refused(Reason.ALREADY_DONE)
        _record(conn, Event.QUIZ_DRAWN, journey, me)
        return None

    return services.db.write(write)


def answer(services: Services, journey: Journey, me: SignedIn, chosen: int) -> Refused | Journey:
    """Take one answer, in time, and give the journey as it stands then: at the next question, or with all of them handed in."""
    asked = current(journey)
    if asked is None or not 0 <= chosen < len(asked.question.options):
        return Refused(Reason.WRONG_STEP)
    if asked.is_over:
        return _fail(services, journey, me, Reason.OUT_OF_TIME)
    facts = {"chosen": [*journey.facts["chosen"], chosen], "asked_at": clock.epoch(clock.now())}
    moved = services.db.write(lambda conn: _move(conn, services.keyring, journey, At.QUESTIONS, **facts))
    return Refused(Reason.ALREADY_DONE) if moved is None else moved


def judge(services: Services, journey: Journey, me: SignedIn, handle: str) -> Refused | Proved:
    """Have the answers that were handed in judged: what was proved, or `ANSWERS_WRONG`. While the vendor does not judge or DEERS
    does not answer they wait, without any clock (R79). Raises `PortDown`.
    """
    if services.kbv is None or not is_handed_in(journey):
        return Refused(Reason.WRONG_STEP)
    applicant = _applicant(services, journey, me)
    if applicant is None:
        # An outage outlasted the number, or DEERS vouches no longer: not a wrong answer, so not a try.
        services.db.write(lambda conn: _undo(conn, services.keyring, journey, me, no_questions=False))
        return Refused(Reason.EXPIRED)
    if not services.kbv.judge(applicant, journey.facts["reference"], tuple(journey.facts["chosen"])):
        return _fail(services, journey, me, Reason.ANSWERS_WRONG)
    also = authority.list_emails(services, me.person_id)
    return services.db.write(lambda conn: _pass(conn, services, journey, me, handle, also))


def stop(services: Services, journey: Journey, me: SignedIn) -> Refused:
    """Leave the questions for another way. Before they were drawn this costs nothing."""
    left = upgrade.go_back(services, journey, me, At.WAY)
    return Refused(Reason.STOPPED if left else Reason.ALREADY_DONE)


def _pass(
    conn: Connection, services: Services, journey: Journey, me: SignedIn, handle: str, also: tuple[str, ...]
) -> Refused | Proved:
    """Keep what the answers proved; the number has done its work and is erased (R76)."""
    moved = _move(conn, services.keyring, journey, At.ADDRESS, reference=None, questions=None, chosen=[])
    if moved is None:
        return Refused(Reason.ALREADY_DONE)
    account = get_account(conn, me.account_id)
    evidence.add(conn, account, Method.KBV, policy=services.settings.policy, at=clock.now())
    held_numbers.erase(conn, journey.id)
    _record(conn, Event.QUIZ_PASSED, journey, me)
    return upgrade.follow(conn, services, me, handle, journey=moved, why=Method.KBV, also=also)


def _fail(services: Services, journey: Journey, me: SignedIn, why: Reason) -> Refused:
    """A failed quiz leads back to the ways; which answer was wrong is told to nobody (R66)."""

    def write(conn: Connection) -> Refused:
        if engine.move(conn, services.keyring, MACHINE, journey, At.WAY) is None:
            return Refused(Reason.ALREADY_DONE)
        upgrade.leave_quiz(conn, journey, me, why=why)
        return Refused(why)

    return services.db.write(write)


def _undo(conn: Connection, keyring: Keyring, journey: Journey, me: SignedIn, *, no_questions: bool) -> None:
    """Take the try back, once: by whoever moves the journey back."""
    if engine.move(conn, keyring, MACHINE, journey, At.WAY, no_questions=no_questions) is not None:
        limits.give_back(conn, Limit.KBV, me.person_id)


def _move(conn: Connection, keyring: Keyring, journey: Journey, there: At, **facts: object) -> Journey | None:
    return engine.move(conn, keyring, MACHINE, journey, there, **facts)


def _record(conn: Connection, event: Event, journey: Journey, me: SignedIn) -> None:
    audit.record(conn, event, actor=me.account_id, subject=me.person_id, journey=journey.id, account=me.account_id)


def _applicant(
    services: Services, journey: Journey, me: SignedIn, *, at_least: timedelta = timedelta(0)
) -> Applicant | None:
    """Whom the vendor is asked about: the number of this journey, and the names and birth date that DEERS holds."""
    with services.db.read() as conn:
        number = held_numbers.find(conn, services.keyring, journey.id, at_least=at_least)
    if number is None:
        return None
    person = authority.find_known(services, me.person_id)
    return None if person is None else Applicant(person.given_name, person.family_name, person.born, number)
