"""Passkeys and security keys: adding them, signing in with them, and taking them away."""

import pytest
import sqlalchemy as sa

from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.accounts.levels import Level
from idp.credentials.ceremonies import Challenge
from idp.credentials.passkeys import Passkey
from tests import passkey_user as user
from tests.members import Member, join
from tests.passkey_device import Device, allowed
from tests.relying_party import sign_in
from tests.world import World


def _told(world: World, words: str) -> list[str]:
    return [mail.to for mail in world.mails() if words in mail.subject]


def _rows(world: World) -> list[str]:
    with world.services.db.read() as conn:
        return list(conn.execute(sa.select(Passkey.credential_id)).scalars())


def test_a_passkey_is_added_with_a_name_and_signs_in_alone_with_two_factors(world: World) -> None:
    """R37, R40, R50, R81: no name typed, one step, AAL2; a new handle at each; a notice."""
    member, device = join(world.services), Device()
    browser = sign_in(world, member)
    before = browser.cookie("idp_session")
    browser = user.add(browser, device, name="Maria’s phone")
    assert browser.page.name == "second_factor/save_codes"
    assert browser.cookie("idp_session") != before
    browser.submit(saved="y")
    assert "Maria’s phone" in browser.page.text
    assert world.events("second_factor.added")[-1].fields["factor"] == "passkey"
    assert _told(world, "second step was added") == ["maria@example.org"]
    other = user.sign_in_alone(world.browser(), device)
    assert (other.page.name, other.address) == ("account/show", "/account")
    assert world.events("sign_in.succeeded")[-1].fields["methods"] == ["hwk", "user"]


def test_a_synced_passkey_is_told_apart(world: World) -> None:
    """R42: what is kept in several places is no hardware key, and says so in `amr`."""
    member, device = join(world.services), Device(backup_eligible=True, backed_up=True, counts=False)
    user.member_with(world, member, device)
    assert user.sign_in_alone(world.browser(), device).page.name == "account/show"
    assert user.sign_in_alone(world.browser(), device).page.name == "account/show"
    assert world.events("sign_in.succeeded")[-1].fields["methods"] == ["swk", "user"]


def test_the_options_before_a_sign_in_name_nobody(world: World) -> None:
    """R25: no account is asked for, so none is told of; each asks for a user that is made sure of (R40)."""
    user.member_with(world, join(world.services), Device())
    asked = user.options(world.browser().open("/login"), user.TO_SIGN_IN)
    assert asked["allowCredentials"] == []
    assert (asked["userVerification"], asked["rpId"]) == ("required", "localhost")


def test_after_the_password_the_passkey_is_the_second_step(world: World) -> None:
    """R82: the password alone opens nothing for an account whose only second factor is a passkey."""
    member, device = join(world.services), Device(verified=False)
    user.member_with(world, member, device)
    browser = sign_in(world, member, half=True)
    assert browser.page.name == "sign_in/passkey_step"
    assert world.browser().open("/account").page.name == "sign_in/login"
    assert allowed(user.options(browser, user.TO_STEP)) == [device.credential_id]
    user.step(browser, device)
    assert browser.page.name == "account/show"
    assert world.events("sign_in.succeeded")[-1].fields["methods"] == ["pwd", "hwk"]


def test_with_an_app_too_either_will_do(world: World) -> None:
    member, device = join(world.services, totp=True), Device()
    browser = sign_in(world, member)
    browser = user.add(browser, device)
    browser = sign_in(world, member, half=True)
    assert browser.page.name == "sign_in/second_factor"
    assert "/login/passkey-step" in browser.page.links
    user.step(browser.open("/login/passkey-step"), device)
    assert browser.page.name == "account/show"


def test_a_key_that_does_not_check_its_user_signs_nobody_in_alone(world: World) -> None:
    """R40: alone it would be one factor, which nobody asked for."""
    member, device = join(world.services), Device(verified=False)
    user.member_with(world, member, device)
    browser = user.sign_in_alone(world.browser(), device)
    assert (browser.status, browser.page.name) == (422, "sign_in/login")
    assert world.events("sign_in.refused")[-1].fields["why"] == "wrong_passkey"


