"""Signing keys: sealed rows, made once, opened once in a process, and looked at again every few seconds.

Only keys of this table sign, and only they verify what we signed: a token never brings its own (R127).
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, db
from idp.audit import Event
from idp.db import Database
from idp.keyring import Keyring

AnyKey = RSAKey | ECKey

RS256 = "RS256"
ES256 = "ES256"

_MAKERS: dict[str, Callable[[], AnyKey]] = {
    # R144: 2048 bits for RS256, which every client must understand (OIDC Core §15.1).
    RS256: lambda: RSAKey.generate_key(2048, auto_kid=False),
    ES256: lambda: ECKey.generate_key("P-256", auto_kid=False),
}

ALGS = tuple(_MAKERS)
"""What ID tokens are signed with. `none` and HS* are not here and nowhere else (R126)."""


class State(StrEnum):
    """Where a key stands in its life."""

    CURRENT = "current"
    RETIRED = "retired"
    """Taken out of use at once: not published, verifies nothing, and its private half is gone (R146)."""


class SigningKey(db.Row):
    """One key pair. The public half is published until it is retired; the private half opens only with the sealing key (R145)."""

    __tablename__ = "signing_key"

    kid: Mapped[str] = mapped_column(primary_key=True)
    alg: Mapped[str]
    use: Mapped[str]
    public: Mapped[dict[str, Any]]
    private_sealed: Mapped[bytes]
    state: Mapped[str]
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index(
            "uq_signing_key_current",
            "alg",
            unique=True,
            sqlite_where=sa.text("state = 'current'"),
            postgresql_where=sa.text("state = 'current'"),
        ),
    )


@dataclass(frozen=True, repr=False)
class OpenKey:
    """A key ready for use."""

    kid: str
    alg: str
    key: AnyKey

    def __repr__(self) -> str:
        """Its name only (R145)."""
        return f"OpenKey({self.kid})"


@dataclass(frozen=True, repr=False)
class KeySet:
    """Every published key at one moment, the one that signs for each algorithm, and the JWKS document as it is served."""

    by_kid: dict[str, OpenKey]
    signing: dict[str, OpenKey]
    document: bytes


class NoSigningKey(Exception):
    """There is no key for an algorithm that somebody may choose: `idp keys init` was not run on this database."""


def ensure(database: Database, keyring: Keyring, *, actor: str) -> list[str]:
    """Make the keys that are missing, and name them by kid. Two processes at once make one key per algorithm, not two."""
    with database.read() as conn:
        held = set(conn.execute(sa.select(SigningKey.alg).where(SigningKey.state == State.CURRENT.value)).scalars())
    made = []
    for alg, make in _MAKERS.items():
        if alg in held:
            continue
        row = _new_row(alg, make(), keyring)

        def keep(conn: Connection, row: SigningKey = row) -> bool:
            kept = db.add_unless_taken(conn, row)
            if kept:
                audit.record(conn, Event.KEYS_CREATED, actor=actor, subject=None, kid=row.kid, alg=row.alg)
            return kept

        if database.write(keep):
            made.append(row.kid)
    return made


def retire(database: Database, keyring: Keyring, kid: str, *, actor: str) -> SigningKey | None:
    """Take a key out of use now, as for one that was stolen: whatever it signed is refused here from this moment, and a new one
    takes its place (R146). None when there is no such key in use; else the new one.
    """
    with database.read() as conn:
        old = db.find(conn, SigningKey, SigningKey.kid == kid, SigningKey.state == State.CURRENT.value)
    if old is None:
        return None
    new = _new_row(old.alg, _MAKERS[old.alg](), keyring)

    def swap(conn: Connection) -> bool:
        out_of_use = (
            sa.update(SigningKey)
            .where(SigningKey.kid == kid, SigningKey.state == State.CURRENT.value)
            .values(state=State.RETIRED.value, retired_at=clock.now(), private_sealed=b"")
        )
        if not db.swap(conn, out_of_use):
            return False
        db.add(conn, new)
        audit.record(conn, Event.KEY_RETIRED, actor=actor, subject=None, kid=kid, alg=old.alg, successor=new.kid)
        return True

    return new if database.write(swap) else None


def list_keys(conn: Connection) -> list[SigningKey]:
    """Every key that is kept, the oldest first."""
    return db.list_rows(conn, SigningKey, order_by=SigningKey.created_at)


def described(key: SigningKey) -> dict[str, object]:
    """A key as `idp keys list --json` tells it: nothing of its private half."""
    return {
        "kid": key.kid,
        "alg": key.alg,
        "use": key.use,
        "state": key.state,
        "created_at": key.created_at.isoformat(),
    }


def _new_row(alg: str, key: AnyKey, keyring: Keyring) -> SigningKey:
    # RFC 7638: a kid that is the key's own thumbprint cannot outlive a change of the key.
    kid = key.thumbprint()
    private = json.dumps(key.as_dict(private=True)).encode("ascii")
    public = {name: value for name, value in key.as_dict(private=False).items() if name not in {"kid", "alg", "use"}}
    now = clock.now()
    return SigningKey(
        kid=kid,
        alg=alg,
        use="sig",
        public={**public, "kid": kid, "alg": alg, "use": "sig"},
        private_sealed=keyring.seal(private, table="signing_key", column="private_sealed", row=kid),
        state=State.CURRENT.value,
        created_at=now,
        activated_at=now,
        retired_at=None,
    )


class Keys:
    """The key set of one process. Opening an RSA key takes longer than signing with it, so each is opened once."""

    LIFE = timedelta(seconds=3)

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._db = database
        self._keyring = keyring
        self._opened: dict[str, OpenKey] = {}
        self._set: tuple[datetime, KeySet] | None = None
        self._lock = threading.Lock()

    def now(self) -> KeySet:
        """The key set, at most a few seconds old."""
        if (held := self._fresh()) is not None:
            return held
        with self._lock:
            # Whoever waited here finds what the one before has just read.
            if (held := self._fresh()) is not None:
                return held
            with self._db.read() as conn:
                read = self._open([row for row in list_keys(conn) if row.state != State.RETIRED.value])
            self._set = (clock.now(), read)
            return read

    def _fresh(self) -> KeySet | None:
        held = self._set
        return held[1] if held is not None and abs(clock.now() - held[0]) < self.LIFE else None

    def signer(self, alg: str) -> OpenKey:
        """The key that signs with this algorithm now."""
        if (key := self.now().signing.get(alg)) is None:
            raise NoSigningKey(alg)
        return key

    def _open(self, rows: list[SigningKey]) -> KeySet:
        by_kid = {}
        signing = {}
        for row in rows:
            key = self._opened.get(row.kid)
            if key is None:
                key = self._opened[row.kid] = self._unsealed(row)
            by_kid[row.kid] = key
            if row.state == State.CURRENT.value:
                signing[row.alg] = key
        document = json.dumps({"keys": [row.public for row in rows]}, separators=(",", ":")).encode("ascii")
        self._opened = dict(by_kid)
        return KeySet(by_kid=by_kid, signing=signing, document=document)

    def _unsealed(self, row: SigningKey) -> OpenKey:
        private = self._keyring.unseal(row.private_sealed, table="signing_key", column="private_sealed", row=row.kid)
        material = json.loads(private)
        key: AnyKey = RSAKey.import_key(material) if material["kty"] == "RSA" else ECKey.import_key(material)
        return OpenKey(kid=row.kid, alg=row.alg, key=key)
