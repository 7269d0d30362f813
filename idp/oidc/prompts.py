"""What the person must do next before the client gets its answer. Pure: asked again after every page, with whatever holds then."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from idp import clock
from idp.accounts.levels import ACR_BASIC_MFA, ACR_PREMIUM, ACR_PREMIUM_PHR, ACRS, Level
from idp.credentials.sessions import SignedIn
from idp.oidc.request import Asked

_FOR_THIS_REQUEST = timedelta(minutes=5)
"""How long a sign-in made for a request counts as fresh in it, though `max_age` be shorter: a page takes time to read."""


class Prompt(StrEnum):
    """The next page, or the reason why no page can help."""

    REGISTER = "register"
    SIGN_IN = "sign_in"
    SELECT_ACCOUNT = "select_account"
    STEP_UP = "step_up"
    """The second factor that the account has, shown in this sign-in."""
    ENROLL = "enroll"
    """A first second factor."""
    SHOW_PASSKEY = "show_passkey"
    """A passkey that the account has and that makes sure of its user, shown in this sign-in."""
    ADD_PASSKEY = "add_passkey"
    """A first such passkey."""
    UPGRADE = "upgrade"
    """Proof of identity, for Premium."""
    CONSENT = "consent"
    OTHER_PERSON = "other_person"
    """Somebody else than the client means is signed in."""
    TOO_WEAK = "too_weak"
    """The sign-in cannot show the `acr` that the client cannot do without."""


HIGHER = frozenset({Prompt.STEP_UP, Prompt.ENROLL, Prompt.SHOW_PASSKEY, Prompt.ADD_PASSKEY, Prompt.UPGRADE})
"""Roads to a stronger `acr`: the person may decline them."""

DEAD_ENDS = frozenset({Prompt.OTHER_PERSON, Prompt.TOO_WEAK})
"""No page helps: the client is told at once."""

ERRORS: dict[Prompt, tuple[str, str]] = {
    Prompt.REGISTER: ("interaction_required", "the person must register first"),
    Prompt.SIGN_IN: ("login_required", "the person must sign in"),
    Prompt.SELECT_ACCOUNT: ("account_selection_required", "the person must choose an account"),
    Prompt.STEP_UP: ("unmet_authentication_requirements", "the sign-in is not strong enough"),
    Prompt.ENROLL: ("unmet_authentication_requirements", "the sign-in is not strong enough"),
    Prompt.SHOW_PASSKEY: ("unmet_authentication_requirements", "the sign-in is not strong enough"),
    Prompt.ADD_PASSKEY: ("unmet_authentication_requirements", "the sign-in is not strong enough"),
    Prompt.UPGRADE: ("unmet_authentication_requirements", "the sign-in is not strong enough"),
    Prompt.CONSENT: ("consent_required", "the person must allow this first"),
    Prompt.OTHER_PERSON: ("login_required", "somebody else is signed in"),
    Prompt.TOO_WEAK: ("unmet_authentication_requirements", "the sign-in is not strong enough"),
}
"""What each prompt is to a client that forbade pages (OIDC Core §3.1.2.6), and each dead end to any client."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What has happened to the request on our pages so far; a request that was not parked has none."""

    parked_at: datetime
    signed_in_since: bool = False
    """Whether this browser's sign-in is another one than it had when the request came."""
    selected_account: str | None = None
    consented_account: str | None = None
    declined_account: str | None = None
    """Who would not go higher for this request."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether the client needs one for this, and whether this person gave it before."""

    needed: bool
    remembered: bool


