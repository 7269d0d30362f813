"""Discovery and keys (OIDC Discovery §3, §4; RFC 8414; RFC 7517)."""

import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import KeySet, RSAKey

from idp import clock
from idp.accounts.levels import ACRS
from idp.oidc import keys
from tests.relying_party import RelyingParty, on_sqlite
from tests.world import World

pytestmark = on_sqlite

_STRINGS = {
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "jwks_uri",
    "end_session_endpoint",
}
_BOOLEANS = {
    "claims_parameter_supported": True,
    "request_parameter_supported": False,
    "request_uri_parameter_supported": False,
    "authorization_response_iss_parameter_supported": True,
}


def test_both_documents_are_the_same_and_every_member_has_its_type(rp: RelyingParty, world: World) -> None:
    """OIDC Discovery §3, RFC 8414 §2, RFC 9207 §3."""
    response = rp.get("/.well-known/openid-configuration")
    told = response.get_json()
    assert response.mimetype == "application/json"
    assert response.get_data() == rp.get("/.well-known/oauth-authorization-server").get_data()
    assert told["issuer"] == world.settings.issuer
    assert all(told[name].startswith(world.settings.issuer) for name in _STRINGS)
    assert {name: told[name] for name in _BOOLEANS} == _BOOLEANS
    lists = told.keys() - _STRINGS - _BOOLEANS.keys()
    assert all(isinstance(told[name], list) and all(isinstance(item, str) for item in told[name]) for name in lists)
    assert all(len(set(told[name])) == len(told[name]) > 0 for name in lists)


def test_it_says_what_is_true(rp: RelyingParty) -> None:
    """OIDC Discovery §3; RFC 8414 §2; RFC 7636 §6.2; RS256 must be among the algorithms (OIDC Core §15.1)."""
    told = rp.get("/.well-known/openid-configuration").get_json()
    assert told["response_types_supported"] == ["code"]
    assert told["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    proving = {"client_secret_basic", "client_secret_post", "private_key_jwt"}
    for endpoint, methods in (
        ("token", {*proving, "none"}),
        ("revocation", {*proving, "none"}),
        ("introspection", proving),
    ):
        assert set(told[f"{endpoint}_endpoint_auth_methods_supported"]) == methods
        algs = told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert set(algs) == {"RS256", "PS256", "ES256", "EdDSA"}
    assert set(told["id_token_signing_alg_values_supported"]) == {"RS256", "ES256"}
    assert set(told["subject_types_supported"]) == {"pairwise", "public"}
    assert told["acr_values_supported"] == list(ACRS)
    assert {"sub", "dslogon_assurance", "email_verified"} <= set(told["claims_supported"])


def test_every_address_it_names_answers(rp: RelyingParty, world: World) -> None:
    """OIDC Discovery §3: none leads nowhere."""
    told = rp.get("/.well-known/openid-configuration").get_json()
    for name in _STRINGS - {"issuer"}:
        path = told[name].removeprefix(world.settings.issuer)
        assert rp.get(path).status_code != 404, name


def test_the_key_set_shows_no_private_half(rp: RelyingParty) -> None:
    """RFC 7517 §4, RFC 7518 §6.3.2, R144: kid, alg and use on each, and none of d, p, q, dp, dq, qi, k."""
    published = rp.get("/jwks").get_json()["keys"]
    assert {key["alg"] for key in published} == set(keys.ALGS)
    assert len({key["kid"] for key in published}) == len(published)
    for key in published:
        assert key["use"] == "sig"
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
    for key in KeySet.import_key_set({"keys": published}).keys:
        if isinstance(key, RSAKey):
            public = key.public_key
            assert isinstance(public, rsa.RSAPublicKey)
            assert public.key_size >= 2048


def test_any_script_may_read_discovery_and_keys_and_no_cookie_is_set(rp: RelyingParty) -> None:
    """OIDC Discovery §4 with R98: open to all, without credentials."""
    for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks"):
        response = rp.get(path, headers={"Origin": "https://anybody.example"})
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert "Set-Cookie" not in response.headers
        assert response.headers["Cache-Control"] == ("no-cache" if path == "/jwks" else "public, max-age=60")


def test_the_key_set_is_asked_for_anew_and_seldom_sent(world: World, rp: RelyingParty) -> None:
    """R146: no cache hides that a key is gone; what has not changed is not sent again."""
    first = rp.get("/jwks")
    etag = first.headers["ETag"]
    assert not etag.startswith("W/")
    again = rp.get("/jwks", headers={"If-None-Match": etag, "Origin": "https://anybody.example"})
    assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", etag)
    assert (again.headers["Cache-Control"], again.headers["Access-Control-Allow-Origin"]) == ("no-cache", "*")
    kid = first.get_json()["keys"][0]["kid"]
    keys.retire(world.services.db, world.services.keyring, kid, actor="operator:test")
    with time_machine.travel(clock.now() + keys.Keys.LIFE, tick=True):
        changed = rp.get("/jwks", headers={"If-None-Match": etag})
    assert (changed.status_code, changed.headers["ETag"] != etag) == (200, True)
    assert kid not in changed.get_data(as_text=True)


def test_keys_are_made_once_and_sealed(world: World) -> None:
    """R145: a second `ensure` makes none, and nothing in the table opens without the sealing key."""
    assert keys.ensure(world.services.db, world.services.keyring, actor="operator:test") == []
    with world.services.db.read() as conn:
        rows = keys.list_keys(conn)
    assert sorted(row.alg for row in rows) == ["ES256", "RS256"]
    for row in rows:
        assert b'"d"' not in row.private_sealed
        assert "d" not in row.public
        assert row.kid == row.public["kid"]
