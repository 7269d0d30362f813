"""An authorization request, checked: first who is asking (failure is our page), then what is asked (failure goes to the client).

Each check is a line of `CHECKS` and cites its paragraph. What passes is `Asked`: plain facts that can be stored and read again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from idp.config import PkceRule
from idp.oidc import claims, claims_parameter, pkce, redirect_uris, scopes
from idp.oidc.clients import Client, ClientCache
from idp.oidc.errors import BadRequest, BadRequestPage
from idp.oidc.parameters import Params

RESPONSE_TYPES = ("code",)
RESPONSE_MODES = ("query", "fragment", "form_post")
"""Where an answer is put, the default first (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2)."""
PROMPTS = ("none", "login", "consent", "select_account", "create")
DISPLAYS = ("page", "popup", "touch", "wap")

_SECONDS = re.compile(r"[0-9]{1,10}")
_REPEATABLE = frozenset({"resource"})  # RFC 8707 §2


@dataclass(frozen=True, slots=True)
class Asked:
    """What one valid request asks for."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    nonce: str | None
    code_challenge: str | None
    prompts: tuple[str, ...]
    max_age: int | None
    hinted_sub: str | None
    """Whom an `id_token_hint` names, as this client knows them."""
    login_hint: str | None
    ui_locales: str | None
    display: str | None
    acr_values: tuple[str, ...]
    acr_essential: bool
    """Whether one of `acr_values` must be met (OIDC Core §5.5.1.1)."""
    resources: tuple[str, ...] = ()
    """The resource servers that tokens are wanted for (RFC 8707 §2.1)."""
    response_mode: str = RESPONSE_MODES[0]
    subs: tuple[str, ...] = ()
    """Whom the answer may be about, where `claims` named somebody (OIDC Core §5.5.1)."""
    id_token_claims: tuple[str, ...] = ()
    """Claims asked for by name, where the client is registered for a scope that carries them (OIDC Core §5.5)."""
    userinfo_claims: tuple[str, ...] = ()

    @property
    def named_claims(self) -> tuple[str, ...]:
        """Every claim that is asked for by name, wherever it is to be told."""
        return tuple(dict.fromkeys((*self.id_token_claims, *self.userinfo_claims)))

    @property
    def claims_row(self) -> dict[str, list[str]] | None:
        """Those claims as an authorization keeps them."""
        told = {"id_token": list(self.id_token_claims), "userinfo": list(self.userinfo_claims)}
        return told if self.named_claims else None

    def to_row(self) -> dict[str, Any]:
        """For storing as JSON."""
        return asdict(self)

    @classmethod
    def from_row(cls, stored: Mapping[str, Any]) -> "Asked":
        """What `to_row` made, read back. A name that only a newer program knows is passed over: while one is exchanged for the
        other, both read the same rows.
        """
        known = {field.name for field in fields(cls)}
        read: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in known
        }
        return cls(**read)


@dataclass(frozen=True, slots=True)
class Asking:
    """A request whose client and redirect URI are known, so that it can be answered at all."""

    client: Client
    redirect_uri: str
    params: Params


def who_is_asking(params: Params, clients: ClientCache) -> Asking:
    """The client and where to answer it. Raises `BadRequestPage`: until both are sure, no redirect (RFC 6749 §4.1.2.1, R106)."""
    for name in ("client_id", "redirect_uri"):
        if name in params.repeated:
            raise BadRequestPage("invalid_request", f"{name} came more than once")
    client_id = params.get("client_id")
    if client_id is None:
        raise BadRequestPage("invalid_request", "no client_id")
    client = clients.find(client_id)
    if client is None:
        raise BadRequestPage("unknown_client", "no such client")
    redirect_uri = params.get("redirect_uri")
    if redirect_uri is None:
        raise BadRequestPage("invalid_redirect_uri", "no redirect_uri")
    if not client.may_redirect_to(redirect_uri):
        raise BadRequestPage("invalid_redirect_uri", "not registered for this client")
    return Asking(client, redirect_uri, params)


