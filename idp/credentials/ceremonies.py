"""What is asked of a passkey and what it answers (WebAuthn Level 3): challenges that count once, and every check of an answer.

The library checks the signature, the origin, the challenge and the hash of the relying party's id. What it leaves to us is
here: that a challenge is of this browser, this ceremony and this account (R37), that nothing was framed (R39), that the
user was made sure of where it matters (R40), and what says that a passkey is kept in more than one place (R42).
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa
import webauthn
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column
from webauthn.helpers import parse_attestation_object
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import CredentialDeviceType

from idp import clock, crypto, db
from idp.config import Settings
from idp.outcomes import Reason, Refused

T = TypeVar("T")

LASTS = timedelta(minutes=5)
"""How long a challenge may be answered (R37)."""

LONGEST = 16_384
"""Characters of an answer: the longest real ones, with a certificate, have about five thousand."""

ALGORITHMS = (
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
_FORMATS = {"none", "packed"}
"""Nobody is asked who made their authenticator: a browser then sends no statement, or one that the passkey signed itself."""

_CHALLENGE_BYTES = 32

# Everything that the parsers of foreign bytes raise.
_UNREADABLE = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)


class Ceremony(StrEnum):
    """What an answer is for; one for another ceremony is worth nothing."""

    REGISTER = "register"
    SIGN_IN = "sign_in"
    SECOND_STEP = "second_step"


class Challenge(db.Row):
    """A challenge that waits for its answer. `holder` is what it was given to: a browser, a session, a sign-in that waits."""

    __tablename__ = "webauthn_challenge"

    digest: Mapped[str] = mapped_column(primary_key=True)
    ceremony: Mapped[str]
    holder: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True, slots=True)
class Site:
    """Who we are to an authenticator: the id of the relying party, and the one origin that may ask."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an assertion says, once its signature was right."""

    sign_count: int
    user_verified: bool
    backup_eligible: bool
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A new credential, as its authenticator and browser tell of it."""

    credential_id: str
    public_key: bytes
    aaguid: str
    transports: tuple[str, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer as it came, read no further than its form: nothing in it is believed yet."""

    body: dict[str, Any]
    credential_id: str
    user_handle: str | None
    client_data: dict[str, Any]
    challenge: bytes


def site_of(settings: Settings) -> Site:
    """The site of this provider: passkeys belong to its host, and are used at its own address alone."""
    return Site(urlsplit(settings.issuer).hostname or "", settings.issuer)


def issue(conn: Connection, ceremony: Ceremony, holder: str) -> bytes:
    """A new challenge of 256 random bits, for one answer (R37)."""
    handle = crypto.new_handle()
    db.add(
        conn,
        Challenge(
            digest=crypto.digest(handle),
            ceremony=ceremony.value,
            holder=holder,
            expires_at=clock.now() + LASTS,
        ),
    )
    return from_b64url(handle)


def spend(conn: Connection, ceremony: Ceremony, holder: str, sent: Sent) -> bool:
    """Take the challenge out of use, whatever comes of the answer: True for one asker, in time, and its own (R37)."""
    return db.swap(
        conn,
        sa.delete(Challenge).where(
            Challenge.digest == crypto.digest(crypto.b64url(sent.challenge)),
            Challenge.ceremony == ceremony.value,
            Challenge.holder == holder,
            Challenge.expires_at > clock.now(),
        ),
    )


def read(typed: str) -> Sent | Refused:
    """The form of an answer: JSON as `PublicKeyCredential.toJSON()` writes it (WebAuthn L3 §5.1)."""
    return _read_or_refuse(lambda: _read(typed))


def check_made(site: Site, sent: Sent) -> Made | Refused:
    """A new credential, if everything about it is right (WebAuthn L3 §7.1). Its challenge was spent before."""
    return _read_or_refuse(lambda: _check_made(site, sent))


def check_answer(site: Site, sent: Sent, *, public_key: bytes) -> Answer | Refused:
    """What an assertion says, if it was signed by this key (WebAuthn L3 §7.2). Its challenge was spent before.

    Whether its user had to be made sure of, and its counter, are the caller's to judge.
    """
    return _read_or_refuse(lambda: _check_answer(site, sent, public_key))


