"""The pages for everybody: the start page, and help in plain words."""

from flask.typing import ResponseReturnValue

from idp.web.pages import render, services, signed_in
from idp.web.routes import Access, Csrf, Pages

pages = Pages("help")
_NO_POST = Csrf.none("nothing can be posted")


@pages.route("/", access=Access.PUBLIC, csrf=_NO_POST)
def start() -> ResponseReturnValue:
    """What this is, and the two ways in."""
    return render("help/start.html", me=signed_in())


@pages.route("/help", access=Access.PUBLIC, csrf=_NO_POST)
def show() -> ResponseReturnValue:
    """Registering, codes, trouble with signing in, and whom to ask."""
    return render("help/show.html", help_phone=services().settings.help_phone)
