"""Endpoints for programs: discovery, keys, tokens, userinfo. No cookie is read, and no parameter is taken from the address."""

import json
from collections.abc import Callable
from functools import partial

from flask import Response, request
from flask.typing import ResponseReturnValue

from idp.oidc import client_auth, introspection, parameters, paths, revocation, userinfo
from idp.oidc.errors import MachineAnswer
from idp.oidc.parameters import Params, Unreadable
from idp.web.protocol import protocol, read_body
from idp.web.routes import Access, Csrf, Pages

pages = Pages("machine")

_NO_FORMS = Csrf.none("a program proves itself with every request; no cookie opens anything here")
_JSON = "application/json"


@pages.route(paths.OPENID_CONFIGURATION, access=Access.MACHINE, csrf=_NO_FORMS)
def openid_configuration() -> ResponseReturnValue:
    """What this server can do (OIDC Discovery §4)."""
    return _public(protocol().discovery)


@pages.route(paths.OAUTH_SERVER, access=Access.MACHINE, csrf=_NO_FORMS)
def oauth_server() -> ResponseReturnValue:
    """The same, where OAuth clients look for it (RFC 8414 §3)."""
    return _public(protocol().discovery)


@pages.route(paths.JWKS, access=Access.MACHINE, csrf=_NO_FORMS)
def jwks() -> ResponseReturnValue:
    """The public halves of the signing keys (RFC 7517 §5)."""
    response = _public(protocol().context.keys.now().document)
    # Asked again every time: a key that was taken out of use must not live on in a cache (R146). Mostly nothing has changed.
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    return response.make_conditional(request)


@pages.route(paths.TOKEN, methods=("POST", "OPTIONS"), access=Access.MACHINE, csrf=_NO_FORMS)
def token() -> ResponseReturnValue:
    """Redeem a code or a refresh token (RFC 6749 §3.2)."""
    if request.method == "OPTIONS":
        return _preflight("POST")
    return _answered(protocol().tokens.answer)


@pages.route(paths.INTROSPECT, methods=("POST",), access=Access.MACHINE, csrf=_NO_FORMS)
def introspect() -> ResponseReturnValue:
    """What a token is worth now (RFC 7662 §2). Servers ask that; no page's script may (R98)."""
    return _answered(partial(introspection.answer, protocol().context), to_scripts=False)


@pages.route(paths.REVOKE, methods=("POST", "OPTIONS"), access=Access.MACHINE, csrf=_NO_FORMS)
def revoke() -> ResponseReturnValue:
    """Give a token back (RFC 7009 §2)."""
    if request.method == "OPTIONS":
        return _preflight("POST")
    return _answered(partial(revocation.answer, protocol().context))


@pages.route(paths.USERINFO, methods=("GET", "POST", "OPTIONS"), access=Access.MACHINE, csrf=_NO_FORMS)
def user_info() -> ResponseReturnValue:
    """The claims that a token opens (OIDC Core §5.3)."""
    if request.method == "OPTIONS":
        return _preflight("GET, POST")
    has_body = request.method == "POST" and bool(request.content_length or request.mimetype)
    try:
        _check_address()
        form = _form() if has_body else None
    except Unreadable:
        return _said(userinfo.unreadable())
    return _said(userinfo.answer(protocol().context, request.headers.get("Authorization"), form))


def _answered(answer: Callable[[Params, str | None], MachineAnswer], *, to_scripts: bool = True) -> Response:
    """What an endpoint that takes a form, and a proof of who asks, says to this request."""
    try:
        form = _form()
    except Unreadable:
        wrong = client_auth.bad_request("invalid_request", "the request is not one form without URL parameters")
        return _said(wrong, to_scripts=to_scripts)
    return _said(answer(form, request.headers.get("Authorization")), to_scripts=to_scripts)


def _check_address() -> None:
    """What stands in the address is refused: it lands in logs, and could override the form."""
    if request.query_string:
        raise Unreadable("URL parameters")


def _form() -> Params:
    _check_address()
    return parameters.parse(read_body(), strict=True)


def _said(answer: MachineAnswer, *, to_scripts: bool = True) -> Response:
    """An answer as JSON; a script of a registered origin may read it, and no other (R98)."""
    body = json.dumps(answer.body, separators=(",", ":")) if answer.body else ""
    response = Response(body, answer.status, mimetype=_JSON)
    for header, value in answer.headers:
        response.headers[header] = value
    return _for_origin(response) if to_scripts else response


def _public(document: bytes) -> Response:
    """Anybody's script may read this."""
    response = Response(document, mimetype=_JSON)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "public, max-age=60"
    return response


def _preflight(methods: str) -> Response:
    response = _for_origin(Response(status=204))
    if "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = methods
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Max-Age"] = "600"
    return response


def _for_origin(response: Response) -> Response:
    origin = request.headers.get("Origin")
    response.vary.add("Origin")
    if origin is not None and protocol().context.clients.is_origin(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "WWW-Authenticate"
    return response
