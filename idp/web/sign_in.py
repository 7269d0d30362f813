"""The sign-in page. It says the same to a stranger and to an owner until the password was right (R23)."""

from math import ceil
from urllib.parse import urlencode

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired

from idp import audit
from idp.credentials import devices, sign_in
from idp.credentials.sign_in import Browser, NotActive
from idp.outcomes import Refused
from idp.web import cookies, guard, messages
from idp.web.pages import continue_url, redirect_to, render, request_handle, services, signed_in
from idp.web.routes import Access, Csrf, Pages
from idp.web.waiting import find_waiting

pages = Pages("sign_in")


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Username and password, and where to go on afterwards."""

    username = StringField(_("Username"), validators=[DataRequired(_("Enter your username."))])
    password = PasswordField(_("Password"), validators=[InputRequired(_("Enter your password."))])
    remember = BooleanField(_("Remember me on this device"))
    request = HiddenField()
    next = HiddenField()


@pages.route("/login", methods=("GET", "POST"), access=Access.PUBLIC, csrf=Csrf.FORM)
def login() -> ResponseReturnValue:
    """Show the form, or check what came of it."""
    handle = request_handle()
    # A client's request leads here only when a sign-in is needed, be it a fresh one (prompt=login, max_age): whoever is
    # signed in already is sent on only where nobody asked for that.
    if request.method != "POST" and handle is None and signed_in() is not None:
        return redirect_to(continue_url(None, request.args.get("next")))
    form = SignInForm()
    if request.method != "POST":
        _fill_in(form, handle)
        return _page(form, handle)
    if not form.validate():
        return _page(form, handle, status=422)
    browser = Browser(
        session=cookies.read(cookies.SESSION),
        device=cookies.read(cookies.DEVICE),
        address=audit.address.get() or guard.UNKNOWN_ADDRESS,
    )
    outcome = sign_in.sign_in(
        services(),
        username=form.username.data or "",
        password=form.password.data or "",
        remember=bool(form.remember.data),
        browser=browser,
    )
    if isinstance(outcome, Refused):
        return _refused(form, handle, outcome)
    if isinstance(outcome, NotActive):
        return _not_active(outcome)
    response = redirect_to(continue_url(handle, form.next.data))
    cookies.write(response, cookies.SESSION, outcome.session)
    if outcome.device is not None:
        cookies.write(response, cookies.DEVICE, outcome.device)
    elif browser.device is not None:
        cookies.clear(response, cookies.DEVICE)
    return response


def _fill_in(form: SignInForm, handle: str | None) -> None:
    """The name that this browser remembers, or that the client suggests (OIDC Core §3.1.2.1 `login_hint`)."""
    device = cookies.read(cookies.DEVICE)
    remembered = None
    if device is not None:
        with services().db.read() as conn:
            remembered = devices.find_username(conn, device)
    waiting = find_waiting(handle)
    hint = waiting.login_hint if waiting else None
    form.username.data = hint or remembered or ""
    form.remember.data = remembered is not None
    form.request.data = handle or ""
    form.next.data = request.args.get("next", "")


def _page(form: SignInForm, handle: str | None, *, status: int = 200) -> Response:
    waiting = find_waiting(handle)
    return render(
        "sign_in/login.html",
        status=status,
        form_action=waiting.origins if waiting else (),
        form=form,
        continuing_to=waiting.client_name if waiting else "",
        register_url="/register" + (f"?{urlencode({'request': handle})}" if handle else ""),
    )


def _refused(form: SignInForm, handle: str | None, refused: Refused) -> Response:
    """The form again, the name kept and the password not; 429 where only waiting helps."""
    form.form_errors.append(messages.refusal(refused))
    if refused.retry_after is None:
        return _page(form, handle, status=422)
    response = _page(form, handle, status=429)
    response.headers["Retry-After"] = str(ceil(refused.retry_after.total_seconds()))
    return response


def _not_active(outcome: NotActive) -> Response:
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
