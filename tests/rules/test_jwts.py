"""One place verifies our tokens, and takes nothing from the token (RFC 8725 §3)."""

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from idp.oidc import hints, jwts
from idp.oidc.keys import KeySet, OpenKey

ISSUER = "https://id.example"
RSA = RSAKey.generate_key(2048, auto_kid=False)
EC = ECKey.generate_key("P-256", auto_kid=False)
KEYS = KeySet(
    by_kid={"rsa": OpenKey("rsa", "RS256", RSA), "ec": OpenKey("ec", "ES256", EC)},
    signing={},
    document=b"",
)
CLAIMS = {"iss": ISSUER, "sub": "s", "aud": "client", "auth_time": 1, "exp": 2, "iat": 1}


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _signed(header: dict[str, Any], key: RSAKey = RSA, claims: object = CLAIMS) -> str:
    """A token with any header, however forbidden, really signed with this key; no library would make most of these."""
    unsigned = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims).encode())}"
    private = key.private_key
    assert isinstance(private, rsa.RSAPrivateKey)
    return f"{unsigned}.{_b64(private.sign(unsigned.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _opens(token: str) -> bool:
    return hints.open_id_token(KEYS, token, issuer=ISSUER) is not None


GOOD = _signed({"alg": "RS256", "kid": "rsa", "typ": "JWT"})


def test_ours_open() -> None:
    assert _opens(GOOD)
    assert _opens(jwt.encode({"alg": "ES256", "kid": "ec", "typ": "JWT"}, CLAIMS, EC, algorithms=["ES256"]))


def test_alg_none_in_any_spelling_does_not() -> None:
    """R126."""
    body = GOOD.split(".")[1]
    for alg in ("none", "None", "nOnE", "NONE", ""):
        for kid in ("rsa", "", None):
            header = _b64(json.dumps({"alg": alg, "kid": kid, "typ": "JWT"}).encode())
            for signature in ("", "AA", GOOD.split(".")[2]):
                assert not _opens(f"{header}.{body}.{signature}")


def test_hmac_with_the_public_key_does_not() -> None:
    """R126, Authlib CVE-2024-37568."""
    public = RSA.as_pem(private=False)
    jwk = json.dumps(RSA.as_dict(private=False)).encode()
    for secret in (public, public.strip(), b" " + public, RSA.as_der(private=False), jwk, b""):
        for kid in ("rsa", "ec"):
            header = _b64(json.dumps({"alg": "HS256", "kid": kid, "typ": "JWT"}).encode())
            unsigned = f"{header}.{GOOD.split('.')[1]}"
            assert not _opens(f"{unsigned}.{_b64(hmac.digest(secret, unsigned.encode(), 'sha256'))}")


def test_a_key_in_the_token_is_never_used() -> None:
    """R127, Authlib CVE-2026-27962: jwk, jku, x5u, x5c, crit, b64, zip."""
    other = RSAKey.generate_key(2048, auto_kid=False)
    right = {"alg": "RS256", "kid": "rsa", "typ": "JWT"}
    extras: list[dict[str, Any]] = [
        {"jwk": other.as_dict(private=False)},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
        {"crit": ["exp"], "exp": 1},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ]
    for extra in extras:
        # Even one of our own signatures does not help an unknown header.
        for key in (other, RSA):
            assert not _opens(_signed({**right, **extra}, key)), extra


@pytest.mark.parametrize("kid", ["ec", "unknown", "../../etc/passwd", "' OR 1=1", "", None, 1, ["rsa"], "k" * 10_000])
def test_only_the_named_key_of_that_algorithm_is_tried(kid: object) -> None:
    """R128."""
    header = _b64(json.dumps({"alg": "RS256", "kid": kid, "typ": "JWT"}).encode())
    assert not _opens(".".join((header, *GOOD.split(".")[1:])))


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt", "jwt", "", None])
def test_another_kind_of_token_does_not(typ: str | None) -> None:
    """R130."""
    header: dict[str, Any] = {"alg": "RS256", "kid": "rsa"}
    if typ is not None:
        header["typ"] = typ
    assert not _opens(_signed(header))


def test_another_form_does_not() -> None:
    """R129: JSON serialisation, padding, dots, blanks."""
    head, body, signature = GOOD.split(".")
    general = json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]})
    for wrong in (
        general,
        json.dumps({"payload": body, "signatures": []}),
        GOOD + "=",
        GOOD + ".",
        "." + GOOD,
        GOOD + "." + signature,
        f"{head}..{signature}",
        f"{head}.{body}",
        GOOD + "\n",
        " " + GOOD,
        GOOD + "x" * 20_000,
        "",
    ):
        assert not _opens(wrong)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"iss": ISSUER + "/"},
        {"aud": ["client"]},
        {"aud": ["client", "other"]},
        {"aud": None},
        {"aud": 1},
        {"sub": None},
        {"sub": ["s"]},
    ],
)
def test_claims_have_their_exact_type(changes: dict[str, object]) -> None:
    """R131: membership in a list is not equality."""
    assert not _opens(_signed({"alg": "RS256", "kid": "rsa", "typ": "JWT"}, claims={**CLAIMS, **changes}))


def test_a_body_that_is_no_object_does_not() -> None:
    """RFC 7519 §7.2."""
    bodies: tuple[object, ...] = ([], "x", 1, None)
    for claims in bodies:
        assert not _opens(_signed({"alg": "RS256", "kid": "rsa", "typ": "JWT"}, claims=claims))


@settings(max_examples=200)
@given(st.text(alphabet="abcXYZ019-_.=", max_size=200))
def test_rubbish_is_only_refused(token: str) -> None:
    """R102: never an exception."""
    assert not _opens(token)


@settings(max_examples=100)
@given(st.integers(min_value=0, max_value=len(GOOD) - 2), st.sampled_from("AZaz09-_"))
def test_one_changed_character_is_enough(place: int, character: str) -> None:
    """R126: the last character alone may differ in bits that mean nothing."""
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    assert _opens(changed) is (changed == GOOD)


def test_no_code_of_ours_verifies_elsewhere() -> None:
    """`jwt.decode` checks neither exp nor aud nor typ, so it has one caller."""
    package = Path(jwts.__file__).parents[1]
    callers = [path.name for path in package.rglob("*.py") if "jwt.decode" in path.read_text(encoding="utf-8")]
    assert callers == ["jwts.py"]
