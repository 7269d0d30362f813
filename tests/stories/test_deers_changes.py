"""What happens to people at DEERS, and what they and their sites see of it: one story for each of the named people."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine

from idp import clock
from idp.accounts.levels import Level
from idp.directory import cast
from idp.directory.matching import years_later
from idp.directory.records import EndReason, Postal, Record, Relation, Relationship, Status
from tests import authenticator
from tests.deers_changes import Deers, account_of, follow
from tests.http_browser import Browser
from tests.members import Member, join
from tests.portal_visitor import Portal, Server
from tests.relying_party import RelyingParty, basic, on_sqlite, sign_in
from tests.world import World

SCOPES = ("openid", "dslogon", "profile", "eligibility", "edipi", "offline_access")
ASKED = "openid dslogon profile eligibility edipi"


@pytest.fixture
def deers(world: World) -> Deers:
    return Deers(world)


def premium(world: World, record: Record, **more: Any) -> Member:
    """A Premium account of somebody in DEERS."""
    username = record.person.replace("-", ".")
    return join(
        world.services,
        username,
        level=Level.PREMIUM,
        totp=True,
        edipi=record.edipi,
        email=f"{username}@home.example",
        **more,
    )


class Site:
    """A site that asks for everything, and somebody who uses it: their claims, as userinfo tells them at any moment."""

    def __init__(self, world: World, member: Member) -> None:
        self.rp = RelyingParty(world, scopes=SCOPES)
        self.member = member
        self.browser = sign_in(world, member)
        self.tokens = self.rp.tokens(self.browser, scope=ASKED)

    def told(self) -> dict[str, Any]:
        """The claims of now."""
        response = self.rp.userinfo(self.tokens.access_token)
        assert response.status_code == 200, response.get_data(as_text=True)
        told: dict[str, Any] = response.get_json()
        return told

    def programs(self) -> dict[str, str]:
        """Each plan, and whether it can be used."""
        return {one["plan"]: one["status"] for one in self.told().get("eligibility", [])}

    def again(self, world: World) -> None:
        """Sign in anew."""
        self.browser = sign_in(world, self.member)
        self.tokens = self.rp.tokens(self.browser, scope=ASKED)


def try_to_sign_in(world: World, member: Member) -> Browser:
    """The first step with the right password, whatever comes of it."""
    browser = world.browser().open("/login")
    return browser.submit(username=member.username, password=member.password)


def test_pat_is_divorced_and_loses_the_plan_today_but_not_the_level(world: World, deers: Deers) -> None:
    """Ended eligibility is not identity: claims change at once, the account, its level and its session stay."""
    today, married = clock.now().date(), timedelta(days=4_000)
    wed = today - married
    still = {
        "relations": (Relation(sponsor=cast.NOEL, relationship=Relationship.SPOUSE, begin=wed),),
        "affiliations": (deers.records[cast.PAT].affiliations[0].model_copy(update={"begin": wed, "end": None}),),
        "eligibility": (
            deers.records[cast.PAT]
            .eligibility[0]
            .model_copy(update={"begin": wed, "end": None, "status": Status.ACTIVE}),
        ),
    }
    pat = deers.change(cast.PAT, **still)
    site = Site(world, premium(world, pat))
    before = site.told()
    assert (before["dslogon_status"], before["sponsor"]["relationship"]) == ("DEPENDENT", "spouse")
    assert site.programs() == {"Prime": "active"}

    # The decree is filed: the sponsor's office says when, and nobody edits the word `active` beside it.
    deers.change(
        cast.PAT,
        relations=(
            still["relations"][0].model_copy(update={"end": today}),
            Relation(sponsor=cast.NOEL, relationship=Relationship.FORMER_SPOUSE, begin=today),
        ),
        affiliations=(still["affiliations"][0].model_copy(update={"end": today}),),
        eligibility=(still["eligibility"][0].model_copy(update={"end": today}),),
    )
    assert follow(world) == {}
    after = site.told()
    assert site.programs() == {"Prime": "ended"}
    assert (after["dslogon_status"], "sponsor" in after) == ("OTHER", False)
    assert (after["dslogon_assurance"], after["sub"]) == ("2", before["sub"])
    account = account_of(world, site.member)
    assert (account.state, account.level) == ("active", 2)
    assert world.mails() == []


def test_jo_grows_out_of_the_plan_at_23_without_a_word_of_deers(world: World, deers: Deers) -> None:
    """Days pass: what had an end in sight has ended when it comes, whatever the file said on the day it was made."""
    jo = deers.records[cast.JO]
    member = premium(world, jo)
    birthday = datetime.combine(years_later(jo.birth_date, 23), time(), UTC)
    with time_machine.travel(birthday - timedelta(hours=3), tick=False) as now:
        site = Site(world, member)
        assert site.programs() == {"Prime": "active"}
        assert (site.told()["dslogon_status"], site.told()["sponsor"]["relationship"]) == ("DEPENDENT", "child")
        now.shift(timedelta(hours=4))
        site.again(world)
        told = site.told()
        assert site.programs() == {"Prime": "ended"}
        assert (told["dslogon_status"], "sponsor" in told, told["dslogon_assurance"]) == ("OTHER", False, "2")
    assert account_of(world, member).state == "active"


def test_what_has_not_begun_is_pending_until_it_has(world: World, deers: Deers) -> None:
    """A member retires next month; no record changes on the day itself."""
    today = clock.now().date()
    then = today + timedelta(days=30)
    serving = deers.records[cast.DANA].eligibility[0]
    later = serving.model_copy(update={"plan": "Select", "begin": then, "status": Status.ACTIVE})
    dana = deers.change(cast.DANA, eligibility=(serving.model_copy(update={"end": then}), later))
    member = premium(world, dana)
    assert Site(world, member).programs() == {"Prime": "active", "Select": "pending"}
    with time_machine.travel(clock.now() + timedelta(days=31), tick=False):
        assert Site(world, member).programs() == {"Prime": "ended", "Select": "active"}


def test_sol_died_and_everything_is_dead_within_one_request(world: World, deers: Deers) -> None:
    """R87: pages, tokens of both kinds, codes; the survivors read a plain notice, and a sign-in says what the matter is."""
    record = deers.change(cast.SOL, deceased_on=None)
    site = Site(world, premium(world, record))
    third = RelyingParty(world, first_party=False, scopes=SCOPES)
    third.ask(site.browser, scope="openid offline_access")
    site.browser.submit(button="consent-allow")
    offline = third.read(third.redeem(third.answer(site.browser)["code"]))
    code = site.rp.code(site.browser)

    deers.died(cast.SOL)
    assert follow(world) == {"held": 1}

    assert site.browser.open("/account").page.name == "sign_in/login"
    assert site.rp.ask(site.browser, prompt="none")["error"] == "login_required"
    assert site.rp.redeem(code).get_json()["error"] == "invalid_grant"
    for rp, held in ((site.rp, site.tokens), (third, offline)):
        assert rp.userinfo(held.access_token).status_code == 401
        assert rp.refresh(held.refresh_token).get_json()["error"] == "invalid_grant"
        proof = {"Authorization": basic(rp.client.id, rp.secret or "")}
        for token in (held.access_token, held.refresh_token):
            assert rp.send("/introspect", {"token": token}, headers=proof).get_json() == {"active": False}
    refused = try_to_sign_in(world, site.member)
    assert (refused.page.name, refused.page.error) == ("sign_in/not_active", "account_deceased")
    assert "corrected" in refused.page.text
    (event,) = world.events("account.held")
    assert event.fields == {
        "account": site.member.account_id,
        "was": "active",
        "state": "deceased",
        "why": "deceased",
    }
    assert (event.actor, event.subject) == ("worker", site.member.person_id)
    # Also to the address that DEERS has: the report may be wrong, and its owner reads that.
    told = {mail.to: mail for mail in world.mails()}
    assert told.keys() == {"cast.sol@home.example", record.emails[0].address}
    mail = told["cast.sol@home.example"]
    assert mail.subject == "A Guidon account is no longer in use"
    assert "If this is a mistake" in mail.text
    assert "Late" not in mail.text

    # Nothing of it is done, or told, a second time.
    deers.tell(cast.SOL)
    assert follow(world) == {}
    assert len(world.events("account.held")) == 1
    assert len(world.mails()) == 2


def test_dana_is_reported_dead_by_mistake_and_is_back_as_soon_as_deers_says_so(world: World, deers: Deers) -> None:
    """Domain §4: a wrong report is a common and grave error. What died stays dead; the account is what it was."""
    site = Site(world, premium(world, deers.records[cast.DANA]))
    sub = site.told()["sub"]
    deers.died(cast.DANA)
    assert follow(world) == {"held": 1}
    assert site.browser.open("/account").page.name == "sign_in/login"

    deers.change(cast.DANA, deceased_on=None)
    assert follow(world) == {"freed": 1}

    account = account_of(world, site.member)
    assert (account.state, account.state_why, account.level) == ("active", None, 2)
    assert (account.state_before, account.state_before_why) == (None, None)
    assert site.browser.open("/account").page.name == "sign_in/login"
    assert site.rp.userinfo(site.tokens.access_token).status_code == 401
    site.again(world)
    assert (site.told()["sub"], site.told()["dslogon_assurance"]) == (sub, "2")
    assert [event.fields["state"] for event in world.events("account.freed")] == ["active"]
    mine = [mail for mail in world.mails() if mail.to == "cast.dana@home.example"]
    assert [mail.subject for mail in mine][:2] == ["Your account works again", "A Guidon account is no longer in use"]


@on_sqlite
def test_the_portal_of_somebody_reported_dead_shows_nothing_private(there: World, server: Server) -> None:
    deers = Deers(there)
    member = premium(there, deers.records[cast.DANA])
    portal = Portal(there)
    portal.begin("/records").submit(username=member.username, password=member.password)
    portal.provider.submit(code=authenticator.unused_code(there.services, member))
    assert portal.come_back().page.name == "portal/records"
    deers.died(cast.DANA)
    assert follow(there) == {"held": 1}
    with time_machine.travel(clock.now() + timedelta(minutes=20), tick=True):
        assert portal.begin("/records").page.name == "sign_in/login"
        portal.provider.submit(username=member.username, password=member.password)
        assert (portal.provider.left_for, portal.provider.page.error) == (None, "account_deceased")
        deers.change(cast.DANA, deceased_on=None)
        assert follow(there) == {"freed": 1}
        portal.begin("/records").submit(username=member.username, password=member.password)
        portal.provider.submit(code=authenticator.unused_code(there.services, member))
        assert portal.come_back().page.name == "portal/records"


def test_val_is_held_while_deers_mixes_two_people_up_and_keeps_every_id_after_it(world: World, deers: Deers) -> None:
    """DESIGN §5: a changed EDIPI keeps our person and subject ids; the claim is the new one."""
    val = deers.change(cast.VAL, conflict_since=None)
    site = Site(world, premium(world, val))
    before = site.told()
    assert before["dslogon_uuid"] == "9900000104"
    deers.change(cast.VAL, conflict_since=clock.now().date())
    assert follow(world) == {"held": 1}
    refused = try_to_sign_in(world, site.member)
    assert refused.page.error == "account_identity_conflict"
    # DEERS's own address may be the other one's, so only the account's hears of it.
    assert [(mail.to, mail.subject) for mail in world.mails()] == [("cast.val@home.example", "Your account is on hold")]

    deers.change(cast.VAL, conflict_since=None, edipi="9900000112", other_edipis=("9900000104",))
    assert follow(world) == {"freed": 1, "renumbered": 1}
    site.again(world)
    after = site.told()
    assert (after["dslogon_uuid"], after["sub"]) == ("9900000112", before["sub"])
    account = account_of(world, site.member)
    assert (account.person_id, account.subject_id) == (site.member.person_id, site.member.subject_id)
    assert len(world.events("person.renumbered")) == 1
    assert "99000001" not in str([event.fields for event in world.events()])


def test_vic_was_never_a_beneficiary_and_no_change_makes_an_account_of_less(world: World, deers: Deers) -> None:
    site = Site(world, premium(world, deers.records[cast.VIC]))
    assert (site.told()["dslogon_status"], site.programs()) == ("VETERAN", {})
    deers.change(cast.VIC, family_name="Veteran-Smith")
    assert follow(world) == {}
    told = site.told()
    assert (told["family_name"], told["dslogon_assurance"], "eligibility" in told) == ("Veteran-Smith", "2", False)


def test_sam_leaves_the_service_and_is_a_spouse_from_then_on(world: World, deers: Deers) -> None:
    """Sponsor and dependant in one: what stays carries the person."""
    sam, today = deers.records[cast.SAM], clock.now().date()
    site = Site(world, premium(world, sam))
    assert site.told()["dslogon_status"] == "SPONSOR"
    left = sam.affiliations[0].model_copy(update={"end": today, "end_reason": EndReason.SEPARATION})
    deers.change(cast.SAM, affiliations=(left, *sam.affiliations[1:]))
    assert follow(world) == {}
    told = site.told()
    assert (told["dslogon_status"], told["sponsor"]["relationship"]) == ("DEPENDENT", "spouse")
    ended = [one for one in told["affiliations"] if "end" in one]
    assert [(one["category"], one["end"]) for one in ended] == [("A", today.isoformat())]


def test_ada_is_her_own_sponsor_until_she_marries_again(world: World, deers: Deers) -> None:
    ada, today = deers.records[cast.ADA], clock.now().date()
    site = Site(world, premium(world, ada))
    assert (site.told()["dslogon_status"], site.programs()) == ("SPONSOR", {"Select": "active"})
    over = {"end": today}
    deers.change(
        cast.ADA,
        affiliations=(ada.affiliations[0].model_copy(update=over),),
        eligibility=(ada.eligibility[0].model_copy(update=over),),
    )
    assert follow(world) == {}
    told = site.told()
    assert (told["dslogon_status"], told["dslogon_assurance"], site.programs()) == ("OTHER", "2", {"Select": "ended"})


def test_max_moves_and_nothing_else_changes(world: World, deers: Deers) -> None:
    today = clock.now().date()
    site = Site(world, premium(world, deers.records[cast.MAX]))
    new = Postal(street_address="9 New Quay", locality="Port Sample", region="VA", postal_code="00067", since=today)
    deers.change(cast.MAX, postal=(new,))
    assert follow(world) == {}
    assert site.told()["dslogon_status"] == "RETIREE"
    known = world.services.directory.find("9900000066")
    assert known is not None
    assert known.posts == ()  # 30 days must pass before a letter may go there


def test_cam_acts_for_somebody_only_while_deers_says_so(world: World, deers: Deers) -> None:
    cam, today = deers.records[cast.CAM], clock.now().date()
    site = Site(world, premium(world, cam))
    assert (site.told()["dslogon_status"], "sponsor" in site.told()) == ("SURROGATE", False)
    deers.change(cast.CAM, relations=(cam.relations[0].model_copy(update={"end": today}),))
    assert follow(world) == {}
    assert (site.told()["dslogon_status"], site.told()["dslogon_assurance"]) == ("OTHER", "2")


def test_robin_becomes_a_survivor_when_the_sponsor_dies(world: World, deers: Deers) -> None:
    """Domain §4: survivors keep their own accounts."""
    robin, today = deers.records[cast.ROBIN], clock.now().date()
    site = Site(world, premium(world, robin))
    deers.died(cast.DANA)
    deers.change(
        cast.ROBIN,
        relations=(
            robin.relations[0].model_copy(update={"end": today}),
            Relation(sponsor=cast.DANA, relationship=Relationship.SURVIVING_SPOUSE, begin=today),
        ),
    )
    assert follow(world) == {}
    told = site.told()
    assert (told["dslogon_status"], told["sponsor"]["relationship"]) == ("DEPENDENT", "surviving_spouse")
