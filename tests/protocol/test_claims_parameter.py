"""Claims asked for by name (OIDC Core §5.5), and what DEERS tells at Premium and nowhere else (docs/levels.md §5; R125)."""

import json
from dataclasses import replace
from datetime import date

import pytest

from idp import clock
from idp.accounts import accounts
from idp.accounts.levels import Level
from idp.config import PolicyName
from idp.directory import cast
from idp.oidc import claims, scopes
from idp.ports import Changes, Claimed, Directory, Known, Matched, NoMatch, PortDown
from idp.proofing import evidence
from idp.proofing.policy import Method
from tests.http_browser import Browser
from tests.members import Member, join
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.world import World

EVERYTHING = " ".join(scopes.ALL)
SPONSOR, SPOUSE = "9900000015", "9900000023"
FROM_DEERS = {"ial", "proofing", "dslogon_status", "affiliations", "dslogon_uuid", "eligibility", "sponsor"}


def asking(*names: str, id_token: bool = False) -> str:
    """A `claims` parameter that asks for these, plainly."""
    return json.dumps({"id_token" if id_token else "userinfo": dict.fromkeys(names)})


@pytest.fixture
def everything(world: World) -> RelyingParty:
    """A client that is registered for every scope there is."""
    return RelyingParty(world, scopes=scopes.ALL)


def premium(world: World, edipi: str = SPONSOR, username: str = "premium.one") -> Member:
    """Somebody of the cast with a Premium account and an app."""
    return join(world.services, username, level=Level.PREMIUM, totp=True, edipi=edipi, email="p@example.org")


class Silent:
    """A DEERS that does not answer."""

    def find(self, edipi: str) -> Known | None:
        raise PortDown(f"no answer about one of {len(edipi)} digits")

    def match(self, claimed: Claimed) -> Matched | NoMatch:
        raise PortDown(f"no answer about {claimed}")

    def list_changes(self, after: str | None, *, most: int) -> Changes:
        raise PortDown(f"no answer about {most} changes after {after}")

    def count(self) -> int:
        raise PortDown("no answer")


def asks(world: World, directory: Directory) -> None:
    """From here on the provider asks this DEERS."""
    world.app.extensions["services"] = replace(world.services, directory=directory)
    world.app.extensions.pop("protocol")


@pytest.fixture
def tokens_of_premium(world: World, everything: RelyingParty) -> tuple[dict[str, object], dict[str, object]]:
    """What the ID token and userinfo say of a Premium person to a client that asks for everything."""
    browser = sign_in(world, premium(world))
    everything.ask(browser, scope=EVERYTHING)
    browser.submit(button="consent-allow")
    tokens = everything.read(everything.redeem(everything.answer(browser)["code"]))
    return everything.claims(tokens.id_token), everything.userinfo(tokens.access_token).get_json()


def test_a_premium_person_is_told_of_as_deers_knows_them(
    tokens_of_premium: tuple[dict[str, object], dict[str, object]], world: World
) -> None:
    """docs/levels.md §5; OIDC Core §5.1, §5.4: names and dates from DEERS, the number and benefits by their own scopes."""
    in_id_token, told = tokens_of_premium
    known = world.services.directory.find(SPONSOR)
    assert known is not None
    assert (told["given_name"], told["family_name"]) == (known.given_name, known.family_name)
    assert told["birthdate"] == known.born.isoformat()
    assert told["dslogon_uuid"] == SPONSOR
    assert told["dslogon_status"] == in_id_token["dslogon_status"] == known.status
    assert told["affiliations"] == in_id_token["affiliations"]
    assert told["eligibility"][0]["program"] == "TRICARE"  # type: ignore[index]
    proofing = in_id_token["proofing"]
    assert proofing == {"method": "mail_code", "at": clock.now().date().isoformat(), "policy": "ds_logon"}
    assert not in_id_token.keys() & {"name", "birthdate", "email", "dslogon_uuid", "eligibility", "ial"}
    assert "null" not in json.dumps([in_id_token, told])


