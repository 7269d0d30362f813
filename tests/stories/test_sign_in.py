"""A returning person signs in, and a stranger who tries learns nothing."""

import re
import unicodedata
from http.cookies import SimpleCookie

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy import Connection

from idp import crypto
from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.credentials import passwords
from idp.credentials.passwords import Password
from idp.credentials.sessions import Session
from tests.http_browser import Browser
from tests.members import PASSWORD, Member, join
from tests.world import World


def _sign_in(
    browser: Browser, username: str = "maria.rivera", password: str = PASSWORD, *, remember: bool = False
) -> Browser:
    browser.open("/login")
    if remember:
        return browser.submit(username=username, password=password, remember="y")
    return browser.submit(username=username, password=password)


def _set_state(world: World, member: Member, state: State) -> None:
    def change(conn: Connection) -> bool:
        return accounts.change_state(conn, member.account_id, was=State.ACTIVE, becomes=state, why="test")

    assert world.services.db.write(change)


def _seen(browser: Browser, typed: str) -> tuple[object, ...]:
    """What a stranger sees of an answer, without what is different each time and what they typed themself."""
    html = re.sub(r'(name="csrf_token"[^>]*value=")[^"]+', r"\1", browser.response.get_data(as_text=True))
    headers = {key: value for key, value in browser.response.headers if key not in {"X-Request-Id", "Set-Cookie"}}
    headers["Content-Length"] = str(len(html.replace(typed, "")))
    set_cookies = [morsel.split("=")[0] for morsel in browser.response.headers.getlist("Set-Cookie")]
    return browser.status, browser.address, headers, set_cookies, html.replace(typed, "")


def test_a_returning_person_signs_in_and_sees_their_account(world: World) -> None:
    member = join(world.services)
    browser = _sign_in(world.browser())
    assert browser.page.name == "account/show"
    assert member.username in browser.page.text
    assert "Basic (Level 1)" in browser.page.text
    event = world.events("sign_in.succeeded")[-1]
    assert (event.actor, event.subject, event.fields["methods"]) == (member.account_id, member.person_id, ["pwd"])
    assert event.address == "198.51.100.7"
    with world.services.db.read() as conn:
        session = conn.execute(sa.select(Session.handle_digest)).scalar_one()
    assert session == crypto.digest(browser.cookie("idp_session") or "")


def test_the_session_cookie_is_opaque_and_ends_with_the_browser(world: World) -> None:
    """R80: over https with `__Host-`; never readable by a script, never sent along by another site's form."""
    join(world.services)
    browser = world.browser().open("/login")
    form = browser.page.form("username")
    answer = browser.client.post(
        "/login",
        base_url="http://localhost:5000",
        data={**form.fields, "username": "maria.rivera", "password": PASSWORD},
        headers={"Origin": "http://localhost:5000"},
    )
    assert answer.status_code == 303
    jar: SimpleCookie = SimpleCookie()
    for header in answer.headers.getlist("Set-Cookie"):
        jar.load(header)
    cookie = jar["idp_session"]
    assert len(cookie.value) == 43
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["max-age"], cookie["expires"], cookie["domain"]) == (
        "Lax",
        "/",
        "",
        "",
        "",
    )


@pytest.mark.parametrize("typed", ["MARIA.Rivera", "  maria.rivera ", "\uff4d\uff41\uff52\uff49\uff41.rivera"])
def test_a_username_may_be_written_in_any_way(world: World, typed: str) -> None:
    """R17."""
    join(world.services)
    assert _sign_in(world.browser(), typed).page.name == "account/show"


def test_a_password_may_be_typed_in_either_unicode_form(world: World) -> None:
    """R3."""
    password = "Ärger über Öl, süß 7"
    join(world.services, password=unicodedata.normalize("NFC", password))
    browser = _sign_in(world.browser(), password=unicodedata.normalize("NFD", password))
    assert browser.page.name == "account/show"


def test_an_unknown_name_cannot_be_told_from_a_wrong_password(world: World) -> None:
    """R21: status, page, headers and cookies are the same, and exactly one argon2 run each."""
    join(world.services)
    seen = []
    for typed in ("maria.rivera", "nobody.here"):
        browser = world.browser()
        runs = passwords.SLOTS.runs
        _sign_in(browser, typed, "a wrong one, for sure")
        assert passwords.SLOTS.runs == runs + 1
        seen.append(_seen(browser, typed))
    assert seen[0] == seen[1]
    assert seen[0][0] == 422
    assert [event.fields["why"] for event in world.events("sign_in.refused")] == ["wrong_credentials"] * 2


def test_before_the_password_is_right_every_account_looks_the_same(world: World) -> None:
    """R23."""
    stranger = world.browser()
    _sign_in(stranger, "nobody.here", "a wrong one, for sure")
    expected = _seen(stranger, "nobody.here")
    for state in State:
        member = join(world.services, f"member.{state.value}")
        if state is not State.ACTIVE:
            _set_state(world, member, state)
        guest = world.browser()
        runs = passwords.SLOTS.runs
        _sign_in(guest, member.username, "a wrong one, for sure")
        assert passwords.SLOTS.runs == runs + 1
        assert _seen(guest, member.username) == expected, state


