"""The sign-in pages: the password, and the second step where there is one.

The first says the same to a stranger and to an owner until the password was right (R23). The second is for a sign-in that
waits, and for whoever is signed in with one factor while the account has two.
"""

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
from idp.credentials import devices, recovery_codes, totp
from idp.credentials.second_factor import Factor
from idp.credentials.sign_in import Browser, NotActive, Opened
from idp.journeys import sign_in
from idp.journeys.sign_in import HalfMade
from idp.outcomes import Reason, Refused
from idp.web import cookies, guard, messages
from idp.web.oauth import decline_form
from idp.web.pages import (
    continue_url,
    local_path,
    redirect_to,
    refusal_page,
    render,
    request_handle,
    services,
    signed_in,
)
from idp.web.registration_forms import OnceForm
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


class CodeForm(OnceForm):
    """A code of an app, or a recovery code; which of them, and in which form, the page knows."""

    code = StringField(_("Code"), validators=[DataRequired(_("Enter the code."))])
    request = HiddenField()
    next = HiddenField()

    @classmethod
    def shown(cls) -> "CodeForm":
        """The form of a page that is opened, with where to go on afterwards."""
        form = cls(formdata=None)
        form.request.data = request_handle() or ""
        form.next.data = request.args.get("next", "")
        return form

    def refuse(self, words: str) -> None:
        """Say what is wrong with the code."""
        self.code.errors = [*self.code.errors, words]


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
    asking = browser()
    outcome = sign_in.sign_in(
        services(),
        username=form.username.data or "",
        password=form.password.data or "",
        remember=bool(form.remember.data),
        browser=asking,
        half_made=cookies.read(cookies.SIGN_IN),
    )
    if isinstance(outcome, Refused):
        return _refused(form, handle, outcome)
    if isinstance(outcome, NotActive):
        return not_active_page(outcome)
    if isinstance(outcome, HalfMade):
        response = redirect_to(second_step_url(handle, form.next.data))
        cookies.write(response, cookies.SIGN_IN, outcome.handle)
        return response
    return go_on_signed_in(outcome, asking, continue_url(handle, form.next.data))


@pages.route("/login/second-factor", methods=("GET", "POST"), access=Access.PUBLIC, csrf=Csrf.FORM)
def second_factor() -> ResponseReturnValue:
    """The second step: a code of the app."""
    return _second_step(Factor.TOTP)


@pages.route("/login/recovery-code", methods=("GET", "POST"), access=Access.PUBLIC, csrf=Csrf.FORM)
def recovery_code() -> ResponseReturnValue:
    """The second step without the app: a recovery code."""
    return _second_step(Factor.RECOVERY_CODE)


@pages.route("/login/start-over", methods=("POST",), access=Access.PUBLIC, csrf=Csrf.FORM)
def start_over() -> ResponseReturnValue:
    """Leave the second step: somebody else wants to sign in."""
    half_made = cookies.read(cookies.SIGN_IN)
    if half_made is not None:
        sign_in.give_up(services(), half_made)
    response = redirect_to(_with_where_to("/login", request_handle(), request.form.get("next")))
    cookies.clear(response, cookies.SIGN_IN)
    return response


def second_step_url(handle: str | None, next_path: str | None = None) -> str:
    """The page of the second step, with where to go on afterwards."""
    return _with_where_to("/login/second-factor", handle, next_path)


_STEPS = {
    Factor.TOTP: ("sign_in/second_factor.html", totp.is_code, _("Enter the 6 numbers that your app shows.")),
    Factor.RECOVERY_CODE: (
        "sign_in/recovery_code.html",
        recovery_codes.is_code,
        _("Enter the 16 letters and numbers of one recovery code."),
    ),
}


