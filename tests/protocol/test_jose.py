"""Forged, twisted and mistaken tokens at every door that takes one (RFC 8725): refused, and never a fault of ours.

The doors are the client assertion, `id_token_hint` at authorization and logout, and access tokens at userinfo, introspection and
revocation. Many of the tokens here are signed with the right key: what is wrong with them is all that can keep them out.
"""

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idp import clock
from idp.oidc import assertions
from idp.web.protocol import Protocol
from tests.http_browser import Browser
from tests.members import Member, join
from tests.relying_party import RelyingParty, basic, on_sqlite, sign_in, signing
from tests.resource_server import ResourceServer
from tests.signer import Signer, b64
from tests.world import World

pytestmark = on_sqlite

_often = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

ALGS = [
    "none",
    "None",
    "nOnE",
    "NONE",
    "",
    "HS256",
    "HS512",
    "RS512",
    "ES384",
    "rs256",
    None,
    1,
    ["RS256"],
    {"RS256": 1},
]
KIDS = ["", "unknown", "../../etc/passwd", "/dev/null", "' OR 1=1 --", "k" * 10_000, None, 1, ["key-1"], True]
TYPES = ["at+jwt", "logout+jwt", "dpop+jwt", "oauth-authz-req+jwt", "JOSE", "", None, 1, ["JWT"]]
MORE: list[dict[str, Any]] = [
    {"jwk": Signer.make("ES256").public},
    {"jku": "https://evil.example/jwks"},
    {"x5u": "https://evil.example/cert"},
    {"x5c": ["MIIB"]},
    {"crit": ["exp"], "exp": 1},
    {"crit": []},
    {"b64": False, "crit": ["b64"]},
    {"b64": True},
    {"zip": "DEF"},
    {"enc": "A256GCM"},
]
ODD: list[Any] = [None, 1, -1, True, 1.5, "", "x", [], ["x"], {}, {"x": ["x"]}, [[[]]], "\ud800", 2**63, 10**400]


@dataclass
class Doors:
    """Everybody's tokens, and every door to try them at."""

    world: World
    rp: RelyingParty
    client: RelyingParty
    api: ResourceServer
    browser: Browser
    ours: Signer
    """Our own key for ES256, which no outsider has."""

    def hint(self, token: str) -> bool:
        """Whether `id_token_hint` was believed at both endpoints."""
        asked = self.rp.ask(self.browser, id_token_hint=token, prompt="none")
        at_authorize = "code" in asked or asked.get("error") == "login_required"
        assert at_authorize or asked["error"] == "invalid_request", asked
        page = (
            self.world.browser()
            .open("/logout")
            .client.get("/logout", base_url=self.world.settings.issuer, query_string={"id_token_hint": token})
        )
        assert page.status_code in {200, 303, 400}, page.get_data(as_text=True)
        assert (page.status_code != 400) is at_authorize
        return at_authorize

    def userinfo(self, token: str) -> bool:
        """Whether it opens userinfo."""
        response = self.rp.send("/userinfo", {"access_token": token})
        assert response.status_code in {200, 401}, response.get_data(as_text=True)
        return response.status_code == 200

    def introspected(self, token: str) -> bool:
        """Whether its own client or the resource server is told that it is active."""
        answers = [
            self.rp.send("/introspect", {"token": token}, headers=self._proof).get_json(),
            self.api.post("/introspect", {"token": token}).get_json(),
        ]
        assert all(answer == {"active": False} or answer["active"] is True for answer in answers)
        return any(answer["active"] for answer in answers)

    def revoked(self, token: str) -> int:
        """What revocation answers."""
        return self.rp.send("/revoke", {"token": token}, headers=self._proof).status_code

    def grant(self, name: str, token: str) -> bool:
        """Whether it is taken for a code or for a refresh token."""
        form: dict[str, str | None] = {"grant_type": name, "code": token, "redirect_uri": self.rp.redirect_uri}
        if name == "refresh_token":
            form = {"grant_type": name, "refresh_token": token}
        response = self.rp.token({**form, "code_verifier": self.rp.verifier})
        assert response.status_code in {200, 400}, response.get_data(as_text=True)
        return response.status_code == 200

    def assertion(self, token: str) -> bool:
        """Whether it proves the client."""
        form = {"client_assertion_type": assertions.TYPE, "client_assertion": token}
        response = self.rp.send("/introspect", {"token": "x", **form})
        assert response.status_code in {200, 401}, response.get_data(as_text=True)
        return response.status_code == 200

    @property
    def _proof(self) -> dict[str, str]:
        return {"Authorization": basic(self.rp.client.id, self.rp.secret or "")}


@pytest.fixture
def doors(world: World, member: Member, browser: Browser) -> Doors:
    """All of it."""
    rp = RelyingParty(world, id_token_alg="ES256")
    rp.get("/jwks")
    protocol: Protocol = world.app.extensions["protocol"]
    signer = protocol.context.keys.signer("ES256")
    ours = Signer("ES256", signer.kid, signer.key.private_key)
    return Doors(world, rp, signing(world), ResourceServer(world), browser, ours)


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def _without(header: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in header.items() if key != name}


