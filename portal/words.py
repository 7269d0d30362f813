"""What claims and failures are called in plain English. No sentence of the provider's, or of an address, is shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from portal.gate import Level
from portal.provider import Person

LEVELS = {
    Level.BASIC: "Basic (Level 1)",
    Level.PREMIUM: "Premium (Level 2): identity verified, free",
}

UNSAID = "The sign-in service did not say."

_DETAILS = {"name": "Name", "birthdate": "Birth date"}

_STATUSES = {
    "SPONSOR": "Sponsor",
    "DEPENDENT": "Family member of a sponsor",
    "VETERAN": "Veteran",
    "RETIREE": "Retiree",
    "SURROGATE": "Acts for a member",
    "OTHER": "Other",
}

_CHECKED = {
    "in_person": "In person, with papers.",
    "mail_code": "By a code in a letter.",
    "kbv_plus_mail": "By questions, and a code by email.",
}

_STRENGTH = {"1": "One step, such as a password.", "2": "Two steps, or a passkey. This is the stronger way."}

_CONTEXT = {
    "urn:dslogon:basic": "A Basic sign-in in one step.",
    "urn:dslogon:basic:mfa": "A Basic sign-in in two steps.",
    "urn:dslogon:premium": "A Premium sign-in in two steps.",
    "urn:dslogon:premium:phr": "A Premium sign-in with a passkey.",
}

# The values of RFC 8176 §2 that name a thing used; `mfa` and `user` only say something about the others.
_METHODS = {
    "pwd": "a password",
    "otp": "a one-time code",
    "hwk": "a passkey or security key",
    "swk": "a passkey kept by software",
    "pin": "a PIN",
    "fpt": "a fingerprint",
    "face": "your face",
    "sms": "a code by text message",
    "sc": "a smart card",
    "kba": "questions about you",
}


def profile_rows(person: Person) -> list[tuple[str, str]]:
    """What a person may want to know of it, as (label, text)."""
    claims, details = person.claims, person.details
    rows = [
        ("Account level", LEVELS[person.level]),
        ("How you signed in", _CONTEXT.get(str(claims.get("acr")), UNSAID)),
        ("Strength of this sign-in", _STRENGTH.get(str(claims.get("aal")), UNSAID)),
        ("What you used", _methods(claims.get("amr"))),
        ("When you signed in", _moment(claims.get("auth_time"))),
    ]
    rows += [(label, str(details[claim])) for claim, label in _DETAILS.items() if claim in details]
    rows += _only_premium(claims) if person.level is Level.PREMIUM else []
    if "email" in details:
        checked = "You showed that it is yours." if details.get("email_verified") is True else "Not checked yet."
        rows.append(("Email", f"{details['email']} ({checked})"))
    rows.append(("Your ID here", str(claims.get("sub"))))
    return rows


def _only_premium(claims: Mapping[str, object]) -> list[tuple[str, str]]:
    proofing = claims.get("proofing")
    method = proofing.get("method") if isinstance(proofing, dict) else None
    told = [
        ("Status", _STATUSES.get(str(claims.get("dslogon_status")))),
        ("How your identity was checked", _CHECKED.get(str(method))),
    ]
    return [(label, text) for label, text in told if text is not None]


def claims_as_they_came(person: Person) -> list[tuple[str, str]]:
    """Every claim of both answers, in order of their names. Where both give one, the signed answer's stands."""
    both = {**person.details, **person.claims}
    return [(claim, value if isinstance(value, str) else json.dumps(value)) for claim, value in sorted(both.items())]


def _methods(amr: object) -> str:
    names = [name for name in amr if isinstance(name, str)] if isinstance(amr, list) else []
    known = ", ".join(_METHODS[name] for name in names if name in _METHODS)
    return f"{known.capitalize()}." if known else UNSAID


def _moment(auth_time: object) -> str:
    if isinstance(auth_time, bool) or not isinstance(auth_time, int | float):
        return UNSAID
    try:
        moment = datetime.fromtimestamp(auth_time, UTC)
    except (OverflowError, OSError, ValueError):
        return UNSAID
    return f"{moment:%B} {moment.day}, {moment.year}, at {moment:%H:%M} UTC"


@dataclass(frozen=True)
class Failure:
    """A page for a sign-in that came to nothing: what happened, and what to do next."""

    status: HTTPStatus
    title: str
    text: str
    next_step: str


_SERVICE = Failure(
    HTTPStatus.BAD_GATEWAY,
    "We could not sign you in",
    "The sign-in service gave an answer that this portal cannot use. It is not your fault.",
    "Try again. If it happens twice, call us: the numbers are on the General information page.",
)
_AGAIN = Failure(
    HTTPStatus.BAD_REQUEST,
    "Please sign in once more",
    "The sign-in service needs you to answer a question before you can go on.",
    "Choose “Sign in” and follow the steps.",
)

_NOT_UPGRADED = Failure(
    HTTPStatus.FORBIDDEN,
    "Your identity is not verified yet",
    "This part of the portal needs a Premium account, and the upgrade was not finished.",
    "You can use everything that a Basic account opens, and upgrade when you are ready. It is free.",
)

FAILURES: Mapping[str, Failure] = {
    "access_denied": Failure(
        HTTPStatus.FORBIDDEN,
        "You did not finish signing in",
        "You stopped, or chose not to share your details with this portal. Nothing was shared.",
        "You can still read the general information. To use the rest, sign in and choose “Allow”.",
    ),
    "mismatching_state": Failure(
        HTTPStatus.BAD_REQUEST,
        "This sign-in is no longer good",
        "It took more than an hour, it began in another browser, or you used the Back button. To be safe, we stopped.",
        "Start again from here. If you just signed in, it takes one click.",
    ),
    "provider_down": Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Sign-in is not working right now",
        "The sign-in service does not answer. Your account is safe, and your health information is not affected.",
        "Wait a few minutes and try again. If you need care today, call us.",
    ),
    "temporarily_unavailable": Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Sign-in is busy right now",
        "The sign-in service asks you to come back a little later.",
        "Wait a few minutes and try again.",
    ),
    "unmet_authentication_requirements": _NOT_UPGRADED,
    "login_required": _AGAIN,
    "interaction_required": _AGAIN,
    "consent_required": _AGAIN,
    "account_selection_required": _AGAIN,
    "bad_answer": _SERVICE,
}


def failure(code: str, *, upgrading: bool = False) -> tuple[str, Failure]:
    """The page for this code. A code that we do not know is not repeated: anybody can write one into a link."""
    if upgrading and code == "access_denied":
        # Nothing is lost by it, and no other words help: the same page as for an upgrade that was put off.
        return code, _NOT_UPGRADED
    return (code, FAILURES[code]) if code in FAILURES else ("provider_error", _SERVICE)
