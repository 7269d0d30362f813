"""Signing out: asked for by a client with proof, or confirmed by the person on a page (OpenID RP-Initiated Logout 1.0)."""

from urllib.parse import quote

from flask import Response, request
from flask.typing import ResponseReturnValue
from wtforms import HiddenField

from idp.credentials import sessions
from idp.oidc import logout as ending
from idp.oidc import parameters, paths, redirect_uris
from idp.oidc.errors import BadRequestPage
from idp.oidc.logout import Logout
from idp.oidc.parameters import Params, Unreadable
from idp.web import cookies
from idp.web.forms import Form
from idp.web.pages import redirect_to, render, services, signed_in
from idp.web.protocol import error_page, protocol, read_body
from idp.web.routes import Access, Csrf, Pages
from idp.web.sessions import forget_session, signed_out

pages = Pages("logout")

_CONFIRM = f"{paths.LOGOUT}/confirm"
_CARRIED = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


class SignOutForm(Form):
    """What the client asked, carried through the page and checked anew when it comes back."""

    id_token_hint = HiddenField()
    client_id = HiddenField()
    post_logout_redirect_uri = HiddenField()
    state = HiddenField()


@pages.route(
    paths.LOGOUT,
    methods=("GET", "POST"),
    access=Access.PUBLIC,
    csrf=Csrf.none("a client's request comes from its own site; nothing ends without its proof or a confirmation"),
)
def sign_out() -> ResponseReturnValue:
    """End the session at once where the client proves that it is its own; ask the person otherwise (R157)."""
    try:
        if request.method == "POST":
            # As at /authorize: only the GET that follows brings our cookies.
            body = quote(read_body(), safe="!$&'()*+,-./:;=?@_~%")
            return redirect_to(f"{paths.LOGOUT}?{body}")
        params = parameters.parse(request.query_string, strict=True)
        asked = ending.check(protocol().context, params, signed_in())
    except Unreadable as wrong:
        return error_page(BadRequestPage("invalid_request", str(wrong)))
    except BadRequestPage as wrong:
        return error_page(wrong)
    if asked.confirmed or (signed_in() is None and asked.location is None):
        return _end(asked, by_person=False)
    form = SignOutForm(**{name: params.get(name, "") for name in _CARRIED})
    return render(
        "logout/confirm.html",
        form_action=() if asked.target is None else (redirect_uris.form_target(asked.target),),
        form=form,
        action=_CONFIRM,
        client_name=asked.client.name if asked.client else "",
    )


@pages.route(_CONFIRM, methods=("POST",), access=Access.PUBLIC, csrf=Csrf.FORM)
def confirm() -> ResponseReturnValue:
    """The person said yes."""
    carried = {name: value for name in _CARRIED if (value := request.form.get(name))}
    try:
        asked = ending.check(protocol().context, Params(carried), signed_in())
    except BadRequestPage as wrong:
        return error_page(wrong)
    return _end(asked, by_person=True)


def _end(asked: Logout, *, by_person: bool) -> Response:
    ending.end(protocol().context, asked, signed_in(), confirmed_by_person=by_person)
    handle = cookies.read(cookies.SESSION)
    if signed_in() is None and handle is not None:
        services().db.write(lambda conn: sessions.end_unused(conn, handle, why="signed_out"))
    return forget_session(redirect_to(asked.location)) if asked.location else signed_out()