def check_single(asking: Asking, _rule: PkceRule) -> None:
    """No parameter comes twice (RFC 6749 §3.1), but for those whose specification allows it."""
    if repeated := sorted(asking.params.repeated - _REPEATABLE):
        raise BadRequest("invalid_request", "a parameter came more than once", f"repeated: {repeated[:5]!r}")


def check_request_object(asking: Asking, _rule: PkceRule) -> None:
    """Request objects are refused by name, never passed over: the caller believes that they protect it (OIDC Core §6.1, §6.2)."""
    if "request" in asking.params:
        raise BadRequest("request_not_supported", "request objects are not supported")
    if "request_uri" in asking.params:
        raise BadRequest("request_uri_not_supported", "request_uri is not supported")


def check_response_type(asking: Asking, _rule: PkceRule) -> None:
    """Only the code flow (RFC 9700 §2.1.2, R108)."""
    asked = asking.params.get("response_type")
    if asked is None:
        raise BadRequest("invalid_request", "response_type is missing")
    if asked not in RESPONSE_TYPES:
        raise BadRequest("unsupported_response_type", "response_type must be code")
    if "authorization_code" not in asking.client.grant_types:
        raise BadRequest("unauthorized_client", "this client may not use the code flow")


def check_response_mode(asking: Asking, _rule: PkceRule) -> None:
    """Where the answer is put (OAuth 2.0 Multiple Response Types §2.1), and whether it can get there by a form."""
    asked = asking.params.get("response_mode", RESPONSE_MODES[0])
    if asked not in RESPONSE_MODES:
        raise BadRequest("invalid_request", "response_mode is not supported")
    if asked == "form_post" and not redirect_uris.takes_forms(asking.redirect_uri):
        raise BadRequest("invalid_request", "response_mode form_post needs an http redirect_uri")
    if asked == "form_post" and not is_text(asking.params.get("state", "")):
        raise BadRequest("invalid_request", "a form cannot carry this state back")


def mode_of(asking: Asking) -> str:
    """Where even an error is put: as asked, if that is possible at all."""
    asked = asking.params.get("response_mode", RESPONSE_MODES[0])
    known = asked in RESPONSE_MODES and "response_mode" not in asking.params.repeated
    if not known or (asked == "form_post" and not redirect_uris.takes_forms(asking.redirect_uri)):
        return RESPONSE_MODES[0]
    return asked


def check_authorization_details(asking: Asking, _rule: PkceRule) -> None:
    """Asking for finely described access and getting coarse access would be a lie (RFC 9396 §5)."""
    if "authorization_details" in asking.params:
        raise BadRequest("invalid_authorization_details", "authorization_details is not supported")


def check_pkce(asking: Asking, rule: PkceRule) -> None:
    """An S256 challenge, so that a stolen code is worth nothing (RFC 7636 §4.3, RFC 9700 §2.1.1, R109)."""
    challenge = asking.params.get("code_challenge")
    method = asking.params.get("code_challenge_method")
    if challenge is None and method is None:
        if pkce.may_omit(asking.client, rule):
            return
        raise BadRequest("invalid_request", "a code_challenge is required (PKCE, S256)")
    if method not in pkce.METHODS:
        raise BadRequest("invalid_request", "code_challenge_method must be S256")
    if challenge is None or not pkce.CHALLENGE.fullmatch(challenge):
        raise BadRequest("invalid_request", "code_challenge is not an S256 challenge")


def check_scope(asking: Asking, _rule: PkceRule) -> None:
    """Unknown scopes are passed over; a known one that this client is not registered for is refused (RFC 6749 §3.3, R121)."""
    asked = scopes.known(asking.params.get("scope", ""))
    if not asked:
        raise BadRequest("invalid_scope", "scope must name at least one known scope, such as openid")
    if any(scope not in asking.client.scopes for scope in asked):
        raise BadRequest("invalid_scope", "the client is not registered for one of these scopes")


