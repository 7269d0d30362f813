"""The link "This was not me" of a notice: a page that asks once more, and the lock (SP 800-63B-4 §4.6, R50, R58, R73)."""

from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from idp.journeys import locking
from idp.journeys.locking import Link
from idp.outcomes import Refused
from idp.web import guard, messages
from idp.web.forms import Form
from idp.web.pages import redirect_to, render, services, with_wait
from idp.web.routes import Access, Csrf, Pages

pages = Pages("not_me")

_ADDRESS = "/not-me"
_LOCKED = f"{_ADDRESS}/locked"


class LockForm(Form):
    """Nothing but the form's own mark; the token stays in the address, so that no reload loses it."""


@pages.route(_ADDRESS, methods=("GET", "POST"), access=Access.PUBLIC, csrf=Csrf.FORM, secret_address=True)
def ask() -> ResponseReturnValue:
    """Say what happens, and do it when the button is pressed. A mail scanner that opens the link changes nothing (R58)."""
    token = _token()
    if token is None:
        return _dead()
    if request.method == "POST":
        return _lock(token)
    link = locking.look(services(), token)
    return _page("not_me/ask.html", form=LockForm()) if link is Link.LOCKS else _told(link)


@pages.route(_LOCKED, access=Access.PUBLIC, csrf=Csrf.none("nothing can be posted"))
def locked() -> ResponseReturnValue:
    """It is done, or was done before. The page knows of no account, so anybody may open it."""
    return _page("not_me/locked.html")


def _lock(token: str) -> Response:
    outcome = locking.disown(services(), token, address=guard.address())
    if not isinstance(outcome, Refused):
        return _told(outcome)
    if outcome.retry_after is None:
        return _told(None)
    heading, why = _("Please wait, or call"), messages.refusal(outcome)
    page = _page("not_me/dead.html", status=429, error_code=outcome.reason.value, heading=heading, why=why)
    return with_wait(page, outcome.retry_after)


def _told(link: Link | None) -> Response:
    """Go on to an address without the token: there unknown, used and run out are one page, to the byte."""
    return redirect_to(_ADDRESS if link is None else _LOCKED)


def _dead() -> Response:
    heading = _("This link does not work any more")
    why = _("Each link works once, for 30 days after the email. If you locked your account with it, it stays locked.")
    return _page("not_me/dead.html", status=410, error_code="link_dead", heading=heading, why=why)


def _page(template: str, *, status: int = 200, **context: Any) -> Response:
    return render(template, status=status, help_phone=services().settings.help_phone, **context)


def _token() -> str | None:
    """The token of the address, if it looks like one of ours."""
    value = request.args.get("token")
    return value if value and len(value) <= 64 and value.isascii() else None
