"""Going higher inside a request: step-up, enrolment, upgrade, and "not now" (docs/levels.md §4; OIDC Core §5.5.1.1; R117)."""

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa

from idp.accounts.accounts import Account
from idp.accounts.levels import ACR_BASIC, ACR_BASIC_MFA, ACR_PREMIUM, ACR_PREMIUM_PHR, Level
from tests import authenticator
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.world import World


def essential(*values: str) -> str:
    """A `claims` parameter that one of these values must meet."""
    return json.dumps({"id_token": {"acr": {"essential": True, "values": values}}})


def enrol(world: World, member: Member) -> Member:
    """The member adds an app in another browser; what is open elsewhere stays as strong as it was."""
    browser = sign_in(world, member)
    browser.open("/account/second-factor")
    secret = browser.page.ids["totp-secret"].replace(" ", "")
    browser.submit(code=authenticator.code(secret))
    return replace(member, totp_secret=secret)


def make_premium(world: World, member: Member) -> None:
    """What a finished proof leaves behind."""
    world.services.db.write(
        lambda conn: conn.execute(sa.update(Account).where(Account.id == member.account_id).values(level=2)).rowcount
    )


def acr_in(rp: RelyingParty, browser: Browser) -> object:
    """The `acr` that the browser's answer buys."""
    answer = rp.answer(browser)
    assert "code" in answer, (answer, browser.page.name, browser.page.text[:300])
    return rp.claims(rp.read(rp.redeem(answer["code"])).id_token)["acr"]


def test_a_sign_in_of_one_factor_steps_up_and_comes_back(world: World, rp: RelyingParty, member: Member) -> None:
    """OIDC Core §3.1.2.1 `acr_values`: the second factor that the account has, in the same session, with the same `auth_time`."""
    browser = sign_in(world, member)
    before = rp.claims(rp.tokens(browser).id_token)
    assert before["acr"] == ACR_BASIC
    member = enrol(world, member)
    assert rp.ask(browser, acr_values=ACR_BASIC_MFA) == {}
    assert browser.page.name == "sign_in/second_factor"
    browser.submit(code=authenticator.unused_code(world.services, member))
    after = rp.claims(rp.read(rp.redeem(rp.answer(browser)["code"])).id_token)
    assert (after["acr"], after["auth_time"]) == (ACR_BASIC_MFA, before["auth_time"])
    assert set(after["amr"]) == {"pwd", "otp", "mfa"}
    assert "code" in rp.ask(browser, claims=essential(ACR_BASIC_MFA), prompt="none")


@on_sqlite
def test_one_factor_more_is_no_new_sign_in(world: World, rp: RelyingParty, member: Member) -> None:
    """OIDC Core §3.1.2.1, R116: `prompt=login` asks for all that the account signs in with, and a step-up alone is not that."""
    browser = sign_in(world, member)
    member = enrol(world, member)
    rp.ask(browser, acr_values=ACR_BASIC_MFA, prompt="login")
    assert browser.page.name == "sign_in/login"
    handle = browser.address.partition("request=")[2]
    browser.open(f"/login/second-factor?request={handle}")
    browser.submit(code=authenticator.unused_code(world.services, member))
    assert browser.page.name == "sign_in/login"
    browser.submit(username=member.username, password=PASSWORD)
    assert browser.page.name == "sign_in/second_factor"
    browser.submit(code=authenticator.unused_code(world.services, member))
    assert acr_in(rp, browser) == ACR_BASIC_MFA


def test_a_code_is_worth_nothing_once_the_level_fell_below_the_clients_minimum(world: World) -> None:
    """R117: the client's own minimum is asked at the code, as it is at every refresh."""
    member = join(world.services, "dana", level=Level.PREMIUM, totp=True)
    rp, browser = RelyingParty(world, min_acr=ACR_PREMIUM), sign_in(world, member)
    code, other = rp.code(browser), RelyingParty(world)
    plain = other.code(browser)
    world.services.db.write(
        lambda conn: conn.execute(sa.update(Account).where(Account.id == member.account_id).values(level=1)).rowcount
    )
    assert rp.redeem(code).get_json()["error"] == "invalid_grant"
    assert world.events("tokens.refused")[-1].fields["detail"] == "below the client's minimum acr"
    told = other.claims(other.read(other.redeem(plain)).id_token)
    assert (told["acr"], told["dslogon_assurance"]) == (ACR_BASIC_MFA, "1")


