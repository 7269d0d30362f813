"""Registration, upgrade and codes in any order, by hypothesis: whatever is tried, no step is skipped, nothing is spent twice, and
no level is higher than what was proved (R57, R68, R71, R125).
"""

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from idp.accounts.accounts import Account, State
from idp.accounts.levels import Level
from idp.config import PolicyName
from idp.credentials import second_factor
from idp.db import list_rows
from idp.proofing import evidence, policy
from idp.proofing.activation import ActivationCode
from idp.proofing.address_codes import AddressCode
from idp.proofing.policy import POLICIES
from tests import authenticator
from tests.http_browser import Browser
from tests.machines import run
from tests.registrants import DANA, PASSWORD, ROBIN
from tests.relying_party import RelyingParty
from tests.upgraders import right_answer
from tests.world import World

_CODE = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\b")
_PEOPLE = (DANA, ROBIN)
_PAGES = (
    *("/register", "/register/identity", "/register/delivery", "/register/code", "/register/account", "/activate"),
    *("/upgrade", "/upgrade/identity", "/upgrade/way", "/upgrade/questions", "/upgrade/address", "/upgrade/code"),
    *("/account", "/account/second-factor", "/login", "/login/second-factor"),
)
_PREMIUM_CLAIMS = {"family_name", "birthdate", "dslogon_uuid", "eligibility", "dslogon_status", "proofing"}


Choose = Callable[[Any, Any], Any]