def next_prompt(
    asked: Asked,
    progress: Progress,
    signed_in: SignedIn | None,
    *,
    sub: str | None,
    min_acr: str | None,
    consent: Consent,
    now: datetime,
) -> Prompt | None:
    """The first thing in the way; None when the client can have its answer.

    `sub` is who is signed in, as the client knows them. `min_acr` is the client's own floor.
    """
    # To the microsecond: a second factor shown in a session from before also changes its handle, and is no new sign-in.
    fresh = signed_in is not None and progress.signed_in_since and signed_in.authenticated_at >= progress.parked_at
    if "create" in asked.prompts and not fresh:
        return Prompt.REGISTER
    if signed_in is None:
        return Prompt.SIGN_IN
    # OIDC Core §3.1.2.2: never an answer about somebody else, by whichever of the two somebody was named.
    if asked.hinted_sub not in {None, sub} or (asked.subs and sub not in asked.subs):
        return Prompt.OTHER_PERSON
    if "login" in asked.prompts and not fresh:
        return Prompt.SIGN_IN
    if asked.max_age is not None and _is_too_old(asked.max_age, signed_in.auth_time, now, fresh=fresh):
        return Prompt.SIGN_IN
    # A sign-in made for this request was a choice of account.
    if "select_account" in asked.prompts and not fresh and progress.selected_account != signed_in.account_id:
        return Prompt.SELECT_ACCOUNT
    if (higher := _higher(asked, progress, signed_in, min_acr)) is not None:
        return higher
    allowed_now = progress.consented_account == signed_in.account_id
    if "consent" in asked.prompts and not allowed_now:
        return Prompt.CONSENT
    if consent.needed and not consent.remembered and not allowed_now:
        return Prompt.CONSENT
    return None


def _higher(asked: Asked, progress: Progress, signed_in: SignedIn, min_acr: str | None) -> Prompt | None:
    """The page that makes the sign-in strong enough. What cannot be had, or was declined, is a dead end if the client cannot do
    without it, and nothing if it can: the answer then tells what really is (OIDC Core §5.5.1.1, R117).
    """
    open_to = "none" not in asked.prompts and progress.declined_account != signed_in.account_id
    wishes = [((min_acr,), True)] if min_acr is not None else []
    for values, essential in (*wishes, (asked.acr_values, asked.acr_essential)):
        if not values or any(meets(signed_in.acr, value) for value in values):
            continue
        roads = (road_to(value, signed_in) for value in values)
        if open_to and (road := next((found for found in roads if found is not None), None)) is not None:
            return road
        if essential:
            return Prompt.TOO_WEAK
    return None


def road_to(wanted: str, signed_in: SignedIn) -> Prompt | None:
    """The next page on the way to an `acr` that this sign-in does not meet; None where no way leads there."""
    if wanted in {ACR_PREMIUM, ACR_PREMIUM_PHR} and signed_in.account_level < Level.PREMIUM:
        return Prompt.UPGRADE
    if wanted == ACR_PREMIUM_PHR:
        return Prompt.SHOW_PASSKEY if signed_in.passkey else Prompt.ADD_PASSKEY
    if wanted in {ACR_BASIC_MFA, ACR_PREMIUM}:
        return Prompt.STEP_UP if signed_in.second_factor else Prompt.ENROLL
    return None


def meets(acr: str, wanted: str) -> bool:
    """Whether a sign-in of this `acr` is at least as strong as the wanted one; an unknown one is never met."""
    return wanted in ACRS and ACRS.index(acr) >= ACRS.index(wanted)


def acr_to_tell(acr: str, acr_values: tuple[str, ...]) -> str:
    """The first of the values asked for that the sign-in meets; where it meets none, what it really is (OIDC Core §3.1.2.1)."""
    return next((value for value in acr_values if meets(acr, value)), acr)


def lower_of(one: str, other: str) -> str:
    """The weaker of two."""
    return min(one, other, key=ACRS.index)


def _is_too_old(max_age: int, auth_time: int, now: datetime, *, fresh: bool) -> bool:
    allowed = max(max_age, int(_FOR_THIS_REQUEST.total_seconds())) if fresh else max_age
    # `max_age=0` asks for a sign-in now, like prompt=login, though the last one be of this very second (OIDC Core §3.1.2.1).
    return clock.epoch(now) - auth_time > allowed or (max_age == 0 and not fresh)
