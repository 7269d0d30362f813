"""What a claim is called for people, and how its value reads: on the consent page and in the list of sites."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from flask_babel import format_date
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from idp.oidc import claims
from idp.oidc.clients import Client
from idp.oidc.request import Asked
from idp.oidc.scopes import Scope

SCOPES: Mapping[str, LazyString] = {
    Scope.OPENID: _("That it is you: a number that only this site gets, and how you signed in"),
    Scope.DSLOGON: _("Your account level, and how we checked who you are"),
    Scope.PROFILE: _("Your name, date of birth and other details about you"),
    Scope.EMAIL: _("Your email address"),
    Scope.PHONE: _("Your phone number"),
    Scope.ADDRESS: _("Your mailing address"),
    Scope.EDIPI: _("Your DoD ID number"),
    Scope.ELIGIBILITY: _("The benefits that you can use, and who your sponsor is"),
    Scope.OFFLINE_ACCESS: _("All of this also while you are signed out, for up to 90 days"),
}

CLAIMS: Mapping[str, LazyString] = {
    "dslogon_assurance": _("Account level"),
    "aal": _("Strength of this sign-in"),
    "ial": _("Identity assurance"),
    "proofing": _("How we checked who you are"),
    "dslogon_status": _("Your status in DEERS"),
    "affiliations": _("Services that you belong to"),
    "name": _("Full name"),
    "given_name": _("First name"),
    "middle_name": _("Middle name"),
    "family_name": _("Last name"),
    "birthdate": _("Date of birth"),
    "gender": _("Gender"),
    "nickname": _("Nickname"),
    "preferred_username": _("Name to show on other sites"),
    "profile": _("Your page"),
    "picture": _("Picture"),
    "website": _("Website"),
    "zoneinfo": _("Time zone"),
    "locale": _("Language"),
    "updated_at": _("Last change of your profile"),
    "email": _("Email"),
    "email_verified": _("Email checked with a code"),
    "phone_number": _("Phone"),
    "address": _("Mailing address"),
    "dslogon_uuid": _("DoD ID number"),
    "eligibility": _("Benefits"),
    "sponsor": _("Sponsor"),
}

_LEVELS = {"1": _("Basic (Level 1)"), "2": _("Premium (Level 2)")}
_STRENGTHS = {"1": _("One step"), "2": _("Two steps")}
_ROADS = {
    "in_person": _("In person, with your papers"),
    "mail_code": _("A code by mail to your address in DEERS"),
    "kbv_plus_mail": _("Questions about you, and a code to your email address in DEERS"),
}
_STATUSES = {
    "SPONSOR": _("Sponsor"),
    "DEPENDENT": _("Family member"),
    "VETERAN": _("Veteran"),
    "RETIREE": _("Retiree"),
    "SURROGATE": _("Acts for somebody else"),
    "OTHER": _("Other"),
    "DECEASED": _("Deceased"),
}
# By the authority's letters; whoever belongs to a rarer kind reads the letter itself.
_CATEGORIES = {
    "A": _("Active duty"),
    "C": _("Civil service"),
    "D": _("Disabled veteran"),
    "E": _("Contractor"),
    "F": _("Former member"),
    "H": _("Medal of Honor"),
    "J": _("Academy student"),
    "N": _("National Guard"),
    "Q": _("Retired from the Reserve"),
    "R": _("Retired"),
    "T": _("Foreign military"),
    "V": _("Reserve"),
    "W": _("Family or other beneficiary"),
    "Y": _("Retired from civil service"),
}
_BRANCHES = {
    "A": _("Army"),
    "C": _("Coast Guard"),
    "D": _("Department of Defense"),
    "F": _("Air Force"),
    "H": _("Public Health Service"),
    "M": _("Marine Corps"),
    "N": _("Navy"),
    "O": _("NOAA"),
    "X": _("Other branch"),
    "Z": _("Branch not known"),
}
_PROGRAM_STATES = {"active": _("active"), "pending": _("not yet begun"), "ended": _("ended")}
_TIES = {
    "spouse": _("husband or wife"),
    "child": _("child"),
    "stepchild": _("stepchild"),
    "ward": _("ward"),
    "foster": _("foster child"),
    "parent": _("parent"),
    "parent_in_law": _("parent of the husband or wife"),
    "former_spouse": _("former husband or wife"),
    "surviving_spouse": _("widow or widower"),
    "surrogate": _("acts for them"),
}
_GENDERS = {"female": _("Female"), "male": _("Male"), "other": _("Other")}


@dataclass(frozen=True)
class Group:
    """One thing that is shared, in words, with the values that would leave."""

    words: LazyString
    values: tuple[tuple[str, str], ...] = ()


def grouped(asked: Asked, client: Client, leaving: Mapping[str, object]) -> list[Group]:
    """What leaves, by scope in the order of the table; what was asked for by name stands with the claims of its scope."""
    scopes = claims.effective_scopes(asked.scopes, assurance_claims=client.assurance_claims)
    rows = {scope: [row for row in claims.TABLE if row.scope is scope and row.name in leaving] for scope in Scope}
    groups = [
        Group(
            SCOPES[scope], tuple((str(CLAIMS[row.name]), in_words(row.name, leaving[row.name])) for row in rows[scope])
        )
        for scope in Scope
        if scope in scopes
    ]
    single = [
        (str(CLAIMS[row.name]), in_words(row.name, leaving[row.name]))
        for scope in Scope
        if scope not in scopes
        for row in rows[scope]
    ]
    unvalued = [name for name in claims.beside(scopes, asked.named_claims) if name not in leaving]
    single += [(str(CLAIMS[name]), str(_("Nothing now"))) for name in unvalued]
    return [*groups, Group(_("Single details that this site asks for"), tuple(single))] if single else groups


def allowed(scopes: Iterable[str], named: Iterable[str]) -> list[LazyString]:
    """What was allowed once, in words."""
    return [*(SCOPES[scope] for scope in Scope if scope in scopes), *(CLAIMS[name] for name in named if name in CLAIMS)]


def in_words(name: str, value: object) -> str:
    """A value as its owner reads it. Of a number that follows them everywhere, the end tells them that it is theirs."""
    spoken = _SPOKEN.get(name)
    return str(value) if spoken is None else spoken(value)


def _one_of(words: Mapping[str, LazyString]) -> Callable[[object], str]:
    return lambda value: str(words.get(str(value), value))


_category, _branch, _program_state = _one_of(_CATEGORIES), _one_of(_BRANCHES), _one_of(_PROGRAM_STATES)


def _day(value: object) -> str:
    try:
        return str(format_date(date.fromisoformat(str(value)), "long"))
    except ValueError:
        return str(value)


def _moment(value: object) -> str:
    return str(format_date(datetime.fromtimestamp(int(str(value)), UTC), "long"))


def _proofing(value: object) -> str:
    told = value if isinstance(value, dict) else {}
    road = str(told.get("method", ""))
    return f"{_ROADS.get(road, road)}, {_day(told.get('at', ''))}"


def _affiliations(value: object) -> str:
    rows = value if isinstance(value, list) else []
    return "; ".join(f"{_category(row['category'])}, {_branch(row['branch'])} ({_span(row)})" for row in rows)


def _eligibility(value: object) -> str:
    rows = value if isinstance(value, list) else []
    return "; ".join(f"{row['program']} {row['plan']}, {_program_state(row['status'])} ({_span(row)})" for row in rows)


def _span(row: Mapping[str, str]) -> str:
    if "end" in row:
        return str(_("%(begin)s to %(end)s", begin=_day(row["begin"]), end=_day(row["end"])))
    return str(_("since %(begin)s", begin=_day(row["begin"])))


def _sponsor(value: object) -> str:
    tie = str(value.get("relationship", "")) if isinstance(value, dict) else ""
    return str(_("What you are to your sponsor: %(tie)s", tie=_TIES.get(tie, tie)))


_SPOKEN: Mapping[str, Callable[[object], str]] = {
    "dslogon_assurance": _one_of(_LEVELS),
    "aal": _one_of(_STRENGTHS),
    "ial": lambda value: str(_("Level %(level)s", level=value)),
    "proofing": _proofing,
    "dslogon_status": _one_of(_STATUSES),
    "affiliations": _affiliations,
    "birthdate": _day,
    "gender": _one_of(_GENDERS),
    "updated_at": _moment,
    "email_verified": lambda _value: str(_("Yes")),
    "address": lambda value: str(value.get("formatted", "")) if isinstance(value, dict) else "",
    "dslogon_uuid": lambda value: str(_("Ending in %(end)s", end=str(value)[-4:])),
    "eligibility": _eligibility,
    "sponsor": _sponsor,
}
