"""What somebody typed is not lost when their sign-in ended meanwhile: it is kept, and filled in again once they are back."""

from collections.abc import Mapping

from flask import Response, request

from idp.credentials.sessions import SignedIn
from idp.journeys import kept_form
from idp.web import cookies
from idp.web.pages import login_url, redirect_to, services

_NEVER = frozenset({"csrf_token"})


def keep_and_sign_in() -> Response:
    """Keep the form of this request if the browser was signed in before, and lead to the sign-in and back to its page."""
    response = redirect_to(login_url(request.path))
    session = cookies.read(cookies.SESSION)
    if session is None:
        return response
    fields = {name: value for name, value in request.form.items() if name not in _NEVER}
    handle = kept_form.keep(services(), session, page=request.path, fields=fields)
    if handle is not None:
        cookies.write(response, cookies.KEPT, handle, lasts=kept_form.LASTS)
    return response


def find(me: SignedIn) -> Mapping[str, str]:
    """What this person typed into this page before; nothing where nothing is kept."""
    handle = cookies.read(cookies.KEPT)
    kept = None if handle is None else kept_form.find(services(), me, handle, page=request.path)
    return kept or {}


def forget(me: SignedIn, response: Response) -> Response:
    """The form was sent by somebody who is signed in: what was kept of it goes."""
    handle = cookies.read(cookies.KEPT)
    if handle is not None:
        kept_form.forget(services(), me, handle)
        cookies.clear(response, cookies.KEPT)
    return response
