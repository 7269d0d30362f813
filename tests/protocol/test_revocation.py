"""Tokens given back (RFC 7009)."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from idp.oidc.clients import AuthMethod
from tests.http_browser import Browser
from tests.relying_party import RelyingParty, basic, on_sqlite, public, signing
from tests.resource_server import ResourceServer
from tests.world import World


def _revoke(rp: RelyingParty, token: str, **more: str) -> TestResponse:
    form = {"token": token, **more}
    if rp.client.auth_method == AuthMethod.NONE.value:
        return rp.send("/revoke", {**form, "client_id": rp.client.id})
    if rp.client.auth_method == AuthMethod.PRIVATE_KEY_JWT.value:
        return rp.send("/revoke", {**form, **rp.proof()})
    return rp.send("/revoke", form, headers={"Authorization": basic(rp.client.id, rp.secret or "")})


def _done(response: TestResponse) -> bool:
    """RFC 7009 §2.2: 200, and the client reads nothing from the body."""
    assert response.headers["Cache-Control"] == "no-store"
    return response.status_code == 200 and response.get_data() == b""


def _gone(rp: RelyingParty, refresh_token: str) -> bool:
    response = rp.refresh(refresh_token)
    return response.status_code == 400 and response.get_json()["error"] == "invalid_grant"


def test_a_refresh_token_takes_everything_with_it(world: World, browser: Browser) -> None:
    """RFC 7009 §2.1, R148: by every kind of client; the other sign-ins of the person stay."""
    for rp in (RelyingParty(world), public(world), signing(world)):
        api = ResourceServer(world)
        tokens, other = rp.tokens(browser, resource=api.uri), rp.tokens(browser)
        ours = rp.read(rp.refresh(tokens.refresh_token, resource=world.settings.issuer))
        newest = ours.refresh_token or tokens.refresh_token
        assert _done(_revoke(rp, newest, token_type_hint="refresh_token"))
        assert _gone(rp, newest)
        assert rp.userinfo(ours.access_token).status_code == 401
        assert api.introspect(tokens.access_token) == {"active": False}
        assert rp.userinfo(other.access_token).status_code == 200
        assert rp.refresh(other.refresh_token).status_code == 200
    revoked = world.events("authorization.revoked")
    assert [event.fields["why"] for event in revoked] == ["revoked_by_client"] * 3
    assert all(event.actor == f"client:{event.client}" and event.subject for event in revoked)


def test_a_spent_refresh_token_still_names_its_chain(world: World, browser: Browser) -> None:
    """R138, R148: whoever shows one wants the chain to end."""
    spa = public(world)
    first = spa.tokens(browser)
    second = spa.read(spa.refresh(first.refresh_token))
    assert _done(_revoke(spa, first.refresh_token))
    assert _gone(spa, second.refresh_token)


def test_an_access_token_takes_only_itself(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RFC 7009 §2.1: opaque or signed, at once; its refresh token goes on."""
    api = ResourceServer(world)
    tokens = rp.tokens(browser, resource=api.uri)
    ours = rp.read(rp.refresh(tokens.refresh_token, resource=world.settings.issuer)).access_token
    assert _done(_revoke(rp, ours, token_type_hint="refresh_token"))
    assert rp.userinfo(ours).status_code == 401
    assert api.introspect(tokens.access_token)["active"] is True
    assert _done(_revoke(rp, tokens.access_token, token_type_hint="access_token"))
    assert api.introspect(tokens.access_token) == {"active": False}
    assert rp.refresh(tokens.refresh_token).status_code == 200
    assert len(world.events("token.revoked")) == 2


def test_what_is_no_token_is_revoked_already(rp: RelyingParty, browser: Browser) -> None:
    """RFC 7009 §2.2: unknown, used up, twice, or of no known hint: 200, so that nobody tries for ever."""
    tokens = rp.tokens(browser)
    for token in ("x", "a.b.c", "x" * 20_000, "\x00", "ü"):
        assert _done(_revoke(rp, token))
        assert _done(_revoke(rp, token, token_type_hint="something_else"))
    for _ in range(2):
        assert _done(_revoke(rp, tokens.access_token))
    for _ in range(2):
        assert _done(_revoke(rp, tokens.refresh_token))


