"""What every way of signing in shares: what the browser brought, and how one goes on as somebody who is signed in."""

from urllib.parse import urlencode

from flask import Response, request
from flask_babel import gettext

from idp.credentials import sessions
from idp.credentials.sign_in import Browser, NotActive, Opened
from idp.web import cookies, guard, messages
from idp.web.pages import local_path, redirect_to, render, services


def with_where_to(address: str, handle: str | None, next_path: str | None) -> str:
    """One of our pages, with the request that waits behind it or the page that was wanted."""
    carried = {"request": handle, "next": None if handle else local_path(next_path)}
    query = urlencode({name: value for name, value in carried.items() if value})
    return f"{address}?{query}" if query else address


def second_step_url(handle: str | None, next_path: str | None = None) -> str:
    """The page of the second step, with where to go on afterwards."""
    return with_where_to("/login/second-factor", handle, next_path)


def go_on_signed_in(opened: Opened, there: str) -> Response:
    """Go on as somebody who is signed in now."""
    response = redirect_to(there)
    cookies.write(response, cookies.SESSION, opened.session, lasts=sessions.STAYS if opened.stays else None)
    cookies.write(response, cookies.DEVICE, opened.device)
    if cookies.read(cookies.SIGN_IN) is not None:
        cookies.clear(response, cookies.SIGN_IN)
    return response


def browser() -> Browser:
    """What this browser brought."""
    return Browser(
        session=cookies.read(cookies.SESSION),
        device=cookies.read(cookies.DEVICE),
        address=guard.address(),
        agent=agent(),
    )


def agent() -> str:
    """What the browser calls itself, in letters that a page can show."""
    return "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())


def not_active_page(outcome: NotActive) -> Response:
    """To the owner, who has just given the right password: why the account is closed to them, and the way out."""
    return render(
        "sign_in/not_active.html",
        status=403,
        error_code=f"account_{outcome.state.value}",
        why=messages.state(outcome.state),
        state=outcome.state.value,
        help_phone=services().settings.help_phone,
        heading=gettext("You cannot sign in right now"),
    )
