"""The token endpoint and the code grant (RFC 6749 §3.2, §4.1.3, §5; RFC 7636 §4.6)."""

import logging
from datetime import timedelta
from typing import NoReturn

import pytest
import sqlalchemy as sa
import time_machine
from werkzeug.test import TestResponse

from idp import clock, crypto
from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.config import PkceRule
from idp.db import Unavailable
from idp.oidc import pkce
from idp.oidc.authorizations import AuthorizationCode
from idp.oidc.clients import AuthMethod, Client, Pkce
from idp.oidc.tokens import AccessToken, RefreshToken
from tests.http_browser import Browser
from tests.members import Member
from tests.relying_party import RelyingParty, basic, on_sqlite, public
from tests.world import World


def _error(response: TestResponse) -> str:
    """The error of an answer that has the right shape for one (RFC 6749 §5.2)."""
    body = response.get_json()
    assert response.status_code == (401 if body["error"] == "invalid_client" else 400), body
    assert response.mimetype == "application/json"
    assert (response.headers["Cache-Control"], response.headers["Pragma"]) == ("no-store", "no-cache")
    assert body.keys() <= {"error", "error_description"}
    assert "Set-Cookie" not in response.headers
    error: str = body["error"]
    return error


def test_a_code_used_twice_revokes_everything_it_gave(
    world: World, rp: RelyingParty, browser: Browser, member: Member
) -> None:
    """RFC 6749 §4.1.2, R111: at once, and thirty seconds or two minutes later as well."""
    for later in (0, 31, 120):
        code = rp.code(browser)
        tokens = rp.read(rp.redeem(code))
        assert rp.userinfo(tokens.access_token).status_code == 200
        with time_machine.travel(clock.now() + timedelta(seconds=later), tick=True):
            assert _error(rp.redeem(code)) == "invalid_grant"
            assert rp.userinfo(tokens.access_token).status_code == 401
            assert _error(rp.refresh(tokens.refresh_token)) == "invalid_grant"
    assert [event.fields["why"] for event in world.events("authorization.revoked")] == ["code_replayed"] * 3


def test_a_code_lives_for_a_minute(rp: RelyingParty, browser: Browser) -> None:
    """RFC 6749 §4.1.2, R110."""
    young, old = rp.code(browser), rp.code(browser)
    with time_machine.travel(clock.now() + timedelta(seconds=58), tick=True):
        assert rp.redeem(young).status_code == 200
    with time_machine.travel(clock.now() + timedelta(seconds=61), tick=True):
        assert _error(rp.redeem(old)) == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": None},
        {"code_verifier": "x" * 64},
        {"code_verifier": "short"},
        {"code_verifier": "ü" * 64},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/callback"},
    ],
)
@on_sqlite
def test_a_code_shown_without_what_belongs_to_it_is_burnt(
    rp: RelyingParty, browser: Browser, changes: dict[str, str | None]
) -> None:
    """RFC 6749 §4.1.3, RFC 7636 §4.6, R109, R113: invalid_grant, and the right request afterwards comes too late."""
    code = rp.code(browser)
    assert _error(rp.redeem(code, **changes)) == "invalid_grant"
    assert _error(rp.redeem(code)) == "invalid_grant"


def test_another_client_cannot_redeem_a_code(world: World, rp: RelyingParty, browser: Browser) -> None:
    """RFC 6749 §4.1.3, R113: refused, and the code is burnt."""
    thief = RelyingParty(world, redirect_uris=(rp.redirect_uri,))
    thief.verifier = rp.verifier
    code = rp.code(browser)
    assert _error(thief.redeem(code)) == "invalid_grant"
    assert _error(rp.redeem(code)) == "invalid_grant"


def test_a_wrong_client_secret_does_not_burn_the_code(rp: RelyingParty, browser: Browser) -> None:
    """RFC 6749 §4.1.3: who is not authenticated changes nothing."""
    code = rp.code(browser)
    secret, rp.secret = rp.secret, "wrong"
    assert _error(rp.redeem(code)) == "invalid_client"
    rp.secret = secret
    assert rp.redeem(code).status_code == 200