def test_several_are_told_apart_renamed_and_removed(world: World) -> None:
    """R48, R50: each by its name; what is removed opens nothing, and every address hears of it."""
    member, one, two = join(world.services), Device(), Device()
    browser = user.member_with(world, member, one)
    user.add(browser, two, name="Spare key")
    assert "Spare key" in browser.page.text
    rename = next(link for link in browser.page.links if link.startswith("/account/passkeys/name"))
    browser.open(rename).submit(name="  My   phone ")
    assert "My phone" in browser.page.text
    assert "Blue key" not in browser.page.text
    remove = [link for link in browser.page.links if link.startswith("/account/passkeys/remove")]
    before = browser.cookie("idp_session")
    browser.open(remove[1])
    assert "Spare key" in browser.page.text
    browser.submit()
    assert "Spare key" not in browser.page.text
    assert browser.cookie("idp_session") != before
    assert user.sign_in_alone(world.browser(), two).page.name == "sign_in/login"
    assert user.sign_in_alone(world.browser(), one).page.name == "account/show"
    assert world.events("second_factor.removed")[-1].fields == {"account": member.account_id, "factor": "passkey"}
    assert _told(world, "step was removed") == ["maria@example.org"]


def test_a_removed_one_is_told_to_the_browser(world: World) -> None:
    """WebAuthn L3 §5.1.10: the account page names those that count, and the sign-in page the one that nobody has."""
    member, one, two = join(world.services), Device(), Device()
    browser = user.member_with(world, member, one)
    user.add(browser, two)
    remove = [link for link in browser.page.links if link.startswith("/account/passkeys/remove")]
    browser.open(remove[0]).submit()
    kept = _rows(world)
    assert f'data-passkeys="{kept[0]}"' in browser.page.html
    failed = user.sign_in_alone(world.browser(), one)
    assert failed.status == 422
    assert "data-passkey-unknown=" in failed.page.html
    assert kept[0] not in failed.page.html


def test_nobody_touches_another_persons(world: World) -> None:
    """R93: an id from elsewhere is not found."""
    maria = user.member_with(world, join(world.services), Device())
    sam = user.member_with(world, join(world.services, "sam.lee", email="sam@example.org"), Device())
    for link in [link for link in maria.page.links if link.startswith("/account/passkeys/")]:
        if "passkey=" in link:
            assert sam.open(link).status == 404
    assert len(_rows(world)) == 2


def test_a_passkey_of_somebody_else_is_no_second_step(world: World) -> None:
    """R44: another account's is as unknown as one that nobody has, and so is an answer that says to be of another user."""
    maria, hers = join(world.services), Device(verified=False)
    user.member_with(world, maria, hers)
    his = Device(verified=False)
    user.member_with(world, join(world.services, "sam.lee", email="sam@example.org"), his)
    browser = sign_in(world, maria, half=True)
    user.step(browser, his)
    assert (browser.status, browser.page.error) == (422, "unknown_passkey")
    hers.user_handle = his.user_handle
    user.step(browser, hers)
    assert (browser.status, browser.page.error) == (422, "wrong_passkey")
    assert browser.open("/account").page.name == "sign_in/login"


def test_one_that_is_somebodys_is_not_added_again(world: World) -> None:
    """R44: a credential has one owner."""
    device = Device()
    user.member_with(world, join(world.services), device)
    sam = sign_in(world, join(world.services, "sam.lee", email="sam@example.org"))
    device.user_handle = None
    user.add(sam, device)
    assert (sam.status, sam.page.name) == (422, "passkeys/add")
    assert "added already" in sam.page.text
    assert len(_rows(world)) == 1


def test_a_counter_that_does_not_rise_is_refused_noted_and_told(world: World) -> None:
    """R43: there may be a copy of the key."""
    member, device = join(world.services), Device()
    user.member_with(world, member, device)
    assert user.sign_in_alone(world.browser(), device).page.name == "account/show"
    device.count = 0
    copy = user.sign_in_alone(world.browser(), device)
    assert (copy.status, copy.page.name) == (422, "sign_in/login")
    assert world.events("passkey.suspect")[-1].fields == {"account": member.account_id}
    assert _told(world, "We refused a passkey") == ["maria@example.org"]


def test_after_a_failure_the_password_form_is_there(world: World) -> None:
    """R47: what was wanted is kept, nobody is named, and the password works."""
    member, device = join(world.services), Device()
    user.member_with(world, member, device)
    browser = world.browser().open("/account/profile")
    assert browser.page.name == "sign_in/login"
    browser.submit(answer="")
    assert (browser.status, browser.page.name) == (422, "sign_in/login")
    assert member.username not in browser.page.html
    browser.submit(username=member.username, password=member.password)
    assert browser.page.name == "sign_in/passkey_step"
    user.step(browser, device)
    assert browser.page.name == "account/profile"


