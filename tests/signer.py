"""A key that really signs, and signs whatever it is told: headers and claims that no library would make."""

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@cache
def _rsa(name: str) -> rsa.RSAPrivateKey:
    """RSA keys take long to make: one for each name in a process."""
    del name
    return rsa.generate_private_key(65537, 2048)


@dataclass(frozen=True)
class Signer:
    """A private key with its name and algorithm."""

    alg: str
    kid: str
    key: Any

    @classmethod
    def make(cls, alg: str, kid: str = "key-1") -> "Signer":
        """A new one."""
        keys: dict[str, Any] = {
            "RS256": lambda: _rsa(kid),
            "PS256": lambda: _rsa(kid),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }
        return cls(alg, kid, keys[alg]())

    @property
    def header(self) -> dict[str, Any]:
        """An ordinary header."""
        return {"alg": self.alg, "kid": self.kid, "typ": "JWT"}

    @property
    def public(self) -> dict[str, Any]:
        """The public half as a JWK (RFC 7517)."""
        shown: dict[str, Any]
        if isinstance(self.key, rsa.RSAPrivateKey):
            numbers = self.key.public_key().public_numbers()
            shown = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        elif isinstance(self.key, ec.EllipticCurvePrivateKey):
            point = self.key.public_key().public_numbers()
            shown = {"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32)}
        else:
            shown = {"kty": "OKP", "crv": "Ed25519", "x": b64(self.key.public_key().public_bytes_raw())}
        return {**shown, "kid": self.kid, "use": "sig"}

    def sign(self, header: object, claims: object) -> str:
        """A compact JWS over exactly these, signed by this key whatever the header says."""
        return self.sign_raw(json.dumps(header).encode(), json.dumps(claims).encode())

    def sign_raw(self, header: bytes, payload: bytes) -> str:
        """The same, over bytes."""
        text = f"{b64(header)}.{b64(payload)}"
        return f"{text}.{b64(self._signature(text.encode()))}"

    def _signature(self, text: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(text)
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if self.alg == "PS256":
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
            return bytes(self.key.sign(text, pss, hashes.SHA256()))
        return bytes(self.key.sign(text, padding.PKCS1v15(), hashes.SHA256()))