def test_who_has_no_second_factor_enrols_one_on_the_way(rp: RelyingParty, browser: Browser) -> None:
    """docs/levels.md §4: the request waits while the person adds an app, and is answered with what they then have."""
    assert rp.ask(browser, claims=essential(ACR_BASIC_MFA)) == {}
    assert browser.page.name == "second_factor/enrol"
    assert rp.client.name in browser.page.text
    secret = browser.page.ids["totp-secret"].replace(" ", "")
    browser.submit(code=authenticator.code(secret))
    assert browser.page.name == "second_factor/save_codes"
    browser.submit(saved="yes")
    assert acr_in(rp, browser) == ACR_BASIC_MFA


@on_sqlite
@pytest.mark.parametrize(("wanted", "page"), [(ACR_BASIC_MFA, "second_factor/enrol"), (ACR_PREMIUM, "upgrade/start")])
def test_not_now_is_answered_with_the_truth_or_as_unmet(
    world: World, rp: RelyingParty, browser: Browser, wanted: str, page: str
) -> None:
    """OIDC Core §5.5.1.1; OpenID Connect Unmet Authentication Requirements 1.0: never a higher `acr` than there is."""
    rp.ask(browser, acr_values=wanted)
    assert browser.page.name == page
    browser.submit(button="decline-submit", shown_to=browser.page.form("shown_to").fields["shown_to"])
    assert acr_in(rp, browser) == ACR_BASIC
    rp.ask(browser, claims=essential(wanted))
    assert browser.page.name == page
    browser.submit(button="decline-submit", shown_to=browser.page.form("shown_to").fields["shown_to"])
    assert rp.answer(browser)["error"] == "unmet_authentication_requirements"
    strict = RelyingParty(world, min_acr=wanted)
    strict.ask(browser)
    browser.submit(button="decline-submit", shown_to=browser.page.form("shown_to").fields["shown_to"])
    assert strict.answer(browser)["error"] == "unmet_authentication_requirements"
    # Nothing is remembered beyond the one request.
    assert rp.ask(browser, acr_values=wanted) == {}
    assert browser.page.name == page
    assert [event.client for event in world.events("step.declined")] == [rp.client.id, rp.client.id, strict.client.id]


@on_sqlite
def test_a_decline_is_of_this_person_and_this_request(world: World, rp: RelyingParty, browser: Browser) -> None:
    """R118: a form that was shown to somebody else, or to nobody, changes nothing."""
    rp.ask(browser, claims=essential(ACR_BASIC_MFA))
    form = browser.page.form("shown_to")
    browser.post("/authorize/decline", {**form.fields, "shown_to": "somebody"})
    assert browser.page.name == "second_factor/enrol"
    join(world.services, "walt.whitman", email=None)
    browser.open(f"/login?request={form.fields['request']}").submit(username="walt.whitman", password=PASSWORD)
    browser.post(
        "/authorize/decline", form.fields | {"csrf_token": browser.page.form("csrf_token").fields["csrf_token"]}
    )
    assert browser.page.name == "second_factor/enrol"
    assert world.events("step.declined") == []
    stranger = world.browser().open("/login")
    token = stranger.page.form("csrf_token").fields["csrf_token"]
    stranger.post("/authorize/decline", {**form.fields, "csrf_token": token})
    assert (stranger.status, stranger.page.error) == (410, "request_gone")
    assert browser.open("/authorize/decline?request=x").status == 405


@on_sqlite
def test_an_account_that_became_premium_on_the_way_is_told_so(world: World, rp: RelyingParty, member: Member) -> None:
    """docs/levels.md §4: the upgrade's pages hand back to the request, which is asked again from the start."""
    member = enrol(world, member)
    browser = sign_in(world, member)
    rp.ask(browser, claims=essential(ACR_PREMIUM_PHR, ACR_PREMIUM))
    assert browser.page.name.startswith("upgrade/")
    handle = browser.address.partition("request=")[2]
    browser.open(f"/authorize/continue?request={handle}")
    assert browser.page.name.startswith("upgrade/")
    make_premium(world, member)
    browser.open(f"/authorize/continue?request={handle}")
    assert acr_in(rp, browser) == ACR_PREMIUM


