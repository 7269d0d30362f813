"""Before a page of changes: who is there is asked again, unless they signed in just now, at the account's strongest (R89)."""

from dataclasses import replace
from urllib.parse import quote

from flask import Response, request

from idp import clock
from idp.accounts.levels import Requirement
from idp.credentials import freshness
from idp.credentials.freshness import Lacking
from idp.credentials.sessions import SignedIn
from idp.web.pages import local_path, redirect_to


def ask_again(me: SignedIn, requirement: Requirement | None = None) -> Response | None:
    """The way to show again who one is, and back to this page; None for whoever did so just now.

    `requirement` is `freshness.to_change(me)` unless told otherwise. A form that was opened in time may take a while to
    fill in.
    """
    needed = requirement or freshness.to_change(me)
    if request.method == "POST" and needed.within is not None:
        needed = replace(needed, within=needed.within + freshness.TO_FILL_IN)
    lacking = freshness.find_lacking(me, needed, clock.now())
    if lacking is None:
        return None
    page = "/login/again" if lacking is Lacking.SIGN_IN else "/login/second-factor"
    return redirect_to(f"{page}?next={quote(_back(), safe='')}")


def _back() -> str:
    """This page, or where it has none to be opened the account."""
    return local_path(request.full_path.rstrip("?")) or "/account"
