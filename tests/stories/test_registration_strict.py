"""Registration under the strict policy: only a code to an address that DEERS holds opens Basic (SP 800-63A-4 §3.8)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.accounts import accounts, addresses
from idp.proofing import evidence
from idp.proofing.policy import Method
from tests.registrants import DANA, MAX, ROBIN, STRANGER, Registrant, finish, identify, mailed_code
from tests.world import World


@pytest.fixture
def strict(database_url: str, keys_folder: Path, tmp_path: Path) -> Iterator[World]:
    made = World(database_url, keys_folder, tmp_path, policy="sp800_63_4")
    yield made
    made.close()


def test_the_code_goes_to_the_address_that_deers_holds_and_proves_it(strict: World) -> None:
    """R70: the address is neither typed nor shown."""
    browser = identify(strict.browser(), DANA)
    assert "screen" not in browser.page.html[browser.page.html.index("<form") :]
    assert 'name="email"' not in browser.page.html
    browser.submit(delivery="email")
    assert browser.page.name == "activation/enter"
    assert "dana.example@" not in browser.page.html
    finish(browser, mailed_code(strict, "dana.example@example.com"), "dana.q")
    assert browser.page.name == "account/show"
    with strict.services.db.read() as conn:
        account = accounts.find_by_username(conn, "dana.q")
        assert account is not None
        assert account.proven
        assert evidence.list_standing(conn, account.id) == {Method.DEERS_MATCH, Method.CODE_EMAIL_OF_RECORD}
        assert addresses.list_emails(conn, strict.services.keyring, account.id) == ["dana.example@example.com"]


@pytest.mark.parametrize("way", ["screen", "post", ""])
def test_no_other_way_is_taken(strict: World, way: str) -> None:
    browser = identify(strict.browser(), DANA).submit(delivery=way)
    assert (browser.status, browser.page.name) == (422, "registration/delivery")


def test_a_typed_address_is_not_looked_at(strict: World) -> None:
    browser = identify(strict.browser(), DANA)
    form = {**browser.page.form("delivery").fields, "delivery": "email", "email": "thief@elsewhere.example"}
    browser.post("/register/delivery", form)
    assert [mail.to for mail in strict.mails()] == ["dana.example@example.com"]


@pytest.mark.parametrize("who", [STRANGER, MAX])
def test_nobody_and_somebody_without_an_address_see_the_same_and_get_no_mail(strict: World, who: Registrant) -> None:
    known, unknown = identify(strict.browser(), ROBIN), identify(strict.browser(), who)
    known.submit(delivery="email")
    unknown.submit(delivery="email")
    assert known.page.text == unknown.page.text
    assert [mail.to for mail in strict.mails()] == ["robin.example@example.net"]
