"""Consent: shown once for a client and a set of scopes, about the stored request and nothing else (R118, R119)."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
import time_machine

from idp import clock
from idp.accounts import profile
from idp.accounts.levels import Level
from idp.oidc import consents, scopes
from idp.oidc.authorizations import Authorization
from idp.oidc.clients import Kind
from idp.oidc.consents import Consent
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.relying_party import RelyingParty, on_sqlite, public, sign_in
from tests.resource_server import ResourceServer
from tests.world import World


def test_it_is_shown_once_and_again_for_more(world: World, browser: Browser) -> None:
    """OIDC Core §3.1.2.4."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    assert browser.page.name == "consent/consent"
    assert rp.client.name in browser.page.text
    assert "Your account level" in browser.page.text
    browser.submit(button="consent-allow")
    assert "code" in rp.answer(browser)
    assert "code" in rp.ask(browser)
    assert "code" in rp.ask(browser, prompt="none")
    rp.ask(browser, scope="openid email")
    assert "Your email address" in browser.page.text
    browser.submit(button="consent-allow")
    assert "code" in rp.ask(browser, scope="openid email")
    assert "code" in rp.ask(browser, scope="email openid")
    given = [(event.fields["scopes"], event.fields["claims"]) for event in world.events("consent.given")]
    assert given == [(["openid"], []), (["openid", "email"], [])]


def test_it_shows_the_very_values_that_would_leave(world: World, member: Member, browser: Browser) -> None:
    """OIDC Core §3.1.2.4: by scope, in full to their owner, with what was asked for by name; and nothing else."""
    rp = RelyingParty(world, first_party=False)
    typed = {"nickname": "Mari", "birthdate": "1980-02-03"}
    _save_profile(world, member, typed)
    named = json.dumps({"id_token": {"birthdate": None}, "userinfo": {"phone_number": {"essential": True}}})
    rp.ask(browser, scope="openid email", claims=named)
    assert "maria@example.org" in browser.page.text
    assert "Basic (Level 1)" in browser.page.text
    assert "Date of birth February 3, 1980" in browser.page.text
    assert "Phone Nothing now" in browser.page.text
    assert "If your account becomes Premium" in browser.page.text
    assert "Mari " not in browser.page.text.replace("maria", "")
    browser.submit(button="consent-allow")
    told = rp.claims(rp.read(rp.redeem(rp.answer(browser)["code"])).id_token)
    assert told["birthdate"] == "1980-02-03"
    assert "nickname" not in told


def test_a_premium_persons_page_shows_what_deers_tells_and_half_hides_the_number(world: World) -> None:
    """docs/levels.md §5: the values of the level that this sign-in shows; of the DoD ID number only its end."""
    member = join(world.services, "dana", level=Level.PREMIUM, totp=True, edipi="9900000015", email="d@example.org")
    rp = RelyingParty(world, first_party=False, scopes=scopes.ALL)
    browser = sign_in(world, member)
    rp.ask(browser, scope="openid profile edipi eligibility dslogon")
    for words in (
        "Dana Q Example",
        "February 10, 1984",
        "Premium (Level 2)",
        "Active duty, Army",
        "TRICARE Prime",
        "Sponsor",
    ):
        assert words in browser.page.text, words
    assert "Ending in 0015" in browser.page.text
    assert "If your account becomes Premium" not in browser.page.text
    assert "9900000015" not in browser.page.html
    browser.submit(button="consent-allow")
    assert "code" in rp.answer(browser)


def test_a_claim_by_name_is_remembered_like_a_scope(world: World, browser: Browser) -> None:
    """OIDC Core §3.1.2.4, §5.5: what was allowed by name is not asked again; one more claim is; a scope covers its claims."""
    rp = RelyingParty(world, first_party=False)

    def asking(*names: str) -> str:
        return json.dumps({"userinfo": dict.fromkeys(names)})

    rp.ask(browser, claims=asking("email"))
    browser.submit(button="consent-allow")
    assert "code" in rp.ask(browser, claims=asking("email"), prompt="none")
    assert rp.ask(browser, claims=asking("email", "birthdate"), prompt="none")["error"] == "consent_required"
    assert rp.ask(browser, scope="openid email", prompt="none")["error"] == "consent_required"
    rp.ask(browser, scope="openid profile")
    browser.submit(button="consent-allow")
    assert "code" in rp.ask(browser, claims=asking("email", "birthdate"), prompt="none")
    given = [event.fields["claims"] for event in world.events("consent.given")]
    assert given == [["email"], []]


