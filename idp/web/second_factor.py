"""The pages of one's own second factor: add an app, change it, and save recovery codes."""

from dataclasses import dataclass

import qrcode
from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, HiddenField
from wtforms.validators import InputRequired

from idp.credentials import freshness, recovery_codes, totp
from idp.credentials.sessions import SignedIn
from idp.journeys import new_codes, second_factor
from idp.outcomes import Reason, Refused
from idp.web import cookies, messages
from idp.web.fresh import ask_again
from idp.web.oauth import decline_form
from idp.web.pages import (
    continue_url,
    redirect_to,
    refusal_page,
    render,
    request_handle,
    services,
    the_session,
    with_wait,
)
from idp.web.registration_forms import OnceForm
from idp.web.routes import Access, Csrf, Pages
from idp.web.second_step import CodeForm
from idp.web.signing_in import second_step_url, with_where_to
from idp.web.waiting import find_waiting

pages = Pages("second_factor")

ENROL = "/account/second-factor"
CODES = "/account/recovery-codes"
SAVE = "/account/recovery-codes/save"


class WhereForm(OnceForm):
    """A button, and where to go on afterwards."""

    request = HiddenField()
    next = HiddenField()

    def fill_in(self) -> None:
        """Carry on what the address of this page says."""
        self.request.data = request_handle() or ""
        self.next.data = _next() or ""


class SavedForm(WhereForm):
    """The person's word that the codes are saved: afterwards they are shown to nobody."""

    saved = BooleanField(
        _("I have saved these codes"), validators=[InputRequired(_("Save the codes first. Then check this box."))]
    )


@dataclass(frozen=True)
class Picture:
    """A QR code as squares of a grid: the path of an SVG, which needs neither a script nor a file that could be kept."""

    size: int
    path: str


@pages.route(ENROL, methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def enrol() -> ResponseReturnValue:
    """Show a new app's secret, and take its first code."""
    me, session = the_session()
    if me.second_factor and request_handle() is not None and request.method != "POST":
        # A client's request leads here for a first factor only; another tab may have added it.
        return redirect_to(continue_url(request_handle()))
    # Whoever has two factors shows both before one is changed (R49, R89).
    if (asked := ask_again(me, None if me.second_factor else freshness.to_add_first())) is not None:
        return asked
    form = CodeForm() if request.method == "POST" else CodeForm.shown()
    if request.method != "POST":
        return _enrol_page(me, session, form)
    if not form.validate():
        return _enrol_page(me, session, form, status=422)
    if not totp.is_code(form.code.data or ""):
        form.refuse(gettext("Enter the 6 numbers that your app shows."))
        return _enrol_page(me, session, form, status=422)
    outcome = second_factor.confirm(services(), me, session, form.code.data or "")
    if isinstance(outcome, Refused):
        return _enrol_refused(me, session, form, outcome)
    there = _address(SAVE) if outcome.codes else continue_url(request_handle(), _next())
    response = redirect_to(there)
    cookies.write(response, cookies.SESSION, outcome.session)
    return response


@pages.route(CODES, methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def list_codes() -> ResponseReturnValue:
    """How many recovery codes are left, and a new set for whoever asks."""
    me, session = the_session()
    if not me.second_factor:
        return redirect_to(ENROL)
    if me.aal < 2:
        return redirect_to(second_step_url(request_handle(), None if request_handle() else CODES))
    refused = None
    if request.method == "POST":
        if (asked := ask_again(me)) is not None:
            return asked
        refused = new_codes.renew(services(), me, session)
        if refused is None:
            return redirect_to(_address(SAVE))
    with services().db.read() as conn:
        left = recovery_codes.count_left(conn, me.account_id)
    form = WhereForm(formdata=None)
    form.fill_in()
    if refused is not None:
        form.form_errors.append(messages.refusal(refused))
    waiting = find_waiting(request_handle())
    response = render(
        "second_factor/recovery_codes.html",
        status=200 if refused is None else 429,
        form=form,
        left=left,
        few=left <= recovery_codes.FEW,
        of=recovery_codes.HOW_MANY,
        continuing_to=waiting.client_name if waiting else "",
        go_on=continue_url(request_handle(), _next()),
    )
    return with_wait(response, refused.retry_after if refused else None)


@pages.route(SAVE, methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def save_codes() -> ResponseReturnValue:
    """Show new recovery codes until the person has saved them, and then never again."""
    me, _session = the_session()
    codes = new_codes.list_unsaved(services(), me)
    if not codes:
        # They were saved, here or in another tab, and so are not ours to show.
        return redirect_to(continue_url(request_handle(), _next()) if request.method == "POST" else _address(CODES))
    form = SavedForm() if request.method == "POST" else SavedForm(formdata=None)
    if request.method != "POST":
        form.fill_in()
    elif form.validate():
        new_codes.note_saved(services(), me)
        return redirect_to(continue_url(request_handle(), _next()))
    waiting = find_waiting(request_handle())
    return render(
        "second_factor/save_codes.html",
        status=200 if request.method != "POST" else 422,
        form_action=waiting.origins if waiting else (),
        form=form,
        codes=codes,
        username=me.username,
        continuing_to=waiting.client_name if waiting else "",
    )


def _enrol_page(
    me: SignedIn, session: str, form: CodeForm, *, status: int = 200, refused: Refused | None = None
) -> Response:
    secret = second_factor.begin(services(), me, session)
    if isinstance(secret, Refused):
        return redirect_to(second_step_url(request_handle(), None if request_handle() else ENROL))
    waiting = find_waiting(request_handle())
    with services().db.read() as conn:
        replacing = totp.find(conn, me.account_id) is not None
    return render(
        "second_factor/enrol.html",
        status=status,
        form_action=waiting.origins if waiting else (),
        form=form,
        action=_address(ENROL),
        picture=_picture(totp.uri(secret, me.username)),
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        username=me.username,
        issuer=totp.ISSUER,
        replacing=replacing,
        passkey_url="" if me.second_factor else _address("/account/passkeys/add"),
        continuing_to=waiting.client_name if waiting else "",
        decline=None if me.second_factor else decline_form(request_handle(), me),
        error_code=refused.reason.value if refused is not None else "",
    )


def _enrol_refused(me: SignedIn, session: str, form: CodeForm, refused: Refused) -> Response:
    if refused.reason in {Reason.JOURNEY_GONE, Reason.NOT_ALLOWED, Reason.ACCOUNT_NOT_ACTIVE}:
        return refusal_page(
            refused.reason.value,
            status=410,
            heading=gettext("This page has run out of time"),
            message=gettext("The picture on this page is not valid any more, or an app was added in another tab."),
            next_steps=[
                (gettext("Start again"), _address(ENROL)),
                (gettext("Go to your account"), "/account"),
            ],
        )
    form.refuse(messages.refusal(refused))
    status = 422 if refused.retry_after is None else 429
    return with_wait(_enrol_page(me, session, form, status=status, refused=refused), refused.retry_after)


def _picture(words: str) -> Picture:
    """Middle error correction, which every app reads from a screen; the quiet border of four squares is part of it."""
    code = qrcode.QRCode(border=4, error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(words)
    code.make(fit=True)
    rows = code.get_matrix()
    squares = (f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return Picture(len(rows), "".join(squares))


def _next() -> str | None:
    return request.form.get("next") or request.args.get("next")


def _address(page: str) -> str:
    """A page of ours, with the request that waits behind it or the page that was wanted."""
    return with_where_to(page, request_handle(), _next())
