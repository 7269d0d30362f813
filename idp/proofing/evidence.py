"""Evidence: each fact that spoke for a person, kept with who found it so and by which policy. It is why an account
has its level.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import crypto, db
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


DEERS = "deers"
OURSELVES = "guidon"


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
            verifier=DEERS if method is Method.DEERS_MATCH else OURSELVES,
            at=at,
        ),
    )


def list_methods(conn: Connection, account_id: str) -> list[Method]:
    """What speaks for an account, the oldest first."""
    rows = db.list_rows(conn, Evidence, Evidence.account_id == account_id, order_by=Evidence.at)
    return [Method(row.method) for row in rows]
