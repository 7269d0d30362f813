"""Time-based one-time codes of an app (RFC 6238): the second factor that everybody with a telephone can have.

Six digits of HMAC-SHA-1 every 30 seconds, which every app can do. A code is taken in its own half minute and in the one
before and after it, no more (R29); each counts once, in whichever session, and none older than the last one taken (R27,
R28). How often one may be wrong is decided in `second_factor`.
"""

import re
from dataclasses import dataclass
from datetime import datetime

import pyotp
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db, logs
from idp.keyring import Keyring
from idp.outcomes import Reason, Refused

ISSUER = "Guidon"
STEP = 30
"""Seconds that one code is shown."""

_WINDOW = 1
_LOOKED_AROUND = 20
"""Steps to each side in which a wrong code is recognized as one of a clock that is off: ten minutes."""

_DIGITS = re.compile(r"[0-9]{6}")
_GAPS = re.compile(r"[\s-]+")

log = logs.get(__name__)


class Totp(db.Row):
    """The app of an account: there once a first code was right. A disabled one opens nothing (R13), and is still asked
    for: no sign-in ever goes without.
    """

    __tablename__ = "totp"

    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), primary_key=True)
    secret_sealed: Mapped[bytes]
    last_step: Mapped[int]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]


@dataclass(frozen=True, repr=False)
class Fits:
    """A code fitted one step of one app. It is not spent yet."""

    step: int
    secret_sealed: bytes

    def __repr__(self) -> str:
        """Without the secret (R77)."""
        return f"Fits({self.step})"


def new_secret() -> str:
    """A new app's secret: 160 random bits (R32, RFC 4226 §4), base 32 as apps read it."""
    return pyotp.random_base32(32)


def uri(secret: str, username: str) -> str:
    """What the picture says that an app scans. It holds the secret, so it never is a link or an address (R32)."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def is_code(typed: str) -> bool:
    """Whether it has the form of a code, however it is spaced."""
    return _DIGITS.fullmatch(bare(typed)) is not None


def bare(typed: str) -> str:
    """A typed code without the gaps that apps show."""
    return _GAPS.sub("", typed)


def judge(secret: str, typed: str, *, last_step: int) -> int | Refused:
    """The step that this code belongs to, if it may be believed now and none so late was taken before.

    `CLOCK_OFF` where it is the code of another time close by, which an honest owner hears with what to do about it. That
    answer tells a guesser that a code fits later: of a million codes it is true of forty, so over the hundred tries
    before the app is stopped (R13) a guesser's chance goes from 0.03 % to about 0.2 %.
    """
    now = clock.epoch(clock.now()) // STEP
    code = bare(typed)
    app = pyotp.TOTP(secret)
    # All are compared, so that the time taken says nothing; of several that fit, the nearest is meant.
    around = sorted(range(-_LOOKED_AROUND, _LOOKED_AROUND + 1), key=abs)
    fitting = [now + away for away in around if crypto.same(app.generate_otp(max(now + away, 0)), code)]
    if not fitting:
        return Refused(Reason.WRONG_CODE)
    step = fitting[0]
    if step <= last_step:
        return Refused(Reason.CODE_USED)
    return step if abs(step - now) <= _WINDOW else Refused(Reason.CLOCK_OFF)


def compare(keyring: Keyring, held: Totp, typed: str) -> Fits | Refused:
    """Whether a code is one that this app may be believed now. Nothing is spent by it."""
    if held.disabled_at is not None:
        return Refused(Reason.FACTOR_STOPPED)
    if held.last_step > clock.epoch(clock.now()) // STEP + _WINDOW:
        # Steps only ever rise (R30), so nothing replays; but nobody gets in either until the clock has caught up.
        log.error("the clock is behind a code that was taken before", account=held.account_id)
    step = judge(unseal(keyring, held), typed, last_step=held.last_step)
    return step if isinstance(step, Refused) else Fits(step, held.secret_sealed)


def claim(conn: Connection, account_id: str, fits: Fits) -> bool:
    """Spend a code: True for one asker, whoever else brings it at the same moment (R27)."""
    return db.swap(
        conn,
        sa.update(Totp)
        .where(
            Totp.account_id == account_id,
            Totp.secret_sealed == fits.secret_sealed,
            Totp.last_step < fits.step,
            Totp.disabled_at.is_(None),
        )
        .values(last_step=fits.step),
    )


def keep(conn: Connection, keyring: Keyring, account_id: str, *, secret: str, step: int, old: bytes | None) -> bool:
    """Make this the account's app, its first code spent. `old` is the sealed secret that it takes the place of; False
    when another app is there by now.
    """
    now = clock.now()
    values = {
        "secret_sealed": keyring.seal(secret.encode("ascii"), table="totp", column="secret_sealed", row=account_id),
        "last_step": step,
        "created_at": now,
        "confirmed_at": now,
        "disabled_at": None,
    }
    if old is None:
        return db.add_unless_taken(conn, Totp(account_id=account_id, **values))
    return db.swap(
        conn, sa.update(Totp).where(Totp.account_id == account_id, Totp.secret_sealed == old).values(**values)
    )


def find(conn: Connection, account_id: str) -> Totp | None:
    """The account's app, disabled or not."""
    return db.find(conn, Totp, Totp.account_id == account_id, Totp.confirmed_at.is_not(None))


def remove(conn: Connection, account_id: str) -> bool:
    """Take the account's app away; False where there is none."""
    return db.swap(conn, sa.delete(Totp).where(Totp.account_id == account_id))


def unseal(keyring: Keyring, held: Totp) -> str:
    """The secret of an app."""
    plain = keyring.unseal(held.secret_sealed, table="totp", column="secret_sealed", row=held.account_id)
    return plain.decode("ascii")


def disable(conn: Connection, account_id: str) -> bool:
    """Make the app worth nothing: a hundred wrong codes in a row (R13); tell whether it was worth something."""
    return db.swap(
        conn,
        sa.update(Totp)
        .where(Totp.account_id == account_id, Totp.disabled_at.is_(None))
        .values(disabled_at=clock.now()),
    )


def enable(conn: Connection, account_id: str) -> bool:
    """Let a disabled app work again, once an operator has made sure who asks; tell whether it was disabled."""
    return db.swap(
        conn,
        sa.update(Totp).where(Totp.account_id == account_id, Totp.disabled_at.is_not(None)).values(disabled_at=None),
    )
