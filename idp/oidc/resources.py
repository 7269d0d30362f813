"""Resource servers: who takes our JWT access tokens, by which address each is named, and what it may be told (RFC 8707, RFC 9068).

Each has a client of its own, with which it asks at the introspection endpoint, and whose sector its subjects are derived in.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from idp import audit, clock, db
from idp.audit import Event
from idp.oidc import clients, redirect_uris
from idp.oidc.clients import AuthMethod, Client, Kind, Wanted

MOST = 5
"""How many one authorization request may name."""

_LONGEST = 500
# RFC 8707 §2: an absolute URI without a fragment. Plain ASCII, so that it is compared byte for byte.
_IDENTIFIER = re.compile(r"(https://|http://|urn:)[A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]+")


class ResourceServer(db.Row):
    """One resource server. `identifier` is the `aud` of its tokens."""

    __tablename__ = "resource_server"

    identifier: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(sa.ForeignKey("client.id"), unique=True)
    name: Mapped[str]
    scopes: Mapped[list[str]]
    alg: Mapped[str]
    created_at: Mapped[datetime]


@dataclass(frozen=True)
class WantedResource:
    """What an operator asks of a new resource server."""

    identifier: str
    scopes: tuple[str, ...]
    alg: str
    prover: Wanted
    """The client by which it asks us."""
    clients: tuple[str, ...] = ()
    """The clients that may have tokens for it, beside those that are registered for it later."""


def wanted(
    *,
    identifier: str,
    name: str,
    scopes: tuple[str, ...],
    alg: str,
    auth_method: AuthMethod = AuthMethod.BASIC,
    jwks: dict[str, object] | None = None,
    jwks_uri: str | None = None,
    clients: tuple[str, ...] = (),
) -> WantedResource:
    """Wishes for a resource server and the client that goes with it."""
    prover = Wanted(
        name=name, redirect_uris=(), kind=Kind.SERVICE, auth_method=auth_method, jwks=jwks, jwks_uri=jwks_uri
    )
    return WantedResource(identifier, scopes, alg, prover, tuple(dict.fromkeys(clients)))


def faults_of(
    wanted: WantedResource,
    *,
    issuer: str,
    known_scopes: Iterable[str],
    known_algs: Iterable[str],
    known_clients: Iterable[str] = (),
) -> list[str]:
    """Everything that keeps this from being registered, in words for an operator."""
    faults = clients.faults_of(wanted.prover, known_scopes=known_scopes, known_algs=known_algs)
    if len(wanted.identifier) > _LONGEST or not _IDENTIFIER.fullmatch(wanted.identifier):
        faults.append(
            "the resource must be an absolute https: or urn: URI in plain ASCII, without a fragment (RFC 8707 §2)"
        )
    elif not wanted.identifier.startswith("urn:"):
        fault = redirect_uris.fault_of(wanted.identifier, native=False)
        faults += [] if fault is None else [f"the resource {fault}"]
    # Tokens for our own endpoints bear this audience: nobody else may have it.
    if wanted.identifier.rstrip("/") == issuer or wanted.identifier.startswith(issuer + "/"):
        faults.append("the resource must not be this server itself")
    unknown = sorted(set(wanted.scopes) - set(known_scopes))
    if unknown:
        faults.append(f"there is no scope {', '.join(unknown)}")
    if strangers := sorted(set(wanted.clients) - set(known_clients)):
        faults.append(f"there is no client of people called {', '.join(strangers)}")
    if wanted.alg not in known_algs:
        faults.append(f"access tokens are signed with {' or '.join(sorted(known_algs))}")
    return faults


def create(
    conn: Connection, wanted: WantedResource, *, default_scopes: tuple[str, ...], actor: str
) -> tuple[ResourceServer, str | None] | None:
    """Register a resource server whose wishes have no faults, and tell its secret; None where there is one of this address."""
    if db.find(conn, ResourceServer, ResourceServer.identifier == wanted.identifier) is not None:
        return None
    client, secret = clients.create(
        conn, wanted.prover, default_scopes=default_scopes, actor=actor, sector_of=wanted.identifier
    )
    made = ResourceServer(
        identifier=wanted.identifier,
        client_id=client.id,
        name=client.name,
        scopes=list(dict.fromkeys(wanted.scopes or default_scopes)),
        alg=wanted.alg,
        created_at=clock.now(),
    )
    db.add(conn, made)
    for one in db.list_rows(conn, Client, Client.id.in_(wanted.clients)):
        together = [*one.resources, made.identifier]
        conn.execute(sa.update(Client).where(Client.id == one.id).values(resources=together))
    audit.record(
        conn,
        Event.RESOURCE_CREATED,
        actor=actor,
        subject=None,
        client=client.id,
        alg=made.alg,
        scopes=made.scopes,
        clients=list(wanted.clients),
    )
    return made, secret


def list_resources(conn: Connection) -> list[ResourceServer]:
    """Every resource server, the oldest first."""
    return db.list_rows(conn, ResourceServer, order_by=ResourceServer.created_at)


def find_resource(conn: Connection, identifier: str) -> ResourceServer | None:
    """The resource server of this name."""
    return db.find(conn, ResourceServer, ResourceServer.identifier == identifier)


def described(resource: ResourceServer) -> dict[str, object]:
    """A resource server as `idp resources show --json` tells it; never its secret."""
    return {
        "resource": resource.identifier,
        "client_id": resource.client_id,
        "name": resource.name,
        "scope": " ".join(resource.scopes),
        "access_token_signed_response_alg": resource.alg,
        "created_at": resource.created_at.isoformat(),
    }


@dataclass(frozen=True)
class Known:
    """A resource server and the client by which it asks."""

    server: ResourceServer
    client: Client


class ResourceCache:
    """What one process has lately read about resource servers. A change is seen everywhere within `LIFE`; a miss is never
    remembered, and costs two rows.
    """

    LIFE = timedelta(seconds=5)

    def __init__(self, database: db.Database) -> None:
        self._db = database
        self._known: dict[str, tuple[datetime, Known]] = {}
        self._lock = threading.Lock()

    def find(self, identifier: str) -> Known | None:
        """The resource server of this name, unless its client was switched off. What cannot be a name costs no read."""
        held = self._known.get(identifier)
        if held is not None and abs(clock.now() - held[0]) < self.LIFE:
            return held[1]
        if len(identifier) > _LONGEST or not _IDENTIFIER.fullmatch(identifier):
            return None
        with self._db.read() as conn:
            server = find_resource(conn, identifier)
            client = clients.find_client(conn, server.client_id) if server else None
        with self._lock:
            if server is None or client is None:
                self._known.pop(identifier, None)
                return None
            found = Known(server, client)
            self._known[identifier] = (clock.now(), found)
            return found