def _headers(right: dict[str, Any], types: list[Any]) -> list[dict[str, Any]]:
    """Wrong headers, each with one thing wrong."""
    return [
        *({**right, "alg": alg} for alg in ALGS),
        *({**right, "kid": kid} for kid in KIDS),
        *({**right, "typ": typ} for typ in types),
        *({**right, **more} for more in MORE),
        _without(right, "alg"),
        {},
    ]


def _other_forms(token: str) -> list[str]:
    """The same token in every form that is not the compact one (R129)."""
    head, body, signature = token.split(".")
    one = {"protected": head, "signature": signature}
    return [
        json.dumps({"payload": body, "signatures": [one]}),
        json.dumps({"payload": body, "signatures": []}),
        json.dumps({"payload": body, **one}),
        *(token + tail for tail in ("=", "==", ".", ".x", "\n", " ", "\x00", "%3D")),
        *(lead + token for lead in (".", " ", "\n", "Bearer ")),
        f"{head}=.{body}.{signature}",
        f"{head}.{body}=.{signature}",
        f"{head}..{signature}",
        f"{head}.{body}",
        f"{head}.{body}.",
        f"..{signature}",
        "..",
        f"{head}.{body}.{signature}.{signature}.{signature}",
        token + "A" * 20_000,
    ]


def _hmacs(token: str, signer: Signer) -> list[str]:
    """The token under HS256, with everything of the public key that anybody could take for a secret (R126)."""
    public = signer.key.public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, info)
    der = public.public_bytes(serialization.Encoding.DER, info)
    jwk = json.dumps(signer.public).encode()
    header, _ = _parts(token)
    forged = []
    for secret in (
        pem,
        pem.strip(),
        b" " + pem,
        b"\xef\xbb\xbf" + pem,
        pem.replace(b"\n", b"\r\n"),
        der,
        jwk,
        b"",
        b"x",
    ):
        for kid in (header["kid"], "", None):
            text = f"{b64(json.dumps({**header, 'alg': 'HS256', 'kid': kid}).encode())}.{token.split('.')[1]}"
            forged.append(f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}")
    return forged


def test_no_header_but_the_right_one_opens_an_id_token_hint(doors: Doors) -> None:
    """R126, R127, R128, R130: though each of these is signed by our own key."""
    token = doors.rp.tokens(doors.browser).id_token
    header, claims = _parts(token)
    assert doors.hint(doors.ours.sign(header, claims))
    for wrong in (*_headers(header, TYPES), _without(header, "kid"), _without(header, "typ")):
        assert not doors.hint(doors.ours.sign(wrong, claims)), wrong
    for other in (*_hmacs(token, doors.ours), *_other_forms(token)):
        assert not doors.hint(other), other[:200]


def test_no_header_but_the_right_one_opens_an_access_token(doors: Doors) -> None:
    """R126, R127, R128, R129, R130: at introspection; the signature is ours, and the token's row is there."""
    token = doors.rp.tokens(doors.browser, resource=doors.api.uri).access_token
    header, claims = _parts(token)
    assert doors.introspected(doors.ours.sign(header, claims))
    types = [*(typ for typ in TYPES if typ != "at+jwt"), "JWT", "application/at+jwt", "AT+JWT"]
    for wrong in (*_headers(header, types), _without(header, "kid"), _without(header, "typ")):
        assert not doors.introspected(doors.ours.sign(wrong, claims)), wrong
    for other in (*_hmacs(token, doors.ours), *_other_forms(token)):
        assert not doors.introspected(other), other[:200]


def test_no_header_but_a_right_one_opens_an_assertion(doors: Doors) -> None:
    """R126, R127, R128, R129, R130: though each of these is signed by the client's own key."""
    client = doors.client
    assert client.signer is not None
    right = client.signer.header
    assert doors.assertion(client.assertion())
    for wrong in _headers(right, TYPES):
        assert not doors.assertion(client.signer.sign(wrong, _parts(client.assertion())[1])), wrong
    for other in (*_hmacs(client.assertion(), client.signer), *_other_forms(client.assertion())):
        assert not doors.assertion(other), other[:200]


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "jti", "exp"])
def test_claims_of_another_type_are_never_a_fault(doors: Doors, name: str) -> None:
    """R131, R132: at every door, signed with the right key."""
    tokens = doors.rp.tokens(doors.browser, resource=doors.api.uri)
    assert doors.client.signer is not None
    for value in ODD:
        header, claims = _parts(tokens.id_token)
        if name not in {"exp", "jti"}:
            # Any text is somebody's `sub`: a hint of ours for another person (OIDC Core §3.1.2.1).
            somebody = name == "sub" and isinstance(value, str)
            assert doors.hint(doors.ours.sign(header, {**claims, name: value})) is somebody, value
        header, claims = _parts(tokens.access_token)
        if name in {"iss", "aud", "jti"}:
            assert not doors.introspected(doors.ours.sign(header, {**claims, name: value})), value
            assert not doors.introspected(doors.ours.sign(header, {**claims, name: [claims[name], value]})), value
        header, claims = _parts(doors.client.assertion())
        good = name == "jti" and isinstance(value, str) and value != ""
        assert doors.assertion(doors.client.signer.sign(header, {**claims, name: value})) is good, value


