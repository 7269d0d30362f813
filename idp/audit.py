"""What happened, for the record: every event is declared here with its exact fields, and written with the act it
tells of.

Names are never reused or renamed. No field may hold a name, number, birth date, secret or code; who is meant is said
by our own random ids. Rows are only ever added. The two digest columns are there for a hash chain over the rows.
"""

import contextvars
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import clock, db

ANONYMOUS = "anonymous"
"""The actor of what somebody did before anybody knew who they are."""

request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
"""The request under way; the web layer sets it, and `db.write` carries it to the writer."""

address: contextvars.ContextVar[str | None] = contextvars.ContextVar("address", default=None)
"""The network address that asked, as the trusted hops tell it."""


@dataclass(frozen=True)
class Declared:
    """One kind of event: its lasting name, what it means, and the fields that every row of it has, no more and no
    fewer.
    """

    name: str
    meaning: str
    fields: frozenset[str]


def _event(name: str, meaning: str, *fields: str) -> Declared:
    return Declared(name, meaning, frozenset(fields))


class Event(Enum):
    """The catalogue; `docs/audit-events.md` is generated from it."""

    REGISTRATION_STARTED = _event("registration.started", "Somebody opened a registration.", "level")
    REGISTRATION_ENDED = _event("registration.ended", "A registration ended without an account.", "why")
    ELIGIBILITY_MATCHED = _event(
        "eligibility.matched", "What was claimed matched exactly one person who may have an account.", "id_kind"
    )
    ELIGIBILITY_REFUSED = _event(
        "eligibility.refused", "What was claimed opened nothing; only this row says why.", "id_kind", "why"
    )
    MATCHING_PAUSED = _event(
        "eligibility.paused",
        "So many claims came within an hour that the rest of them are put off until it is over: an alarm.",
    )
    MATCH_TRIES_RESET = _event(
        "eligibility.tries_reset", "An operator let a number be tried again.", "id_kind", "tries", "why"
    )
    CODE_ISSUED = _event("activation_code.issued", "An activation code was made.", "delivery")
    CODE_REFUSED = _event("activation_code.refused", "A wrong, used or expired activation code was entered.", "why")
    CODE_REDEEMED = _event("activation_code.redeemed", "An activation code came back.", "delivery", "device")
    ACCOUNT_CREATED = _event("account.created", "An account came into being.", "account", "level", "policy")
    UPGRADE_STARTED = _event("upgrade.started", "A person began to prove who they are.", "account")
    UPGRADE_ENDED = _event("upgrade.ended", "A person left the upgrade, or its time ran out.", "why")
    QUIZ_DRAWN = _event("kbv.drawn", "A vendor drew questions about a person; this counts as a try.", "account")
    QUIZ_PASSED = _event("kbv.passed", "Every question was answered right.", "account")
    QUIZ_FAILED = _event("kbv.failed", "A quiz ended otherwise: wrong, late, or stopped.", "account", "why")
    QUIZ_TRIES_RESET = _event("kbv.tries_reset", "An operator let a person answer questions again.", "account", "why")
    ADDRESS_CODE_ISSUED = _event(
        "address_code.issued", "A code went to an address of record.", "account", "channel", "shared"
    )
    ADDRESS_CODE_REFUSED = _event(
        "address_code.refused", "A code to an address of record was refused.", "account", "why"
    )
    ADDRESS_CODE_REDEEMED = _event(
        "address_code.redeemed", "A code came back that had gone to an address of record.", "account", "channel"
    )
    PROVED_IN_PERSON = _event(
        "proofing.in_person", "An operator saw a person and their papers.", "account", "reference"
    )
    EVIDENCE_DISTRUSTED = _event(
        "proofing.distrusted", "One method of proof no longer speaks for this account.", "account", "method"
    )
    LEVEL_CHANGED = _event(
        "account.level_changed",
        "An account's level rose or fell, because evidence or a factor came or went.",
        "account",
        "was",
        "level",
        "policy",
        "why",
    )
    ACCOUNT_DISPLACED = _event(
        "account.displaced", "Somebody proved to be the person that an unproven account stood for.", "account"
    )
    ACCOUNT_LOCKED = _event(
        "account.locked", "An account was locked; its sessions and tokens are dead.", "account", "why"
    )
    ACCOUNT_UNLOCKED = _event("account.unlocked", "A lock was lifted.", "account", "why")
    ACCOUNT_CLOSED = _event("account.closed", "An operator closed an account for good.", "account", "why")
    ACCOUNT_HELD = _event(
        "account.held",
        "DEERS does not vouch for the owner of this account; its sessions and tokens are dead.",
        "account",
        "was",
        "state",
        "why",
    )
    ACCOUNT_FREED = _event(
        "account.freed",
        "DEERS vouches for the owner again; the account is what it was by what happened here.",
        "account",
        "was",
        "state",
    )
    PERSON_RENUMBERED = _event("person.renumbered", "DEERS gave a person another EDIPI; our ids for them stay.")
    PERSON_REKEYED = _event(
        "person.rekeyed", "DEERS has a person under another record from now on; our ids for them stay."
    )
    PERSON_MERGED = _event(
        "person.merged", "DEERS says that this person and another of ours are one; it keeps that one's record.", "into"
    )
    REGISTRATION_UNVOUCHED = _event(
        "registration.unvouched", "DEERS vouches no longer for the person whom a registration had found.", "why"
    )
    DISOWNING_REFUSED = _event("disowning.refused", 'A link of a notice, "This was not me", was used in vain.', "why")
    PROFILE_CHANGED = _event("profile.changed", "A person changed what they say about themself.", "account")
    PASSWORD_CHANGED = _event(
        "password.changed",
        "A person chose another password; every other sign-in of theirs ended.",
        "account",
    )
    PASSWORD_CHANGE_REFUSED = _event(
        "password.change_refused",
        "Somebody signed in wanted another password and did not know the present one.",
        "account",
        "why",
    )
    SIGN_IN_SUCCEEDED = _event("sign_in.succeeded", "A person signed in.", "account", "session", "methods")
    SIGN_IN_REFUSED = _event("sign_in.refused", "A sign-in was refused.", "account", "why")
    SIGN_IN_HALF_MADE = _event(
        "sign_in.password_right", "A password was right and a second factor is awaited; nobody is signed in.", "account"
    )
    SESSION_RAISED = _event(
        "session.raised",
        "A live session became stronger or its account rose; it has a new handle.",
        "session",
        "methods",
    )
    SESSION_RESUMED = _event(
        "session.resumed",
        "A session of two factors had lain unused and goes on by the password alone; it has a new handle.",
        "account",
        "session",
    )
    FACTOR_REFUSED = _event(
        "second_factor.refused", "A code of an app, or a recovery code, was refused.", "account", "factor", "why"
    )
    FACTOR_ADDED = _event(
        "second_factor.added", "A second factor was confirmed and counts.", "account", "factor", "in_place_of_another"
    )
    FACTOR_STOPPED = _event(
        "second_factor.stopped", "Too many wrong codes: this factor opens nothing any more.", "account", "factor"
    )
    FACTOR_REMOVED = _event("second_factor.removed", "A second factor was taken away.", "account", "factor")
    PASSKEY_SUSPECT = _event(
        "passkey.suspect", "A passkey's counter did not rise: there may be a copy of it.", "account"
    )
    PASSKEY_RENAMED = _event("passkey.renamed", "A person called a passkey otherwise.", "account")
    RECOVERY_CODES_MADE = _event(
        "recovery_codes.made", "A new set of recovery codes was made; the set before it is dead.", "account"
    )
    RECOVERY_CODE_USED = _event("recovery_code.used", "A recovery code was used up.", "account", "left")
    SESSION_ENDED = _event("session.ended", "A sign-in session ended.", "session", "why")
    CONSENT_GIVEN = _event(
        "consent.given",
        "A person allowed a client these scopes, and these claims by name, also at these resource servers.",
        "scopes",
        "claims",
        "resources",
    )
    CONSENT_DENIED = _event("consent.denied", "A person refused a client.", "scopes")
    CODE_GRANTED = _event("authorization.code_issued", "A client got an authorization code.", "authorization", "scopes")
    CONSENT_WITHDRAWN = _event(
        "consent.withdrawn",
        "A person took back what they allowed a client; as many authorizations died.",
        "authorizations",
    )
    FIELDS_IGNORED = _event(
        "form.fields_ignored",
        "A form came with fields that it does not have; they changed nothing. Names are told that our tables know, too.",
        "page",
        "count",
        "names",
    )
    STEP_DECLINED = _event(
        "step.declined", "A person would not prove more for a client than this sign-in shows.", "account"
    )
    AUTHORIZATION_REFUSED = _event("authorization.refused", "An authorization request was refused.", "error", "detail")
    TOKENS_ISSUED = _event("tokens.issued", "A client got tokens.", "authorization", "grant_type", "scopes")
    TOKEN_REFUSED = _event("tokens.refused", "A token request was refused.", "error", "detail")
    AUTHORIZATION_REVOKED = _event(
        "authorization.revoked", "Everything that one sign-in gave a client is dead.", "authorization", "why"
    )
    CLIENT_LOGGED_OUT = _event("logout.requested", "A client asked to end the session.", "session", "confirmed")
    CLIENT_CREATED = _event("client.created", "A client was registered.", "auth_method")
    TOKEN_REVOKED = _event("token.revoked", "A client gave one access token back.", "authorization")
    RESOURCE_CREATED = _event("resource.created", "A resource server was registered.", "alg", "scopes", "clients")
    KEYS_CREATED = _event("keys.created", "A signing key was made.", "kid", "alg")
    KEY_RETIRED = _event(
        "keys.retired",
        "A signing key was taken out of use at once; what it signed is worth nothing.",
        "kid",
        "alg",
        "successor",
    )
    DIRECTORY_IMPORTED = _event(
        "directory.imported",
        "People were loaded into the embedded directory.",
        "added",
        "changed",
        "unchanged",
        "skipped",
    )
    DIRECTORY_CHANGED = _event(
        "directory.changed",
        "A file of changes was applied to the embedded directory.",
        "applied",
        "ignored",
        "refused",
    )
    OUTBOX_DELIVERED = _event("outbox.delivered", "A message left the house.", "message", "template")
    OUTBOX_GAVE_UP = _event(
        "outbox.gave_up", "A message could not be delivered and was dropped.", "message", "template"
    )


