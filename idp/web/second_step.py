"""The second step of a sign-in: a code of the app, a recovery code, or a passkey.

For a sign-in that waits in this browser, and for whoever is signed in more weakly than their account can be.
"""

from dataclasses import dataclass

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import HiddenField, StringField
from wtforms.validators import DataRequired

from idp.credentials import ceremonies, recovery_codes, totp
from idp.credentials.second_factor import Factor
from idp.credentials.sessions import SignedIn
from idp.credentials.sign_in import Opened
from idp.journeys import sign_in
from idp.journeys.sign_in import HalfSigned
from idp.outcomes import Reason, Refused
from idp.web import cookies, messages
from idp.web.oauth import decline_form
from idp.web.pages import (
    continue_url,
    redirect_to,
    refusal_page,
    render,
    request_handle,
    services,
    signed_in,
    with_wait,
)
from idp.web.registration_forms import OnceForm
from idp.web.routes import Access, Csrf, Pages
from idp.web.signing_in import browser, go_on_signed_in, with_where_to
from idp.web.waiting import find_waiting

pages = Pages("second_step")


class CodeForm(OnceForm):
    """A code of an app, or a recovery code; which of them, and in which form, the page knows."""

    code = StringField(_("Code"), validators=[DataRequired(_("Enter the code."))])
    # No labels, as on the sign-in page.
    request = HiddenField("")
    next = HiddenField("")

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


@pages.route("/login/second-factor", methods=("GET", "POST"), access=Access.PUBLIC, csrf=Csrf.FORM)
def second_factor() -> ResponseReturnValue:
    """The second step: a code of the app; for whoever has none, a passkey."""
    return _step(Factor.TOTP)


@pages.route("/login/passkey-step", methods=("GET", "POST"), access=Access.PUBLIC, csrf=Csrf.FORM)
def passkey_step() -> ResponseReturnValue:
    """The second step with a passkey or security key."""
    return _step(Factor.PASSKEY)


@pages.route("/login/recovery-code", methods=("GET", "POST"), access=Access.PUBLIC, csrf=Csrf.FORM)
def recovery_code() -> ResponseReturnValue:
    """The second step without app or passkey: a recovery code."""
    return _step(Factor.RECOVERY_CODE)


@pages.route("/login/passkey-step/options", methods=("POST",), access=Access.PUBLIC, csrf=Csrf.FORM)
def passkey_options() -> ResponseReturnValue:
    """What the page's script asks the browser for (WebAuthn L3 §5.5)."""
    who = _who(Factor.PASSKEY)
    if who is None:
        return jsonify(error="gone"), 410
    if who.half is not None:
        return jsonify(sign_in.options(services(), who.half))
    return jsonify(sign_in.options_in_session(services(), who.me))


@pages.route("/login/start-over", methods=("POST",), access=Access.PUBLIC, csrf=Csrf.FORM)
def start_over() -> ResponseReturnValue:
    """Leave the second step: somebody else wants to sign in."""
    half_made = cookies.read(cookies.SIGN_IN)
    if half_made is not None:
        sign_in.give_up(services(), half_made)
    response = redirect_to(with_where_to("/login", request_handle(), request.form.get("next")))
    cookies.clear(response, cookies.SIGN_IN)
    return response


_STEPS = {
    Factor.TOTP: ("sign_in/second_factor.html", totp.is_code, _("Enter the 6 numbers that your app shows.")),
    Factor.RECOVERY_CODE: (
        "sign_in/recovery_code.html",
        recovery_codes.is_code,
        _("Enter the 16 letters and numbers of one recovery code."),
    ),
    Factor.PASSKEY: (
        "sign_in/passkey_step.html",
        lambda typed: len(typed) <= ceremonies.LONGEST,
        _("Your browser did not answer. Please try again."),
    ),
}


@dataclass(frozen=True)
class _Half:
    """Somebody whose password was right a moment ago."""

    half: HalfSigned

    @property
    def username(self) -> str:
        return self.half.account.username


@dataclass(frozen=True)
class _Weak:
    """Somebody who is signed in more weakly than they could be."""

    me: SignedIn
    half: None = None

    @property
    def username(self) -> str:
        return self.me.username


def _who(factor: Factor) -> _Half | _Weak | None:
    """Whom the second step is for: the sign-in that waits in this browser; where none does, a live one that could be more."""
    half = sign_in.find_half_made(services(), cookies.read(cookies.SIGN_IN))
    if half is not None:
        return _Half(half)
    me = signed_in()
    if me is None:
        return None
    # Two factors can become a sign-in that cannot be phished, by a passkey alone.
    may_rise = me.second_factor and (me.aal < 2 or (factor is Factor.PASSKEY and me.passkey and "user" not in me.amr))
    return _Weak(me) if may_rise else None


