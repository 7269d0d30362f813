"""Which keys a client may register (R137, R144)."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from idp.oidc import client_keys
from tests.signer import Signer, b64

RSA = Signer.make("RS256", "rsa").public
EC = Signer.make("ES256", "ec").public
ED = Signer.make("EdDSA", "ed").public


def _small(bits: int) -> dict[str, Any]:
    numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
    return {**RSA, "n": b64(numbers.n.to_bytes(bits // 8, "big"))}


def test_a_set_or_one_key_is_read() -> None:
    """RFC 7517 §4, §5; each key with the algorithms of its own kind."""
    read = client_keys.read({"keys": [RSA, EC, ED]})
    assert read.faults == ()
    assert [key.algs for key in read.keys] == [("RS256", "PS256"), ("ES256",), ("EdDSA",)]
    assert client_keys.read(EC).keys[0].kid == "ec"
    assert client_keys.registered(EC) == {"keys": [EC]}
    assert client_keys.read({**RSA, "alg": "PS256"}).keys[0].algs == ("PS256",)


def test_a_key_is_found_by_its_name_or_because_it_is_alone() -> None:
    """R128."""
    read = client_keys.read({"keys": [RSA, EC, ED]})
    assert read.find("rsa", "RS256") is read.keys[0]
    assert read.find(None, "ES256") is read.keys[1]
    assert read.find("rsa", "ES256") is None
    assert read.find("nobody", "ES256") is None
    two = client_keys.read({"keys": [EC, {**Signer.make("ES256").public, "kid": "other"}]})
    assert two.find(None, "ES256") is None


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (None, "not a JWKS"),
        ([], "not a JWKS"),
        ("x", "not a JWKS"),
        ({"keys": []}, "not a JWKS"),
        ({"keys": {}}, "not a JWKS"),
        ({"keys": [EC] * 21}, "not a JWKS"),
        ({}, "not a JWK"),
        ({"keys": [1]}, "not a JWK"),
        ({"kty": ["RSA"]}, "not a JWK"),
        ({**EC, "d": "AA"}, "private half"),
        ({**RSA, "p": "AA"}, "private half"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "shared secret"),
        (_small(1024), "bits"),
        ({**RSA, "n": "A" * 4_000 + "B"}, "bits"),
        ({**RSA, "n": "ü"}, "bits"),
        ({**RSA, "n": 3}, "lacks"),
        ({**RSA, "e": "AQ"}, "cannot be read"),
        ({**EC, "y": EC["x"]}, "cannot be read"),
        ({**EC, "x": "AAAA"}, "cannot be read"),
        ({**ED, "x": "AAAA"}, "cannot be read"),
        ({name: value for name, value in EC.items() if name != "y"}, "lacks"),
        ({**EC, "kid": 7}, "kid"),
        ({**EC, "kid": "k" * 301}, "kid"),
        ({"keys": [EC, {**ED, "kid": "ec"}]}, "same kid"),
        ({**EC, "use": "enc"}, "no key is for signatures"),
        ({**EC, "key_ops": ["sign"]}, "no key is for signatures"),
        ({**RSA, "alg": "RS1"}, "no key is for signatures"),
        ({**EC, "crv": "P-384"}, "no key is for signatures"),
        ({**EC, "crv": ["P-256"]}, "no key is for signatures"),
        ({"kty": "EC2"}, "no key is for signatures"),
    ],
)
def test_what_proves_nothing_is_not_registered(document: object, says: str) -> None:
    """RFC 7518 §3.3, §6.4, R137, R144: told by what is wrong, in a set too."""
    assert says in " ".join(client_keys.read(document).faults)
    if isinstance(document, dict) and "keys" not in document and document:
        beside = client_keys.read({"keys": [{**ED, "kid": "good"}, document]})
        assert [key.kid for key in beside.keys] == ["good"]


def test_a_private_key_is_never_kept() -> None:
    """R145: neither as registered nor as read."""
    private = ECKey.import_key(ec.generate_private_key(ec.SECP256R1())).as_dict(private=True)
    assert client_keys.read(private).keys == ()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("kty crv n e x y kid alg use".split()), inner)
    ),
    max_leaves=12,
)


@given(st.sampled_from([RSA, EC, ED]), st.sampled_from("kty crv n e x y kid alg use key_ops".split()), _JSON)
def test_any_member_may_be_anything(jwk: dict[str, Any], name: str, value: object) -> None:
    """R102: refused or passed over, and never a fault of ours."""
    read = client_keys.read({"keys": [{**jwk, name: value}]})
    assert read.keys or read.faults
