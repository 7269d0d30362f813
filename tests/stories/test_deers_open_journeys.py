"""Somebody is on their way when DEERS says otherwise: no account, level or address comes of what is no longer so."""

from collections.abc import Callable

import pytest

from idp import clock
from idp.accounts.accounts import Account
from idp.db import list_rows
from idp.directory import cast
from idp.directory.records import Email, Record
from idp.ports import Directory, Known
from idp.proofing.policy import Method
from tests.deers_changes import Deers, adult, follow
from tests.http_browser import Browser
from tests.oracle import seen
from tests.registrants import (
    DANA,
    MAX,
    PASSWORD,
    ROBIN,
    Registrant,
    ask_by_mail,
    ask_on_screen,
    finish,
    mailed_code,
    register,
)
from tests.relying_party import on_sqlite
from tests.stories.test_registration_limits import Down, with_directory
from tests.upgraders import account_of, code_of_letter, held_by, start
from tests.world import World

VIC = Registrant("Vic", "Veteran", (1948, 11, 11), "900000147")

Change = Callable[[Deers], Record | None]

CHANGES: dict[str, Change] = {
    "died": lambda deers: deers.died(cast.VIC),
    "mixed up": lambda deers: deers.change(cast.VIC, conflict_since=clock.now().date()),
    "merged": lambda deers: deers.merge(cast.VIC, into=deers.load(adult("vic-2", 900_001)).person),
}
"""After each of them DEERS would not match Vic's claim, or would match another record."""


@pytest.fixture
def deers(world: World) -> Deers:
    return Deers(world)


def accounts_of(world: World) -> list[Account]:
    with world.services.db.read() as conn:
        return list_rows(conn, Account)


def on_the_last_page(world: World, who: Registrant = VIC) -> Browser:
    """About to choose a username and password."""
    browser = world.browser()
    code = ask_on_screen(browser, who)
    browser.submit(activation_code=code, button="activate-submit")
    assert browser.page.name == "registration/account"
    return browser


def shown(browser: Browser) -> tuple[int, str, str, dict[str, str]]:
    """What there is to see, but for the number of the request."""
    status, address, html, headers = seen(browser)
    return status, address, html.replace(browser.response.headers["X-Request-Id"], ""), headers


def choose(browser: Browser) -> Browser:
    return browser.submit(new_username="dana.q", new_password=PASSWORD, button="register-submit")


@pytest.mark.parametrize("synced", [False, True], ids=["the sync is late", "the sync was here"])
@pytest.mark.parametrize("change", CHANGES)
def test_who_changed_between_match_and_account_gets_none(world: World, deers: Deers, change: str, synced: bool) -> None:
    """R63, R71: the page is that of any registration that another one has overtaken."""
    browser = on_the_last_page(world)
    CHANGES[change](deers)
    if synced:
        assert follow(world) == {"stopped": 1}
    choose(browser)
    assert (browser.status, browser.page.error) == (410, "journey_gone")
    assert accounts_of(world) == []
    assert world.events("registration.ended")[-1].fields["why"] == "not_vouched"

    overtaken = on_the_last_page(world, ROBIN)
    on_the_last_page(world, ROBIN)
    assert shown(choose(overtaken)) == shown(browser)


@pytest.mark.parametrize("change", ["died", "mixed up"])
def test_a_code_that_waits_opens_nothing_for_who_changed_meanwhile(world: World, deers: Deers, change: str) -> None:
    """The registration became a decoy; the code in the mail is like a wrong one."""
    browser = ask_by_mail(world.browser(), VIC, "vic@home.example")
    code = mailed_code(world, "vic@home.example")
    CHANGES[change](deers)
    assert follow(world) == {"stopped": 1}
    browser.submit(activation_code=code, button="activate-submit")
    assert (browser.status, browser.page.error) == (422, "wrong_code")
    (event,) = world.events("registration.unvouched")
    assert (event.fields, event.subject) == ({"why": "not_vouched"}, None)


def test_who_changed_in_nothing_that_matters_goes_on(world: World, deers: Deers) -> None:
    """Also under a new EDIPI, which is then the one that is kept."""
    browser = on_the_last_page(world)
    deers.change(cast.VIC, family_name="Sample", edipi="9900000999", other_edipis=("9900000147",))
    assert follow(world) == {}
    assert choose(browser).page.name == "account/show"
    deers.tell(cast.VIC)
    assert follow(world) == {}


