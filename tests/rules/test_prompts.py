"""What the person must do next, as a table (OIDC Core §3.1.2)."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idp.accounts.levels import ACR_BASIC, ACR_BASIC_MFA, ACR_PREMIUM, ACR_PREMIUM_PHR, ACRS, Level
from idp.credentials.sessions import SignedIn
from idp.oidc.prompts import (
    DEAD_ENDS,
    ERRORS,
    HIGHER,
    Consent,
    Progress,
    Prompt,
    acr_to_tell,
    lower_of,
    meets,
    next_prompt,
    road_to,
)
from idp.oidc.request import Asked

NOW = datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)

ASKED = Asked(
    client_id="client",
    redirect_uri="https://rp.example/cb",
    scopes=("openid",),
    state=None,
    nonce=None,
    code_challenge=None,
    prompts=(),
    max_age=None,
    hinted_sub=None,
    login_hint=None,
    ui_locales=None,
    display=None,
    acr_values=(),
    acr_essential=False,
)
NO_CONSENT = Consent(needed=False, remembered=False)


def test_a_stored_request_is_read_by_the_program_before_and_after() -> None:
    """While one version is exchanged for the next, each reads what the other parked: without the names that it does not know."""
    stored = json.loads(json.dumps(replace(ASKED, resources=("https://a.example",)).to_row()))
    assert Asked.from_row({**stored, "from_tomorrow": ["x"]}) == replace(ASKED, resources=("https://a.example",))
    assert Asked.from_row({name: value for name, value in stored.items() if name != "resources"}) == ASKED


TWO = ("pwd", "otp", "mfa")
PASSKEY = ("hwk", "user", "mfa")


def _signed_in(
    *,
    ago: int = 600,
    level: Level = Level.BASIC,
    amr: tuple[str, ...] = ("pwd",),
    second_factor: bool | None = None,
    passkey: bool = False,
) -> SignedIn:
    return SignedIn(
        session_id="session",
        account_id="account",
        person_id="person",
        subject_id="subject",
        username="maria",
        account_level=level,
        aal=2 if len(amr) > 1 else 1,
        amr=amr,
        authenticated_at=NOW - timedelta(seconds=ago),
        second_factor=len(amr) > 1 if second_factor is None else second_factor,
        passkey=passkey,
    )


def _next(
    asked: Asked,
    signed_in: SignedIn | None,
    *,
    fresh: bool = False,
    consent: Consent = NO_CONSENT,
    min_acr: str | None = None,
    parked_ago: int = 60,
    selected: str | None = None,
    consented: str | None = None,
    declined: str | None = None,
) -> Prompt | None:
    progress = Progress(NOW - timedelta(seconds=parked_ago), fresh, selected, consented, declined)
    return next_prompt(asked, progress, signed_in, sub="sub", min_acr=min_acr, consent=consent, now=NOW)


@pytest.mark.parametrize(
    ("asked", "fresh", "ago", "expected"),
    [
        ({}, False, 600, None),
        ({"prompts": ("login",)}, False, 600, Prompt.SIGN_IN),
        ({"prompts": ("login",)}, False, 0, Prompt.SIGN_IN),
        ({"prompts": ("login",)}, True, 10, None),
        # Another session than at the start, but older than the request: not made for it.
        ({"prompts": ("login",)}, True, 600, Prompt.SIGN_IN),
        ({"prompts": ("create",)}, False, 600, Prompt.REGISTER),
        ({"prompts": ("create",)}, True, 10, None),
        ({"prompts": ("select_account",)}, False, 600, Prompt.SELECT_ACCOUNT),
        ({"prompts": ("select_account",)}, True, 10, None),
        ({"prompts": ("login", "consent")}, False, 600, Prompt.SIGN_IN),
        ({"prompts": ("login", "consent")}, True, 10, Prompt.CONSENT),
        ({"max_age": 700}, False, 600, None),
        ({"max_age": 600}, False, 600, None),
        ({"max_age": 599}, False, 600, Prompt.SIGN_IN),
        ({"max_age": 0}, False, 0, Prompt.SIGN_IN),
        ({"max_age": 0}, True, 10, None),
        ({"max_age": 1}, True, 10, None),
        ({"hinted_sub": "sub"}, False, 600, None),
        ({"hinted_sub": "somebody"}, False, 600, Prompt.OTHER_PERSON),
        ({"hinted_sub": "somebody", "prompts": ("login",)}, False, 600, Prompt.OTHER_PERSON),
        ({"subs": ("sub", "somebody")}, False, 600, None),
        ({"subs": ("somebody",)}, False, 600, Prompt.OTHER_PERSON),
        ({"subs": ("sub",), "hinted_sub": "somebody"}, False, 600, Prompt.OTHER_PERSON),
        ({"acr_values": (ACR_PREMIUM,)}, False, 600, Prompt.UPGRADE),
        ({"acr_values": (ACR_PREMIUM,), "prompts": ("none",)}, False, 600, None),
        ({"acr_values": (ACR_PREMIUM,), "acr_essential": True}, False, 600, Prompt.UPGRADE),
        ({"acr_values": (ACR_PREMIUM,), "acr_essential": True, "prompts": ("none",)}, False, 600, Prompt.TOO_WEAK),
        ({"acr_values": (ACR_PREMIUM, ACR_BASIC), "acr_essential": True}, False, 600, None),
        ({"acr_values": ("urn:unheard",), "acr_essential": True}, False, 600, Prompt.TOO_WEAK),
    ],
)
def test_the_first_thing_in_the_way(asked: dict[str, object], fresh: bool, ago: int, expected: Prompt | None) -> None:
    """OIDC Core §3.1.2.1, §3.1.2.3."""
    assert _next(replace(ASKED, **asked), _signed_in(ago=ago), fresh=fresh) is expected  # type: ignore[arg-type]


def test_nobody_is_asked_to_sign_in_first() -> None:
    """Whatever else is asked for, somebody must be there; a hint of a person is judged once there is one."""
    for asked in (
        ASKED,
        replace(ASKED, hinted_sub="x"),
        replace(ASKED, prompts=("consent",)),
        replace(ASKED, max_age=9),
    ):
        assert _next(asked, None) is Prompt.SIGN_IN
    assert _next(replace(ASKED, prompts=("create",)), None) is Prompt.REGISTER


def test_a_sign_in_for_this_request_does_not_stay_fresh_for_ever() -> None:
    """OIDC Core §3.1.2.1: with `max_age=1`, a consent page may be read for five minutes and not for twenty."""
    asked = replace(ASKED, max_age=1)
    assert _next(asked, _signed_in(ago=290), fresh=True, parked_ago=300) is None
    assert _next(asked, _signed_in(ago=1200), fresh=True, parked_ago=1300) is Prompt.SIGN_IN


def test_consent_is_asked_unless_given_for_this_by_this_account() -> None:
    """OIDC Core §3.1.2.4, R118."""
    signed_in = _signed_in()
    needed = Consent(needed=True, remembered=False)
    assert _next(ASKED, signed_in, consent=needed) is Prompt.CONSENT
    assert _next(ASKED, signed_in, consent=Consent(needed=True, remembered=True)) is None
    assert _next(ASKED, signed_in, consent=needed, consented="account") is None
    assert _next(ASKED, signed_in, consent=needed, consented="another") is Prompt.CONSENT
    asked = replace(ASKED, prompts=("consent",))
    assert _next(asked, signed_in, consent=Consent(needed=True, remembered=True)) is Prompt.CONSENT
    assert _next(asked, signed_in, consented="account") is None


def test_a_chosen_account_counts_while_it_is_the_one() -> None:
    asked = replace(ASKED, prompts=("select_account",))
    assert _next(asked, _signed_in(), selected="account") is None
    assert _next(asked, _signed_in(), selected="another") is Prompt.SELECT_ACCOUNT


@pytest.mark.parametrize(
    ("wanted", "signed_in", "road"),
    [
        (ACR_BASIC_MFA, _signed_in(), Prompt.ENROLL),
        (ACR_BASIC_MFA, _signed_in(second_factor=True), Prompt.STEP_UP),
        (ACR_PREMIUM, _signed_in(), Prompt.UPGRADE),
        (ACR_PREMIUM, _signed_in(second_factor=True), Prompt.UPGRADE),
        (ACR_PREMIUM, _signed_in(amr=TWO), Prompt.UPGRADE),
        (ACR_PREMIUM, _signed_in(level=Level.PREMIUM, second_factor=True), Prompt.STEP_UP),
        (ACR_PREMIUM_PHR, _signed_in(), Prompt.UPGRADE),
        (ACR_PREMIUM_PHR, _signed_in(level=Level.PREMIUM, amr=TWO), Prompt.ADD_PASSKEY),
        (ACR_PREMIUM_PHR, _signed_in(level=Level.PREMIUM, amr=TWO, passkey=True), Prompt.SHOW_PASSKEY),
        (ACR_PREMIUM_PHR, _signed_in(level=Level.PREMIUM, second_factor=True, passkey=True), Prompt.SHOW_PASSKEY),
        ("urn:unheard", _signed_in(), None),
    ],
)
def test_where_the_road_to_an_acr_goes_on(wanted: str, signed_in: SignedIn, road: Prompt | None) -> None:
    """docs/levels.md §4: a second factor first where one is missing, proof of identity for Premium, a passkey for the highest."""
    assert road_to(wanted, signed_in) is road
    essential = replace(ASKED, acr_values=(wanted,), acr_essential=True)
    assert _next(essential, signed_in) is (road or Prompt.TOO_WEAK)
    assert _next(replace(ASKED, acr_values=(wanted,)), signed_in) is road
    assert _next(ASKED, signed_in, min_acr=wanted) is (road or Prompt.TOO_WEAK)


def test_a_declined_road_is_not_shown_again_to_whoever_declined_it() -> None:
    """OIDC Core §5.5.1.1, R117: then a voluntary acr is answered with the truth, and an essential one is unmet."""
    basic = _signed_in()
    for wanted in (ACR_BASIC_MFA, ACR_PREMIUM):
        voluntary = replace(ASKED, acr_values=(wanted,))
        assert _next(voluntary, basic, declined="account") is None
        assert _next(voluntary, basic, declined="another") in HIGHER
        assert _next(replace(voluntary, acr_essential=True), basic, declined="account") is Prompt.TOO_WEAK
        assert _next(ASKED, basic, min_acr=wanted, declined="account") is Prompt.TOO_WEAK


def test_nothing_is_asked_where_any_listed_acr_is_met() -> None:
    """OIDC Core §3.1.2.1: the values are alternatives; of several that are not met the first with a road is taken."""
    basic = _signed_in()
    for essential in (True, False):
        asked = replace(ASKED, acr_values=(ACR_PREMIUM, ACR_BASIC), acr_essential=essential)
        assert _next(asked, basic) is None
        asked = replace(ASKED, acr_values=("urn:unheard", ACR_BASIC_MFA, ACR_PREMIUM), acr_essential=essential)
        assert _next(asked, basic) is Prompt.ENROLL


def test_the_clients_floor_comes_before_what_one_request_asks() -> None:
    """docs/levels.md §4: a request that asks for less does not lower it."""
    asked = replace(ASKED, acr_values=(ACR_BASIC,), acr_essential=True)
    assert _next(asked, _signed_in(), min_acr=ACR_PREMIUM) is Prompt.UPGRADE
    asked = replace(ASKED, acr_values=(ACR_PREMIUM,))
    assert _next(asked, _signed_in(), min_acr=ACR_BASIC_MFA) is Prompt.ENROLL
    assert _next(asked, _signed_in(amr=TWO), min_acr=ACR_BASIC_MFA) is Prompt.UPGRADE
    # Declined: the floor is kept, and beyond it the truth will do.
    assert _next(asked, _signed_in(amr=TWO), min_acr=ACR_BASIC_MFA, declined="account") is None


def test_a_person_rises_before_they_share() -> None:
    """R118: consent is about what leaves, which depends on the level."""
    needed = Consent(needed=True, remembered=False)
    asked = replace(ASKED, acr_values=(ACR_PREMIUM,), prompts=("login", "consent"))
    assert _next(asked, _signed_in(), consent=needed) is Prompt.SIGN_IN
    assert _next(asked, _signed_in(ago=10), fresh=True, consent=needed) is Prompt.UPGRADE
    assert _next(asked, _signed_in(ago=10), fresh=True, consent=needed, declined="account") is Prompt.CONSENT


def test_the_clients_floor_is_the_effective_level() -> None:
    """docs/levels.md §4: Premium counts only with two factors in this session; where pages are forbidden it is a dead end."""
    cases = {
        (Level.BASIC, ("pwd",)): {ACR_BASIC},
        (Level.BASIC, TWO): {ACR_BASIC, ACR_BASIC_MFA},
        (Level.PREMIUM, ("pwd",)): {ACR_BASIC},
        (Level.PREMIUM, TWO): {ACR_BASIC, ACR_BASIC_MFA, ACR_PREMIUM},
        (Level.PREMIUM, PASSKEY): set(ACRS),
    }
    silent = replace(ASKED, prompts=("none",))
    for (level, amr), allowed in cases.items():
        for floor in ACRS:
            found = _next(silent, _signed_in(level=level, amr=amr), min_acr=floor)
            assert found is (None if floor in allowed else Prompt.TOO_WEAK), (level, amr, floor)


def test_every_prompt_has_an_error_for_who_forbids_pages() -> None:
    """OIDC Core §3.1.2.6."""
    assert ERRORS.keys() == set(Prompt)
    assert ERRORS.keys() >= DEAD_ENDS
    assert ERRORS[Prompt.SIGN_IN][0] == "login_required"
    assert ERRORS[Prompt.CONSENT][0] == "consent_required"


def test_acr_is_told_as_asked_and_never_higher() -> None:
    """OIDC Core §3.1.2.1, R117."""
    assert acr_to_tell(ACR_PREMIUM, (ACR_PREMIUM_PHR, ACR_BASIC_MFA, ACR_BASIC)) == ACR_BASIC_MFA
    assert acr_to_tell(ACR_BASIC, (ACR_PREMIUM,)) == ACR_BASIC
    assert acr_to_tell(ACR_BASIC, ()) == ACR_BASIC
    assert acr_to_tell(ACR_BASIC, ("urn:unheard", "0")) == ACR_BASIC
    assert lower_of(ACR_PREMIUM, ACR_BASIC_MFA) == lower_of(ACR_BASIC_MFA, ACR_PREMIUM) == ACR_BASIC_MFA
    assert [meets(ACR_BASIC_MFA, wanted) for wanted in (*ACRS, "urn:unheard")] == [True, True, False, False, False]
