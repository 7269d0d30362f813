"""Which client stands at a machine endpoint: exactly one proof in a request, and only the kind that it is registered for (R135).

Every failure is one answer: nobody learns whether a client_id exists (RFC 6749 §5.2).
"""

import base64
from dataclasses import dataclass
from urllib.parse import unquote_plus

from idp import crypto, logs
from idp.oidc import assertions
from idp.oidc.assertions import WrongAssertion
from idp.oidc.clients import AuthMethod, Client
from idp.oidc.context import Context
from idp.oidc.errors import MachineAnswer
from idp.oidc.parameters import Params

log = logs.get(__name__)

METHODS = tuple(method.value for method in AuthMethod)
PROVING = tuple(method.value for method in AuthMethod if method is not AuthMethod.NONE)
"""The methods that prove anything: what introspection asks for (RFC 7662 §2.1)."""

NOT_PROVEN = "client authentication failed"
TWO_PROOFS = "more than one client authentication method"
CHALLENGE = ("WWW-Authenticate", 'Basic realm="token", charset="UTF-8"')
"""A 401 names the scheme that it wants (RFC 9110 §15.5.2)."""
NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))

# Compared with when there is no such client, so that this takes as long.
_NOBODY = crypto.digest("")


class TwoProofs(Exception):
    """More than one way of proving who it is (RFC 6749 §2.3), or two that disagree."""


class NotProven(Exception):
    """Unknown client, wrong secret, wrong kind of proof: all the same to whoever asks. `detail` is for the log."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, repr=False)
class _Shown:
    """What a request shows of its client."""

    method: AuthMethod
    client_id: str
    secret: str | None


def authenticate(context: Context, authorization: str | None, form: Params) -> Client:
    """The client that this request proves to come from. Raises `TwoProofs` or `NotProven`."""
    if "client_assertion" in form or "client_assertion_type" in form:
        return _by_assertion(context, authorization, form)
    shown = _shown(authorization, form)
    client = context.clients.find(shown.client_id)
    if shown.secret is not None:
        digest = crypto.digest(shown.secret)
        # Every held digest is compared, whatever the first says (R136).
        fits = [crypto.same(digest, held) for held in (client.secret_digests if client else [_NOBODY])]
        if not any(fits):
            raise NotProven("wrong secret" if client else "unknown client")
    if client is None:
        raise NotProven("unknown client")
    if client.auth_method != shown.method.value:
        raise NotProven(f"registered for {client.auth_method}, came with {shown.method.value}")
    return client


def client_or_answer(
    context: Context, authorization: str | None, form: Params, *, methods: tuple[str, ...]
) -> Client | MachineAnswer:
    """The client, if it proved itself by one of these methods; else what to answer. For endpoints that Authlib does not serve."""
    if form.repeated:
        return bad_request("invalid_request", "a parameter came more than once")
    try:
        client = authenticate(context, authorization, form)
    except TwoProofs:
        return bad_request("invalid_request", TWO_PROOFS)
    except NotProven as failed:
        return _not_proven(failed.detail)
    return client if client.auth_method in methods else _not_proven(f"{client.auth_method} proves nothing here")


def bad_request(error: str, description: str) -> MachineAnswer:
    """An error of a machine endpoint (RFC 6749 §5.2)."""
    return MachineAnswer(400, {"error": error, "error_description": description}, NO_STORE)


def _not_proven(detail: str) -> MachineAnswer:
    log.info("client not authenticated", detail=detail)
    body: dict[str, object] = {"error": "invalid_client", "error_description": NOT_PROVEN}
    return MachineAnswer(401, body, (CHALLENGE, *NO_STORE))


def _by_assertion(context: Context, authorization: str | None, form: Params) -> Client:
    """RFC 7521 §4.2: the type names the profile exactly, and no other proof stands beside it."""
    if authorization is not None or "client_secret" in form:
        raise TwoProofs
    if form.get("client_assertion_type") != assertions.TYPE or "client_assertion" not in form:
        raise NotProven("not an assertion of the one type that is taken")
    try:
        return assertions.redeem(context, form["client_assertion"], named=form.get("client_id"))
    except WrongAssertion as wrong:
        raise NotProven(f"assertion: {wrong}") from None


def _shown(authorization: str | None, form: Params) -> _Shown:
    named = form.get("client_id")
    if authorization is not None:
        if "client_secret" in form:
            raise TwoProofs
        client_id, secret = _basic(authorization)
        if named is not None and named != client_id:
            raise TwoProofs
        return _Shown(AuthMethod.BASIC, client_id, secret)
    if named is None:
        raise NotProven("no client is named")
    if "client_secret" in form:
        return _Shown(AuthMethod.POST, named, form["client_secret"])
    return _Shown(AuthMethod.NONE, named, None)


def _basic(authorization: str) -> tuple[str, str]:
    """Both halves are form-encoded before they are joined (RFC 6749 §2.3.1), so each is decoded after they are parted."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise NotProven("not the Basic scheme")
    try:
        plain = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, colon, secret = plain.partition(":")
        if not colon:
            raise NotProven("no colon in Basic")
        return unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError:
        raise NotProven("unreadable Basic") from None
