"""Fields that a form does not have: they change nothing, and leave a trace that tells no more than that."""

from idp.accounts import accounts
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.relying_party import sign_in
from tests.world import World


def _profile(browser: Browser, **more: str) -> Browser:
    form = browser.open("/account/profile").page.form("csrf_token")
    return browser.post("/account/profile", {**form.fields, "nickname": "Mia", **more})


def _traces(world: World) -> list[tuple[str, str | None, dict[str, object]]]:
    return [(event.actor, event.subject, event.fields) for event in world.events("form.fields_ignored")]


def _columns(world: World, member: Member) -> dict[str, object]:
    with world.services.db.read() as conn:
        return dict(vars(accounts.get_account(conn, member.account_id)))


def test_what_a_form_does_not_have_changes_nothing_and_is_noted(world: World) -> None:
    """R103, ASVS 15.3.3: the page, how many, and the names that are words of ours; no value, and no other name."""
    member = join(world.services)
    browser, before = sign_in(world, member), _columns(world, member)
    _profile(browser)
    assert _traces(world) == []
    _profile(browser, level="2", state="active", is_admin="1", **{"900-00-0066": "900-00-0066"})
    assert _columns(world, member) == before
    told = {"page": "account.edit_profile", "count": 4, "names": ["level", "state"]}
    assert _traces(world) == [(member.account_id, member.person_id, told)]


def test_a_stranger_is_noted_too_and_the_log_stays_short(world: World) -> None:
    """R103: twenty an hour from one address; the form does what it does all the same."""
    join(world.services)
    browser = world.browser()
    for _ in range(25):
        browser.open("/login")
        fields = browser.page.form("username").fields
        browser.post("/login", {**fields, "username": "maria.rivera", "password": "", "account_level": "2"})
        assert browser.status == 422
    assert _traces(world) == [("anonymous", None, {"page": "sign_in.login", "count": 1, "names": []})] * 20
    browser.submit(username="maria.rivera", password=PASSWORD)
    assert browser.page.name == "account/show"