@on_sqlite
def test_a_sponsor_is_named_as_this_client_knows_them(world: World, everything: RelyingParty) -> None:
    """OIDC Core §8, R122: by the pairwise `sub`, once they have been here; before that only the tie is told."""
    browser = sign_in(world, premium(world, SPOUSE, "spouse.one"))
    everything.ask(browser, scope="openid eligibility")
    tokens = everything.read(everything.redeem(everything.answer(browser)["code"]))
    assert everything.userinfo(tokens.access_token).get_json()["sponsor"] == {"relationship": "spouse"}
    sponsor = sign_in(world, premium(world))
    sub = everything.claims(everything.tokens(sponsor).id_token)["sub"]
    told = everything.userinfo(tokens.access_token).get_json()["sponsor"]
    assert told == {"sub": sub, "relationship": "spouse"}


@on_sqlite
def test_seen_in_person_is_identity_level_two(world: World, everything: RelyingParty) -> None:
    """SP 800-63A-4 §4.2."""
    member = premium(world)
    with world.services.db.read() as conn:
        account = accounts.find_account(conn, member.account_id)
    assert account is not None
    world.services.db.write(
        lambda conn: evidence.add(conn, account, Method.IN_PERSON, policy=PolicyName.SP800_63_4, at=clock.now())
    )
    told = everything.claims(everything.tokens(sign_in(world, member)).id_token)
    assert told["ial"] == 2
    assert told["proofing"]["method"] == "in_person"
    assert date.fromisoformat(told["proofing"]["at"]) <= clock.now().date()


@on_sqlite
def test_when_deers_is_down_people_still_sign_in(world: World, everything: RelyingParty) -> None:
    """R79: the ID token leaves out what is DEERS's; userinfo says "later", since half an answer would read as "nothing there"."""
    browser = sign_in(world, premium(world))
    everything.tokens(browser)
    asks(world, Silent())
    tokens = everything.tokens(browser, scope="openid dslogon profile")
    told = everything.claims(tokens.id_token)
    assert told["dslogon_assurance"] == "2"
    assert not told.keys() & {"dslogon_status", "affiliations"}
    down = everything.userinfo(tokens.access_token)
    assert (down.status_code, down.get_json()["error"]) == (503, "temporarily_unavailable")
    assert int(down.headers["Retry-After"]) > 0
    asks(world, world.services.directory)
    assert everything.userinfo(tokens.access_token).get_json()["dslogon_status"] == "SPONSOR"


@on_sqlite
def test_a_number_that_leads_to_somebody_else_tells_nothing(world: World, everything: RelyingParty) -> None:
    """R125: claims are of the person who proved themself, whatever DEERS says of their number by now."""
    stranger = join(world.services, "not.in.deers", level=Level.PREMIUM, totp=True)
    tokens = everything.tokens(sign_in(world, stranger), scope="openid dslogon profile")
    told = everything.userinfo(tokens.access_token).get_json()
    assert told["dslogon_assurance"] == "2"
    assert not told.keys() & {"name", "birthdate", "dslogon_status", "affiliations"}


