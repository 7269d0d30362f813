"""When the eligibility authority misbehaves: every fault over real sockets and TLS, and what the person in front of it sees."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from idp import clock
from idp.accounts.levels import Level
from idp.adapters.deers_http import OUTAGES, PAUSE, TRIES, HttpDirectory
from idp.limits import Limit
from idp.oidc import scopes
from idp.ports import Directory
from idp.proofing.policy import Method
from tests.deers_site import DOWN, SLOW, UNTRUE, DeersSite, asked
from tests.members import join
from tests.registrants import DANA, Registrant, identify, register
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.upgraders import answer_all, code_of_record, held_by
from tests.world import World

pytestmark = on_sqlite

# A DoD ID number: whom an SSN leads to, only the authority can tell.
BY_DOD_ID = replace(DANA, id_kind="dod_id", id_number="9900000015")
TRIES_A_DAY = Limit.MATCH_PERSON.value.most
AFTER_THE_PAUSE = PAUSE + timedelta(seconds=1)


@pytest.fixture
def site(world: World, deers_certificates: Path) -> Iterator[DeersSite]:
    running = DeersSite(world.services.directory, deers_certificates)
    yield running
    running.close()


@pytest.fixture
def patient(site: DeersSite) -> Iterator[HttpDirectory]:
    with asked(site) as remote:
        yield remote


@pytest.fixture
def hasty(site: DeersSite) -> Iterator[HttpDirectory]:
    with asked(site, hasty=True) as remote:
        yield remote


@dataclass(frozen=True)
class Weather:
    """One fault that comes and goes. Who asks in good times is patient, so that no busy machine is taken for a fault."""

    world: World
    site: DeersSite
    patient: HttpDirectory
    hasty: HttpDirectory

    def turn_bad(self, fault: str) -> None:
        self.site.fault = fault
        with_directory(self.world, self.hasty if fault in SLOW else self.patient)

    def turn_good(self) -> None:
        self.site.fault = ""
        with_directory(self.world, self.patient)


@pytest.fixture
def weather(world: World, site: DeersSite, patient: HttpDirectory, hasty: HttpDirectory) -> Weather:
    return Weather(world, site, patient, hasty)


def with_directory(world: World, directory: Directory) -> None:
    """From here on the provider asks this DEERS."""
    world.app.extensions["services"] = replace(world.services, directory=directory)
    world.app.extensions.pop("protocol", None)


def try_in_vain(world: World, who: Registrant, times: int) -> str:
    """Ask as often as somebody might, and return the words of the page that each try leads to."""
    browser = world.browser().open("/register").submit(level="basic")
    pages = set()
    for _ in range(times):
        browser.open("/register/identity").submit(**who.fields)
        assert browser.status == 503, browser.page.text
        assert int(browser.response.headers["Retry-After"]) > 0
        pages.add(browser.page.text.partition("Request ID:")[0])
    assert len(pages) == 1
    return pages.pop()


def check_untouched(world: World) -> None:
    """Nothing was charged and nothing half-made: as many tries are left as on a day without faults."""
    assert world.events("eligibility.matched") == world.events("eligibility.refused") == []
    with time_machine.travel(clock.now() + AFTER_THE_PAUSE):
        for number in range(TRIES_A_DAY):
            browser = identify(world.browser(address=f"203.0.113.{number}"), BY_DOD_ID)
            assert browser.page.name == "registration/delivery", browser.page.text
        assert identify(world.browser(), BY_DOD_ID).status == 429


@pytest.mark.parametrize("fault", sorted(DOWN | UNTRUE))
def test_every_fault_is_a_page_that_says_later_and_costs_no_try(world: World, weather: Weather, fault: str) -> None:
    """R79: slow, refusing, cut off, reset, garbage, too big, of another type or shape, twice, about somebody else, late."""
    weather.turn_bad(fault)
    words = try_in_vain(world, BY_DOD_ID, TRIES_A_DAY + 1)
    assert "try again in a few minutes" in words
    # What is down is left alone after a while; what answers badly goes on being asked, for others may get good answers.
    tries = TRIES if fault in {"503", "cut", "reset", "hang_up", "garbage"} else 1
    calls = TRIES_A_DAY + 1 if fault in UNTRUE else OUTAGES
    asked_for = len(weather.site.seen)
    assert 0 < asked_for <= calls if fault in SLOW else asked_for == calls * tries
    weather.turn_good()
    check_untouched(world)


@pytest.mark.parametrize(
    ("service", "ours", "ca"),
    [
        ("service-expired", "customer", "authority"),
        ("service-elsewhere", "customer", "authority"),
        ("service", "customer-expired", "authority"),
        ("service", "stranger", "authority"),
        ("service", None, "authority"),
        ("service", "customer", None),
    ],
)
def test_a_certificate_that_is_not_believed_lets_nothing_through(
    world: World, deers_certificates: Path, service: str, ours: str | None, ca: str | None
) -> None:
    """R78, R79: theirs expired, of another host, of an unknown CA; ours expired, of a stranger, none. Nobody hears an SSN."""
    site = DeersSite(world.services.directory, deers_certificates, certificate=service)
    with asked(site, certificate=ours, ca=ca) as remote:
        with_directory(world, remote)
        assert "try again in a few minutes" in try_in_vain(world, DANA, TRIES_A_DAY + 1)
    assert site.seen == []
    site.close()
    with_directory(world, world.services.directory)
    check_untouched(world)


def test_nobody_there_at_all(world: World, site: DeersSite) -> None:
    with asked(site) as remote:
        with_directory(world, remote)
        site.close()
        try_in_vain(world, DANA, TRIES_A_DAY + 1)
    with_directory(world, world.services.directory)
    check_untouched(world)


def test_all_faults_look_alike_and_like_any_other_outage(world: World, site: DeersSite) -> None:
    """R63, R79: which fault it was is for the log alone."""
    with asked(site) as remote:
        with_directory(world, remote)
        seen = set()
        for fault in ("500", "other_person", "not_json"):
            site.fault = fault
            seen.add(try_in_vain(world, BY_DOD_ID, 1))
        assert len(seen) == 1


def test_in_the_middle_of_an_outage_nobody_waits_and_one_tries_when_the_pause_is_over(
    world: World, site: DeersSite
) -> None:
    """R79: the breaker. A "no match" is an answer and never opens it."""
    with asked(site) as remote:
        with_directory(world, remote)
        for number in range(OUTAGES * 2):
            stranger = replace(DANA, id_number=f"9001000{number:02}")
            assert identify(world.browser(address=f"198.51.100.{number}"), stranger).status == 200
        assert identify(world.browser(), DANA).status == 200
        site.seen.clear()
        site.fault = "500"
        try_in_vain(world, BY_DOD_ID, OUTAGES + 1)
        assert len(site.seen) == OUTAGES
        site.fault = ""
        try_in_vain(world, BY_DOD_ID, 1)
        assert len(site.seen) == OUTAGES, "still paused, though it is back"
        with time_machine.travel(clock.now() + AFTER_THE_PAUSE):
            site.fault = "500"
            try_in_vain(world, BY_DOD_ID, 2)
            assert len(site.seen) == OUTAGES + 1, "one has tried, and the pause begins anew"
        site.fault = ""
        with time_machine.travel(clock.now() + 3 * AFTER_THE_PAUSE):
            assert identify(world.browser(), BY_DOD_ID).page.name == "registration/delivery"


@pytest.mark.parametrize("fault", ["slow", "500", "reset", "other_person", "twice", "big"])
def test_who_signs_in_during_a_fault_shares_less_and_never_somebody_elses(
    world: World, weather: Weather, fault: str
) -> None:
    """R79, R125: the ID token leaves out what is DEERS's, and userinfo says "later"."""
    rp = RelyingParty(world, scopes=scopes.ALL)
    member = join(
        world.services, "premium.one", level=Level.PREMIUM, totp=True, edipi="9900000015", email="p@example.org"
    )
    browser = sign_in(world, member)
    rp.tokens(browser, scope="openid dslogon profile")
    weather.turn_good()
    told = rp.claims(rp.tokens(browser, scope="openid dslogon profile").id_token)
    assert told["dslogon_status"] == "SPONSOR", "asked over HTTP"
    weather.turn_bad(fault)
    tokens = rp.tokens(browser, scope="openid dslogon profile")
    told = rp.claims(tokens.id_token)
    assert told["dslogon_assurance"] == "2"
    assert not told.keys() & {"dslogon_status", "affiliations", "name"}
    down = rp.userinfo(tokens.access_token)
    assert (down.status_code, down.get_json()["error"]) == (503, "temporarily_unavailable")
    assert int(down.headers["Retry-After"]) > 0
    weather.turn_good()
    assert rp.userinfo(tokens.access_token).get_json()["dslogon_status"] == "SPONSOR"


