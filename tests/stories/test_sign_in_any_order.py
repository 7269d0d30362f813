"""Sign-in, factors and sessions in any order, by hypothesis: nobody half-made gets in, nothing counts twice, no session is
stronger than what was shown in it, failures count in one place, and a lock ends everything (R16, R27, R31, R82, R85, R87).
"""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from idp import limits
from idp.accounts import accounts
from idp.accounts.accounts import State
from idp.credentials import passkeys, second_factor, sessions
from idp.credentials.second_factor import Factor
from idp.limits import LimitCount
from tests import authenticator
from tests import passkey_user as user
from tests.http_browser import Browser
from tests.machines import run
from tests.members import PASSWORD, join
from tests.passkey_device import Device
from tests.relying_party import RelyingParty
from tests.world import World

_START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_WRONG = "a wrong one, for sure"
_BROWSERS = st.sampled_from((0, 1))


class SignInAnyOrder(RuleBasedStateMachine):
    """Two browsers, one account, every code and answer that was ever made, and an operator."""

    database: Path
    keys: Path
    reached: set[str]

    def __init__(self) -> None:
        super().__init__()
        self.time = time_machine.travel(_START, tick=False)
        self.hand = self.time.start()
        self.folder = Path(tempfile.mkdtemp(prefix="guidon-any-sign-in-"))
        shutil.copy(self.database, self.folder / "guidon.db")
        self.world = World(f"sqlite:///{self.folder / 'guidon.db'}", self.keys, self.folder)
        self.member = join(self.world.services)
        self.browsers = [self.world.browser(address=f"198.51.100.{number}") for number in (1, 2)]
        self.rp = RelyingParty(self.world)
        self.secret: str | None = None
        self.devices: list[Device] = []
        self.taken: set[tuple[str, str]] = set()
        """Every code that opened something, with the secret that it was made from."""
        self.shown: dict[str, set[str]] = {}
        """What was shown to get each session handle."""
        self.half: list[bool] = [False, False]
        self.wrong = 0
        """Wrong passwords in a row, on whichever page."""

    @initialize(app=st.booleans(), key=st.sampled_from((None, True, False)), leave=st.booleans())
    def somebody_has_some_factors(self, app: bool, key: bool | None, leave: bool) -> None:
        """Somebody who signed in with the first browser, added what they have, and begins with the second."""
        self.type_the_password(0, True, str)
        if app:
            self.add_an_app(0)
        if key is not None:
            self.add_a_passkey(0, key)
        if leave:
            self.sign_out(0)
        self.type_the_password(1, True, str)

    @rule(which=_BROWSERS, right=st.booleans(), case=st.sampled_from((str, str.upper)))
    def type_the_password(self, which: int, right: bool, case: Any) -> None:
        browser = self.browsers[which]
        before = browser.cookie("idp_session")
        if (
            browser.open("/login").page.name != "sign_in/login"
            and browser.open("/login/again").page.name != "sign_in/again"
        ):
            return
        again = browser.page.name == "sign_in/again"
        fields: dict[str, Any] = {} if again else {"username": case(self.member.username)}
        browser.submit(password=PASSWORD if right else _WRONG, **fields)
        if browser.status == 429:
            return
        if not right or self._is_locked():
            # A right one of a locked account was judged, and is no failure.
            self.wrong = 0 if right else self.wrong + 1
            assert browser.page.name in {"sign_in/login", "sign_in/again", "sign_in/not_active"}
            return
        self.wrong = 0
        self.half[which] = browser.page.name.startswith("sign_in/")
        if not self.half[which]:
            self._got(browser, before, {"pwd"} if not self._has_factors() else self._resumed(before))

    @rule(which=_BROWSERS, kind=st.sampled_from(("fresh", "again", "wrong")))
    def type_a_code(self, which: int, kind: str) -> None:
        browser = self.browsers[which]
        before = browser.cookie("idp_session")
        browser.open("/login/second-factor")
        if browser.page.name != "sign_in/second_factor" or self.secret is None:
            return
        code = authenticator.wrong_code(self.secret) if kind == "wrong" else authenticator.code(self.secret)
        if kind == "fresh" and (self.secret, code) in self.taken:
            self.hand.shift(timedelta(seconds=30))
            code = authenticator.code(self.secret)
        browser.submit(code=code)
        if browser.page.name.startswith("sign_in/") or browser.status >= 400:
            return
        assert kind != "wrong"
        assert (self.secret, code) not in self.taken, "a code counted twice (R27)"
        self.taken.add((self.secret, code))
        self._got(browser, before, self._before(which, before) | {"otp"})
        self.half[which] = False

    @rule(which=_BROWSERS, number=st.integers(0, 3), alone=st.booleans(), replay=st.booleans())
    def show_a_passkey(self, which: int, number: int, alone: bool, replay: bool) -> None:
        if not self.devices:
            return
        device, browser = self.devices[number % len(self.devices)], self.browsers[which]
        before = browser.cookie("idp_session")
        browser.open("/login" if alone else "/login/passkey-step")
        if browser.page.name != ("sign_in/login" if alone else "sign_in/passkey_step"):
            return
        answer = device.answer(user.options(browser, user.TO_SIGN_IN if alone else user.TO_STEP))
        fields: dict[str, Any] = {"answer": answer} if alone else {"code": answer}
        page = browser.page
        browser.submit(**fields)
        kinds = {"hwk", "user"} if device.verified else {"hwk"}
        if not browser.page.name.startswith("sign_in/") and browser.status < 400:
            assert device.verified or not alone, "one factor signed in alone (R40)"
            self._got(browser, before, kinds if alone else self._before(which, before) | kinds)
            self.half[which] = False
        if replay:
            other = self.browsers[1 - which]
            held = other.cookie("idp_session")
            other.page, other.address = page, browser.address
            other.submit(**fields)
            assert other.cookie("idp_session") == held, "an answer counted twice (R37)"

    @rule(which=_BROWSERS)
    def add_an_app(self, which: int) -> None:
        browser = self.browsers[which]
        before = browser.cookie("idp_session")
        if browser.open("/account/second-factor").page.name != "second_factor/enrol":
            return
        secret = browser.page.ids["totp-secret"].replace(" ", "")
        code = authenticator.code(secret)
        browser.submit(code=code)
        if browser.page.name == "second_factor/enrol":
            return
        self.secret = secret
        self.taken.add((secret, code))
        self._got(browser, before, self.shown[before or ""] | {"otp"})
        self._save(browser)

    @rule(which=_BROWSERS, verified=st.booleans())
    def add_a_passkey(self, which: int, verified: bool) -> None:
        browser, device = self.browsers[which], Device(verified=verified)
        before = browser.cookie("idp_session")
        if len(self.devices) > 2 or browser.open("/account/passkeys/add").page.name != "passkeys/add":
            return
        browser.submit(name="Key", answer=device.make(user.options(browser, user.TO_ADD)))
        assert browser.page.name != "passkeys/add", browser.page.text[:300]
        self.devices.append(device)
        self._got(browser, before, self.shown[before or ""] | ({"hwk", "user"} if verified else {"hwk"}))
        self._save(browser)

    @rule(which=_BROWSERS)
    def remove_the_app(self, which: int) -> None:
        browser = self.browsers[which]
        before = browser.cookie("idp_session")
        if browser.open("/account/second-factor/remove").page.name != "passkeys/remove":
            return
        browser.submit()
        assert browser.page.name == "account/show"
        self.secret = None
        self._got(browser, before, self.shown[before or ""])

    @rule(which=_BROWSERS)
    def sign_out(self, which: int) -> None:
        browser = self.browsers[which]
        if browser.open("/logout").page.name == "logout/confirm":
            browser.submit(button="logout-yes")

    @rule(seconds=st.sampled_from((1, 30, 61, 400, 1_000, 50_000)))
    def wait(self, seconds: int) -> None:
        self.hand.shift(timedelta(seconds=seconds))
        self.world.services.db.write(limits.sweep)

    @rule(lock=st.booleans())
    def an_operator_acts(self, lock: bool) -> None:
        was, becomes = (State.ACTIVE, State.LOCKED) if lock else (State.LOCKED, State.ACTIVE)
        self.world.services.db.write(
            lambda conn: accounts.change_state(
                conn, self.member.account_id, was=was, becomes=becomes, why="fraud_report" if lock else None
            )
        )

    @rule(which=_BROWSERS)
    def look(self, which: int) -> None:
        """R82: half a sign-in opens no page and no client; R85: and what a client hears is what was shown."""
        browser = self.browsers[which]
        signed_in = self._signed_in(browser) is not None
        assert browser.open("/account").page.name == ("account/show" if signed_in else "sign_in/login")
        answer = self.rp.ask(browser, prompt="none")
        assert ("code" in answer) is signed_in
        if signed_in:
            claims = self.rp.claims(self.rp.read(self.rp.redeem(answer["code"])).id_token)
            assert set(claims["amr"]) - {"mfa"} <= self.shown[browser.cookie("idp_session") or ""]

    @invariant()
    def no_session_is_stronger_than_what_was_shown(self) -> None:
        """R40, R81, R82, R85."""
        for browser in self.browsers:
            found = self._signed_in(browser)
            if found is None:
                continue
            shown = self.shown[browser.cookie("idp_session") or ""]
            assert set(found.amr) - {"mfa"} <= shown
            assert found.aal == 1 or "user" in shown or {"pwd", "otp"} <= shown or {"pwd", "hwk"} <= shown

    @invariant()
    def a_lock_ends_everything(self) -> None:
        """R87."""
        if self._is_locked():
            assert not any(self._signed_in(browser) for browser in self.browsers)

    @invariant()
    def wrong_passwords_count_in_one_place(self) -> None:
        """R16, R17, R18."""
        with self.world.services.db.read() as conn:
            key = f"password:{self.member.account_id}"
            counted = conn.execute(sa.select(LimitCount.count).where(LimitCount.key == key)).scalar_one_or_none()
        assert (counted or 0) == self.wrong

    @invariant()
    def what_the_account_has_is_what_was_added(self) -> None:
        """R33, R48."""
        with self.world.services.db.read() as conn:
            held = second_factor.list_held(conn, self.member.account_id)
            rows = passkeys.list_rows(conn, self.member.account_id)
        assert (Factor.TOTP in held) is (self.secret is not None)
        assert len(rows) == len(self.devices)

    @invariant()
    def nothing_is_a_fault(self) -> None:
        for browser in self.browsers:
            if hasattr(browser, "response"):
                assert browser.status < 500, browser.page.text
                self.reached.add(browser.page.name)

    def _got(self, browser: Browser, before: str | None, methods: set[str]) -> None:
        """A session was opened or raised: under a new handle (R81)."""
        handle = browser.cookie("idp_session")
        assert handle is not None
        assert handle != before
        self.shown[handle] = methods
        if before is not None:
            with self.world.services.db.read() as conn:
                assert sessions.find_signed_in(conn, before) is None

    def _before(self, which: int, before: str | None) -> set[str]:
        """What was shown before a second step: the password, in a sign-in that waited; else all that the session was got with.
        Who changes factors does so in the session that lives, whatever waits beside it.
        """
        return {"pwd"} if self.half[which] else self.shown[before or ""]

    def _has_factors(self) -> bool:
        return self.secret is not None or bool(self.devices)

    def _resumed(self, before: str | None) -> set[str]:
        """The password alone did for two factors: this very browser showed both, and then the session lay unused (R84)."""
        shown = self.shown[before or ""]
        assert "pwd" in shown
        assert shown & {"otp", "hwk"}
        assert "user" not in shown
        self.reached.add("resumed")
        return shown

    def _signed_in(self, browser: Browser) -> sessions.SignedIn | None:
        with self.world.services.db.read() as conn:
            return sessions.find_signed_in(conn, browser.cookie("idp_session") or "none")

    def _is_locked(self) -> bool:
        with self.world.services.db.read() as conn:
            return accounts.get_account(conn, self.member.account_id).state == State.LOCKED.value

    def _save(self, browser: Browser) -> None:
        if browser.page.name == "second_factor/save_codes":
            browser.submit(saved="y")

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.world.close()
        shutil.rmtree(self.folder)
        self.time.stop()


@pytest.mark.timeout(240)
def test_in_any_order_no_sign_in_is_more_than_it_is(sqlite_template: Path, keys_folder: Path) -> None:
    """R16, R27, R31, R82, R85, R87."""
    reached = run(SignInAnyOrder, database=sqlite_template, keys=keys_folder, runs=15, steps=30)
    assert {"account/show", "sign_in/second_factor", "sign_in/passkey_step"} <= reached
