"""Relying parties: what is registered about each, and the secrets that they prove themselves with."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, crypto, db
from idp.accounts.levels import ACRS
from idp.audit import Event
from idp.oidc import redirect_uris


class Kind(StrEnum):
    """What a client runs on, which decides whether it can keep a secret and where it may be redirected to."""

    WEB = "web"
    SPA = "spa"
    NATIVE = "native"
    SERVICE = "service"
    """A program without people: it has no redirect URI, and asks only what a token is worth (RFC 7662)."""


_PUBLIC_KINDS = frozenset({Kind.SPA, Kind.NATIVE})
"""They run on a person's own device, and keep no secret (RFC 8252 §8.5)."""


class AuthMethod(StrEnum):
    """How a client proves itself at the token endpoint (OIDC Core §9), by the names of the registry."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"


SECRET_METHODS = frozenset({AuthMethod.BASIC, AuthMethod.POST})
"""The methods that need a secret of ours."""


class Pkce(StrEnum):
    """A client's own rule; without one, the operator's setting stands."""

    REQUIRED = "required"
    OPTIONAL = "optional"


class Client(db.Row):
    """One relying party. `secret_digests` holds up to two, so that a secret can be changed without a gap (R136)."""

    __tablename__ = "client"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    auth_method: Mapped[str]
    secret_digests: Mapped[list[str]]
    redirect_uris: Mapped[list[str]]
    post_logout_redirect_uris: Mapped[list[str]]
    origins: Mapped[list[str]]
    scopes: Mapped[list[str]]
    resources: Mapped[list[str]]
    """The resource servers that it may have tokens for, by identifier (RFC 8707 §2)."""
    grant_types: Mapped[list[str]]
    subject_type: Mapped[str]
    sector: Mapped[str]
    first_party: Mapped[bool]
    assurance_claims: Mapped[bool]
    min_acr: Mapped[str | None]
    default_acr_values: Mapped[list[str]]
    """What it asks for where a request asks for nothing (OIDC Registration §2)."""
    pkce: Mapped[str | None]
    id_token_alg: Mapped[str]
    jwks: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    """The public keys that it signs with, as they were registered (RFC 7591 §2); or where they are to be fetched from."""
    jwks_uri: Mapped[str | None]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]

    @property
    def is_public(self) -> bool:
        """Whether it has nothing to prove itself with (RFC 6749 §2.1)."""
        return self.auth_method == AuthMethod.NONE.value

    @property
    def is_native(self) -> bool:
        """Whether it runs on the person's own device, outside a browser."""
        return self.kind == Kind.NATIVE.value

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether it may use this grant; the name is Authlib's."""
        return grant_type in self.grant_types

    def may_redirect_to(self, uri: str) -> bool:
        """Whether this is a registered redirect URI."""
        return redirect_uris.is_registered(uri, self.redirect_uris, native=self.is_native)


@dataclass(frozen=True)
class Wanted:
    """What an operator asks of a new client. Anything not given is the safest choice."""

    name: str
    redirect_uris: tuple[str, ...]
    kind: Kind = Kind.WEB
    auth_method: AuthMethod | None = None
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    subject_type: str = "pairwise"
    first_party: bool = False
    assurance_claims: bool = True
    min_acr: str | None = None
    default_acr_values: tuple[str, ...] = ()
    pkce: Pkce | None = None
    id_token_alg: str = "RS256"
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None