def test_pkce_may_be_left_out_only_where_it_is_allowed(world: World, browser: Browser) -> None:
    """RFC 9700 §2.1.1: a client's own setting; a verifier without a challenge is refused all the same (§4.8.2)."""
    free = RelyingParty(world, pkce=Pkce.OPTIONAL)
    without = {"code_challenge": None, "code_challenge_method": None}
    assert free.redeem(free.code(browser, **without), code_verifier=None).status_code == 200
    assert _error(free.redeem(free.code(browser, **without))) == "invalid_grant"
    assert _error(free.redeem(free.code(browser), code_verifier=None)) == "invalid_grant"
    assert free.ask(browser, code_challenge_method="plain")["error"] == "invalid_request"


@on_sqlite
def test_the_operator_may_require_pkce_of_public_clients_only(world: World) -> None:
    """R109: `IDP_PKCE_REQUIRED=public`; a client's own `required` and a public client stay required."""
    confidential, strict, spa = RelyingParty(world), RelyingParty(world, pkce=Pkce.REQUIRED), public(world)
    answers = [pkce.may_omit(one.client, rule) for one in (confidential, strict, spa) for rule in PkceRule]
    assert answers == [False, True, False, False, False, False]


@on_sqlite
def test_what_is_no_token_request_is_told_so(rp: RelyingParty, browser: Browser, world: World) -> None:
    """RFC 6749 §3.2, §5.2; R102: repeated, missing, unknown, in the address, not a form, not UTF-8."""
    code = rp.code(browser)
    valid = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": rp.redirect_uri,
        "code_verifier": rp.verifier,
    }
    proof = {"Authorization": basic(rp.client.id, rp.secret or "")}
    form = "application/x-www-form-urlencoded"

    def post(path: str, body: object, content: str | None = form) -> TestResponse:
        headers = {**proof, **({"Content-Type": content} if content else {})}
        return rp.http.post(path, base_url=world.settings.issuer, data=body, headers=headers)

    assert _error(rp.token({**valid, "grant_type": None})) == "invalid_request"
    assert _error(rp.token({**valid, "code": None})) == "invalid_request"
    assert _error(rp.token({**valid, "grant_type": "password"})) == "unsupported_grant_type"
    assert _error(rp.token({**valid, "grant_type": 'no"such\\grant ü'})) == "unsupported_grant_type"
    assert _error(post("/token?grant_type=authorization_code", valid)) == "invalid_request"
    assert _error(post(f"/token?code={code}", valid)) == "invalid_request"
    assert _error(post("/token", b'{"grant_type":"authorization_code"}', "application/json")) == "invalid_request"
    assert _error(post("/token", b"", None)) == "invalid_request"
    assert (
        _error(post("/token", f"grant_type=authorization_code&code={code}&code={code}".encode())) == "invalid_request"
    )
    assert _error(post("/token", b"grant_type=%ff")) == "invalid_request"
    assert _error(post("/token", b"grant_type=\xff")) == "invalid_request"
    assert _error(post("/token", b"&".join(b"p%d=1" % n for n in range(500)))) == "invalid_request"
    assert _error(post("/token", b"code=" + b"x" * 40_000)) == "invalid_request"
    for other in ("GET", "PUT", "DELETE"):
        assert rp.http.open("/token", base_url=world.settings.issuer, method=other).status_code == 405
    assert rp.read(rp.token({**valid, "unknown": "x", "scope": "openid email"})).scope == "openid"


@on_sqlite
def test_hostile_codes_are_only_wrong(rp: RelyingParty) -> None:
    """R102: never a 500."""
    for code in ("x", "\x00", "'; DROP TABLE client;--", "a" * 20_000, "ü", "%"):
        assert _error(rp.redeem(code)) == "invalid_grant"


