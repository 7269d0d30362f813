"""Which client stands at the token endpoint: exactly one proof in a request, and only the kind that it is registered for (R135).

Every failure is one answer: nobody learns whether a client_id exists (RFC 6749 §5.2).
"""

import base64
from dataclasses import dataclass
from urllib.parse import unquote_plus

from idp import crypto
from idp.oidc.clients import AuthMethod, Client, ClientCache
from idp.oidc.parameters import Params

METHODS = tuple(method.value for method in AuthMethod)

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


def authenticate(authorization: str | None, form: Params, clients: ClientCache) -> Client:
    """The client that this request proves to come from. Raises `TwoProofs` or `NotProven`."""
    shown = _shown(authorization, form)
    client = clients.find(shown.client_id)
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


def _shown(authorization: str | None, form: Params) -> _Shown:
    if "client_assertion" in form or "client_assertion_type" in form:
        if authorization is not None or "client_secret" in form:
            raise TwoProofs
        raise NotProven("client assertions are not supported")
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
