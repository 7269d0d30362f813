"""What an authenticator may answer, and everything that it may not (WebAuthn Level 3 §7.1, §7.2)."""

import json
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp import crypto
from idp.credentials import ceremonies
from idp.credentials.ceremonies import Answer, Made, Site, from_b64url
from idp.outcomes import Reason, Refused
from tests.passkey_device import Device
from tests.world import ISSUER

SITE = Site("localhost", ISSUER)
REFUSED = Refused(Reason.WRONG_PASSKEY)


def _asked(challenge: str | None = None) -> dict[str, Any]:
    return {"challenge": challenge or crypto.new_handle(), "user": {"id": crypto.b64url(b"maria")}}


def _made(typed: str) -> Made | Refused:
    sent = ceremonies.read(typed)
    return sent if isinstance(sent, Refused) else ceremonies.check_made(SITE, sent)


def _answered(device: Device, typed: str) -> Answer | Refused:
    made = _made(Device(credential_id=device.credential_id, key=device.key).make(_asked()))
    assert isinstance(made, Made)
    sent = ceremonies.read(typed)
    return sent if isinstance(sent, Refused) else ceremonies.check_answer(SITE, sent, public_key=made.public_key)


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("another origin", {"origin": "https://evil.example"}),
    ("a sub-domain", {"origin": "http://login.localhost:5000"}),
    ("another port", {"origin": "http://localhost:5001"}),
    ("another scheme", {"origin": "https://localhost:5000"}),
    ("a slash more", {"origin": "http://localhost:5000/"}),
    ("another relying party", {"rp_id": "evil.example"}),
    ("a parent of ours", {"rp_id": "host"}),
    ("nobody present", {"present": False}),
    ("made in a frame", {"extra": {"crossOrigin": True}}),
    ("framed, told as text", {"extra": {"crossOrigin": "false"}}),
    ("under another site's page", {"extra": {"topOrigin": "https://evil.example"}}),
    ("kept elsewhere, which it cannot be", {"backup_eligible": False, "backed_up": True}),
]


@pytest.mark.parametrize("wrong", [fields for _, fields in WRONG], ids=[name for name, _ in WRONG])
def test_what_is_wrong_is_refused_when_it_is_made_and_when_it_is_used(wrong: dict[str, Any]) -> None:
    """R38, R39, R41, R42: origin, relying party, presence, frame and the two flags of keys that are copied."""
    asked = _asked()
    device = replace(Device(), **wrong)
    assert _made(device.make(asked)) == REFUSED
    assert _answered(device, device.answer(asked)) == REFUSED


def test_a_making_is_no_use_and_a_use_is_no_making() -> None:
    """R38: the kind of ceremony is signed."""
    device = Device()
    assert _made(replace(device, kind="webauthn.get").make(_asked())) == REFUSED
    assert _answered(device, replace(device, kind="webauthn.create").answer(_asked())) == REFUSED


def test_what_is_right_says_what_it_is() -> None:
    """R40, R42, R43: verified or not, kept in several places or not, and its counter, for the caller to judge."""
    device = Device(verified=False, backup_eligible=True, backed_up=True)
    assert _answered(device, device.answer(_asked())) == Answer(1, False, True, True)
    assert _answered(device, replace(device, verified=True, count=7).answer(_asked())) == Answer(8, True, True, True)


def test_a_signature_of_another_key_is_refused() -> None:
    """WebAuthn L3 §7.2: the key is the one that was kept."""
    device = Device()
    assert _answered(device, Device(credential_id=device.credential_id).answer(_asked())) == REFUSED


def test_a_statement_that_nobody_asked_for_is_refused() -> None:
    """R45: what the page's script changed of the options is looked at again here."""
    for form in ("tpm", "apple", "android-safetynet", "android-key", "fido-u2f", "unheard-of", ""):
        assert _made(Device().make(_asked(), fmt=form)) == REFUSED