def test_a_client_proves_itself_in_the_registered_way_only(world: World, browser: Browser) -> None:
    """OIDC Core §9, RFC 6749 §2.3, R135: exactly one way, no downgrade, the same answer for every failure."""
    by_basic = RelyingParty(world)
    by_post = RelyingParty(world, auth_method=AuthMethod.POST)
    by_none = RelyingParty(world, auth_method=AuthMethod.NONE)
    for rp in (by_basic, by_post, by_none):
        assert rp.redeem(rp.code(browser)).status_code == 200
    wrong = []
    for rp in (by_basic, by_post, by_none):
        form: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": "x"}
        id_, secret = rp.client.id, rp.secret or "secret"
        basic_header = {"Authorization": basic(id_, secret)}
        in_form = {**form, "client_id": id_, "client_secret": secret}
        if rp is not by_basic:
            wrong.append(rp.token(form, headers=basic_header))
        if rp is not by_post:
            wrong.append(rp.token(in_form, headers={}))
        if rp is not by_none:
            wrong.append(rp.token({**form, "client_id": id_}, headers={}))
        two = rp.token(in_form, headers=basic_header)
        assert _error(two) == "invalid_request"
        assert _error(rp.token({**form, "client_id": "another"}, headers=basic_header)) == "invalid_request"
    post_secret = {"grant_type": "refresh_token", "client_id": by_post.client.id, "client_secret": "wrong"}
    wrong += [
        by_basic.token({"grant_type": "refresh_token"}, headers={"Authorization": basic(by_basic.client.id, "wrong")}),
        by_basic.token({"grant_type": "refresh_token"}, headers={"Authorization": basic("nobody", "wrong")}),
        by_basic.token({"grant_type": "refresh_token"}, headers={"Authorization": "Basic !!!"}),
        by_basic.token({"grant_type": "refresh_token"}, headers={"Authorization": "Basic dXNlcg=="}),
        by_basic.token({"grant_type": "refresh_token"}, headers={"Authorization": "Bearer x"}),
        by_basic.token({"grant_type": "refresh_token"}, headers={}),
        by_post.token({**post_secret}, headers={}),
        by_basic.token(
            {"grant_type": "refresh_token", "client_assertion": "x.y.z", "client_assertion_type": "jwt"}, headers={}
        ),
    ]
    assert {_error(response) for response in wrong} == {"invalid_client"}
    assert len({response.get_data() for response in wrong}) == 1
    assert all(response.headers["WWW-Authenticate"].startswith("Basic ") for response in wrong)


def test_basic_halves_are_form_decoded(world: World, browser: Browser) -> None:
    """RFC 6749 §2.3.1: a secret with a colon, a percent sign or a letter beyond ASCII works."""
    rp = RelyingParty(world)
    odd = "pä:ss%word+ &=1"
    rp.secret = odd
    world.services.db.write(
        lambda conn: conn.execute(
            sa.update(Client)
            .where(Client.id == rp.client.id)
            .values(secret_digests=[crypto.digest("older"), crypto.digest(odd)])
        )
    )
    assert rp.redeem(rp.code(browser)).status_code == 200
    rp.secret = "older"
    assert rp.redeem(rp.code(browser)).status_code == 200


def test_nothing_in_the_database_opens_anything(world: World, rp: RelyingParty, browser: Browser) -> None:
    """R75, R110, R136: of codes, tokens and secrets only digests are kept; each row names person and account."""
    code = rp.code(browser)
    tokens = rp.read(rp.redeem(code))
    assert len(code) >= 43
    assert len(tokens.access_token) >= 43
    with world.services.db.read() as conn:
        held = [
            *conn.execute(sa.select(AuthorizationCode.__table__)).mappings(),
            *conn.execute(sa.select(AccessToken.__table__)).mappings(),
            *conn.execute(sa.select(RefreshToken.__table__)).mappings(),
            *conn.execute(sa.select(Client.__table__)).mappings(),
        ]
    text = " ".join(str(dict(row)) for row in held)
    for secret in (code, tokens.access_token, tokens.refresh_token, rp.secret or "?"):
        assert secret not in text
    assert all(row["subject_person_id"] and row["acting_account_id"] for row in held[:3])


