"""A software authenticator that really signs, with a knob for every way to do it wrong (WebAuthn Level 3 §6)."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from idp import crypto
from idp.credentials.ceremonies import from_b64url
from tests.world import ISSUER

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class Device:
    """One authenticator with one credential. Change a field, and it answers that way."""

    origin: str = ISSUER
    rp_id: str = "localhost"
    present: bool = True
    verified: bool = True
    backup_eligible: bool = False
    backed_up: bool = False
    count: int = 0
    """The counter of the last answer; it stays at nought with `counts` off, as for keys that are kept in several places."""
    counts: bool = True
    kind: str | None = None
    user_handle: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """More members of the client data, such as `crossOrigin`."""
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: dict[str, Any], **changed: Any) -> str:
        """What `navigator.credentials.create()` gives, as the page sends it."""
        self.user_handle = self.user_handle or options["user"]["id"]
        client_data = self._client_data("webauthn.create", options["challenge"])
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        credential = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(cose)
        statement = {"fmt": "none", "attStmt": {}, "authData": self._authenticator_data(AT) + credential}
        response = {
            "clientDataJSON": crypto.b64url(client_data),
            "attestationObject": crypto.b64url(cbor2.dumps({**statement, **changed})),
            "transports": ["internal", "hybrid"],
        }
        return self._written(response)

    def answer(self, options: dict[str, Any], **changed: str) -> str:
        """What `navigator.credentials.get()` gives, as the page sends it."""
        self.count += self.counts
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = self._authenticator_data(0)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": crypto.b64url(client_data),
            "authenticatorData": crypto.b64url(data),
            "signature": crypto.b64url(signature),
            "userHandle": self.user_handle,
            **changed,
        }
        return self._written(response)

    def _written(self, response: dict[str, Any]) -> str:
        id_ = crypto.b64url(self.credential_id)
        return json.dumps({"id": id_, "rawId": id_, "type": "public-key", "response": response})

    def _client_data(self, kind: str, challenge: str) -> bytes:
        told = {"type": self.kind or kind, "challenge": challenge, "origin": self.origin}
        return json.dumps({**told, "crossOrigin": False, **self.extra}).encode("utf-8")

    def _authenticator_data(self, flags: int) -> bytes:
        flags |= self.present * UP | self.verified * UV | self.backup_eligible * BE | self.backed_up * BS
        return hashlib.sha256(self.rp_id.encode("ascii")).digest() + bytes([flags]) + self.count.to_bytes(4, "big")


def allowed(options: dict[str, Any]) -> list[bytes]:
    """The credentials that the server named."""
    return [from_b64url(one["id"]) for one in options.get("allowCredentials") or []]
