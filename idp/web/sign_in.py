"""The sign-in page. It says the same to a stranger and to an owner until the password was right (R23)."""

from urllib.parse import urlencode

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired

from idp.credentials import ceremonies, devices
from idp.credentials.sign_in import NotActive
from idp.journeys import sign_in
from idp.journeys.sign_in import HalfMade
from idp.outcomes import Refused
from idp.web import cookies, messages
from idp.web.forms import Form
from idp.web.pages import continue_url, redirect_to, render, request_handle, services, signed_in, with_wait
from idp.web.routes import Access, Csrf, Pages
from idp.web.signing_in import browser, go_on_signed_in, not_active_page, second_step_url, with_where_to
from idp.web.waiting import find_waiting

pages = Pages("sign_in")


class SignInForm(Form):
    """Username and password, and where to go on afterwards."""

    username = StringField(_("Username"), validators=[DataRequired(_("Enter your username."))])
    password = PasswordField(_("Password"), validators=[InputRequired(_("Enter your password."))])
    remember = BooleanField(_("Remember me on this device"))
    # Without a label WTForms would look for a translation of one, and read its whole catalogue for that.
    request = HiddenField("")
    next = HiddenField("")


@pages.route("/login", methods=("GET", "POST"), access=Access.PUBLIC, csrf=Csrf.FORM, costly=True)
def login() -> ResponseReturnValue:
    """Show the form, or check what came of it."""
    handle = request_handle()
    # A client's request leads here only when a sign-in is needed, be it a fresh one (prompt=login, max_age): whoever is
    # signed in already is sent on only where nobody asked for that.
    if request.method != "POST" and handle is None and signed_in() is not None:
        return redirect_to(continue_url(None, request.args.get("next")))
    form = SignInForm()
    if request.method != "POST":
        fill_in(form, handle)
        return page(form, handle)
    if not form.validate():
        return page(form, handle, status=422)
    waiting = find_waiting(handle)
    outcome = sign_in.sign_in(
        services(),
        username=form.username.data or "",
        password=form.password.data or "",
        remember=bool(form.remember.data),
        browser=browser(),
        half_made=cookies.read(cookies.SIGN_IN),
        may_resume=waiting is None or not waiting.wants_fresh,
    )
    if isinstance(outcome, Refused):
        return refused_page(form, handle, outcome)
    if isinstance(outcome, NotActive):
        return not_active_page(outcome)
    if isinstance(outcome, HalfMade):
        response = redirect_to(second_step_url(handle, form.next.data))
        cookies.write(response, cookies.SIGN_IN, outcome.handle)
        return response
    return go_on_signed_in(outcome, continue_url(handle, form.next.data))


def fill_in(form: SignInForm, handle: str | None) -> None:
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


def page(form: SignInForm, handle: str | None, *, status: int = 200, unknown_passkey: str = "") -> Response:
    """The page. `unknown_passkey` is one that the browser offered and nobody has: the browser may forget it."""
    waiting = find_waiting(handle)
    return render(
        "sign_in/login.html",
        status=status,
        form_action=waiting.origins if waiting else (),
        form=form,
        login_url=with_where_to("/login", handle, form.next.data),
        unknown_passkey=unknown_passkey,
        kept=cookies.read(cookies.KEPT) is not None,
        rp_id=ceremonies.site_of(services().settings).rp_id,
        continuing_to=waiting.client_name if waiting else "",
        register_url="/register" + (f"?{urlencode({'request': handle})}" if handle else ""),
    )


def refused_page(form: SignInForm, handle: str | None, refused: Refused) -> Response:
    """The form again, the name kept and the password not; 429 where only waiting helps."""
    form.form_errors.append(messages.refusal(refused))
    return with_wait(page(form, handle, status=422 if refused.retry_after is None else 429), refused.retry_after)