@on_sqlite
def test_no_token_or_code_is_logged_even_at_debug(
    rp: RelyingParty, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """Authlib writes whole tokens at DEBUG; the audit log and ours must not either (R77, R101)."""
    with caplog.at_level(logging.DEBUG):
        code = rp.code(browser)
        tokens = rp.read(rp.redeem(code))
        again = rp.read(rp.refresh(tokens.refresh_token))
        rp.redeem(code)
    events = " ".join(str(vars(event)) for event in rp.world.events())
    for secret in (
        code,
        tokens.access_token,
        tokens.refresh_token,
        tokens.id_token,
        again.access_token,
        rp.secret or "?",
    ):
        assert secret not in caplog.text
        assert secret not in events


def test_whoever_is_locked_or_signed_out_gets_nothing_for_a_pending_code(
    world: World, rp: RelyingParty, browser: Browser, member: Member
) -> None:
    """R87: a code does not outlive the sign-in that it stands for."""
    code = rp.code(browser)
    world.services.db.write(
        lambda conn: accounts.change_state(conn, member.account_id, was=State.ACTIVE, becomes=State.LOCKED, why="test")
    )
    assert _error(rp.redeem(code)) == "invalid_grant"
    world.services.db.write(
        lambda conn: accounts.change_state(conn, member.account_id, was=State.LOCKED, becomes=State.ACTIVE, why=None)
    )
    code = rp.code(browser)
    browser.open("/logout").submit(button="logout-yes")
    assert _error(rp.redeem(code)) == "invalid_grant"


@on_sqlite
@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke", "/userinfo"])
def test_no_fault_is_kept_by_a_cache(world: World, rp: RelyingParty, path: str) -> None:
    """RFC 6749 §5.1, RFC 9110 §15.5.6: neither a wrong method, nor too much, nor a bug, nor an outage; and 405 says what goes."""

    def kept_out(response: TestResponse, status: int) -> None:
        assert response.status_code == status
        assert (response.headers["Cache-Control"], response.headers["Pragma"]) == ("no-store", "no-cache")
        assert response.is_json

    wrong = rp.http.open(path, base_url=world.settings.issuer, method="DELETE")
    kept_out(wrong, 405)
    assert "POST" in wrong.headers["Allow"]
    kept_out(rp.send(path, {"token": "x" * 100_000}), 413)
    endpoint = next(rule.endpoint for rule in world.app.url_map.iter_rules() if rule.rule == path)
    for fault, status in ((LookupError("a bug"), 500), (Unavailable("an outage"), 503)):

        def broken(fault: Exception = fault) -> NoReturn:
            raise fault

        world.app.view_functions[endpoint] = broken
        kept_out(rp.send(path, {"token": "x"}), status)


def test_scripts_of_registered_origins_may_call_it_and_no_others(world: World, browser: Browser) -> None:
    """R98: CORS for registered origins, never with credentials; errors can be read too."""
    spa = public(world, origins=("https://app.example",))
    code = spa.code(browser)
    form = {
        "grant_type": "authorization_code",
        "client_id": spa.client.id,
        "code": code,
        "redirect_uri": spa.redirect_uri,
        "code_verifier": spa.verifier,
    }
    for path in ("/token", "/userinfo"):
        for origin, allowed in (("https://app.example", True), ("https://evil.example", False), ("null", False)):
            preflight = spa.http.options(
                path,
                base_url=world.settings.issuer,
                headers={"Origin": origin, "Access-Control-Request-Method": "POST"},
            )
            assert preflight.status_code == 204
            assert (preflight.headers.get("Access-Control-Allow-Origin") == origin) is allowed
            assert "Access-Control-Allow-Credentials" not in preflight.headers
    refused = spa.send("/token", {**form, "code": "wrong"}, headers={"Origin": "https://app.example"})
    assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example"
    answered = spa.send("/token", form, headers={"Origin": "https://app.example"})
    assert answered.status_code == 200
    assert answered.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Origin" in answered.headers["Vary"]