def test_each_kind_opens_its_own_doors_and_no_other(doors: Doors) -> None:
    """R130: the whole table, token by door."""
    rp, api, browser = doors.rp, doors.api, doors.browser
    plain, for_api = rp.tokens(browser), rp.tokens(browser, resource=api.uri)
    opens: dict[str, Callable[[str], bool]] = {
        "userinfo": doors.userinfo,
        "introspection": doors.introspected,
        "hint": doors.hint,
        "assertion": doors.assertion,
        "refresh": lambda token: doors.grant("refresh_token", token),
        "code": lambda token: doors.grant("authorization_code", token),
    }
    kinds: dict[str, tuple[str, set[str]]] = {
        "opaque access token": (plain.access_token, {"userinfo", "introspection"}),
        "signed access token": (for_api.access_token, {"introspection"}),
        "its jti": (str(api.claims(for_api.access_token)["jti"]), set()),
        "ID token": (plain.id_token, {"hint"}),
        "refresh token": (plain.refresh_token, {"refresh", "introspection"}),
        "assertion": (doors.client.assertion(), {"assertion"}),
        "code": (rp.code(browser), {"code"}),
        "client id": (rp.client.id, set()),
        "secret": (rp.secret or "", set()),
    }
    for kind, (token, allowed) in kinds.items():
        assert {door for door, opened in opens.items() if opened(token)} == allowed, kind


def test_another_issuers_and_another_clients_tokens_open_nothing(world: World, doors: Doors) -> None:
    """R130, R131: the right form by somebody else's key, and somebody else's token by ours."""
    stranger, elsewhere = RelyingParty(world, id_token_alg="ES256"), Signer.make("ES256", doors.ours.kid)
    other = sign_in(world, join(world.services, "jane.doe", email=None))
    token = stranger.tokens(other).id_token
    assert doors.rp.ask(doors.browser, id_token_hint=token)["error"] == "invalid_request"
    header, claims = _parts(doors.rp.tokens(doors.browser).id_token)
    assert not doors.hint(elsewhere.sign(header, claims))
    header, claims = _parts(doors.rp.tokens(doors.browser, resource=doors.api.uri).access_token)
    assert not doors.introspected(elsewhere.sign(header, claims))
    assert not doors.introspected(doors.ours.sign(header, {**claims, "aud": ResourceServer(world).uri}))
    assert not doors.introspected(doors.ours.sign(header, {**claims, "iss": "https://evil.example"}))


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["ES256", *ALGS]) | _ANY,
        "kid": st.sampled_from(["key-1", *KIDS]) | _ANY,
        "typ": st.sampled_from(["JWT", *TYPES]) | _ANY,
        "crit": _ANY,
        "b64": _ANY,
    },
)
_CLAIMS = st.dictionaries(st.sampled_from("iss sub aud exp nbf iat jti auth_time nonce".split()), _ANY)


@_often
@given(header=_HEADERS, claims=_CLAIMS)
def test_whatever_a_client_signs_is_only_believed_when_right(
    doors: Doors, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    """R102, R126 to R132: signed by the client's key, whatever it says; believed only with everything in its place."""
    client = doors.client
    assert client.signer is not None
    now = clock.epoch(clock.now())
    valid = {"iss": client.client.id, "sub": client.client.id, "aud": doors.world.settings.issuer, "exp": now + 60}
    believed = doors.assertion(client.signer.sign(header, {**valid, **claims}))
    if believed:
        assert header.get("alg") == "ES256"
        assert header.get("kid", "key-1") == "key-1"
        assert str(header.get("typ", "JWT")).upper() == "JWT"
        assert not header.keys() & {"crit", "b64"}
        assert isinstance(claims.get("jti"), str)


@_often
@given(
    head=st.binary(max_size=60),
    body=st.binary(max_size=60),
    tail=st.text(alphabet="AZaz09-_=.", min_size=1, max_size=90),
)
def test_bytes_that_are_no_token_are_only_refused(doors: Doors, head: bytes, body: bytes, tail: str) -> None:
    """R102, R129: at every door, never a fault."""
    for token in (f"{b64(head)}.{b64(body)}.{tail}", tail, doors.ours.sign_raw(head, body)):
        assert not doors.assertion(token)
        assert not doors.introspected(token)
        assert not doors.userinfo(token)
        assert not doors.hint(token)
        assert doors.revoked(token) == 200