def _second_step(factor: Factor) -> ResponseReturnValue:
    """For a sign-in that waits in this browser; where none does, for a live sign-in that is weaker than it could be."""
    handle, next_path = request_handle(), request.form.get("next") or request.args.get("next")
    half_made, found = cookies.read(cookies.SIGN_IN), signed_in()
    waits_for = sign_in.find_half_made(services(), half_made)
    may_rise = found is not None and found.second_factor and found.aal < 2
    if request.method != "POST":
        if waits_for is not None:
            return _step_page(factor, CodeForm.shown(), username=waits_for.username, half_made=True)
        if found is not None and may_rise:
            return _step_page(factor, CodeForm.shown(), username=found.username, half_made=False)
        here = continue_url(handle, next_path) if found else _with_where_to("/login", handle, next_path)
        return redirect_to(here)
    form = CodeForm()
    half = waits_for is not None
    username = waits_for.username if waits_for is not None else found.username if found is not None else ""
    _, is_code, words = _STEPS[factor]
    sound = form.validate()
    if sound and not is_code(form.code.data or ""):
        form.refuse(str(words))
        sound = False
    if not sound and (half or may_rise):
        return _step_page(factor, form, username=username, half_made=half, status=422)
    typed = form.code.data or ""
    session = cookies.read(cookies.SESSION)
    outcome: Opened | str | Refused
    if half_made is not None and (half or not may_rise):
        asking = browser()
        outcome = sign_in.complete(services(), half_made, factor=factor, typed=typed, browser=asking)
        if isinstance(outcome, Opened):
            return go_on_signed_in(outcome, asking, _after(factor, handle, next_path))
    elif found is not None and may_rise and session is not None:
        outcome = sign_in.step_up(services(), found, session, factor=factor, typed=typed)
        if isinstance(outcome, str):
            response = redirect_to(_after(factor, handle, next_path))
            cookies.write(response, cookies.SESSION, outcome)
            return response
    else:
        outcome = Refused(Reason.JOURNEY_GONE if found is None else Reason.ALREADY_DONE)
    return _step_refused(factor, form, outcome, username=username, half_made=half)


def _step_refused(factor: Factor, form: CodeForm, refused: Refused, *, username: str, half_made: bool) -> Response:
    handle, next_path = request_handle(), form.next.data
    if refused.reason is Reason.ALREADY_DONE:
        # The same form came twice, or another tab was quicker: whoever is signed in goes on.
        return redirect_to(continue_url(handle, next_path))
    if refused.reason is Reason.JOURNEY_GONE:
        return refusal_page(
            Reason.JOURNEY_GONE.value,
            status=410,
            heading=gettext("Please sign in again"),
            message=gettext(
                "You waited too long after your password, or your account changed meanwhile. You are not signed in."
            ),
            next_steps=[(gettext("Sign in"), _with_where_to("/login", handle, next_path))],
        )
    form.refuse(messages.refusal(refused))
    status = 422 if refused.retry_after is None else 429
    page = _step_page(
        factor, form, username=username, half_made=half_made, status=status, error_code=refused.reason.value
    )
    return with_wait(page, refused)


def _step_page(
    factor: Factor, form: CodeForm, *, username: str, half_made: bool, status: int = 200, error_code: str = ""
) -> Response:
    handle, next_path = request_handle(), form.next.data
    waiting = find_waiting(handle)
    template, _is_code, _words = _STEPS[factor]
    return render(
        template,
        status=status,
        form_action=waiting.origins if waiting else (),
        form=form,
        continuing_to=waiting.client_name if waiting else "",
        username=username,
        half_made=half_made,
        app_url=second_step_url(handle, next_path),
        recovery_url=_with_where_to("/login/recovery-code", handle, next_path),
        decline=None if half_made else decline_form(handle, signed_in()),
        error_code=error_code,
    )


def _after(factor: Factor, handle: str | None, next_path: str | None) -> str:
    """Where to go on. Whoever used a recovery code is first told how many are left, and offered new ones (R34)."""
    if factor is Factor.RECOVERY_CODE:
        return _with_where_to("/account/recovery-codes", handle, next_path)
    return continue_url(handle, next_path)


def _with_where_to(address: str, handle: str | None, next_path: str | None) -> str:
    """One of our pages, with the request that waits behind it or the page that was wanted."""
    carried = {"request": handle, "next": None if handle else local_path(next_path)}
    query = urlencode({name: value for name, value in carried.items() if value})
    return f"{address}?{query}" if query else address


def go_on_signed_in(opened: Opened, asking: Browser, there: str) -> Response:
    """Go on as somebody who is signed in now."""
    response = redirect_to(there)
    cookies.write(response, cookies.SESSION, opened.session)
    if opened.device is not None:
        cookies.write(response, cookies.DEVICE, opened.device)
    elif asking.device is not None:
        cookies.clear(response, cookies.DEVICE)
    if cookies.read(cookies.SIGN_IN) is not None:
        cookies.clear(response, cookies.SIGN_IN)
    return response


def browser() -> Browser:
    """What this browser brought."""
    return Browser(
        session=cookies.read(cookies.SESSION),
        device=cookies.read(cookies.DEVICE),
        address=audit.address.get() or guard.UNKNOWN_ADDRESS,
    )


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
    return with_wait(_page(form, handle, status=422 if refused.retry_after is None else 429), refused)


def with_wait(response: Response, refused: Refused) -> Response:
    """The answer, with the time to wait where waiting helps."""
    if refused.retry_after is not None:
        response.headers["Retry-After"] = str(ceil(refused.retry_after.total_seconds()))
    return response


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
