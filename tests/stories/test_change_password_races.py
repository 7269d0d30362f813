"""Real processes that change one password at the same moment, each from a sign-in of its own: one of them does."""

import pytest
import sqlalchemy as sa

from idp.config import Settings
from idp.credentials import change_password, passwords, sessions
from idp.credentials.sessions import Session
from idp.credentials.sign_in import Browser
from idp.outcomes import Refused
from idp.services import create_services
from tests.members import PASSWORD, join
from tests.races import Ready, together
from tests.relying_party import sign_in
from tests.world import World


def _race(ready: Ready, settings: Settings, handle: str, new: str) -> str:
    services = create_services(settings)
    with services.db.read() as conn:
        me = sessions.find_signed_in(conn, handle)
    assert me is not None
    ready()
    browser = Browser(session=handle, device=None, address="203.0.113.9")
    outcome = change_password.change(services, me, handle, current=PASSWORD, new=new, browser=browser)
    services.db.close()
    return outcome.reason.value if isinstance(outcome, Refused) else new


@pytest.mark.races
@pytest.mark.parametrize("same_session", [True, False])
def test_of_four_changes_at_the_same_moment_one_holds(world: World, *, same_session: bool) -> None:
    """R12, R81, R87: the others are refused, and the sign-in of the one that held is the only one that lives."""
    member = join(world.services)
    handles = [sign_in(world, member).cookie("idp_session") or "" for _ in range(1 if same_session else 4)]
    given = [(world.settings, handles[n % len(handles)], f"lantern number {n} under Friday") for n in range(4)]
    told = together(_race, given)
    (held,) = [outcome for outcome in told if outcome.startswith("lantern")]
    assert set(told) - {held} <= {"wrong_credentials", "journey_gone"}
    keyring, kind = world.services.keyring, world.settings.password_hash
    with world.services.db.read() as conn:
        stored = passwords.find_password(conn, member.account_id)
        live = conn.execute(sa.select(Session.handle_digest).where(Session.ended_at.is_(None))).scalars().all()
    assert passwords.verify(keyring, stored, held, kind)
    assert len(live) == 1
    assert len(world.events("password.changed")) == 1
    assert [mail.subject for mail in world.mails()] == ["Your password was changed"]
