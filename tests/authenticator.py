"""The app on a person's telephone: it shows six digits for each half minute, by the clock that the test travels with."""

import pyotp
import sqlalchemy as sa

from idp import clock, db
from idp.credentials.totp import Totp
from idp.ports import Services
from tests.members import Member

STEP = 30  # seconds that one code lasts


def code(secret: str, *, later: int = 0) -> str:
    """What the app shows now, or would show so many seconds later (earlier, if negative)."""
    return pyotp.TOTP(secret.replace(" ", "")).at(clock.epoch(clock.now()) + later)


def wrong_code(secret: str) -> str:
    """Six digits that the app shows at no time near this one."""
    near = {code(secret, later=steps * STEP) for steps in range(-40, 41)}
    return next(digits for digits in (f"{number:06}" for number in range(100)) if digits not in near)


def unused_code(services: Services, member: Member) -> str:
    """What the app shows now. Where that was used already, it is as if the member had waited for the next code."""
    assert member.totp_secret is not None
    before = clock.epoch(clock.now()) // STEP - 1
    own = Totp.account_id == member.account_id
    services.db.write(
        lambda conn: conn.execute(sa.update(Totp).where(own, Totp.last_step > before).values(last_step=before)).rowcount
    )
    return code(member.totp_secret)


def last_step(services: Services, account_id: str) -> int:
    """The newest half minute whose code was taken."""
    with services.db.read() as conn:
        return db.get(conn, Totp, Totp.account_id == account_id).last_step
