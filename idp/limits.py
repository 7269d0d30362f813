"""How often something may be tried: a table of all limits, counted in the database, so that no restart forgives (R20).

A try is counted before it is judged (`reserve`), in a write of its own; what turned out well gives its count back.
"""

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, unique

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, db
from idp.outcomes import Reason, Refused


# Compared by identity: to an Enum two equal values are one member, and two limits would then share their counts.
@dataclass(frozen=True, eq=False)
class Rule:
    """`most` tries in a `window`; from the `free`-th on, each is followed by a wait, doubling up to `longest_wait`."""

    most: int
    window: timedelta
    free: int | None = None
    first_wait: timedelta = timedelta(0)
    longest_wait: timedelta = timedelta(0)

    def wait_after(self, count: int) -> timedelta:
        """How long the next try must wait after the `count`-th."""
        if self.free is None or count < self.free:
            return timedelta(0)
        doublings = min(count - self.free, 30)
        wait: timedelta = self.first_wait * 2**doublings
        return min(wait, self.longest_wait)


_NO_END = 2**31
"""For limits that only make wait: what ends the tries is another one beside it."""


@unique
class Limit(Enum):
    """Every limit there is. Keys are an account id, an address, or a keyed HMAC; never a value that tells who."""

    # R13: a hundred failures in a row, by everybody together, and the factor is worth nothing. `credentials/budgets.py` joins each
    # of these with its waits.
    PASSWORD = Rule(100, timedelta(days=365))
    TOTP = Rule(100, timedelta(days=365))  # noqa: PIE796 - equal figures, its own counts
    RECOVERY_CODE = Rule(100, timedelta(days=365))  # noqa: PIE796 - equal figures, its own counts
    PASSKEY = Rule(100, timedelta(days=365))  # noqa: PIE796 - equal figures, its own counts
    # R14: five are free, then whoever tries waits 1 s, 2 s … 15 min.
    PASSWORD_WAIT = Rule(
        _NO_END, timedelta(days=1), free=5, first_wait=timedelta(seconds=1), longest_wait=timedelta(minutes=15)
    )
    # R31: ten codes of an app are free, then waits grow to an hour.
    TOTP_WAIT = Rule(
        _NO_END, timedelta(days=1), free=10, first_wait=timedelta(seconds=30), longest_wait=timedelta(hours=1)
    )
    # R34: a recovery code has 80 bits; whoever is wrong this often has no list at hand.
    RECOVERY_CODE_WAIT = Rule(
        _NO_END, timedelta(days=1), free=5, first_wait=timedelta(seconds=30), longest_wait=timedelta(hours=1)
    )
    # A signature cannot be guessed: whoever is wrong this often has something that is broken.
    PASSKEY_WAIT = Rule(
        _NO_END, timedelta(days=1), free=10, first_wait=timedelta(seconds=1), longest_wait=timedelta(minutes=15)
    )
    # First codes of a new app: whoever enters one sees the secret, so nothing is guessed.
    TOTP_CONFIRM = Rule(30, timedelta(hours=1))
    # R19: what one address (an IPv6 /64) may fail at, over all accounts.
    SIGN_IN_ADDRESS = Rule(50, timedelta(hours=1))
    # R19: what everybody together may fail at, over all accounts, from browsers that are not known; then only known ones get in.
    SIGN_IN_GLOBAL = Rule(20_000, timedelta(hours=1))
    # Challenges for passkeys, which strangers may ask for: each is a row for five minutes.
    CHALLENGE_ADDRESS = Rule(10_000, timedelta(hours=1))
    # How strong a password is that somebody types: asked after each pause, and each answer costs a tenth of a second.
    STRENGTH = Rule(120, timedelta(minutes=10))
    # R64: guesses at one person's facts, keyed on the number's HMAC and so the same from any browser.
    MATCH_PERSON = Rule(5, timedelta(hours=24))
    # R64: and ten in all; after that the service center looks at it. An account that comes of it begins anew.
    MATCH_PERSON_EVER = Rule(10, timedelta(days=36_500))
    # R64, R65: matches asked for from one address, and by everybody together.
    MATCH_ADDRESS = Rule(20, timedelta(hours=24))
    MATCH_GLOBAL = Rule(2_000, timedelta(hours=1))
    # R68: five tries at one activation code, then it is dead.
    CODE_JOURNEY = Rule(5, timedelta(hours=24))  # noqa: PIE796 - equal figures, its own counts
    # A code entered on another device names no journey: its tries are counted by address and for everybody (R69).
    CODE_ADDRESS = Rule(20, timedelta(hours=24))  # noqa: PIE796 - equal figures, its own counts
    CODE_GLOBAL = Rule(1_000, timedelta(hours=1))
    # A typed address is sent three messages an hour at the most, whoever asks (R26).
    MAIL_ADDRESS = Rule(3, timedelta(hours=1))
    # R66: two quizzes, then a day's wait; three in all. A quiz is counted when it is drawn.
    KBV = Rule(3, timedelta(days=36_500), free=2, first_wait=timedelta(hours=24), longest_wait=timedelta(hours=24))
    # R68: five tries at one code to an address of record, however long the letter took.
    ADDRESS_CODE = Rule(5, timedelta(days=40))
    # New codes to addresses of record, for one account.
    ADDRESS_EMAIL = Rule(3, timedelta(hours=24))
    ADDRESS_LETTER = Rule(2, timedelta(days=30))
    # New codes in one registration.
    CODE_ISSUE = Rule(3, timedelta(hours=1))  # noqa: PIE796 - equal figures, its own counts
    # Links "This was not me" that do not work, from one address. They cannot be guessed; this keeps the log short.
    NOT_ME_ADDRESS = Rule(30, timedelta(hours=1))  # noqa: PIE796 - equal figures, its own counts
    # Forms with fields that they do not have, from one address: this keeps the log short.
    FIELDS_ADDRESS = Rule(20, timedelta(hours=1))
    # New sets of recovery codes; each is a mail to every address of the account.
    RECOVERY_CODES_NEW = Rule(5, timedelta(hours=24))  # noqa: PIE796 - equal figures, its own counts