@on_sqlite
def test_prompt_none_never_leads_higher(world: World, rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §3.1.2.6: a voluntary acr is answered with the truth, an essential one and a client's minimum are unmet."""
    for wanted in (ACR_BASIC_MFA, ACR_PREMIUM, ACR_PREMIUM_PHR):
        code = rp.ask(browser, acr_values=wanted, prompt="none")["code"]
        assert rp.claims(rp.read(rp.redeem(code)).id_token)["acr"] == ACR_BASIC
        for refused in (
            rp.ask(browser, claims=essential(wanted), prompt="none"),
            RelyingParty(world, min_acr=wanted).ask(browser, prompt="none"),
        ):
            assert refused["error"] == "unmet_authentication_requirements"


@on_sqlite
def test_what_no_page_can_reach_is_told_at_once(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §5.5.1.1: an `acr` that nobody can have here; voluntary, it is passed over."""
    assert rp.ask(browser, claims=essential("urn:unheard"))["error"] == "unmet_authentication_requirements"
    assert rp.claims(rp.tokens(browser, acr_values="urn:unheard").id_token)["acr"] == ACR_BASIC


@on_sqlite
def test_the_first_that_is_met_is_told_without_a_page(world: World, rp: RelyingParty) -> None:
    """OIDC Core §3.1.2.1: values in the order of preference; a stronger sign-in meets a weaker one."""
    browser = sign_in(world, join(world.services, level=Level.PREMIUM, totp=True))
    for asked, told in (
        (f"{ACR_PREMIUM_PHR} {ACR_BASIC_MFA} {ACR_PREMIUM}", ACR_BASIC_MFA),
        (f"{ACR_PREMIUM} {ACR_BASIC}", ACR_PREMIUM),
        (ACR_BASIC, ACR_BASIC),
        ("urn:unheard", ACR_PREMIUM),
    ):
        assert rp.claims(rp.tokens(browser, acr_values=asked).id_token)["acr"] == told


@on_sqlite
def test_a_level_that_fell_is_told_at_the_next_refresh(world: World) -> None:
    """docs/levels.md §6: `acr` may only fall; below the client's minimum → invalid_grant."""
    member = join(world.services, level=Level.PREMIUM, totp=True)
    browser = sign_in(world, member)
    rp, strict = RelyingParty(world), RelyingParty(world, min_acr=ACR_PREMIUM)
    tokens, needing = rp.tokens(browser), strict.tokens(browser)
    assert rp.claims(tokens.id_token)["dslogon_assurance"] == "2"
    world.services.db.write(
        lambda conn: conn.execute(sa.update(Account).where(Account.id == member.account_id).values(level=1)).rowcount
    )
    told = rp.claims(rp.read(rp.refresh(tokens.refresh_token)).id_token)
    assert (told["acr"], told["dslogon_assurance"]) == (ACR_BASIC_MFA, "1")
    assert rp.userinfo(tokens.access_token).get_json()["dslogon_assurance"] == "1"
    refused = strict.refresh(needing.refresh_token)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")
    make_premium(world, member)
    assert rp.claims(rp.read(rp.refresh(tokens.refresh_token)).id_token)["acr"] == ACR_BASIC_MFA


@on_sqlite
def test_a_clients_default_acr_values_are_asked_where_a_request_names_none(world: World, browser: Browser) -> None:
    """OIDC Dynamic Client Registration §2 `default_acr_values`: voluntary, and either way of asking stands before them."""
    rp = RelyingParty(world, default_acr_values=(ACR_PREMIUM, ACR_BASIC_MFA))
    rp.ask(browser)
    assert browser.page.name == "upgrade/start"
    browser.submit(button="decline-submit", shown_to=browser.page.form("shown_to").fields["shown_to"])
    assert acr_in(rp, browser) == ACR_BASIC
    assert "code" in rp.ask(browser, acr_values=ACR_BASIC)
    assert "code" in rp.ask(browser, claims=essential(ACR_BASIC))
    assert rp.claims(rp.read(rp.redeem(rp.ask(browser, prompt="none")["code"])).id_token)["acr"] == ACR_BASIC
