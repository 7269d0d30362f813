"""Choosing another password, and how strong the one looks that is being typed."""

from dataclasses import dataclass

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import PasswordField
from wtforms.validators import InputRequired

from idp import limits
from idp.accounts import known_words
from idp.credentials import change_password, passwords, strength
from idp.credentials.sessions import SignedIn
from idp.journeys.engine import Journey
from idp.journeys.registration import At
from idp.limits import Limit
from idp.outcomes import Reason, Refused
from idp.web import cookies, messages
from idp.web.fresh import ask_again
from idp.web.pages import redirect_to, render, services, signed_in, start_again_page, the_session, with_wait
from idp.web.registration import find_journey
from idp.web.registration_forms import OnceForm
from idp.web.routes import Access, Csrf, Pages
from idp.web.signing_in import browser

pages = Pages("password")

CHANGE = "/account/password"

_OF_THE_NEW = {
    Reason.PASSWORD_TOO_SHORT,
    Reason.PASSWORD_TOO_LONG,
    Reason.PASSWORD_COMMON,
    Reason.PASSWORD_BREACHED,
    Reason.PASSWORD_SAME,
}


class ChangeForm(OnceForm):
    """The present password and the next one. `passwords` judges both."""

    current_password = PasswordField(_("Password now"), validators=[InputRequired(_("Enter your password."))])
    new_password = PasswordField(_("New password"), validators=[InputRequired(_("Choose a password."))])


@pages.route(CHANGE, methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def change() -> ResponseReturnValue:
    """Show the form, or put the new password in place (R12)."""
    me, session = the_session()
    if (asked := ask_again(me)) is not None:
        return asked
    form = ChangeForm() if request.method == "POST" else ChangeForm(formdata=None)
    if "pwd" not in me.amr:
        # They showed just now that it is them, by something better than the password; they may have forgotten that.
        del form.current_password
    if request.method != "POST":
        return _page(me, form)
    if not form.validate():
        return _page(me, form, status=422)
    try:
        outcome = change_password.change(
            services(),
            me,
            session,
            current=form.current_password.data or "" if "current_password" in form else None,
            new=form.new_password.data or "",
            browser=browser(),
        )
    except passwords.Busy as busy:
        form.form_errors.append(messages.busy())
        return with_wait(_page(me, form, status=503), busy.retry_after)
    if isinstance(outcome, Refused):
        return _refused(me, form, outcome)
    response = redirect_to("/account?done=password")
    cookies.write(response, cookies.SESSION, outcome)
    return response


@pages.route("/password/strength", methods=("POST",), access=Access.PUBLIC, csrf=Csrf.FORM)
def tell_strength() -> ResponseReturnValue:
    """How strong a password looks, and why it would be refused if it would: for who is about to choose one, in a registration
    or signed in, and nobody else. It is asked by a script while they type; nothing of it is kept.
    """
    me = signed_in()
    journey = None if me is not None else find_journey()
    if me is not None:
        counted_by = me.account_id
    elif journey is not None and journey.state == At.ACCOUNT:
        counted_by = journey.id
    else:
        return start_again_page()
    too_often = services().db.write(lambda conn: limits.reserve(conn, Limit.STRENGTH, counted_by))
    if too_often is not None:
        # The script then says nothing: whoever types goes on as without it.
        return with_wait(_told(429), too_often.retry_after)
    typed = request.form.get("new_password", "")
    chooser = _signed_in(me) if me is not None else _registering(journey)
    refused = passwords.check(
        typed, username=chooser.username, breached=services().breached, alone=chooser.alone, about=chooser.about
    )
    if refused is not None:
        return _told(200, score=0, words=str(messages.password(refused.reason, alone=chooser.alone)))
    score = strength.measure(typed, (chooser.username, *chooser.about))
    return _told(200, score=score, words=str(messages.strength(score)))


@dataclass(frozen=True)
class _Chooser:
    """Who is about to choose a password: what it must not be made of, and whether it will stand alone."""

    username: str
    about: tuple[str, ...]
    alone: bool


def _signed_in(me: SignedIn) -> _Chooser:
    with services().db.read() as conn:
        about = known_words.list_words(conn, services().keyring, me.account_id)
    return _Chooser(me.username, about, alone=not me.second_factor)


def _registering(journey: Journey | None) -> _Chooser:
    email = journey.facts["email"] if journey is not None else None
    typed = request.form.get("new_username", "")[: passwords.LONGEST]
    return _Chooser(typed, (known_words.before_at(email),) if email else (), alone=True)


def _told(status: int, **told: int | str) -> Response:
    response = jsonify(told)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def _page(me: SignedIn, form: ChangeForm, *, status: int = 200, refused: Refused | None = None) -> Response:
    return render(
        "account/password.html",
        status=status,
        form=form,
        username=me.username,
        shortest=passwords.SHORTEST_WITH_SECOND_FACTOR if me.second_factor else passwords.SHORTEST_ALONE,
        error_code=refused.reason.value if refused is not None else "",
    )


def _refused(me: SignedIn, form: ChangeForm, refused: Refused) -> Response:
    """At the field that it is about; where waiting helps, above them all."""
    if refused.reason is Reason.JOURNEY_GONE:
        # It was changed in another tab, which has the new handle, or this sign-in ended meanwhile.
        return redirect_to("/account")
    if refused.retry_after is not None:
        form.form_errors.append(messages.refusal(refused))
        return with_wait(_page(me, form, status=429, refused=refused), refused.retry_after)
    if refused.reason in _OF_THE_NEW:
        words = str(messages.password(refused.reason, alone=not me.second_factor))
        form.new_password.errors = [*form.new_password.errors, words]
    else:
        words = gettext("This is not your password now. Please type it again.")
        form.current_password.errors = [*form.current_password.errors, words]
    return _page(me, form, status=422, refused=refused)