def test_the_owner_of_an_account_that_is_not_active_hears_why(world: World) -> None:
    """R23: after the right password every state names its way out, and nobody is signed in."""
    for state in (State.LOCKED, State.SUSPENDED, State.INACTIVE, State.IDENTITY_CONFLICT, State.DECEASED):
        member = join(world.services, f"member.{state.value}")
        _set_state(world, member, state)
        browser = _sign_in(world.browser(), member.username)
        assert (browser.status, browser.page.name) == (403, "sign_in/not_active")
        assert browser.page.error == f"account_{state.value}"
        assert browser.cookie("idp_session") is None
        assert browser.open("/account").page.name == "sign_in/login"
        assert world.events("sign_in.refused")[-1].fields["why"] == "account_not_active"


def test_a_closed_account_is_nobodys(world: World) -> None:
    member = join(world.services)
    _set_state(world, member, State.CLOSED)
    assert _sign_in(world.browser()).status == 422


def test_a_locked_account_is_signed_out_everywhere_at_once(world: World) -> None:
    """R87."""
    member = join(world.services)
    browser = _sign_in(world.browser())
    _set_state(world, member, State.LOCKED)
    assert browser.open("/account").page.name == "sign_in/login"


def test_a_wrong_password_keeps_the_name_and_not_the_password(world: World) -> None:
    join(world.services)
    browser = _sign_in(world.browser(), password="a wrong one, for sure", remember=True)
    assert browser.page.name == "sign_in/login"
    assert browser.page.form("password").fields == {
        **browser.page.form("password").fields,
        "username": "maria.rivera",
        "password": "",
        "remember": "y",
    }
    assert "a wrong one, for sure" not in browser.page.html


def test_empty_fields_are_told_beside_the_field_and_count_as_no_try(world: World) -> None:
    runs = passwords.SLOTS.runs
    browser = world.browser().open("/login").submit(username="", password="")
    assert browser.status == 422
    assert "Enter your username." in browser.page.text
    assert "Enter your password." in browser.page.text
    assert passwords.SLOTS.runs == runs
    assert not world.events("sign_in.refused")


def test_a_device_that_remembers_fills_in_the_name_and_nothing_else(world: World) -> None:
    """SP 800-63B-4 §5.1: what is remembered is a name, never a factor."""
    join(world.services)
    browser = _sign_in(world.browser(), remember=True)
    browser.client.delete_cookie("idp_session")
    browser.open("/login")
    fields = browser.page.form("password").fields
    assert (fields["username"], fields.get("remember"), fields["password"]) == ("maria.rivera", "y", "")
    assert browser.open("/account").page.name == "sign_in/login"


def test_a_device_forgets_when_the_box_is_cleared(world: World) -> None:
    join(world.services)
    browser = _sign_in(world.browser(), remember=True)
    browser.client.delete_cookie("idp_session")
    browser.open("/login").submit(drop=("remember",), username="maria.rivera", password=PASSWORD)
    browser.client.delete_cookie("idp_session")
    assert browser.open("/login").page.form("password").fields["username"] == ""


def test_a_planted_device_cookie_never_learns_a_name(world: World) -> None:
    """R81: the handle is a new one each time something is remembered."""
    join(world.services)
    browser = _sign_in(world.browser(), remember=True)
    planted = browser.cookie("idp_device") or ""
    browser.client.delete_cookie("idp_session")
    _sign_in(browser, remember=True)
    thief = world.browser()
    thief.client.set_cookie("idp_device", planted)
    assert thief.open("/login").page.form("password").fields["username"] == ""


def test_each_sign_in_has_a_new_handle_and_the_old_one_is_dead(world: World) -> None:
    """R81: a session cookie that was there before is never taken over."""
    join(world.services)
    browser = world.browser()
    browser.client.set_cookie("idp_session", "A" * 43)
    _sign_in(browser)
    first = browser.cookie("idp_session")
    assert first != "A" * 43
    browser.open("/login?request=none-such").submit(username="maria.rivera", password=PASSWORD)
    assert browser.cookie("idp_session") not in {None, first}
    thief = world.browser()
    thief.client.set_cookie("idp_session", first or "")
    assert thief.open("/account").page.name == "sign_in/login"


def test_the_same_person_again_keeps_one_session_and_another_person_ends_it(world: World) -> None:
    """R81, R85: clients that the session signed in to stay signed in, but only its own."""
    join(world.services)
    join(world.services, "other.person")
    browser = _sign_in(world.browser())
    browser.open("/login?request=none-such").submit(username="maria.rivera", password=PASSWORD)
    first, second = world.events("sign_in.succeeded")
    assert first.fields["session"] == second.fields["session"]
    browser.open("/login?request=none-such").submit(username="other.person", password=PASSWORD)
    ended = world.events("session.ended")
    assert [(event.fields["session"], event.fields["why"]) for event in ended] == [
        (first.fields["session"], "replaced")
    ]
    assert "other.person" in browser.open("/account").page.text


