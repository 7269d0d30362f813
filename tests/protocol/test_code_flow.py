"""The code flow from end to end (OIDC Core §3.1)."""

from tests.http_browser import Browser
from tests.members import Member
from tests.relying_party import RelyingParty
from tests.world import World


def test_a_signed_in_person_is_sent_back_with_a_code_that_buys_tokens(
    rp: RelyingParty, browser: Browser, world: World
) -> None:
    """OIDC Core §3.1.2.5, §3.1.3.3; RFC 9207 §2."""
    answer = rp.ask(browser, scope="openid email")
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("state-1", world.settings.issuer)
    response = rp.redeem(answer["code"])
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"
    body = response.get_json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert body["token_type"] == "Bearer"
    claims = rp.claims(body["id_token"])
    assert claims["nonce"] == "nonce-1"
    told = rp.userinfo(body["access_token"]).get_json()
    assert told["sub"] == claims["sub"]
    assert (told["email"], told["email_verified"]) == ("maria@example.org", True)


def test_a_stranger_signs_in_on_the_way(rp: RelyingParty, world: World, member: Member) -> None:
    """OIDC Core §3.1.2.3: the request waits while the person signs in."""
    browser = world.browser()
    assert rp.ask(browser) == {}
    assert browser.page.name == "sign_in/login"
    browser.submit(username=member.username, password=member.password)
    assert "code" in rp.answer(browser)
