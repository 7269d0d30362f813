"""What every view uses: the services, who is signed in, how a page is rendered, and where a person goes on."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from typing import Self, cast
from urllib.parse import quote, urlencode, urlsplit

from flask import Response, current_app, g, make_response, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from idp import clock
from idp.credentials import session_use, sessions
from idp.credentials.session_use import Ends
from idp.credentials.sessions import SignedIn
from idp.ports import Services
from idp.web import cookies, headers

_UNREAD = object()


@dataclass(frozen=True, slots=True)
class Left:
    """How many seconds a sign-in still has: unused, and at the latest."""

    idle: int
    latest: int

    @classmethod
    def of(cls, ends: Ends) -> Self:
        """By our own clock: no browser's is believed."""
        now = clock.now()
        return cls(_seconds(ends.idle_ends_at - now), _seconds(ends.expires_at - now))


def _seconds(span: timedelta) -> int:
    return max(0, int(span.total_seconds()))


def services() -> Services:
    """Everything that a view works with."""
    return cast("Services", current_app.extensions["services"])


def signed_in() -> SignedIn | None:
    """The live sign-in of this browser, looked up once a request."""
    found = g.get("signed_in", _UNREAD)
    if found is _UNREAD:
        found = g.signed_in = _look_up()
    return cast("SignedIn | None", found)


def the_signed_in() -> SignedIn:
    """Whoever the guard let in, on a page for people who are signed in."""
    found = signed_in()
    if found is None:
        raise LookupError("a page for people who are signed in was reached by somebody who is not")
    return found


def the_session() -> tuple[SignedIn, str]:
    """The same, and the handle of their session."""
    handle = cookies.read(cookies.SESSION)
    if handle is None:
        raise LookupError("somebody is signed in without a handle")
    return the_signed_in(), handle


def session_left() -> Left | None:
    """How long the sign-in of this request still has."""
    signed_in()
    ends: Ends | None = g.get("session_ends")
    return None if ends is None else Left.of(ends)


def _look_up() -> SignedIn | None:
    handle = cookies.read(cookies.SESSION)
    if handle is None:
        return None
    db = services().db
    with db.read() as conn:
        found = sessions.find_signed_in(conn, handle)
        ends = session_use.find_ends(conn, handle) if found is not None else None
    if found is not None and ends is not None:
        if ends.needs_touch:
            ends = replace(ends, idle_ends_at=db.write(lambda conn: session_use.touch(conn, handle, found)))
        g.session_ends = ends
    return found


def render(template: str, *, status: int = 200, form_action: Iterable[str] = (), **context: object) -> Response:
    """A page. `form_action` names the origins where its forms may end, where a client is waiting."""
    origins = tuple(form_action)
    if origins:
        headers.allow_form_action(*origins)
    page = template.removesuffix(".html")
    return make_response(render_template(template, page=page, **context), status)


def refusal_page(
    code: str,
    *,
    status: int,
    heading: str,
    message: str,
    next_steps: Iterable[tuple[str, str]] = (),
) -> Response:
    """The one page for "no" and for faults: what happened, and what to do next as (words, address) pairs."""
    return render(
        "errors/error.html",
        status=status,
        error_code=code,
        heading=heading,
        message=message,
        next_steps=list(next_steps),
        request_id=g.get("request_id"),
    )


def with_wait(response: Response, wait: timedelta | None) -> Response:
    """The answer, with the time to wait where waiting helps: told to programs, too."""
    if wait is not None:
        response.headers["Retry-After"] = str(ceil(wait.total_seconds()))
    return response


def start_again_page() -> Response:
    """The journey is over, was replaced, or never was. Another tab may have finished it: then the account is there."""
    home = (_("Go to your account"), "/account") if signed_in() else (_("Sign in"), "/login")
    return refusal_page(
        "journey_gone",
        status=410,
        heading=_("This page has run out of time"),
        message=_(
            "What you were doing here has ended, or it was started again somewhere else. Nothing from this page was saved."
        ),
        next_steps=[(_("Start again"), "/register"), home],
    )


def redirect_to(address: str) -> Response:
    """Go on by GET (303): a reload never sends a form twice, and a password is never sent on (RFC 9700 §4.12)."""
    return cast("Response", redirect(address, code=303))


def continue_url(request_handle: str | None, next_path: str | None = None) -> str:
    """Where a person goes on after signing in or registering: to the client that waits, the page they wanted, or
    their account.
    """
    if request_handle:
        return f"/authorize/continue?{urlencode({'request': request_handle})}"
    return local_path(next_path) or "/account"


def login_url(wanted: str | None = None) -> str:
    """The sign-in page that comes back to the page of this request, or to the one that is wanted."""
    if wanted is None:
        wanted = request.full_path.rstrip("?") if request.method != "POST" else "/account"
    return "/login?next=" + quote(wanted, safe="")


def request_handle() -> str | None:
    """The parked request that this page belongs to, from its address or its form."""
    value = request.form.get("request") or request.args.get("request")
    return value if value and len(value) <= 64 and value.isascii() else None


def local_path(wanted: str | None) -> str | None:
    """`wanted` if it is the address of one of our own pages, else None: nobody is sent elsewhere by a link (R96)."""
    if not wanted or len(wanted) > 2_000 or not wanted.startswith("/") or wanted.startswith("//"):
        return None
    if any(character in wanted for character in "\\\r\n\t\0") or not wanted.isascii() or not wanted.isprintable():
        return None
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc:
        return None
    adapter = current_app.url_map.bind("local")
    try:
        adapter.match(parts.path, method="GET")
    except (HTTPException, RequestRedirect):
        return None
    return wanted