class AnyOrder(RuleBasedStateMachine):
    """Two browsers that do anything to two people, with every code that was ever sent or shown."""

    database: Path
    keys: Path
    reached: set[str]
    """Every page that a form led to, in any run: what was never reached was never tried."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="guidon-any-order-"))
        shutil.copy(self.database, self.folder / "guidon.db")
        self.world = World(f"sqlite:///{self.folder / 'guidon.db'}", self.keys, self.folder)
        self.browsers = [self.world.browser(address=f"198.51.100.{number}") for number in (1, 2)]
        self.newest = "7KQ2M-9XHTD"
        self.codes: set[str] = {self.newest}
        self.secrets: dict[str, str] = {}
        self.names = iter(range(1_000))
        self.rp: RelyingParty | None = None

    @initialize(steps=st.sampled_from((0, 4, 9, 13, 17, 19, 22)))
    def somebody_is_on_the_way(self, steps: int) -> None:
        """A client that may be told everything, and somebody who has come some steps of the straight way to Premium."""
        self.rp = RelyingParty(self.world, scopes=("profile", "email", "edipi", "eligibility"))
        for _ in range(steps):
            self._fill_in(self.browser(0), DANA, lambda _among, best: best)

    def browser(self, which: int) -> Browser:
        return self.browsers[which]

    @rule(which=st.sampled_from((0, 1)), page=st.sampled_from(_PAGES))
    def open(self, which: int, page: str) -> None:
        """Anybody may type any address."""
        self._keep(self.browser(which).open(page))

    @rule(which=st.sampled_from((0, 1)), page=st.sampled_from(_PAGES), data=st.data())
    def send_what_no_page_showed(self, which: int, page: str, data: st.DataObject) -> None:
        """A form without its token, or with fields of another step."""
        fields = data.draw(
            st.dictionaries(
                st.sampled_from(("level", "delivery", "answer", "address", "activation_code", "state")),
                st.text("ab0", max_size=3),
            )
        )
        self._keep(self.browser(which).post(page, fields))

    @rule(which=st.sampled_from((0, 1)), who=st.sampled_from(_PEOPLE), drawn=st.lists(st.integers(0, 59), max_size=12))
    def go_on(self, which: int, who: Any, drawn: list[int]) -> None:
        """Some steps in a row, as somebody who wants to get somewhere; what is chosen is drawn before, as codes differ."""
        numbers = iter(drawn)
        for _ in drawn:
            self._fill_in(self.browser(which), who, lambda among, _best: among[next(numbers, 0) % len(among)])

    def _fill_in(self, browser: Browser, who: Any, choose: Choose) -> None:
        """Fill in whatever form is open. `choose` takes what could be chosen and what leads on."""
        name = browser.page.name
        if name in {"", "errors/error", "help/start", "registration/not_matched"}:
            browser.open("/register")
        elif name == "registration/start":
            browser.submit(level=choose(("basic", "premium"), "premium"))
        elif name in {"registration/identity", "upgrade/identity"}:
            browser.submit(**who.fields)
        elif name == "registration/delivery":
            email = choose(("me@home.example", "dana.example@example.com"), "me@home.example")
            browser.submit(delivery=choose(("email", "screen"), "screen"), email=email)
        elif name == "registration/code":
            browser.submit(button="register-submit")
        elif name in {"activation/enter", "upgrade/code"}:
            self.read_the_mail()
            browser.submit(activation_code=choose(sorted(self.codes), self.newest))
        elif name == "registration/account":
            browser.submit(new_username=f"anybody.{next(self.names)}", new_password=PASSWORD)
        elif name == "account/show":
            browser.open("/upgrade")
        elif name == "upgrade/start" and browser.page.forms:
            browser.submit(button="upgrade-start")
        elif name == "upgrade/way" and browser.page.forms:
            browser.submit(delivery=choose(("email", "post"), "email"))
        elif name == "upgrade/questions":
            browser.submit(button=choose(("questions-start", "questions-stop"), "questions-start"))
        elif name == "upgrade/question":
            right = choose(range(10), 9) > 0
            browser.submit(answer=right_answer(browser, who.id_number) if right else "0", button="question-submit")
        elif name == "upgrade/address" and browser.page.forms:
            browser.submit(button="upgrade-submit")
        elif name == "second_factor/enrol":
            browser.submit(code=authenticator.code(browser.page.ids["totp-secret"]))
        elif name == "second_factor/save_codes":
            browser.submit(saved="y", button="saved-submit")
        elif name == "sign_in/login":
            browser.submit(username=f"anybody.{choose(range(4), 0)}", password=PASSWORD)
        self._keep(browser)
        self.reached.add(browser.page.name)

    @rule()
    def read_the_mail(self) -> None:
        """Whoever can read the mails has the codes in them."""
        for mail in reversed(self.world.mails()):
            for code in _CODE.findall(mail.text):
                if code not in self.codes:
                    self.codes.add(code)
                    self.newest = code

    @precondition(lambda self: self.rp is not None)
    @rule(which=st.sampled_from((0, 1)))
    def sign_in_at_the_portal(self, which: int) -> None:
        """What the token and userinfo say follows the level of that moment, and the sign-in's strength (R125)."""
        assert self.rp is not None
        browser = self.browser(which)
        answer = self.rp.ask(browser, scope="openid profile email edipi eligibility", prompt="none")
        self._keep(browser)
        if "code" not in answer:
            return
        tokens = self.rp.read(self.rp.redeem(answer["code"]))
        claims = self.rp.claims(tokens.id_token)
        said = {**claims, **self.rp.userinfo(tokens.access_token).get_json()}
        if claims["dslogon_assurance"] != "2":
            assert not _PREMIUM_CLAIMS & said.keys()
        else:
            assert claims["acr"] == "urn:dslogon:premium"
            assert {"pwd", "otp", "mfa"} <= set(claims["amr"])

    @invariant()
    def no_level_is_higher_than_what_was_proved(self) -> None:
        """R125; SP 800-63A-4 §3.8: and Premium never without a second factor."""
        with self.world.services.db.read() as conn:
            for account in list_rows(conn, Account):
                held = evidence.list_standing(conn, account.id)
                factor = second_factor.has_any(conn, account.id)
                reached = policy.level_for(POLICIES[PolicyName.DS_LOGON], held, second_factor=factor)
                assert reached is not None
                assert account.level <= reached
                assert account.level == Level.BASIC or factor

    @invariant()
    def a_person_has_one_live_account(self) -> None:
        """R71."""
        with self.world.services.db.read() as conn:
            live = [row.person_id for row in list_rows(conn, Account, Account.state != State.CLOSED.value)]
        assert len(live) == len(set(live))

    @invariant()
    def every_proof_by_code_spent_one_code(self) -> None:
        """R68: as many facts as codes that came back, and no more."""
        with self.world.services.db.read() as conn:
            spent = len(list_rows(conn, ActivationCode, ActivationCode.consumed_at.is_not(None)))
            spent += len(list_rows(conn, AddressCode, AddressCode.consumed_at.is_not(None)))
            rows = [one for account in list_rows(conn, Account) for one in evidence.list_all(conn, account.id)]
        assert len([one for one in rows if one.method.startswith("code_")]) <= spent

    @invariant()
    def nothing_is_a_fault(self) -> None:
        """Bad input gets a clear answer."""
        for browser in self.browsers:
            if hasattr(browser, "response"):
                assert browser.status < 500, browser.page.text

    def _keep(self, browser: Browser) -> None:
        """A code that a page shows is known from then on."""
        if "screen-code" in browser.page.ids:
            self.newest = browser.page.ids["screen-code"]
            self.codes.add(self.newest)

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.world.close()
        shutil.rmtree(self.folder)


@pytest.mark.timeout(240)
def test_in_any_order_nothing_is_skipped_or_spent_twice(sqlite_template: Path, keys_folder: Path) -> None:
    """R57, R68, R71, R125."""
    reached = run(AnyOrder, database=sqlite_template, keys=keys_folder, runs=12, steps=25)
    assert {
        "registration/account",
        "upgrade/way",
        "upgrade/question",
        "upgrade/address",
        "second_factor/enrol",
    } <= reached
