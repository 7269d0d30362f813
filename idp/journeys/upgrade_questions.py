"""The questions of an upgrade: drawn once, shown one by one, judged by the vendor as a whole (R66, R67).

A quiz counts as a try when it is drawn: stopping, running out of time and a wrong answer all use it up, and none says which
answer was wrong. The lock that follows is of its own: it never touches signing in.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from idp import audit, clock
from idp.accounts.accounts import find_account
from idp.accounts.levels import Level
from idp.audit import Event
from idp.credentials.sessions import SignedIn
from idp.journeys import engine, upgrade
from idp.journeys.engine import Journey
from idp.journeys.registration import give_back, reserve_all
from idp.journeys.upgrade import MACHINE, At
from idp.keyring import Keyring
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.ports import Applicant, PortDown, Question, Services
from idp.proofing import evidence, held_numbers, raising
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
    """The open question; None before the quiz was drawn."""
    questions = journey.facts["questions"]
    if questions is None:
        return None
    number = len(journey.facts["chosen"])
    text, options = questions[number]
    asked_at = datetime.fromtimestamp(journey.facts["asked_at"], UTC)
    return Asked(number + 1, len(questions), Question(text, tuple(options)), asked_at + EACH_LASTS)


def start(services: Services, journey: Journey, me: SignedIn) -> Refused | None:
    """Draw the questions; a reload later shows the same ones. The try is counted first, and given back where the vendor does
    not answer or knows too little (`NO_QUESTIONS`), which is not the person's fault (R79). Raises `PortDown`.
    """
    if services.kbv is None:
        return Refused(Reason.NOT_ALLOWED)
    applicant = _applicant(services, journey, me)
    if applicant is None:
        return Refused(Reason.EXPIRED)
    counted = ((Limit.KBV_EVER, me.person_id), (Limit.KBV_DAY, me.person_id))

    def reserve(conn: Connection) -> Journey | Refused:
        if not journey.facts["charged"] and (refused := reserve_all(conn, counted)) is not None:
            return refused
        moved = _move(conn, services.keyring, journey, At.QUESTIONS, charged=True)
        if moved is None:
            if not journey.facts["charged"]:
                give_back(conn, counted)
            return Refused(Reason.ALREADY_DONE)
        return moved

    reserved = services.db.write(reserve)
    if isinstance(reserved, Refused):
        return reserved
    try:
        quiz = services.kbv.draw(applicant)
    except PortDown:
        services.db.write(lambda conn: _undo(conn, services.keyring, reserved, counted, no_questions=False))
        raise
    if quiz is None:
        services.db.write(lambda conn: _undo(conn, services.keyring, reserved, counted, no_questions=True))
        return Refused(Reason.NO_QUESTIONS)

    def write(conn: Connection) -> Refused | None:
        moved = _move(
            conn,
            services.keyring,
            reserved,
            At.QUESTIONS,
            charged=True,
            reference=quiz.reference,
            questions=[[question.text, list(question.options)] for question in quiz.questions],
            chosen=[],
            asked_at=clock.epoch(clock.now()),
        )
        if moved is None:
            return Refused(Reason.ALREADY_DONE)
        audit.record(
            conn,
            Event.QUIZ_DRAWN,
            actor=me.account_id,
            subject=me.person_id,
            journey=journey.id,
            account=me.account_id,
        )
        return None

    return services.db.write(write)


def answer(services: Services, journey: Journey, me: SignedIn, chosen: int) -> Refused | Level | None:
    """Take one answer. None: the next question is open. After the last: the account's level, or why not (`ANSWERS_WRONG`,
    `OUT_OF_TIME`); the journey then stands where another way can be chosen, or a code be sent. Raises `PortDown` while the
    vendor does not judge: the answers stay, and the last one can be given again.
    """
    asked = current(journey)
    if asked is None or not 0 <= chosen < len(asked.question.options):
        return Refused(Reason.WRONG_STEP)
    if asked.is_over:
        return _fail(services, journey, me, Reason.OUT_OF_TIME)
    answers = (*journey.facts["chosen"], chosen)
    if asked.number < asked.total:
        facts = {"chosen": list(answers), "asked_at": clock.epoch(clock.now())}
        moved = services.db.write(lambda conn: _move(conn, services.keyring, journey, At.QUESTIONS, **facts))
        return Refused(Reason.ALREADY_DONE) if moved is None else None
    applicant = _applicant(services, journey, me)
    if services.kbv is None or applicant is None:
        return _fail(services, journey, me, Reason.OUT_OF_TIME)
    try:
        right = services.kbv.judge(applicant, journey.facts["reference"], answers)
    except PortDown:
        # Not the person's fault: the last question opens anew, with its whole time (R79).
        now = clock.epoch(clock.now())
        services.db.write(lambda conn: _move(conn, services.keyring, journey, At.QUESTIONS, asked_at=now))
        raise
    if not right:
        return _fail(services, journey, me, Reason.ANSWERS_WRONG)
    return services.db.write(lambda conn: _pass(conn, services, journey, me))


def stop(services: Services, journey: Journey, me: SignedIn) -> Refused:
    """Leave the questions for another way. Before they were drawn this costs nothing."""
    if current(journey) is None:
        upgrade.go_back(services, journey, At.WAY)
        return Refused(Reason.STOPPED)
    return _fail(services, journey, me, Reason.STOPPED)


def _pass(conn: Connection, services: Services, journey: Journey, me: SignedIn) -> Refused | Level:
    """Keep what the answers proved; the number has done its work and is erased (R76)."""
    moved = _move(conn, services.keyring, journey, At.ADDRESS, reference=None, questions=None, chosen=[])
    if moved is None:
        return Refused(Reason.ALREADY_DONE)
    account = find_account(conn, me.account_id)
    if account is None:
        raise LookupError("a live session without its account")
    evidence.add(conn, account, Method.KBV, policy=services.settings.policy, at=clock.now())
    held_numbers.erase(conn, journey.id)
    audit.record(
        conn,
        Event.QUIZ_PASSED,
        actor=me.account_id,
        subject=me.person_id,
        journey=journey.id,
        account=me.account_id,
    )
    return raising.settle(
        conn,
        services.keyring,
        me.account_id,
        chosen=services.settings.policy,
        actor=me.account_id,
        why=Method.KBV.value,
    )


def _fail(services: Services, journey: Journey, me: SignedIn, why: Reason) -> Refused:
    """A failed quiz leads back to the ways; which answer was wrong is told to nobody (R66)."""

    def write(conn: Connection) -> Refused:
        if engine.move(conn, services.keyring, MACHINE, journey, At.WAY) is None:
            return Refused(Reason.ALREADY_DONE)
        audit.record(
            conn,
            Event.QUIZ_FAILED,
            actor=me.account_id,
            subject=me.person_id,
            journey=journey.id,
            account=me.account_id,
            why=why.value,
        )
        return Refused(why)

    return services.db.write(write)


def _undo(
    conn: Connection,
    keyring: Keyring,
    journey: Journey,
    counted: tuple[tuple[Limit, str], ...],
    *,
    no_questions: bool,
) -> None:
    give_back(conn, counted)
    engine.move(conn, keyring, MACHINE, journey, At.WAY, no_questions=no_questions)


def _move(conn: Connection, keyring: Keyring, journey: Journey, there: At, **facts: object) -> Journey | None:
    return engine.move(conn, keyring, MACHINE, journey, there, **facts)


def _applicant(services: Services, journey: Journey, me: SignedIn) -> Applicant | None:
    """Whom the vendor is asked about: the number of this journey, and the names and birth date that DEERS holds."""
    with services.db.read() as conn:
        number = held_numbers.find(conn, services.keyring, journey.id)
    if number is None:
        return None
    person = upgrade.known(services, me)
    return None if person is None else Applicant(person.given_name, person.family_name, person.born, number)