def test_the_services_behind_a_site_are_named_and_remembered(world: World, browser: Browser) -> None:
    """RFC 8707 §3, R118, R120: which resource servers a client may use is part of what is allowed, and is seen afterwards."""
    first, second = ResourceServer(world), ResourceServer(world)
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    assert "consent-servers" not in browser.page.html
    browser.submit(button="consent-allow")
    assert rp.ask(browser, resource=first.uri, prompt="none")["error"] == "consent_required"
    rp.ask(browser, resource=first.uri)
    assert browser.page.ids["consent-servers"] == first.server.name
    browser.submit(button="consent-allow")
    assert first.claims(rp.read(rp.redeem(rp.answer(browser)["code"])).access_token)
    for allowed in (first.uri, world.settings.issuer, None):
        assert "code" in rp.ask(browser, resource=allowed, prompt="none")
    browser.open(rp.url(resource=first.uri) + f"&resource={second.uri}")
    assert second.server.name in browser.page.ids["consent-servers"]
    browser.submit(button="consent-allow")
    page = browser.open("/account/sites").page.text
    assert f"It can use these services for you: {first.server.name}, {second.server.name}" in page
    given = [event.fields["resources"] for event in world.events("consent.given")]
    assert given == [[], [first.uri], [first.uri, second.uri]]
    _stop(browser, rp)
    assert rp.ask(browser, resource=first.uri, prompt="none")["error"] == "consent_required"


def test_a_refresh_rests_on_the_services_that_were_allowed(world: World, browser: Browser) -> None:
    """R140: an offline refresh token is worth nothing once the consent to its resource server is gone."""
    api, rp = ResourceServer(world), RelyingParty(world, first_party=False)
    rp.ask(browser, scope="openid offline_access", resource=api.uri)
    browser.submit(button="consent-allow")
    tokens = rp.read(rp.redeem(rp.answer(browser)["code"]))
    assert rp.refresh(tokens.refresh_token).status_code == 200
    world.services.db.write(lambda conn: conn.execute(sa.update(Consent).values(resources=None)).rowcount)
    assert rp.refresh(tokens.refresh_token).get_json()["error"] == "invalid_grant"


NATIVE = ("https://app.example/cb", "http://127.0.0.1/cb", "org.example.app:/cb")


@pytest.mark.parametrize("first_party", [False, True])
@on_sqlite
def test_an_app_that_nobody_can_tell_from_another_is_allowed_anew_each_time(
    world: World, browser: Browser, *, first_party: bool
) -> None:
    """RFC 8252 §8.6, R118: a public client is known by an https address of its own, and by nothing else."""
    app = RelyingParty(world, kind=Kind.NATIVE, first_party=first_party, redirect_uris=NATIVE)
    for anybodys in (*NATIVE[1:], "http://127.0.0.1:49152/cb"):
        for _ in range(2):
            browser.open(app.url(redirect_uri=anybodys))
            assert browser.page.name == "consent/consent", anybodys
            browser.submit(button="consent-allow")
            assert str(browser.left_for).startswith(f"{anybodys}?code=")
        browser.open(app.url(redirect_uri=anybodys, prompt="none"))
        assert "error=consent_required" in str(browser.left_for)
    browser.open(app.url(redirect_uri=NATIVE[0], prompt="none"))
    assert "code=" in str(browser.left_for)


@on_sqlite
def test_a_consent_is_remembered_for_a_client_that_is_known(world: World, browser: Browser) -> None:
    """R118: by its secret, wherever it listens, as the demo's portal on localhost does; or by its own https address."""
    confidential = RelyingParty(world, first_party=False, redirect_uris=("http://localhost:5001/callback",))
    for rp in (confidential, public(world, first_party=False)):
        browser.open(rp.url()).submit(button="consent-allow")
        assert "code" in rp.ask(browser, prompt="none")


@on_sqlite
def test_a_session_that_ran_out_is_no_sign_in_at_a_site(world: World, rp: RelyingParty, browser: Browser) -> None:
    """R83, R120: a first-party site is listed while one is signed in there; half an hour without use ends that."""
    rp.ask(browser)
    later = clock.now() + timedelta(minutes=31)
    with world.services.db.read() as conn:
        account = conn.execute(sa.select(Authorization.acting_account_id)).scalar_one()
        assert [site.name for site in consents.list_sites(conn, account)] == [rp.client.name]
        with time_machine.travel(later, tick=True):
            assert consents.list_sites(conn, account) == []


