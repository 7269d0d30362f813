"""Where one is signed in: end one sign-in or all of them, and stay signed in before the time is over."""

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from sqlalchemy import Connection
from wtforms import HiddenField

from idp.credentials import session_list, session_use, sessions
from idp.credentials.session_list import Listed
from idp.credentials.session_use import Ends
from idp.credentials.sessions import SignedIn
from idp.web import cookies, fresh
from idp.web.forms import Form
from idp.web.pages import Left, redirect_to, render, services, signed_in, the_signed_in
from idp.web.routes import Access, Csrf, Pages

pages = Pages("sessions")

END = "/account/sessions/end"
END_ALL = "/account/sessions/end-all"
OTHERS, ALL = "others", "all"

DONE = {
    "session": _("That sign-in has ended."),
    "session_gone": _("That sign-in had already ended."),
    "others": _("You are signed out everywhere else."),
}


class EndForm(Form):
    """Which sign-in ends."""

    session_id = HiddenField()


class EndAllForm(Form):
    """The buttons alone say what is meant."""


@pages.route(END, methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def end_one() -> ResponseReturnValue:
    """End a sign-in of one's own in another browser (R88). The page is for who comes here from showing who they are."""
    me = the_signed_in()
    # The address of the form names it too, so that it is known after the way to the password and back.
    chosen = request.form.get("session_id") or request.args.get("session_id") or ""
    sound = 0 < len(chosen) <= 64 and chosen.isascii() and chosen.isprintable()
    if (first := fresh.ask_again(me)) is not None:
        return first
    if request.method == "POST":
        ended = sound and services().db.write(lambda conn: session_list.end_own(conn, me, chosen))
        return redirect_to(f"/account?done={'session' if ended else 'session_gone'}")
    one = next((listed for listed in _list(me) if listed.session_id == chosen), None)
    if one is None or one.session_id == me.session_id:
        return redirect_to("/account")
    return render("sessions/end.html", form=EndForm(formdata=None, session_id=chosen), one=one)


@pages.route(END_ALL, methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def end_all() -> ResponseReturnValue:
    """Sign out everywhere else, or everywhere (R88); what sites hold for later use ends with either."""
    me = the_signed_in()
    if (first := fresh.ask_again(me)) is not None:
        return first
    chosen = request.form.get("end")
    if request.method != "POST" or chosen not in {OTHERS, ALL}:
        return render("sessions/end_all.html", form=EndAllForm(), others=len(_list(me)) - 1)

    def end(conn: Connection) -> None:
        keep = me.session_id if chosen == OTHERS else None
        sessions.end_everything(conn, me.account_id, keep=keep, actor=me.account_id, why="ended_by_owner")

    services().db.write(end)
    return redirect_to("/account?done=others") if chosen == OTHERS else signed_out()


def signed_out() -> Response:
    """The page of who has signed out here: nothing of theirs stays in this browser but the name that it remembers (R86)."""
    return forget_session(render("logout/done.html", signed_in_as="", session_left=None))


def forget_session(response: Response) -> Response:
    """Take the session's handle and what the browser keeps of our pages."""
    cookies.clear(response, cookies.SESSION)
    # "cookies" would take away other ports' cookies and the remembered username.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@pages.route("/session/ends", access=Access.PUBLIC, csrf=Csrf.none("nothing can be posted"))
def ends() -> ResponseReturnValue:
    """How many seconds this browser's sign-in still has. To ask is no use of it: that puts its end off by nothing."""
    handle = cookies.read(cookies.SESSION)
    if handle is None:
        return _told(None)
    with services().db.read() as conn:
        found = sessions.find_signed_in(conn, handle)
        return _told(session_use.find_ends(conn, handle) if found is not None else None)


@pages.route("/session/stay", methods=("POST",), access=Access.PUBLIC, csrf=Csrf.FORM)
def stay() -> ResponseReturnValue:
    """Put the end of an unused sign-in off, and tell the seconds as they are then. The latest end stays where it is (R83)."""
    me, handle = signed_in(), cookies.read(cookies.SESSION)
    if me is None or handle is None:
        return _told(None)

    def touch(conn: Connection) -> Ends | None:
        session_use.touch(conn, handle, me)
        return session_use.find_ends(conn, handle)

    return _told(services().db.write(touch))


def _told(ends: Ends | None) -> Response:
    left = None if ends is None else Left.of(ends)
    return jsonify({"idle": left.idle if left else 0, "latest": left.latest if left else 0})


def _list(me: SignedIn) -> list[Listed]:
    with services().db.read() as conn:
        return session_list.list_live(conn, services().keyring, me.account_id)