def test_a_claim_asked_for_by_name_is_told_where_it_was_asked(rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §5.5: in the ID token or in userinfo, and at every refresh of the same sign-in."""
    named = json.dumps(
        {"id_token": {"email": None}, "userinfo": {"email_verified": {"essential": True}, "unheard": None}}
    )
    tokens = rp.tokens(browser, claims=named)
    refresh_token = tokens.refresh_token
    for _ in range(2):
        told = rp.claims(tokens.id_token)
        assert told["email"] == "maria@example.org"
        assert "email_verified" not in told
        in_userinfo = rp.userinfo(tokens.access_token).get_json()
        assert in_userinfo["email_verified"] is True
        assert not in_userinfo.keys() & {"email", "unheard"}
        tokens = rp.read(rp.refresh(refresh_token))


@on_sqlite
def test_a_claim_needs_a_scope_of_the_registration(world: World, browser: Browser) -> None:
    """OIDC Core §5.5, R121: what the client could not ask for by scope it cannot get by name."""
    small = RelyingParty(world, scopes=("openid", "phone"), assurance_claims=False)
    asked = json.dumps({place: dict.fromkeys(claims.NAMES) for place in ("id_token", "userinfo")})
    tokens = small.tokens(browser, claims=asked)
    assert not small.claims(tokens.id_token).keys() & set(claims.NAMES)
    assert small.userinfo(tokens.access_token).get_json().keys() == {"sub"}


@on_sqlite
def test_a_basic_person_tells_nothing_of_premium_however_it_is_asked(world: World, everything: RelyingParty) -> None:
    """R125: over scopes, names, both tokens, the strength of the sign-in, and the refresh."""
    asked = json.dumps({place: dict.fromkeys(claims.NAMES) for place in ("id_token", "userinfo")})
    for number, totp in enumerate((False, True)):
        member = join(world.services, f"basic.{number}", totp=totp, edipi=(SPONSOR, SPOUSE)[number])
        browser = sign_in(world, member)
        everything.ask(browser, scope=EVERYTHING, claims=asked)
        browser.submit(button="consent-allow")
        tokens = everything.read(everything.redeem(everything.answer(browser)["code"]))
        refresh_token = tokens.refresh_token
        for _ in range(2):
            for told in (everything.claims(tokens.id_token), everything.userinfo(tokens.access_token).get_json()):
                assert told["dslogon_assurance"] == "1"
                assert not told.keys() & FROM_DEERS
                assert not told.keys() & {"name", "given_name", "family_name", "birthdate", "gender"}
            tokens = everything.read(everything.refresh(refresh_token))


@on_sqlite
def test_the_number_and_the_benefits_are_never_given_by_default(world: World, browser: Browser) -> None:
    """docs/levels.md §5: only clients whose registration names these scopes."""
    usual = RelyingParty(world)
    for scope in ("edipi", "eligibility"):
        assert usual.ask(browser, scope=f"openid {scope}")["error"] == "invalid_scope"
    assert "code" in RelyingParty(world, scopes=("openid", "edipi")).ask(browser, scope="openid edipi")


@on_sqlite
def test_an_answer_may_be_asked_to_be_about_one_person(world: World, rp: RelyingParty, browser: Browser) -> None:
    """OIDC Core §3.1.2.2, §5.5.1: `sub` with a value; nobody else is answered for, whoever is signed in."""
    mine = rp.claims(rp.tokens(browser).id_token)["sub"]
    about_me = json.dumps({"id_token": {"sub": {"value": mine}}})
    assert "code" in rp.ask(browser, claims=about_me)
    other = sign_in(world, join(world.services, "walt.whitman", email=None))
    for prompt in (None, "none"):
        assert rp.ask(other, claims=about_me, prompt=prompt)["error"] == "login_required"
    listed = json.dumps({"userinfo": {"sub": {"values": ["somebody", mine]}}})
    assert "code" in rp.ask(browser, claims=listed)


@on_sqlite
def test_discovery_says_that_claims_can_be_asked_for(rp: RelyingParty) -> None:
    """OIDC Discovery §3: `claims_parameter_supported`, and every claim that can leave."""
    document = rp.get("/.well-known/openid-configuration").get_json()
    assert document["claims_parameter_supported"] is True
    assert set(claims.NAMES) <= set(document["claims_supported"])
    assert {"edipi", "eligibility"} <= set(document["scopes_supported"])


def test_the_cast_has_who_is_needed() -> None:
    """A sponsor with a spouse, by the numbers that these stories use."""
    people = {record.edipi: record for record in cast.people(clock.now().date())}
    assert people[SPOUSE].relations[0].sponsor == people[SPONSOR].person