def test_a_claim_by_name_that_was_not_asked_again_dies_with_the_consent(world: World, browser: Browser) -> None:
    """R120, R140: an offline refresh rests on the claims that were allowed by name too."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser, scope="openid offline_access", claims='{"userinfo":{"email":null}}')
    browser.submit(button="consent-allow")
    tokens = rp.read(rp.redeem(rp.answer(browser)["code"]))
    assert rp.refresh(tokens.refresh_token).status_code == 200
    world.services.db.write(lambda conn: conn.execute(sa.update(Consent).values(claims=None)).rowcount)
    assert rp.refresh(tokens.refresh_token).get_json()["error"] == "invalid_grant"


def test_sharing_is_seen_and_stopped_and_everything_dies_at_once(world: World, browser: Browser) -> None:
    """R120: the list of sites, and "Stop sharing": access and refresh tokens, and a code that nobody redeemed yet."""
    rp, other = RelyingParty(world, first_party=False), RelyingParty(world, first_party=False)
    for each in (rp, other):
        each.ask(browser, scope="openid email offline_access")
        browser.submit(button="consent-allow")
    tokens, untouched = (each.tokens(browser, scope="openid email offline_access") for each in (rp, other))
    code = rp.code(browser)
    browser.open("/account/sites")
    assert (browser.page.name, browser.page.h1) == ("sites/list", ["Sites that you share with"])
    for words in ("Your email address", "Your account level", "while you are signed out"):
        assert words in browser.page.text
    assert rp.userinfo(tokens.access_token).status_code == 200
    _stop(browser, rp)
    assert "no longer share" in browser.page.text
    assert rp.client.name not in browser.page.text
    assert other.client.name in browser.page.text
    assert rp.userinfo(tokens.access_token).status_code == 401
    assert rp.refresh(tokens.refresh_token).get_json()["error"] == "invalid_grant"
    assert rp.redeem(code).get_json()["error"] == "invalid_grant"
    assert other.userinfo(untouched.access_token).status_code == 200
    assert rp.ask(browser, prompt="none")["error"] == "consent_required"
    event = world.events("consent.withdrawn")[0]
    assert (event.client, event.fields) == (rp.client.id, {"authorizations": 3})


def test_a_first_party_site_is_listed_while_one_is_signed_in_there(
    world: World, rp: RelyingParty, browser: Browser
) -> None:
    """R120: nobody was asked, and still its tokens can be ended."""
    assert "You share with no site" in browser.open("/account/sites").page.text
    tokens = rp.tokens(browser)
    browser.open("/account/sites")
    assert rp.client.name in browser.page.text
    _stop(browser, rp)
    assert rp.userinfo(tokens.access_token).status_code == 401
    assert "You share with no site" in browser.page.text


def test_nobody_stops_anothers_sharing_and_nothing_unknown_breaks_it(world: World, browser: Browser) -> None:
    """R92, R103: only one's own, only by a form with its token."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    browser.submit(button="consent-allow")
    other = sign_in(world, join(world.services, "walt.whitman", email=None))
    form = other.open("/account/profile").page.form("csrf_token")
    token = form.fields["csrf_token"]
    for client_id in (rp.client.id, "", "x" * 5_000, "\x00", "ü"):
        other.post("/account/sites/stop", {"csrf_token": token, "client_id": client_id})
        assert (other.status, other.page.name) == (200, "sites/list")
        assert "nothing left to stop" in other.page.text
    assert browser.post("/account/sites/stop", {"client_id": rp.client.id}).page.error == "stale_form"
    assert "code" in rp.ask(browser, prompt="none")
    assert world.events("consent.withdrawn") == []


def test_a_consent_that_was_withdrawn_answers_no_request_that_waits(world: World, browser: Browser) -> None:
    """R118, R120: allowed in one tab, taken back in another, and then gone on with in the first."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    handle = browser.address.partition("request=")[2]
    form = browser.page.form("shown_to")
    headers = {"Origin": world.settings.issuer}
    for path, fields in (
        ("/consent", {**form.fields, "choice": "allow"}),
        ("/account/sites/stop", {**form.fields, "client_id": rp.client.id}),
    ):
        assert (
            browser.client.post(path, base_url=world.settings.issuer, data=fields, headers=headers).status_code == 303
        )
    browser.open(f"/authorize/continue?request={handle}")
    assert browser.page.name == "consent/consent"


def _save_profile(world: World, member: Member, typed: dict[str, str]) -> None:
    world.services.db.write(
        lambda conn: profile.save(
            conn, world.services.keyring, account_id=member.account_id, person_id=member.person_id, typed=typed
        )
    )


def _stop(browser: Browser, rp: RelyingParty) -> None:
    """Press the button of this site."""
    form = next(form for form in browser.page.forms if form.fields.get("client_id") == rp.client.id)
    browser.post(form.action, form.fields)


def test_no_means_access_denied_and_is_not_remembered(world: World, browser: Browser) -> None:
    """RFC 6749 §4.1.2.1."""
    rp = RelyingParty(world, first_party=False)
    for _ in range(2):
        rp.ask(browser)
        browser.submit(button="consent-deny")
        answer = rp.answer(browser)
        assert (answer["error"], answer["state"]) == ("access_denied", "state-1")
    assert len(world.events("consent.denied")) == 2
    assert world.events("authorization.code_issued") == []


def test_a_first_party_client_needs_none_unless_it_asks(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §3.1.2.1, §11: `prompt=consent` shows it to a first-party client too; so does access that outlives the session."""
    assert "code" in rp.ask(browser, scope="openid email profile")
    for _ in range(2):
        rp.ask(browser, prompt="consent")
        assert browser.page.name == "consent/consent"
        browser.submit(button="consent-allow")
        assert "code" in rp.answer(browser)
    rp.ask(browser, scope="openid offline_access")
    assert browser.page.name == "consent/consent"
    browser.submit(button="consent-allow")
    assert "code" in rp.ask(browser, scope="openid offline_access")