def _held(who: _Half | _Weak) -> frozenset[Factor]:
    if who.half is not None:
        return who.half.factors
    return sign_in.list_factors(services(), who.me)


def _step(factor: Factor) -> ResponseReturnValue:
    handle, next_path = request_handle(), request.form.get("next") or request.args.get("next")
    who = _who(factor)
    if request.method != "POST":
        if who is None:
            there = continue_url(handle, next_path) if signed_in() else with_where_to("/login", handle, next_path)
            return redirect_to(there)
        other = Factor.PASSKEY if factor is Factor.TOTP else Factor.TOTP
        if factor is not Factor.RECOVERY_CODE and _held(who) == {other}:
            return redirect_to(with_where_to(_ADDRESSES[other], handle, next_path))
        return _step_page(factor, CodeForm.shown(), who)
    form = CodeForm()
    _template, is_code, words = _STEPS[factor]
    sound = form.validate()
    if sound and not is_code(form.code.data or ""):
        form.refuse(str(words))
        sound = False
    if not sound and who is not None:
        return _step_page(factor, form, who, status=422)
    outcome = _show(factor, form.code.data or "", who)
    if isinstance(outcome, Refused):
        return _step_refused(factor, form, outcome, who)
    there = _after(factor, handle, next_path)
    if isinstance(outcome, Opened):
        return go_on_signed_in(outcome, there)
    response = redirect_to(there)
    cookies.write(response, cookies.SESSION, outcome)
    return response


def _show(factor: Factor, typed: str, who: _Half | _Weak | None) -> Opened | str | Refused:
    """A new session, the new handle of the live one, or why not."""
    half_made, session = cookies.read(cookies.SIGN_IN), cookies.read(cookies.SESSION)
    if half_made is not None and not isinstance(who, _Weak):
        return sign_in.complete(services(), half_made, factor=factor, typed=typed, browser=browser())
    if isinstance(who, _Weak) and session is not None:
        return sign_in.step_up(
            services(), who.me, session, factor=factor, typed=typed, device=cookies.read(cookies.DEVICE)
        )
    return Refused(Reason.JOURNEY_GONE if signed_in() is None else Reason.ALREADY_DONE)


def _step_refused(factor: Factor, form: CodeForm, refused: Refused, who: _Half | _Weak | None) -> Response:
    handle, next_path = request_handle(), form.next.data
    if refused.reason is Reason.ALREADY_DONE:
        # The same form came twice, or another tab was quicker: whoever is signed in goes on.
        return redirect_to(continue_url(handle, next_path))
    if refused.reason is Reason.JOURNEY_GONE or who is None:
        return refusal_page(
            Reason.JOURNEY_GONE.value,
            status=410,
            heading=gettext("Please sign in again"),
            message=gettext(
                "You waited too long after your password, or your account changed meanwhile. You are not signed in."
            ),
            next_steps=[(gettext("Sign in"), with_where_to("/login", handle, next_path))],
        )
    form.refuse(messages.stopped(factor) if refused.reason is Reason.FACTOR_STOPPED else messages.refusal(refused))
    status = 422 if refused.retry_after is None else 429
    return with_wait(_step_page(factor, form, who, status=status, error_code=refused.reason.value), refused.retry_after)


_ADDRESSES = {
    Factor.TOTP: "/login/second-factor",
    Factor.PASSKEY: "/login/passkey-step",
    Factor.RECOVERY_CODE: "/login/recovery-code",
}


def _step_page(
    factor: Factor, form: CodeForm, who: _Half | _Weak, *, status: int = 200, error_code: str = ""
) -> Response:
    handle, next_path = request_handle(), form.next.data
    waiting = find_waiting(handle)
    held = _held(who)
    template, _is_code, _words = _STEPS[factor]
    urls = {other: with_where_to(address, handle, next_path) for other, address in _ADDRESSES.items()}
    return render(
        template,
        status=status,
        form_action=waiting.origins if waiting else (),
        form=form,
        continuing_to=waiting.client_name if waiting else "",
        username=who.username,
        half_made=who.half is not None,
        app_url=urls[Factor.TOTP],
        passkey_url=urls[Factor.PASSKEY],
        recovery_url=urls[Factor.RECOVERY_CODE],
        has_app=Factor.TOTP in held,
        has_passkey=Factor.PASSKEY in held,
        decline=None if who.half is not None else decline_form(handle, signed_in()),
        error_code=error_code,
    )


def _after(factor: Factor, handle: str | None, next_path: str | None) -> str:
    """Where to go on. Whoever used a recovery code is first told how many are left, and offered new ones (R34)."""
    if factor is Factor.RECOVERY_CODE:
        return with_where_to("/account/recovery-codes", handle, next_path)
    return continue_url(handle, next_path)