def test_nobody_revokes_what_is_not_theirs(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RFC 7009 §2.1, R148: refused, and the token lives on; a resource server gives nothing back either."""
    api = ResourceServer(world)
    tokens = rp.tokens(browser)
    for_api = rp.tokens(browser, resource=api.uri).access_token
    for stranger in (RelyingParty(world), public(world)):
        for token in (tokens.access_token, tokens.refresh_token, for_api):
            refused = _revoke(stranger, token)
            assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")
    assert api.post("/revoke", {"token": for_api}).get_json()["error"] == "invalid_grant"
    assert rp.userinfo(tokens.access_token).status_code == 200
    assert api.introspect(for_api)["active"] is True
    assert rp.refresh(tokens.refresh_token).status_code == 200


def test_an_id_token_cannot_be_taken_back(rp: RelyingParty, browser: Browser) -> None:
    """RFC 7009 §2.2.1."""
    refused = _revoke(rp, rp.tokens(browser).id_token)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "unsupported_token_type")


@on_sqlite
def test_who_asks_proves_itself_as_registered(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RFC 7009 §2.1, R135: without its proof nobody changes anything, and what is no request is told so."""
    token = rp.tokens(browser).access_token
    proof = {"Authorization": basic(rp.client.id, rp.secret or "")}
    for form, headers in (
        ({"token": token}, {}),
        ({"token": token, "client_id": rp.client.id}, {}),
        ({"token": token, "client_id": rp.client.id, "client_secret": rp.secret or ""}, {}),
        ({"token": token}, {"Authorization": basic(rp.client.id, "wrong")}),
        ({"token": token}, {"Authorization": f"Bearer {token}"}),
    ):
        refused = rp.send("/revoke", form, headers=headers)
        assert (refused.status_code, refused.get_json()["error"]) == (401, "invalid_client")
    two = rp.send("/revoke", {"token": token, "client_id": rp.client.id, "client_secret": "x"}, headers=proof)
    assert (two.status_code, two.get_json()["error"]) == (400, "invalid_request")
    for path in ("/revoke", f"/revoke?token={token}"):
        wrong = rp.send(path, {}, headers={**proof, "Content-Type": "application/x-www-form-urlencoded"})
        assert (wrong.status_code, wrong.get_json()["error"]) == (400, "invalid_request")
    assert rp.http.get("/revoke", base_url=world.settings.issuer).status_code == 405
    assert rp.userinfo(token).status_code == 200


@on_sqlite
def test_scripts_of_registered_origins_may_revoke_and_no_others(world: World, browser: Browser) -> None:
    """RFC 7009 §2.3, R98."""
    spa = public(world, origins=("https://app.example",))
    token = spa.tokens(browser).access_token
    for origin, allowed in (("https://app.example", True), ("https://evil.example", False)):
        asked = spa.http.options("/revoke", base_url=world.settings.issuer, headers={"Origin": origin})
        assert (asked.headers.get("Access-Control-Allow-Origin") == origin) is allowed
        assert "Access-Control-Allow-Credentials" not in asked.headers
    answered = spa.send(
        "/revoke", {"token": token, "client_id": spa.client.id}, headers={"Origin": "https://app.example"}
    )
    assert answered.status_code == 200
    assert answered.headers["Access-Control-Allow-Origin"] == "https://app.example"


def _stop_writing(world: World, tmp_path: Path, keys_folder: Path, code: str) -> World:
    """The provider on the same database, where every write fails: a file that only reads, or a server that says why."""
    url = world.settings.database_url
    if world.services.db.is_sqlite:
        url = f"sqlite:///file:{sa.make_url(url).database}?mode=ro&uri=true"
    else:
        with world.services.db.engine.begin() as conn:
            conn.exec_driver_sql(
                "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"
            )
            for table in ("authorization", "access_token"):
                conn.exec_driver_sql(
                    f'CREATE OR REPLACE TRIGGER refuse BEFORE UPDATE OR DELETE ON "{table}" EXECUTE FUNCTION refuse()'
                )
    return World(url, keys_folder, tmp_path)


@pytest.mark.parametrize("code", ["53100", "25006"], ids=["disk full", "only reads"])
def test_when_nothing_can_be_written_the_client_hears_so(
    world: World, rp: RelyingParty, browser: Browser, keys_folder: Path, tmp_path: Path, code: str
) -> None:
    """RFC 7009 §2.2.1, R148: 503 with Retry-After and never 200, since the token still works."""
    tokens = rp.tokens(browser)
    standby = _stop_writing(world, tmp_path, keys_folder, code)
    http = HttpClient(standby.app, use_cookies=False)
    answers = [
        http.post(
            "/revoke",
            base_url=standby.settings.issuer,
            data={"token": token},
            headers={"Authorization": basic(rp.client.id, rp.secret or "")},
        )
        for token in (tokens.refresh_token, tokens.access_token)
    ]
    standby.close()
    assert [answer.status_code for answer in answers] == [503] * 2
    assert {answer.get_json()["error"] for answer in answers} == {"temporarily_unavailable"}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert rp.userinfo(tokens.access_token).status_code == 200
    assert rp.refresh(tokens.refresh_token).status_code == 200