def faults_of(
    wanted: Wanted, *, known_scopes: Iterable[str], known_algs: Iterable[str], known_resources: Iterable[str] = ()
) -> list[str]:
    """Everything that keeps this from being registered, in words for an operator (R107)."""
    native = wanted.kind is Kind.NATIVE
    faults = []
    if not wanted.name.strip() or len(wanted.name) > 100 or not wanted.name.isprintable():
        faults.append("the name must have 1 to 100 printable characters")
    service = wanted.kind is Kind.SERVICE
    if service and (wanted.redirect_uris or wanted.post_logout_redirect_uris or wanted.scopes or wanted.resources):
        faults.append("a service serves nobody in a browser: it has no redirect URIs, no scopes and no resources")
    if not wanted.redirect_uris and not service:
        faults.append("at least one redirect URI is needed")
    for uri in (*wanted.redirect_uris, *wanted.post_logout_redirect_uris):
        if (fault := redirect_uris.fault_of(uri, native=native)) is not None:
            faults.append(f"{uri} {fault}")
    for origin in wanted.origins:
        if (fault := redirect_uris.origin_fault_of(origin)) is not None:
            faults.append(f"{origin} {fault}")
    method = method_of(wanted)
    if wanted.kind in _PUBLIC_KINDS and method is not AuthMethod.NONE:
        faults.append(f"a {wanted.kind.value} client cannot keep a secret: its method is none (RFC 8252 §8.5)")
    if service and method is AuthMethod.NONE:
        faults.append("a service must prove itself: its method cannot be none (RFC 7662 §2.1)")
    if method is AuthMethod.PRIVATE_KEY_JWT and (wanted.jwks is None) == (wanted.jwks_uri is None):
        faults.append("private_key_jwt needs its public keys: a JWKS or the address of one, and not both (RFC 7591 §2)")
    if method is not AuthMethod.PRIVATE_KEY_JWT and (wanted.jwks is not None or wanted.jwks_uri is not None):
        faults.append("public keys are for private_key_jwt alone")
    if method is AuthMethod.NONE and wanted.pkce is Pkce.OPTIONAL:
        faults.append("PKCE is always required of a client without a secret (RFC 9700 §2.1.1)")
    if (
        wanted.first_party
        and method is AuthMethod.NONE
        and not all(map(redirect_uris.is_claimed, wanted.redirect_uris))
    ):
        faults.append(
            "first-party needs a secret, a key, or https redirect URIs only: any app on the device can pose as this one"
            " at a loopback address or a private scheme, so people must be asked (RFC 8252 §8.6)"
        )
    faults += _unknown("scope", wanted.scopes, known_scopes)
    faults += _unknown("resource server", wanted.resources, known_resources)
    faults += _acr_faults(wanted)
    if wanted.id_token_alg not in known_algs:
        faults.append(f"ID tokens are signed with {' or '.join(sorted(known_algs))}")
    return faults


def _unknown(what: str, named: Iterable[str], known: Iterable[str]) -> list[str]:
    unknown = sorted(set(named) - set(known))
    return [f"there is no {what} {', '.join(unknown)}"] if unknown else []


def _acr_faults(wanted: Wanted) -> list[str]:
    """An `acr` that no sign-in can have would lock everybody out of the client."""
    named = {*wanted.default_acr_values, *(() if wanted.min_acr is None else (wanted.min_acr,))}
    return [] if named <= set(ACRS) else [f"an acr must be one of {', '.join(ACRS)}"]


def method_of(wanted: Wanted) -> AuthMethod:
    """The method asked for, or the one that suits the kind."""
    if wanted.auth_method is not None:
        return wanted.auth_method
    return AuthMethod.NONE if wanted.kind in _PUBLIC_KINDS else AuthMethod.BASIC


def create(
    conn: Connection,
    wanted: Wanted,
    *,
    default_scopes: tuple[str, ...],
    actor: str,
    sector_of: str | None = None,
) -> tuple[Client, str | None]:
    """Register a client whose wishes have no faults, and hand out its secret, which is kept as a digest and never shown again.
    `sector_of` is the address that tells the sector of its subjects where no redirect URI does (OIDC Core §8.1).
    """
    method = method_of(wanted)
    secret = crypto.new_handle() if method in SECRET_METHODS else None
    id_ = crypto.new_id()
    service = wanted.kind is Kind.SERVICE
    scopes = () if service else ("openid", *(wanted.scopes or default_scopes))
    client = Client(
        id=id_,
        name=wanted.name.strip(),
        kind=wanted.kind.value,
        auth_method=method.value,
        secret_digests=[] if secret is None else [crypto.digest(secret)],
        redirect_uris=list(dict.fromkeys(wanted.redirect_uris)),
        post_logout_redirect_uris=list(dict.fromkeys(wanted.post_logout_redirect_uris)),
        origins=list(dict.fromkeys(wanted.origins)),
        scopes=list(dict.fromkeys(scopes)),
        resources=list(dict.fromkeys(wanted.resources)),
        grant_types=[] if service else ["authorization_code", "refresh_token"],
        subject_type=wanted.subject_type,
        sector=redirect_uris.sector_of([sector_of] if sector_of is not None else list(wanted.redirect_uris), id_),
        first_party=wanted.first_party,
        assurance_claims=wanted.assurance_claims,
        min_acr=wanted.min_acr,
        default_acr_values=list(dict.fromkeys(wanted.default_acr_values)),
        jwks=wanted.jwks,
        jwks_uri=wanted.jwks_uri,
        pkce=None if wanted.pkce is None else wanted.pkce.value,
        id_token_alg=wanted.id_token_alg,
        created_at=clock.now(),
        disabled_at=None,
    )
    db.add(conn, client)
    audit.record(conn, Event.CLIENT_CREATED, actor=actor, subject=None, client=id_, auth_method=method.value)
    return client, secret