@pytest.mark.parametrize("answer", ["{}", "[]", "null", "[" * 9000, "A" * 40_000, "\0", '{"id":1}'])
def test_whatever_is_sent_for_an_answer_is_only_refused(world: World, answer: str) -> None:
    """R46, R102: at each of the three places that take one."""
    member = join(world.services)
    signed_in = user.member_with(world, member, Device(verified=False))
    assert world.browser().open("/login").submit(answer=answer).status in {400, 413, 422}
    assert sign_in(world, member, half=True).submit(code=answer).status in {400, 413, 422}
    assert signed_in.open("/account/passkeys/add").submit(answer=answer, name="x").status in {400, 413, 422}
    assert len(_rows(world)) == 1


def test_a_locked_owner_is_told_why_and_a_stranger_nothing(world: World) -> None:
    """R23: only the right passkey hears that the account is locked."""
    member, device = join(world.services), Device()
    browser = user.member_with(world, member, device)
    world.services.db.write(
        lambda conn: accounts.change_state(
            conn, member.account_id, was=State.ACTIVE, becomes=State.LOCKED, why="fraud_report"
        )
    )
    assert browser.open("/account").page.name == "sign_in/login"
    locked = user.sign_in_alone(world.browser(), device)
    assert (locked.status, locked.page.error) == (403, "account_locked")
    assert locked.cookie("idp_session") is None


def test_a_last_factor_of_premium_goes_only_with_its_owners_word(world: World) -> None:
    """R48: the level falls with it, the recovery codes go, and every address hears of both."""
    member = join(world.services, level=Level.PREMIUM, totp=True)
    browser = sign_in(world, member).open("/account/second-factor/remove")
    assert "falls to Basic" in browser.page.text
    browser.submit()
    assert (browser.status, browser.page.error) == (422, "would_fall")
    browser.submit(fall="y")
    assert browser.page.name == "account/show"
    assert "Not in use" in browser.page.text
    assert world.events("account.level_changed")[-1].fields["level"] == 1
    assert world.events("second_factor.removed")[-1].fields["factor"] == "totp"
    assert len(_told(world, "step was removed")) == len(_told(world, "now Basic")) == 1
    assert sign_in(world, Member(**{**vars(member), "totp_secret": None})).page.name == "account/show"


def test_a_short_password_is_never_left_alone(world: World) -> None:
    """R1: beside a second factor 8 characters will do; the last factor goes only after a longer one was chosen."""
    member = join(world.services, totp=True, password="kettle99")
    browser = sign_in(world, member).open("/account/second-factor/remove").submit()
    assert (browser.status, browser.page.error) == (422, "password_too_short")
    assert "/account/password" in browser.page.links
    browser.open("/account/password").submit(current_password="kettle99", new_password="old lamps hum at dusk")
    browser.open("/account/second-factor/remove").submit()
    assert "Not in use" in browser.page.text


def test_what_is_removed_is_signed_out_everywhere_else(world: World) -> None:
    """R87: a lost phone may be signed in somewhere."""
    member, device = join(world.services), Device()
    browser = user.member_with(world, member, device)
    phone = user.sign_in_alone(world.browser(), device)
    browser.open(next(link for link in browser.page.links if link.startswith("/account/passkeys/remove"))).submit()
    assert browser.page.name == "account/show"
    assert phone.open("/account").page.name == "sign_in/login"


def test_with_a_passkey_left_the_app_may_go_and_premium_stays(world: World) -> None:
    """R48: Premium needs one, whichever."""
    member = join(world.services, level=Level.PREMIUM, totp=True)
    browser = user.add(sign_in(world, member), Device())
    if browser.page.name == "second_factor/save_codes":
        browser.submit(saved="y")
    browser.open("/account/second-factor/remove")
    assert "falls to Basic" not in browser.page.text
    browser.submit()
    assert browser.page.name == "account/show"
    assert not world.events("account.level_changed")


def test_a_challenge_counts_once_in_its_own_browser_in_time(world: World) -> None:
    """R37: a second use, another browser's and none at all are refused, and the way on is the sign-in page."""
    member, device = join(world.services), Device(counts=False)
    user.member_with(world, member, device)
    browser = world.browser().open("/login")
    answer = device.answer(user.options(browser, user.TO_SIGN_IN))
    stranger = world.browser().open("/login")
    user.options(stranger, user.TO_SIGN_IN)
    assert stranger.submit(answer=answer).status == 422
    assert world.events("sign_in.refused")[-1].fields["why"] == "expired"
    assert browser.submit(answer=answer).page.name == "account/show"
    third = world.browser().open("/login")
    assert third.submit(answer=answer).status == 422
    with world.services.db.read() as conn:
        left = conn.execute(sa.select(sa.func.count()).select_from(Challenge)).scalar_one()
    assert left == 1
