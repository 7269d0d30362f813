"""Evidence: each fact that spoke for a person, kept with who found it so and by which policy. It is why an account
has its level.
"""

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
"""How long right answers wait for the code that belongs to them: they never stand alone, nor for ever."""


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
    """What speaks for an account now. Right answers count while they wait for their code, and for good once one came:
    before or within `KBV_WAITS` after them.
    """
    rows = [row for row in list_all(conn, account_id) if row.withdrawn_at is None]
    codes = [row.at for row in rows if row.method == Method.CODE_EMAIL_OF_RECORD.value]
    now = clock.now()
    return frozenset(
        Method(row.method)
        for row in rows
        if row.method != Method.KBV.value
        or now - row.at <= KBV_WAITS
        or any(code - row.at <= KBV_WAITS for code in codes)
    )