class LimitCount(db.Row):
    """How many tries one key has used of one limit."""

    __tablename__ = "limit_count"

    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    window_ends_at: Mapped[datetime] = mapped_column(index=True)
    blocked_until: Mapped[datetime | None]


def reserve(conn: Connection, limit: Limit, who: str) -> Refused | None:
    """Count one try, or refuse it with the time to wait. One statement decides: parallel tries share no place (R15)."""
    now = clock.now()
    rule = limit.value
    key = f"{limit.name.lower()}:{who}"
    given = {"which": key, "now": now, "fresh_end": now + rule.window, "most": rule.most}
    count = conn.execute(_counting(conn.dialect.name), given).scalar_one_or_none()
    if count is None:
        held = db.get(conn, LimitCount, LimitCount.key == key)
        until = held.window_ends_at if held.count >= rule.most else held.blocked_until or held.window_ends_at
        return Refused(Reason.TOO_MANY_TRIES, retry_after=max(until - now, timedelta(seconds=1)))
    wait = rule.wait_after(count)
    if wait:
        conn.execute(sa.update(LimitCount).where(LimitCount.key == key).values(blocked_until=now + wait))
    return None


# Made once: a sign-in runs most of these, some of them thrice, and to make one anew costs more than to run it.
@functools.cache
def _counting(dialect: str) -> sa.sql.dml.ReturningInsert[int]:
    """One more try, unless none is left or it comes too early: then there is no row to return."""
    now, fresh_end = sa.bindparam("now", type_=db.Instant()), sa.bindparam("fresh_end", type_=db.Instant())
    window_over = LimitCount.window_ends_at <= now
    return (
        db.upsert_for(dialect, LimitCount)
        .values(key=sa.bindparam("which"), count=1, window_ends_at=fresh_end, blocked_until=None)
        .on_conflict_do_update(
            index_elements=["key"],
            set_={
                "count": sa.case((window_over, 1), else_=LimitCount.count + 1),
                "window_ends_at": sa.case((window_over, fresh_end), else_=LimitCount.window_ends_at),
                "blocked_until": None,
            },
            where=sa.or_(
                window_over,
                sa.and_(
                    LimitCount.count < sa.bindparam("most"),
                    sa.or_(LimitCount.blocked_until.is_(None), LimitCount.blocked_until <= now),
                ),
            ),
        )
        .returning(LimitCount.count)
    )