@pytest.mark.parametrize("fault", ["slow", "503", "cut", "other_person", "shape"])
def test_an_upgrade_waits_for_deers_and_loses_nothing(world: World, weather: Weather, fault: str) -> None:
    """R79: at the look-up of who it is, at the addresses of record, and when the code comes back."""
    weather.turn_good()
    browser = world.browser()
    register(browser, DANA, "dana.q")
    browser.open("/upgrade").submit(button="upgrade-start")
    form = browser.page
    weather.turn_bad(fault)
    browser.submit(**BY_DOD_ID.fields)
    assert browser.status == 503
    weather.turn_good()
    browser.page = form
    browser.submit(**DANA.fields).submit(delivery="email")
    answer_all(browser, DANA.id_number)
    weather.turn_bad(fault)
    assert browser.open("/upgrade/address").status == 503
    weather.turn_good()
    browser.open("/upgrade/address").submit(button="upgrade-submit")
    code = code_of_record(world, "dana.example@example.com")
    form = browser.page
    weather.turn_bad(fault)
    browser.submit(activation_code=code, button="activate-submit")
    assert browser.status == 503
    assert Method.CODE_EMAIL_OF_RECORD not in held_by(world, "dana.q")
    weather.turn_good()
    browser.page = form
    browser.submit(activation_code=code, button="activate-submit")
    assert Method.CODE_EMAIL_OF_RECORD in held_by(world, "dana.q")
