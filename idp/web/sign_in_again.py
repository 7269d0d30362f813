"""The page that asks somebody who is signed in to show once more that it is them."""

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from wtforms import HiddenField, PasswordField
from wtforms.validators import InputRequired

from idp.credentials.sessions import SignedIn
from idp.credentials.sign_in import NotActive
from idp.journeys import sign_in
from idp.journeys.sign_in import HalfMade
from idp.outcomes import Refused
from idp.web import cookies, messages
from idp.web.pages import continue_url, redirect_to, render, services, signed_in, with_wait
from idp.web.registration_forms import OnceForm
from idp.web.routes import Access, Csrf, Pages
from idp.web.signing_in import browser, go_on_signed_in, not_active_page, second_step_url

pages = Pages("sign_in_again")


class AgainForm(OnceForm):
    """The password of who is signed in, and the page that was wanted."""

    password = PasswordField(_("Password"), validators=[InputRequired(_("Enter your password."))])
    next = HiddenField()


@pages.route("/login/again", methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def again() -> ResponseReturnValue:
    """Show the form, or check what came of it. Whoever passes holds the same session, as new as today's sign-in."""
    me = signed_in()
    if me is None:
        raise LookupError("a page for people who are signed in was reached by somebody who is not")
    if request.method != "POST":
        return _page(me, AgainForm(formdata=None, next=request.args.get("next", "")))
    form = AgainForm()
    if not form.validate():
        return _page(me, form, status=422)
    outcome = sign_in.sign_in(
        services(),
        username=me.username,
        password=form.password.data or "",
        remember=None,
        browser=browser(),
        half_made=cookies.read(cookies.SIGN_IN),
    )
    if isinstance(outcome, Refused):
        form.form_errors.append(messages.refusal(outcome))
        return with_wait(_page(me, form, status=422 if outcome.retry_after is None else 429), outcome.retry_after)
    if isinstance(outcome, NotActive):
        return not_active_page(outcome)
    if isinstance(outcome, HalfMade):
        response = redirect_to(second_step_url(None, form.next.data))
        cookies.write(response, cookies.SIGN_IN, outcome.handle)
        return response
    return go_on_signed_in(outcome, continue_url(None, form.next.data))


def _page(me: SignedIn, form: AgainForm, *, status: int = 200) -> Response:
    return render("sign_in/again.html", status=status, form=form, username=me.username, passkey=me.passkey)
