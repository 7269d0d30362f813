"""What the person must do next, as a table (OIDC Core §3.1.2)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idp.accounts.levels import ACR_BASIC, ACR_BASIC_MFA, ACR_PREMIUM, ACR_PREMIUM_PHR, ACRS, Level
from idp.credentials.sessions import SignedIn
from idp.oidc.prompts import DEAD_ENDS, ERRORS, Consent, Progress, Prompt, acr_to_tell, lower_of, meets, next_prompt
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


def _signed_in(*, ago: int = 600, level: Level = Level.BASIC, amr: tuple[str, ...] = ("pwd",)) -> SignedIn:
    return SignedIn(
        session_id="session",
        account_id="account",
        person_id="person",
        subject_id="subject",
        username="maria",
        account_level=level,
        aal=2 if len(amr) > 1 else 1,
        amr=amr,
        auth_time=int((NOW - timedelta(seconds=ago)).timestamp()),
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
) -> Prompt | None:
    progress = Progress(NOW - timedelta(seconds=parked_ago), fresh, selected, consented)
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
        ({"acr_values": (ACR_PREMIUM,)}, False, 600, None),
        ({"acr_values": (ACR_PREMIUM,), "acr_essential": True}, False, 600, Prompt.TOO_WEAK),
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


def test_the_clients_floor_is_the_effective_level() -> None:
    """docs/levels.md §4: Premium counts only with two factors in this session."""
    two = ("pwd", "otp", "mfa")
    cases = {
        (Level.BASIC, ("pwd",)): {ACR_BASIC},
        (Level.BASIC, two): {ACR_BASIC, ACR_BASIC_MFA},
        (Level.PREMIUM, ("pwd",)): {ACR_BASIC},
        (Level.PREMIUM, two): {ACR_BASIC, ACR_BASIC_MFA, ACR_PREMIUM},
        (Level.PREMIUM, ("hwk", "user", "mfa")): set(ACRS),
    }
    for (level, amr), allowed in cases.items():
        for floor in ACRS:
            found = _next(ASKED, _signed_in(level=level, amr=amr), min_acr=floor)
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
