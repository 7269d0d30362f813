"""Evidence: each fact that spoke for a person, kept with who found it so and by which policy. It is why an account
has its level.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, crypto, db
from idp.accounts.accounts import Account
from idp.config import PolicyName
from idp.proofing.policy import Method


class Evidence(db.Row):
    """One fact. `verifier` is who vouches for it: the authority that was asked, or this provider for codes of its
    own.
    """

    __tablename__ = "evidence"

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(sa.ForeignKey("person.id"), index=True)
    account_id: Mapped[str] = mapped_column(sa.ForeignKey("account.id"), index=True)
    method: Mapped[str] = mapped_column(index=True)
    policy: Mapped[str]
    verifier: Mapped[str]
    at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    """Since when it no longer speaks: its method was distrusted, or it waited too long for what belongs to it."""


DEERS = "deers"
VENDOR = "kbv_vendor"
OPERATOR = "operator"
OURSELVES = "guidon"


_VERIFIERS = {Method.DEERS_MATCH: DEERS, Method.KBV: VENDOR, Method.IN_PERSON: OPERATOR}

KBV_WAITS = timedelta(hours=24)
"""How far right answers and the code that belongs to them may lie apart: they never stand alone."""

PROOF_WAITS = timedelta(days=7)
"""How long a proof waits for what is still missing for Premium. After that it is shown again: whoever comes with the missing
part then may be somebody else.
"""


def add(conn: Connection, account: Account, method: Method, *, policy: PolicyName, at: datetime) -> None:
    """Keep one fact with the account that it speaks for, in the write that relies on it."""
    db.add(
        conn,
        Evidence(
            id=crypto.new_id(),
            person_id=account.person_id,
            account_id=account.id,
            method=method.value,
            policy=policy.value,
            verifier=_VERIFIERS.get(method, OURSELVES),
            at=at,
            withdrawn_at=None,
        ),
    )


def list_all(conn: Connection, account_id: str) -> list[Evidence]:
    """Everything that ever spoke for an account, the oldest first."""
    return db.list_rows(conn, Evidence, Evidence.account_id == account_id, order_by=Evidence.at)


def list_accounts_with(conn: Connection, method: Method) -> list[str]:
    """The ids of all accounts that this method speaks for, the oldest fact first."""
    rows = db.list_rows(
        conn, Evidence, Evidence.method == method.value, Evidence.withdrawn_at.is_(None), order_by=Evidence.at
    )
    return list(dict.fromkeys(row.account_id for row in rows))


def withdraw(conn: Connection, account_id: str, method: Method) -> int:
    """Let a method speak no longer for an account; tell how many facts that were."""
    return conn.execute(
        sa.update(Evidence)
        .where(Evidence.account_id == account_id, Evidence.method == method.value, Evidence.withdrawn_at.is_(None))
        .values(withdrawn_at=clock.now())
    ).rowcount


def list_standing(conn: Connection, account_id: str) -> frozenset[Method]:
    """What speaks for an account. Right answers do if a code to an e-mail address of record came within `KBV_WAITS` of them."""
    return standing_of(list_all(conn, account_id))


def standing_of(every: Sequence[Evidence]) -> frozenset[Method]:
    """The same of rows that were read already."""
    return _paired([row for row in every if row.withdrawn_at is None])


def list_fresh(conn: Connection, account_id: str) -> frozenset[Method]:
    """What of it may raise the level now: whatever is younger than `PROOF_WAITS`, and that DEERS matched."""
    since = clock.now() - PROOF_WAITS
    rows = [row for row in list_all(conn, account_id) if row.withdrawn_at is None]
    return _paired([row for row in rows if row.at >= since or row.method == Method.DEERS_MATCH.value])


def list_toward(conn: Connection, account_id: str) -> frozenset[Method]:
    """What need not be shown again on the way up: the fresh, and right answers that still wait for their code. A code from
    before does not go with those.
    """
    fresh = list_fresh(conn, account_id)
    waiting = any(
        row.withdrawn_at is None and row.method == Method.KBV.value and clock.now() - row.at <= KBV_WAITS
        for row in list_all(conn, account_id)
    )
    if Method.KBV in fresh or not waiting:
        return fresh
    return fresh - {Method.CODE_EMAIL_OF_RECORD} | {Method.KBV}


def _paired(rows: list[Evidence]) -> frozenset[Method]:
    codes = [row.at for row in rows if row.method == Method.CODE_EMAIL_OF_RECORD.value]
    return frozenset(
        Method(row.method)
        for row in rows
        if row.method != Method.KBV.value or any(abs(code - row.at) <= KBV_WAITS for code in codes)
    )