def test_whoever_is_signed_in_already_goes_on(world: World) -> None:
    join(world.services)
    browser = _sign_in(world.browser())
    assert browser.open("/login").page.name == "account/show"
    assert browser.open("/login?next=/upgrade").page.name == "upgrade/start"


def test_a_guarded_page_comes_back_after_the_sign_in(world: World) -> None:
    join(world.services)
    browser = world.browser().open("/account/profile")
    assert browser.page.name == "sign_in/login"
    browser.submit(username="maria.rivera", password="a wrong one, for sure")
    browser.submit(username="maria.rivera", password=PASSWORD)
    assert browser.page.name == "account/profile"


ELSEWHERE = (
    "//e.example",
    "/\\e.example",
    "\\\\e.example",
    "https:e.example",
    "https://e.example/account",
    "/account\r\nLocation: https://e.example",
    "https://localhost:5000@e.example/",
    "javascript:alert(1)",
    "/account/../..//e.example",
    "/\uff0e\uff0e//e.example",
    "/no-such-page",
    "/" + "a" * 5_000,
)


def test_nobody_is_sent_elsewhere_after_the_sign_in(world: World) -> None:
    """R96, RFC 9700 §4.11."""
    join(world.services)
    for wanted in ELSEWHERE:
        browser = world.browser().open("/login")
        browser.submit(username="maria.rivera", password=PASSWORD, next=wanted)
        assert (browser.left_for, browser.address) == (None, "/account"), wanted


def test_what_is_typed_stays_inert(world: World) -> None:
    """R95."""
    for typed in ("<script>alert(1)</script>", '"><svg onload=alert(1)>', "{{7*7}}", "javascript:1"):
        browser = world.browser().open("/login").submit(username=typed, password="a wrong one, for sure")
        assert browser.status == 422
        assert browser.page.form("username").fields["username"] == typed
        for dangerous in ("<script>alert", "<svg onload", ">49<", '"49"'):
            assert dangerous not in browser.page.html


HOSTILE = (
    ("maria.rivera\0", PASSWORD),
    ("\0", "\0"),
    ("x" * 30_000, "y"),
    ("x", "y" * 30_000),
    ("ﷺ" * 200, "ﷺ" * 300),
    ("\u202e\u2066\ud7ff\U0010ffff", "\U0010ffff"),
    ("' OR 1=1 --", "' OR 1=1 --"),
    ("maria.rivera%00", "%s%n"),
)


def test_hostile_input_is_a_wrong_password_and_never_a_fault(world: World) -> None:
    join(world.services)
    for username, password in HOSTILE:
        browser = _sign_in(world.browser(), username, password)
        assert (browser.status, browser.page.name) == (422, "sign_in/login"), username[:20]


def test_fields_sent_twice_or_not_at_all_are_no_fault(world: World) -> None:
    join(world.services)
    browser = world.browser().open("/login")
    token = browser.page.form("username").fields["csrf_token"]
    twice = {"csrf_token": token, "username": ["maria.rivera", "other"], "password": ["wrong, for sure", PASSWORD]}
    assert browser.post("/login", twice).status == 422
    assert browser.post("/login", {"csrf_token": token}).status == 422
    assert browser.post("/login", {"csrf_token": token, "username": "x" * 70_000, "password": "y"}).status == 413
    assert browser.open("/login?request=a&request=b&next=x&next=y&ui_locales=%FF").status == 200


def test_a_sign_in_that_another_site_sends_is_refused(world: World) -> None:
    """R92: login CSRF would sign somebody in as another person without their knowing."""
    join(world.services)
    browser = world.browser().open("/login")
    fields = {**browser.page.form("username").fields, "username": "maria.rivera", "password": PASSWORD}
    assert browser.post("/login", fields, Origin="https://e.example").status == 400
    assert browser.post("/login", fields, **{"Sec-Fetch-Site": "cross-site"}).status == 400
    assert browser.post("/login", {**fields, "csrf_token": "made-up"}).status == 400
    assert browser.cookie("idp_session") is None


def test_an_older_hash_becomes_todays_when_its_owner_signs_in(world: World) -> None:
    """R11."""
    member = join(world.services)
    kid, peppered = world.services.keyring.peppered(PASSWORD)
    older = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(peppered)
    world.services.db.write(
        lambda conn: conn.execute(sa.update(Password).values(encoded=older, pepper_kid=kid)).rowcount
    )
    assert _sign_in(world.browser()).page.name == "account/show"
    with world.services.db.read() as conn:
        stored = passwords.find_password(conn, member.account_id)
    assert stored is not None
    assert "m=19456,t=2,p=1" in stored.encoded
    assert _sign_in(world.browser()).page.name == "account/show"