def find_client(conn: Connection, client_id: str) -> Client | None:
    """The client of this id, unless it was switched off."""
    return db.find(conn, Client, Client.id == client_id, Client.disabled_at.is_(None))


def list_clients(conn: Connection) -> list[Client]:
    """Every client, the oldest first."""
    return db.list_rows(conn, Client, order_by=Client.created_at)


def described(client: Client) -> dict[str, object]:
    """A client as `idp clients show --json` tells it: by the names of RFC 7591 §2 where it has one, without any secret."""
    told: dict[str, object] = {
        "client_id": client.id,
        "client_name": client.name,
        "type": client.kind,
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "origins": client.origins,
        "token_endpoint_auth_method": client.auth_method,
        "grant_types": client.grant_types,
        "scope": " ".join(client.scopes),
        "subject_type": client.subject_type,
        "id_token_signed_response_alg": client.id_token_alg,
        "first_party": client.first_party,
        "assurance_claims": client.assurance_claims,
        "created_at": client.created_at.isoformat(),
    }
    optional = {
        "min_acr": client.min_acr,
        "default_acr_values": client.default_acr_values or None,
        "resources": client.resources or None,
        "pkce": client.pkce,
        "jwks": client.jwks,
        "jwks_uri": client.jwks_uri,
    }
    for name, value in optional.items():
        if value is not None:
            told[name] = value
    if client.disabled_at is not None:
        told["disabled_at"] = client.disabled_at.isoformat()
    return told


class ClientCache:
    """What one process has lately read about clients. A change is seen everywhere within `LIFE`; a miss is never remembered."""

    LIFE = timedelta(seconds=5)

    def __init__(self, database: db.Database) -> None:
        self._db = database
        self._known: dict[str, tuple[datetime, Client]] = {}
        self._origins: tuple[datetime, frozenset[str]] | None = None
        self._lock = threading.Lock()

    def find(self, client_id: str, *, fresh: bool = False) -> Client | None:
        """The client of this id, at most a few seconds old, or as it is now. What no id looks like costs no read."""
        if len(client_id) > 200 or not client_id.isascii() or not client_id.isprintable():
            return None
        now = clock.now()
        held = self._known.get(client_id)
        if not fresh and held is not None and abs(now - held[0]) < self.LIFE:
            return held[1]
        with self._db.read() as conn:
            client = find_client(conn, client_id)
        with self._lock:
            if client is None:
                self._known.pop(client_id, None)
            else:
                self._known[client_id] = (now, client)
        return client

    def is_origin(self, origin: str) -> bool:
        """Whether any client registered this origin for its scripts (R98)."""
        now = clock.now()
        if self._origins is None or abs(now - self._origins[0]) >= self.LIFE:
            with self._db.read() as conn:
                origins = frozenset(
                    o for client in list_clients(conn) if client.disabled_at is None for o in client.origins
                )
            self._origins = (now, origins)
        return origin in self._origins[1]

    def forget(self) -> None:
        """Read everything anew at the next question."""
        with self._lock:
            self._known.clear()
            self._origins = None