_GIVE_BACK = (
    sa.update(LimitCount)
    .where(LimitCount.key == sa.bindparam("which"), LimitCount.count > 0)
    .values(count=LimitCount.count - 1, blocked_until=None)
)
_CLEAR = sa.delete(LimitCount).where(LimitCount.key.in_(sa.bindparam("which", expanding=True)))


def give_back(conn: Connection, limit: Limit, who: str) -> None:
    """Uncount one try that turned out well or that was not the person's fault (R19, R79)."""
    conn.execute(_GIVE_BACK, {"which": f"{limit.name.lower()}:{who}"})


Counted = tuple[tuple[Limit, str], ...]
"""Limits that one try is counted for together, each with its key."""


def reserve_all(conn: Connection, counted: Counted) -> Refused | None:
    """Count one try everywhere, or nowhere."""
    refused = refused_by(conn, counted)
    return None if refused is None else refused[1]


def refused_by(conn: Connection, counted: Counted) -> tuple[Limit, Refused] | None:
    """The same, and which limit it was that refused."""
    for done, (limit, who) in enumerate(counted):
        if (refused := reserve(conn, limit, who)) is not None:
            give_back_all(conn, counted[:done])
            return limit, refused
    return None


def give_back_all(conn: Connection, counted: Counted) -> None:
    """Uncount what `reserve_all` counted."""
    for limit, who in counted:
        give_back(conn, limit, who)


def clear(conn: Connection, *counted: tuple[Limit, str]) -> None:
    """Forget every counted try of these keys, as a success does for its own factor (R18)."""
    conn.execute(_CLEAR, {"which": [f"{limit.name.lower()}:{who}" for limit, who in counted]})


def clear_all(conn: Connection, limit: Limit, who: str) -> None:
    """Forget every counted try of one key and of what is counted beneath it, as `who:…`."""
    key = f"{limit.name.lower()}:{who}"
    beneath = LimitCount.key.startswith(f"{key}:", autoescape=True)
    conn.execute(sa.delete(LimitCount).where(sa.or_(LimitCount.key == key, beneath)))


def sweep(conn: Connection) -> int:
    """Delete counts whose window is over; tell how many."""
    return conn.execute(sa.delete(LimitCount).where(LimitCount.window_ends_at <= clock.now())).rowcount


def is_blocked(conn: Connection, limit: Limit, who: str) -> bool:
    """Whether the next try would be refused now."""
    held = db.find_by(conn, LimitCount, LimitCount.key, f"{limit.name.lower()}:{who}")
    now = clock.now()
    if held is None or held.window_ends_at <= now:
        return False
    return held.count >= limit.value.most or (held.blocked_until is not None and held.blocked_until > now)


def count(conn: Connection, limit: Limit, who: str) -> int:
    """How many tries of the present window are used."""
    held = db.find_by(conn, LimitCount, LimitCount.key, f"{limit.name.lower()}:{who}")
    return 0 if held is None or held.window_ends_at <= clock.now() else held.count


def is_spent(conn: Connection, limit: Limit, who: str) -> bool:
    """Whether every try of the window is used, so that waiting a little no longer helps (R13)."""
    return count(conn, limit, who) >= limit.value.most