class AuditEvent(db.Row):
    """One thing that happened."""

    __tablename__ = "audit_event"

    seq: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
    )
    at: Mapped[datetime]
    event: Mapped[str] = mapped_column(index=True)
    actor: Mapped[str]
    subject: Mapped[str | None] = mapped_column(index=True)
    acting_for: Mapped[str | None]
    client: Mapped[str | None]
    journey: Mapped[str | None]
    request_id: Mapped[str | None]
    address: Mapped[str | None]
    fields: Mapped[dict[str, Any]]
    previous_digest: Mapped[str | None]
    digest: Mapped[str | None]


def record(
    conn: Connection,
    event: Event,
    *,
    actor: str,
    subject: str | None,
    acting_for: str | None = None,
    client: str | None = None,
    journey: str | None = None,
    **fields: str | int | bool | list[str] | None,
) -> None:
    """Write one event beside its act, in the same transaction (R165).

    `actor` did it and `subject` is the person or account it was done to: they differ as soon as somebody acts for
    another. Raises `ValueError` when `fields` are not exactly the declared ones.
    """
    declared = event.value
    if fields.keys() != declared.fields:
        wrong = sorted(fields.keys() ^ declared.fields)
        raise ValueError(f"{declared.name}: fields differ from the declared ones: {wrong}")
    db.add(
        conn,
        AuditEvent(
            at=clock.now(),
            event=declared.name,
            actor=actor,
            subject=subject,
            acting_for=acting_for,
            client=client,
            journey=journey,
            request_id=request_id.get(),
            address=address.get(),
            fields=fields,
        ),
    )