def check_prompt(asking: Asking, _rule: PkceRule) -> None:
    """Known values only, and `none` alone (OIDC Core §3.1.2.1)."""
    asked = asking.params.get("prompt", "").split()
    if any(value not in PROMPTS for value in asked):
        raise BadRequest("invalid_request", "prompt has an unknown value")
    if "none" in asked and len(asked) > 1:
        raise BadRequest("invalid_request", "prompt none stands alone")


def check_max_age(asking: Asking, _rule: PkceRule) -> None:
    """A whole number of seconds (OIDC Core §3.1.2.1)."""
    if "max_age" in asking.params and not _SECONDS.fullmatch(asking.params["max_age"]):
        raise BadRequest("invalid_request", "max_age must be a whole number of seconds")


def check_nonce(asking: Asking, _rule: PkceRule) -> None:
    """Text that can go back exactly as it came (OIDC Core §3.1.2.1)."""
    nonce = asking.params.get("nonce", "")
    if not is_text(nonce) or len(nonce) > 2_000:
        raise BadRequest("invalid_request", "nonce is not text, or too long")


def is_text(value: str) -> bool:
    """Whether this came as UTF-8 without control characters, so that it can be stored and shown."""
    return all(
        character >= " " and not "\ud800" <= character <= "\udfff" and character != "\x7f" for character in value
    )


def check_claims(asking: Asking, _rule: PkceRule) -> None:
    """`claims` is a JSON object of objects (OIDC Core §5.5): one that cannot be read might hold an essential `acr`."""
    claims_parameter.read(asking.params.get("claims"), claims.NAMES)


CHECKS: tuple[Callable[[Asking, PkceRule], None], ...] = (
    check_single,
    check_request_object,
    check_response_type,
    check_response_mode,
    check_authorization_details,
    check_pkce,
    check_scope,
    check_prompt,
    check_max_age,
    check_nonce,
    check_claims,
)


def what_is_asked(asking: Asking, rule: PkceRule, open_hint: Callable[[str, Client], str | None]) -> Asked:
    """Everything the request asks, checked in order. Raises `BadRequest`. `open_hint` verifies an ID token and tells its `sub`."""
    for check in CHECKS:
        check(asking, rule)
    params = asking.params
    hinted_sub = None
    if "id_token_hint" in params:
        hinted_sub = open_hint(params["id_token_hint"], asking.client)
        if hinted_sub is None:
            raise BadRequest("invalid_request", "id_token_hint is not an ID token that this client got from here")
    named = claims_parameter.read(params.get("claims"), claims.NAMES)
    registered = claims.registered_for(asking.client)
    display = params.get("display")
    login_hint = params.get("login_hint", "")
    return Asked(
        client_id=asking.client.id,
        redirect_uri=asking.redirect_uri,
        scopes=scopes.known(params["scope"]),
        state=params.get("state"),
        nonce=params.get("nonce"),
        code_challenge=params.get("code_challenge"),
        prompts=tuple(dict.fromkeys(params.get("prompt", "").split())),
        max_age=int(params["max_age"]) if "max_age" in params else None,
        hinted_sub=hinted_sub,
        login_hint=login_hint if login_hint and is_text(login_hint) and len(login_hint) <= 200 else None,
        ui_locales=params.get("ui_locales"),
        display=display if display in DISPLAYS else None,
        # An `acr` in `claims` says more than `acr_values` (it may be essential), so it stands where both are given; either of
        # them stands before what the client is registered with (OIDC Dynamic Client Registration §2 `default_acr_values`).
        acr_values=named.acr_values
        or tuple(dict.fromkeys(params.get("acr_values", "").split()))
        or tuple(asking.client.default_acr_values),
        acr_essential=named.acr_essential,
        resources=tuple(dict.fromkeys(params.every("resource"))),
        response_mode=mode_of(asking),
        subs=named.subs,
        id_token_claims=tuple(name for name in named.id_token if name in registered),
        userinfo_claims=tuple(name for name in named.userinfo if name in registered),
    )
