"""What a page's script does with a passkey, for stories without scripts: asks for the options, and fills in the answer."""

from typing import Any

from tests.http_browser import Browser
from tests.members import Member
from tests.passkey_device import Device
from tests.relying_party import sign_in
from tests.world import World

TO_SIGN_IN = "/login/passkey/options"
TO_STEP = "/login/passkey-step/options"
TO_ADD = "/account/passkeys/options"


def options(browser: Browser, address: str) -> dict[str, Any]:
    """What the server asks a browser for, with the form token of the page that is open."""
    token = browser.page.form("csrf_token").fields["csrf_token"]
    answer = browser.client.post(
        address, base_url=browser.issuer, headers={"X-CSRFToken": token, "Origin": browser.issuer}
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)
    told: dict[str, Any] = answer.get_json()
    return told


def add(browser: Browser, device: Device, *, name: str = "Blue key") -> Browser:
    """Add a passkey from the account page on."""
    browser.open("/account/passkeys/add")
    assert browser.page.name == "passkeys/add", browser.page.text[:300]
    return browser.submit(name=name, answer=device.make(options(browser, TO_ADD)))


def member_with(world: World, member: Member, device: Device) -> Browser:
    """Sign in, add this passkey, save the codes; the browser that did it."""
    browser = add(sign_in(world, member), device)
    if browser.page.name == "second_factor/save_codes":
        browser.submit(saved="y")
    assert browser.page.name == "account/show", browser.page.text[:300]
    return browser


def sign_in_alone(browser: Browser, device: Device, *, open_page: bool = True) -> Browser:
    """Sign in with the passkey alone."""
    if open_page:
        browser.open("/login")
    return browser.submit(answer=device.answer(options(browser, TO_SIGN_IN)))


def step(browser: Browser, device: Device) -> Browser:
    """Show it as the second step."""
    return browser.submit(code=device.answer(options(browser, TO_STEP)))
