"""Which keys a client may register (R137, R144)."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from idp import clock
from idp.oidc import client_keys
from idp.oidc.client_keys import ClientKeys
from idp.oidc.clients import Client
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


class _Slow:
    """An address that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.entered, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def fetch_json(self, _url: str) -> Any:
        self.asked += 1
        self.entered.set()
        assert self.may_answer.wait(20)
        return {"keys": [EC]}

    def hold(self) -> None:
        self.entered.clear()
        self.may_answer.clear()


def test_a_slow_address_holds_one_thread() -> None:
    """R151: while one thread waits for it, everybody else goes on with what is held, or without, at once; and the ten seconds
    between two fetches begin when the slow one has ended.
    """
    site, client = _Slow(), Client(id="c", jwks=None, jwks_uri="https://keys.example/jwks")
    keys = ClientKeys(site)
    assert keys.find(client, "ec", "ES256") is not None
    site.hold()
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=True) as travelled:
        fetching = threading.Thread(target=keys.find, args=(client, "rubbish", "ES256"))
        fetching.start()
        assert site.entered.wait(20)
        began = time.monotonic()
        assert all(keys.find(client, "ec", "ES256") for _ in range(5))
        assert not any(keys.find(client, f"rubbish{number}", "ES256") for number in range(5))
        assert time.monotonic() - began < 1
        travelled.shift(timedelta(seconds=30))
        site.may_answer.set()
        fetching.join(20)
        assert keys.find(client, "rubbish", "ES256") is None
        assert site.asked == 2
        travelled.shift(timedelta(seconds=11))
        assert keys.find(client, "rubbish", "ES256") is None
        assert site.asked == 3


def test_whoever_comes_during_the_very_first_fetch_waits_for_it() -> None:
    """A client that proves itself twice at once after our start is not refused for it."""
    site, client = _Slow(), Client(id="c", jwks=None, jwks_uri="https://keys.example/jwks")
    site.hold()
    keys, found = ClientKeys(site), []
    both = [threading.Thread(target=lambda: found.append(keys.find(client, "ec", "ES256"))) for _ in range(2)]
    both[0].start()
    assert site.entered.wait(20)
    both[1].start()
    site.may_answer.set()
    for thread in both:
        thread.join(20)
    assert len(found) == 2
    assert all(found)
    assert site.asked == 1


def test_a_changed_registration_counts_at_once() -> None:
    """Another set or another address begins anew; the same set read from the database again does not."""
    site = _Slow()
    keys = ClientKeys(site)
    assert keys.find(Client(id="c", jwks={"keys": [EC]}, jwks_uri=None), "ec", "ES256") is not None
    held = keys._held["c"]
    assert keys.find(Client(id="c", jwks={"keys": [dict(EC)]}, jwks_uri=None), "ec", "ES256") is not None
    assert keys._held["c"] is held
    assert keys.find(Client(id="c", jwks={"keys": [ED]}, jwks_uri=None), "ec", "ES256") is None
    assert keys.find(Client(id="c", jwks=None, jwks_uri="https://keys.example/jwks"), "ec", "ES256") is not None
    assert site.asked == 1


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