def test_the_answer_is_about_the_stored_request_alone(world: World, browser: Browser) -> None:
    """R103, R118: scopes, clients or addresses in the form change nothing."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    form = browser.page.form("request")
    browser.post(
        browser.address,
        {
            **form.fields,
            "choice": "allow",
            "scope": "openid email offline_access",
            "client_id": "other",
            "redirect_uri": "https://evil.example",
        },
    )
    assert rp.read(rp.redeem(rp.answer(browser)["code"])).scope == "openid"


def test_it_cannot_be_given_by_a_link_or_from_another_site(world: World, browser: Browser) -> None:
    """R92, R119: GET changes nothing, a form needs its token, and no other site may frame the page."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    address = browser.address
    handle = address.partition("request=")[2]
    assert "frame-ancestors 'none'" in browser.response.headers["Content-Security-Policy"]
    browser.open(address + "&choice=allow")
    assert browser.page.name == "consent/consent"
    browser.post("/consent", {"request": handle, "choice": "allow"})
    assert (browser.status, browser.page.error) == (400, "stale_form")
    browser.open(f"/authorize/continue?request={handle}")
    assert browser.page.name == "consent/consent"
    browser.submit(button="consent-allow", request=handle)
    assert "code" in rp.answer(browser)


def test_an_answer_without_a_choice_is_asked_again(world: World, browser: Browser) -> None:
    """R103: only the two buttons' values mean something."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    form = browser.page.form("request")
    browser.post(browser.address, {**form.fields, "choice": "maybe"})
    assert (browser.status, browser.page.name) == (422, "consent/consent")


def test_one_persons_yes_is_not_anothers(world: World, browser: Browser) -> None:
    """R118: whoever signs in between the yes and the answer is asked too."""
    rp = RelyingParty(world, first_party=False)
    join(world.services, "walt.whitman", email=None)
    rp.ask(browser, prompt="consent")
    handle = browser.address.partition("request=")[2]
    response = browser.client.post(
        "/consent",
        base_url="http://localhost:5000",
        data={**browser.page.form("request").fields, "choice": "allow"},
        headers={"Origin": "http://localhost:5000"},
    )
    assert response.status_code == 303
    browser.open(f"/login?request={handle}").submit(username="walt.whitman", password=PASSWORD)
    assert browser.page.name == "consent/consent"
    assert "walt.whitman" in browser.page.text


def test_the_page_needs_a_sign_in(world: World) -> None:
    """A request whose person is not known yet is not theirs to allow."""
    rp = RelyingParty(world, first_party=False)
    browser = world.browser()
    rp.ask(browser)
    browser.open(browser.address.replace("/login", "/consent"))
    assert browser.page.name == "sign_in/login"


def test_a_native_apps_page_allows_its_private_scheme(world: World, browser: Browser) -> None:
    """R94: `form-action` names the redirect URI's own scheme, or the browser would not go there."""
    app = RelyingParty(world, kind=Kind.NATIVE, first_party=False, redirect_uris=("org.example.app:/cb",))
    app.ask(browser)
    assert "form-action 'self' https: org.example.app:" in browser.response.headers["Content-Security-Policy"]


def test_a_second_account_is_asked_for_itself(world: World, browser: Browser) -> None:
    """OIDC Core §3.1.2.4: consent is a person's, not a browser's."""
    rp = RelyingParty(world, first_party=False)
    rp.ask(browser)
    browser.submit(button="consent-allow")
    other = sign_in(world, join(world.services, "walt.whitman", email=None))
    assert rp.ask(other, prompt="none")["error"] == "consent_required"
