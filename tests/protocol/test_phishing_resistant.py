"""`urn:dslogon:premium:phr`: a client asks for a sign-in that cannot be phished, and gets the person back with one."""

import pytest

from idp.accounts.levels import ACR_PREMIUM, ACR_PREMIUM_PHR, Level
from tests import passkey_user as user
from tests.members import Member, join
from tests.passkey_device import Device
from tests.protocol.test_acr import essential
from tests.relying_party import RelyingParty, sign_in
from tests.world import World


@pytest.fixture
def premium(world: World) -> Member:
    """Somebody at Premium, with an app for codes."""
    return join(world.services, level=Level.PREMIUM, totp=True)


def _acr(rp: RelyingParty, code: str) -> tuple[str, list[str]]:
    claims = rp.claims(rp.read(rp.redeem(code)).id_token)
    return claims["acr"], claims["amr"]


def test_a_passkey_that_is_there_is_asked_for_in_the_live_session(
    world: World, rp: RelyingParty, premium: Member
) -> None:
    """SP 800-63B-4 §3.2.5, R117: two factors that are no passkey are not enough; the sign-in stays as old as it was."""
    device = Device()
    user.member_with(world, premium, device)
    browser = sign_in(world, premium)
    code = rp.ask(browser, acr_values=ACR_PREMIUM)["code"]
    assert _acr(rp, code)[0] == ACR_PREMIUM
    browser.open(rp.url(claims=essential(ACR_PREMIUM_PHR)))
    assert browser.page.name == "sign_in/passkey_step"
    user.step(browser, device)
    acr, amr = _acr(rp, rp.answer(browser)["code"])
    assert acr == ACR_PREMIUM_PHR
    assert {"pwd", "otp", "hwk", "user", "mfa"} == set(amr)


def test_who_has_none_adds_one_and_comes_back(world: World, rp: RelyingParty, premium: Member) -> None:
    """The road inside the request; recovery codes are there already, so nothing else is shown."""
    browser = sign_in(world, premium)
    browser.open(rp.url(acr_values=ACR_PREMIUM_PHR))
    assert browser.page.name == "passkeys/add"
    device = Device()
    browser.submit(name="My phone", answer=device.make(user.options(browser, user.TO_ADD)))
    if browser.page.name == "second_factor/save_codes":
        browser.submit(saved="y")
    assert _acr(rp, rp.answer(browser)["code"])[0] == ACR_PREMIUM_PHR


def test_a_key_that_does_not_check_its_user_is_not_enough(world: World, rp: RelyingParty, premium: Member) -> None:
    """R40: the page says why, and a voluntary wish may be declined."""
    user.member_with(world, premium, Device(verified=False))
    browser = sign_in(world, premium)
    browser.open(rp.url(acr_values=ACR_PREMIUM_PHR))
    assert browser.page.name == "passkeys/add"
    assert "does not check that it is you" in browser.page.text
    browser.submit(button="decline-submit", shown_to=browser.page.form("shown_to").fields["shown_to"])
    assert _acr(rp, rp.answer(browser)["code"])[0] == ACR_PREMIUM


def test_one_step_with_a_passkey_is_enough(world: World, rp: RelyingParty, premium: Member) -> None:
    """SP 800-63B-4 §3.1.7: AAL2 in one step, from the sign-in page of the request."""
    device = Device()
    user.member_with(world, premium, device)
    browser = world.browser()
    browser.open(rp.url(acr_values=ACR_PREMIUM_PHR))
    assert browser.page.name == "sign_in/login"
    user.sign_in_alone(browser, device, open_page=False)
    acr, amr = _acr(rp, rp.answer(browser)["code"])
    assert (acr, set(amr)) == (ACR_PREMIUM_PHR, {"hwk", "user", "mfa"})


def test_a_client_may_have_it_as_its_floor(world: World, premium: Member) -> None:
    """A refresh below the floor is no refresh; the sign-in of a stranger to passkeys goes the whole road."""
    rp = RelyingParty(world, min_acr=ACR_PREMIUM_PHR)
    browser = sign_in(world, premium)
    assert rp.ask(browser, prompt="none")["error"] == "unmet_authentication_requirements"
    browser.open(rp.url())
    assert browser.page.name == "passkeys/add"
