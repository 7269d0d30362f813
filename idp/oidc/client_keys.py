"""The public keys that clients sign with: which may be registered, and which of them a signature is checked with (R137).

A key comes from the registration alone, as a set or by the address of one; never from a token (R127).
"""

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from idp import clock, logs
from idp.oidc.clients import Client
from idp.ports import Fetcher, PortDown

log = logs.get(__name__)

ALGS = ("RS256", "PS256", "ES256", "EdDSA")
"""What clients may sign with. `none` and HS* are not here and nowhere else (R126)."""

_ALGS_OF: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("RSA", None): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
_PUBLIC = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MOST = 20
_LONGEST_KID = 300
# R144. The upper bound keeps one signature check from costing a second.
_RSA_BITS = range(2048, 8193)


@dataclass(frozen=True, repr=False)
class ClientKey:
    """One key, and the algorithms that it may have signed with."""

    kid: str | None
    algs: tuple[str, ...]
    key: RSAKey | ECKey | OKPKey


@dataclass(frozen=True)
class Read:
    """What a JWKS holds for us: usable keys, and what must not be registered, in words for an operator."""

    keys: tuple[ClientKey, ...]
    faults: tuple[str, ...]

    def find(self, kid: str | None, alg: str) -> ClientKey | None:
        """The one key that fits: by its name, or without one where only one key could have signed (R128)."""
        fitting = [key for key in self.keys if alg in key.algs and (kid is None or key.kid == kid)]
        return fitting[0] if len(fitting) == 1 else None


def read(document: object) -> Read:
    """Read a JWKS, or a single JWK in its place (RFC 7517 §4, §5). A key for anything but signatures is passed over."""
    listed = document.get("keys", [document]) if isinstance(document, dict) else None
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST:
        return Read((), (f"this is not a JWKS with 1 to {_MOST} keys",))
    keys: list[ClientKey] = []
    faults: list[str] = []
    for number, jwk in enumerate(listed, 1):
        outcome = _read_one(jwk)
        if isinstance(outcome, str):
            faults.append(f"key {number} {outcome}")
        elif outcome is not None:
            keys.append(outcome)
    named = [key.kid for key in keys if key.kid is not None]
    if len(set(named)) < len(named):
        faults.append("two keys have the same kid")
    if not keys and not faults:
        faults.append(f"no key is for signatures by {', '.join(ALGS)}")
    return Read(tuple(keys), tuple(faults))


def registered(document: object) -> dict[str, Any]:
    """What is kept of a JWKS that has no faults: always a set."""
    keys = document.get("keys", [document]) if isinstance(document, dict) else []
    return {"keys": keys}


def _read_one(jwk: object) -> ClientKey | str | None:
    """A key, or what is wrong with it, or None where it is not ours to use."""
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kty"), str):
        return "is not a JWK"
    kty = jwk["kty"]
    if kty == "oct":
        return "is a shared secret, which proves nothing (RFC 7518 §6.4)"
    if _PRIVATE & jwk.keys():
        return "shows its private half: make a new one, and register the public half alone"
    operations, curve = jwk.get("key_ops", ["verify"]), None if kty == "RSA" else jwk.get("crv")
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    algs = _ALGS_OF.get((kty, curve), ()) if curve is None or isinstance(curve, str) else ()
    if "alg" in jwk:
        algs = tuple(alg for alg in algs if alg == jwk["alg"])
    if not algs:
        return None
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and 1 <= len(kid) <= _LONGEST_KID):
        return f"has a kid that is not text of 1 to {_LONGEST_KID} characters"
    members: dict[str, str | list[str]] = {
        name: value for name in _PUBLIC[kty] if isinstance(value := jwk.get(name), str)
    }
    if len(members) < len(_PUBLIC[kty]):
        return f"lacks one of {', '.join(_PUBLIC[kty])}"
    if kty == "RSA" and _bits(str(members["n"])) not in _RSA_BITS:
        return f"is an RSA key outside {_RSA_BITS[0]} to {_RSA_BITS[-1]} bits (RFC 7518 §3.3)"
    key = _imported(kty, members)
    return "cannot be read" if key is None else ClientKey(kid, algs, key)