class Slow:
    """An authority whose answer travels while something happens."""

    def __init__(self, inner: Directory, meanwhile: Callable[[], object]) -> None:
        self.inner, self.meanwhile = inner, meanwhile

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def find(self, edipi: str) -> Known | None:
        answer = self.inner.find(edipi)
        self.meanwhile()
        return answer


def test_a_death_in_the_very_moment_of_the_last_step_is_not_missed(world: World, deers: Deers) -> None:
    """DEERS has answered "alive", and the account is not yet there: the sync finds the reservation, and takes it away."""
    browser = on_the_last_page(world)

    def dies() -> None:
        deers.died(cast.VIC)
        assert follow(world) == {"stopped": 1}

    with_directory(world, Slow(world.services.directory, dies))  # type: ignore[arg-type]
    assert choose(browser).status == 410
    assert accounts_of(world) == []


def test_while_deers_does_not_answer_the_last_step_waits(world: World) -> None:
    """R79: nothing is half-made and nothing lost."""
    browser = on_the_last_page(world)
    with_directory(world, Down())
    assert choose(browser).status == 503
    assert accounts_of(world) == []
    with_directory(world, world.services.directory)
    assert choose(browser.open("/register/account")).page.name == "account/show"


@on_sqlite
def test_an_address_that_deers_dropped_on_the_way_proves_nothing(world: World, deers: Deers) -> None:
    """The code came back from it, but it is an address of record no longer: Basic, by any e-mail."""
    kept, lost = "robin.example@example.net", "dana.example@example.com"
    for who, email, username in ((DANA, lost, "dana.q"), (ROBIN, kept, "robin.e")):
        browser = ask_by_mail(world.browser(), who, email)
        code = mailed_code(world, email)
        if who is DANA:
            deers.change(cast.DANA, emails=(Email(address="new@example.com", since=clock.now().date()),))
            assert follow(world) == {}
        finish(browser, code, username)
        assert browser.page.name == "account/show"
    assert Method.CODE_EMAIL_OF_RECORD in held_by(world, "robin.e")
    assert held_by(world, "dana.q") == {Method.DEERS_MATCH, Method.CODE_EMAIL}
    assert not account_of(world, "dana.q").proven


def letter_for_max(world: World) -> tuple[Browser, str]:
    browser = world.browser()
    register(browser, MAX, "max.o")
    start(browser, MAX).submit(delivery="post")
    browser.submit(button="upgrade-submit")
    return browser, code_of_letter(world)


def test_a_letter_to_an_address_that_is_no_longer_on_file_is_worth_nothing(world: World, deers: Deers) -> None:
    """R68: Max moved while it travelled; whoever lives there now has the code."""
    browser, code = letter_for_max(world)
    new = (
        deers.records[cast.MAX]
        .postal[0]
        .model_copy(update={"street_address": "9 New Quay", "since": clock.now().date()})
    )
    deers.change(cast.MAX, postal=(new,))
    assert follow(world) == {}
    browser.open("/upgrade/code").submit(activation_code=code, button="activate-submit")
    assert (browser.status, browser.page.error) == (422, "code_dead")
    assert Method.CODE_POST_OF_RECORD not in held_by(world, "max.o")


def test_a_letter_to_the_dead_is_worth_nothing_when_the_report_was_wrong(world: World, deers: Deers) -> None:
    """What died with the account does not come back with it: they ask for another."""
    _, code = letter_for_max(world)
    deers.died(cast.MAX)
    assert follow(world) == {"held": 1}
    deers.change(cast.MAX, deceased_on=None)
    assert follow(world) == {"freed": 1}
    browser = world.browser().open("/login").submit(username="max.o", password=PASSWORD)
    browser.open("/upgrade/code").submit(activation_code=code, button="activate-submit")
    assert browser.page.error == "wrong_code"
    assert Method.CODE_POST_OF_RECORD not in held_by(world, "max.o")


def test_an_upgrade_asks_deers_again_before_the_level_rises(world: World, deers: Deers) -> None:
    """Even while the sync is late: a code right to the letter, of somebody whom DEERS no longer vouches for."""
    browser, code = letter_for_max(world)
    deers.change(cast.MAX, conflict_since=clock.now().date())
    browser.open("/upgrade/code").submit(activation_code=code, button="activate-submit")
    assert browser.page.error == "not_vouched"
    assert Method.CODE_POST_OF_RECORD not in held_by(world, "max.o")