def sweep(conn: Connection) -> int:
    """Delete challenges that nobody answered in time; tell how many."""
    return conn.execute(sa.delete(Challenge).where(Challenge.expires_at <= clock.now())).rowcount


def from_b64url(text: str) -> bytes:
    """The bytes of strict base64url without padding. Raises `ValueError`."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if crypto.b64url(raw) != text:
        raise ValueError("not base64url")
    return raw


def _read_or_refuse(work: Callable[[], T]) -> T | Refused:
    """Whatever is wrong with foreign bytes is one answer, and never a fault of ours (R46)."""
    try:
        return work()
    except (*_UNREADABLE, binascii.Error):
        return Refused(Reason.WRONG_PASSKEY)


def _read(typed: str) -> Sent:
    if len(typed) > LONGEST:
        raise ValueError("too long")
    body = json.loads(typed)
    response = body["response"]
    client_data = json.loads(from_b64url(response["clientDataJSON"]))
    if not isinstance(body["id"], str) or not isinstance(client_data, dict):
        raise TypeError("not of the form of an answer")
    challenge = from_b64url(client_data["challenge"])
    if len(challenge) != _CHALLENGE_BYTES:
        raise ValueError("not a challenge of ours")
    handle = response.get("userHandle")
    return Sent(
        body=body,
        credential_id=crypto.b64url(from_b64url(body["id"])),
        user_handle=None if handle is None else from_b64url(handle).decode("ascii"),
        client_data=client_data,
        challenge=challenge,
    )


def _check_made(site: Site, sent: Sent) -> Made:
    _check_frame(sent)
    attestation = parse_attestation_object(from_b64url(sent.body["response"]["attestationObject"]))
    if attestation.fmt not in _FORMATS:
        raise ValueError("a statement that nobody asked for")
    verified = webauthn.verify_registration_response(
        credential=sent.body,
        expected_challenge=sent.challenge,
        expected_rp_id=site.rp_id,
        expected_origin=site.origin,
        # A key without a PIN is a second factor beside a password; what it may do alone is decided at its use (R40).
        require_user_verification=False,
        supported_pub_key_algs=list(ALGORITHMS),
    )
    return Made(
        credential_id=crypto.b64url(verified.credential_id),
        public_key=verified.credential_public_key,
        aaguid=verified.aaguid,
        transports=_transports(sent.body["response"].get("transports")),
        answer=Answer(
            sign_count=verified.sign_count,
            user_verified=verified.user_verified,
            backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            backed_up=verified.credential_backed_up,
        ),
    )


def _check_answer(site: Site, sent: Sent, public_key: bytes) -> Answer:
    _check_frame(sent)
    verified = webauthn.verify_authentication_response(
        credential=sent.body,
        expected_challenge=sent.challenge,
        expected_rp_id=site.rp_id,
        expected_origin=site.origin,
        credential_public_key=public_key,
        # The counter is compared where it is spent, by one statement (R43).
        credential_current_sign_count=0,
        # Said to the caller instead, who knows what was shown before it (R40).
        require_user_verification=False,
    )
    return Answer(
        sign_count=verified.new_sign_count,
        user_verified=verified.user_verified,
        backup_eligible=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        backed_up=verified.credential_backed_up,
    )


def _check_frame(sent: Sent) -> None:
    """Nothing of ours is ever shown in another site's frame, so no honest answer comes from one (R39)."""
    if sent.client_data.get("crossOrigin", False) is not False or "topOrigin" in sent.client_data:
        raise ValueError("asked for in a frame")


_TRANSPORTS = {"usb", "nfc", "ble", "smart-card", "hybrid", "internal"}


def _transports(told: object) -> tuple[str, ...]:
    """The ways to reach the authenticator that we know; what else a browser tells is of no use (WebAuthn L3 §5.8.4)."""
    listed = told if isinstance(told, list) else []
    return tuple(sorted({word for word in listed if isinstance(word, str) and word in _TRANSPORTS}))