def test_an_algorithm_that_nobody_asked_for_is_refused() -> None:
    """R45: only those that the options named."""
    device = Device()
    body = json.loads(device.make(_asked()))
    statement = cbor2.loads(from_b64url(body["response"]["attestationObject"]))
    data: bytes = statement["authData"]
    at = 37 + 16 + 2 + len(device.credential_id)
    cose = cbor2.loads(data[at:])
    for alg, kind in ((-35, 2), (-36, 2), (-65535, 3), (5, 4)):
        statement["authData"] = data[:at] + cbor2.dumps({**cose, 3: alg, 1: kind})
        body["response"]["attestationObject"] = crypto.b64url(cbor2.dumps(statement))
        assert _made(json.dumps(body)) == REFUSED


_DEVICE = Device()
_GOOD = {"make": json.loads(_DEVICE.make(_asked())), "answer": json.loads(_DEVICE.answer(_asked()))}
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_cbor = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.binary(max_size=40) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(-300, 300), inner, max_size=4)
    ),
    max_leaves=12,
)


def _judge(body: object) -> None:
    typed = body if isinstance(body, str) else json.dumps(body)
    for outcome in (_made(typed), _answered(_DEVICE, typed)):
        assert isinstance(outcome, Made | Answer | Refused)


@settings(max_examples=150, deadline=None)
@given(body=_json)
def test_any_json_is_only_refused(body: object) -> None:
    """R46: nothing that a page can send is a fault of ours."""
    assert _made(json.dumps(body)) == REFUSED
    assert _answered(_DEVICE, json.dumps(body)) == REFUSED


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_is_only_refused(text: str) -> None:
    """R46."""
    assert _made(text) == REFUSED


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_a_good_answer_with_one_part_changed_is_judged_or_refused(data: st.DataObject) -> None:
    """R46: each member of it in turn is something else: another kind of value, other bytes, or gone."""
    body = json.loads(json.dumps(_GOOD[data.draw(st.sampled_from(["make", "answer"]))]))
    where = data.draw(st.sampled_from([body, body["response"]]))
    name = data.draw(st.sampled_from(sorted(where)))
    if data.draw(st.booleans()):
        del where[name]
    else:
        where[name] = data.draw(_json | st.binary(max_size=300).map(crypto.b64url))
    _judge(body)


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_broken_bytes_inside_are_judged_or_refused(data: st.DataObject) -> None:
    """R46: client data, authenticator data and CBOR that is cut, flipped, nested or of the wrong kind."""
    body = json.loads(json.dumps(_GOOD["make"]))
    raw = bytearray(from_b64url(body["response"]["attestationObject"]))
    how = data.draw(st.sampled_from(["flip", "cut", "grow", "cbor", "authData"]))
    if how == "flip":
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    elif how == "cut":
        raw = raw[: data.draw(st.integers(0, len(raw) - 1))]
    elif how == "grow":
        raw += data.draw(st.binary(min_size=1, max_size=50))
    elif how == "cbor":
        raw = bytearray(cbor2.dumps(data.draw(_cbor)))
    else:
        statement = cbor2.loads(bytes(raw))
        statement["authData"] = data.draw(st.binary(max_size=200) | _cbor)
        raw = bytearray(cbor2.dumps(statement))
    body["response"]["attestationObject"] = crypto.b64url(bytes(raw))
    _judge(body)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x9f" * 8_000,
        b"\x81" * 8_000,
        b"\xa1" * 8_000,
        b"\xbb" + b"\xff" * 8,
        b"\x9b" + b"\xff" * 8,
        b"\x5b\x7f" + b"\xff" * 7,
        b"\xd8\x1c" * 3_000,
        b"\xc2\x5a\x00\xff\xff\xff",
    ],
    ids=["endless lists", "nested lists", "nested maps", "huge map", "huge list", "huge bytes", "shared", "bignum"],
)
def test_bytes_made_to_exhaust_are_refused(raw: bytes) -> None:
    """R46: bounded time and memory."""
    body = json.loads(json.dumps(_GOOD["make"]))
    body["response"]["attestationObject"] = crypto.b64url(raw)
    assert _made(json.dumps(body)) == REFUSED


def test_what_is_too_long_or_nested_too_deeply_is_not_read() -> None:
    """R46."""
    assert ceremonies.read("[" * 10_000) == REFUSED
    assert ceremonies.read(json.dumps({"id": "A" * 20_000})) == REFUSED
