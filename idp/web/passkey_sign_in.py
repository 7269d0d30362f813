"""Signing in with a passkey alone, from the sign-in page or from the names that the browser offers in its field."""

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from wtforms import HiddenField
from wtforms.validators import DataRequired

from idp import crypto
from idp.credentials import ceremonies
from idp.credentials.second_factor import Factor
from idp.credentials.sign_in import NotActive
from idp.journeys import passkey_sign_in
from idp.outcomes import Reason, Refused
from idp.web import cookies, messages
from idp.web.pages import continue_url, request_handle, services, with_wait
from idp.web.registration_forms import OnceForm
from idp.web.routes import Access, Csrf, Pages
from idp.web.sign_in import SignInForm, fill_in, page
from idp.web.signing_in import browser, go_on_signed_in, not_active_page

pages = Pages("passkey_sign_in")


class PasskeyForm(OnceForm):
    """What the authenticator answered, and where to go on afterwards."""

    answer = HiddenField(validators=[DataRequired(_("Your browser did not answer. Please try again."))])
    remembered = HiddenField()
    """Absent where that is not asked: what this browser remembers then stays as it is."""
    request = HiddenField()
    next = HiddenField()


@pages.route("/login/passkey/options", methods=("POST",), access=Access.PUBLIC, csrf=Csrf.FORM)
def options() -> ResponseReturnValue:
    """What the page's script asks the browser for (WebAuthn L3 §5.5)."""
    holder = cookies.read(cookies.PASSKEY)
    given = holder or crypto.new_handle()
    asked = passkey_sign_in.options(services(), given, address=browser().address)
    if isinstance(asked, Refused):
        return with_wait(Response(status=429), asked.retry_after)
    response = jsonify(asked)
    if holder is None:
        cookies.write(response, cookies.PASSKEY, given)
    return response


@pages.route("/login/passkey", methods=("POST",), access=Access.PUBLIC, csrf=Csrf.FORM)
def sign_in() -> ResponseReturnValue:
    """Check what the authenticator answered."""
    form = PasskeyForm()
    if not form.validate():
        return _again(Refused(Reason.WRONG_PASSKEY))
    outcome = passkey_sign_in.sign_in_with_passkey(
        services(),
        typed=form.answer.data or "",
        holder=cookies.read(cookies.PASSKEY),
        remember=None if form.remembered.data is None else bool(form.remembered.data),
        browser=browser(),
        half_made=cookies.read(cookies.SIGN_IN),
    )
    if isinstance(outcome, Refused):
        return _again(outcome, offered=form.answer.data or "")
    if isinstance(outcome, NotActive):
        return not_active_page(outcome)
    response = go_on_signed_in(outcome, continue_url(request_handle(), form.next.data))
    cookies.clear(response, cookies.PASSKEY)
    return response


def _again(refused: Refused, *, offered: str = "") -> Response:
    """The sign-in page, where the password still works (R47)."""
    form = SignInForm(formdata=None)
    fill_in(form, request_handle())
    form.next.data = request.form.get("next", "")
    words = messages.stopped(Factor.PASSKEY) if refused.reason is Reason.FACTOR_STOPPED else messages.refusal(refused)
    form.form_errors.append(words)
    sent = ceremonies.read(offered) if refused.reason is Reason.UNKNOWN_PASSKEY else refused
    return with_wait(
        page(
            form,
            request_handle(),
            status=422 if refused.retry_after is None else 429,
            unknown_passkey="" if isinstance(sent, Refused) else sent.credential_id,
        ),
        refused.retry_after,
    )