def _imported(kty: str, members: dict[str, str | list[str]]) -> RSAKey | ECKey | OKPKey | None:
    kinds: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    try:
        key = kinds[kty].import_key(members)
        # Opened now, so that a point off its curve is noticed here and not at the first signature.
        key.get_op_key("verify")
    except (JoseError, ValueError, TypeError, OverflowError):
        return None
    return key


def _bits(encoded: str) -> int:
    """The length of a number in base64url; zero for anything that is none, or far too long."""
    if len(encoded) > 4_000:
        return 0
    try:
        raw = base64.urlsafe_b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4))
    except ValueError:
        return 0
    return int.from_bytes(raw, "big").bit_length()


@dataclass
class _Held:
    """What one process knows of one client's keys. `source` is the address or the set that they are from."""

    source: str | dict[str, Any] | None
    read: Read | None = None
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    """When the last fetch ended, however it ended."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held by the one thread that fetches."""


class ClientKeys:
    """The keys of one process's clients. Only a registered address is fetched, and not oftener than `GAP`: no stranger can make us
    hammer anybody (R151). An address that answers slowly, or never, holds one thread and no more.
    """

    FRESH = timedelta(minutes=10)
    GAP = timedelta(seconds=10)
    STALE = timedelta(hours=24)
    """How long held keys go on serving while their address does not answer."""
    _WAIT = 2.0  # seconds for the very first fetch of a client's keys, while there is nothing to go on with

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def find(self, client: Client, kid: str | None, alg: str) -> ClientKey | None:
        """The client's key of this name and algorithm. An unknown `kid` is looked for at its address again (OIDC Core §10.1.1)."""
        held = self._of(client)
        if client.jwks_uri is None:
            return None if held.read is None else held.read.find(kid, alg)
        if not self._is_within(held, self.FRESH) or self._fitting(held, kid, alg) is None:
            self._refetch(client, client.jwks_uri, held)
        return self._fitting(held, kid, alg)

    def _of(self, client: Client) -> _Held:
        source = client.jwks if client.jwks_uri is None else client.jwks_uri
        held = self._held.get(client.id)
        if held is not None and (held.source is source or held.source == source):
            return held
        with self._lock:
            held = self._held.get(client.id)
            if held is None or held.source != source:
                held = self._held[client.id] = _Held(source)
                held.read = read(client.jwks) if client.jwks_uri is None else None
            return held

    def _fitting(self, held: _Held, kid: str | None, alg: str) -> ClientKey | None:
        """The key, while what is held may still serve."""
        return held.read.find(kid, alg) if held.read is not None and self._is_within(held, self.STALE) else None

    @staticmethod
    def _is_within(held: _Held, age: timedelta) -> bool:
        return held.fetched_at is not None and abs(clock.now() - held.fetched_at) < age

    def _refetch(self, client: Client, uri: str, held: _Held) -> None:
        """Fetch, unless it was just done or another thread is at it: then what is held serves, or nothing does."""
        if not self._is_due(held) or not held.lock.acquire(timeout=self._WAIT if held.tried_at is None else 0):
            return
        try:
            if self._is_due(held):
                self._fetch(client, uri, held)
        finally:
            held.lock.release()

    def _fetch(self, client: Client, uri: str, held: _Held) -> None:
        try:
            self._take(client, held, self._fetcher.fetch_json(uri))
        except PortDown as down:
            log.warning("client keys cannot be fetched", client=client.id, detail=str(down))
        finally:
            # At the end: an address that takes its time would be asked again at once if this were counted from the beginning.
            held.tried_at = clock.now()

    def _is_due(self, held: _Held) -> bool:
        return held.tried_at is None or abs(clock.now() - held.tried_at) >= self.GAP

    @staticmethod
    def _take(client: Client, held: _Held, document: object) -> None:
        """Hold what was fetched, an empty set too: that is how a client withdraws its keys. What is no set changes nothing."""
        if not (isinstance(document, dict) and isinstance(document.get("keys"), list)):
            log.warning("client keys cannot be fetched", client=client.id, detail="the address gives no JWKS")
            return
        fetched = read(document)
        if fetched.faults:
            log.warning("client keys have faults", client=client.id, faults=list(fetched.faults))
        held.read, held.fetched_at = fetched, clock.now()
