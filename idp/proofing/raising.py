"""A level follows the evidence: asked again whenever a fact or a factor came or went, in the same write."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Connection

from idp import audit, clock
from idp.accounts import notices
from idp.accounts.accounts import Account, hold
from idp.accounts.levels import Level
from idp.audit import Event
from idp.config import PolicyName
from idp.credentials import second_factor
from idp.keyring import Keyring
from idp.proofing import evidence, policy


def settle(
    conn: Connection,
    keyring: Keyring,
    account_id: str,
    *,
    chosen: PolicyName,
    actor: str,
    why: str,
    also: Iterable[str] = (),
) -> Level:
    """Give the account the level that its evidence and factors reach under the policy, and tell it.

    Raises it when the last missing thing has come, and lowers it when one has gone: Premium without a second factor
    cannot exist (R48). `why` is the one word for the event: what came or went. The owner hears of either at every address
    of the account, and at those of `also`, such as the ones that DEERS holds (R73).
    """
    account = hold(conn, account_id)
    if account is None:
        raise LookupError("a level is settled of an account that is not there")
    held = evidence.list_standing(conn, account_id)
    # What keeps a level is what stands; what raises it must be of these days: an old proof is not worth what a thief's new app
    # would make of it.
    counts = held if account.level >= Level.PREMIUM else evidence.list_fresh(conn, account_id)
    factor = second_factor.has_any(conn, account_id)
    level = policy.level_for(policy.POLICIES[chosen], counts, second_factor=factor) or Level.BASIC
    proven = policy.is_proven(held)
    if (int(level), proven) != (account.level, account.proven):
        conn.execute(
            sa.update(Account)
            .where(Account.id == account_id)
            .values(level=int(level), proven=proven, changed_at=clock.now())
        )
    if int(level) != account.level:
        _record(conn, account, level, chosen, actor=actor, why=why)
        template = "premium_reached" if level is Level.PREMIUM else "premium_ended"
        notices.tell_owner(conn, keyring, account, template, also=also)
    return level


def _record(conn: Connection, account: Account, level: Level, chosen: PolicyName, *, actor: str, why: str) -> None:
    audit.record(
        conn,
        Event.LEVEL_CHANGED,
        actor=actor,
        subject=account.person_id,
        account=account.id,
        was=account.level,
        level=int(level),
        policy=chosen.value,
        why=why,
    )
