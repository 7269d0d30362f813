"""The pages of one's own passkeys and security keys, and of taking any second factor away."""

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, HiddenField, StringField
from wtforms.validators import DataRequired

from idp.accounts.levels import Level
from idp.credentials import freshness, passkeys
from idp.credentials.passkeys import Listed
from idp.credentials.second_factor import Factor
from idp.credentials.sessions import SignedIn
from idp.journeys import passkeys as journey
from idp.journeys import second_factor, sign_in
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
)
from idp.web.registration_forms import OnceForm
from idp.web.routes import Access, Csrf, Pages
from idp.web.second_factor import SAVE
from idp.web.signing_in import with_where_to
from idp.web.waiting import find_waiting

pages = Pages("passkeys")

ADD = "/account/passkeys/add"


class AddForm(OnceForm):
    """What the authenticator made, and what its owner calls it."""

    name = StringField(_("Name"), validators=[DataRequired(messages.sentence(Reason.NAME_NOT_ALLOWED))])
    answer = HiddenField()
    request = HiddenField()
    next = HiddenField()


class NameForm(OnceForm):
    """What its owner calls it from now on."""

    name = StringField(_("Name"), validators=[DataRequired(messages.sentence(Reason.NAME_NOT_ALLOWED))])


class RemoveForm(OnceForm):
    """The owner's word that it shall go, and where that ends Premium, that it may."""

    fall = BooleanField(_("Yes, let my account fall to Basic"))


@pages.route(ADD, methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def add() -> ResponseReturnValue:
    """Add one: the page's script asks the browser for it, and its answer comes by this form."""
    me, session = the_session()
    if (asked := ask_again(me, None if me.second_factor else freshness.to_add_first())) is not None:
        return asked
    if request.method != "POST":
        form = AddForm(formdata=None, request=request_handle() or "", next=request.args.get("next", ""))
        return _add_page(me, form)
    form = AddForm()
    if not form.validate():
        return _add_page(me, form, status=422)
    if not form.answer.data:
        form.form_errors.append(gettext("Your browser made no passkey. Please press the button and follow its steps."))
        return _add_page(me, form, status=422)
    outcome = journey.add(services(), me, session, typed=form.answer.data, name=form.name.data or "")
    if isinstance(outcome, Refused):
        return _add_refused(me, form, outcome)
    handle = request_handle()
    done = continue_url(handle, form.next.data)
    response = redirect_to(with_where_to(SAVE, handle, form.next.data) if outcome.codes else done)
    cookies.write(response, cookies.SESSION, outcome.session)
    return response


@pages.route("/account/passkeys/options", methods=("POST",), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def options() -> ResponseReturnValue:
    """What the page's script asks the browser for (WebAuthn L3 §5.4)."""
    me, _session = the_session()
    if ask_again(me, None if me.second_factor else freshness.to_add_first()) is not None:
        return jsonify(error="sign_in_again"), 403
    asked = journey.options(services(), me)
    return (jsonify(error=asked.reason.value), 403) if isinstance(asked, Refused) else jsonify(asked)


@pages.route("/account/passkeys/name", methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def name() -> ResponseReturnValue:
    """Call one otherwise."""
    me, _session = the_session()
    if (asked := ask_again(me)) is not None:
        return asked
    chosen = _chosen(me)
    if chosen is None:
        return _gone()
    if request.method != "POST":
        return _name_page(NameForm(formdata=None, name=chosen.name), chosen)
    form = NameForm()
    if not form.validate():
        return _name_page(form, chosen, status=422)
    refused = journey.rename(services(), me, chosen.id, form.name.data or "")
    if refused is None:
        return redirect_to("/account?done=passkey_name#second-step")
    if refused.reason is Reason.NOT_FOUND:
        return _gone()
    form.name.errors = [messages.refusal(refused)]
    return _name_page(form, chosen, status=422)


@pages.route("/account/passkeys/remove", methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def remove() -> ResponseReturnValue:
    """Take one away."""
    me, session = the_session()
    if (asked := ask_again(me)) is not None:
        return asked
    chosen = _chosen(me)
    if chosen is None:
        return _gone()
    form = RemoveForm() if request.method == "POST" else RemoveForm(formdata=None)
    if request.method != "POST" or not form.validate():
        return _remove_page(me, form, factor=Factor.PASSKEY, called=chosen.name)
    outcome = journey.remove(services(), me, session, chosen.id, may_fall=bool(form.fall.data))
    return _removed(me, form, outcome, factor=Factor.PASSKEY, called=chosen.name)


@pages.route("/account/second-factor/remove", methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def remove_app() -> ResponseReturnValue:
    """Take the app for codes away."""
    me, session = the_session()
    if (asked := ask_again(me)) is not None:
        return asked
    if Factor.TOTP not in sign_in.list_factors(services(), me):
        return _gone()
    form = RemoveForm() if request.method == "POST" else RemoveForm(formdata=None)
    if request.method != "POST" or not form.validate():
        return _remove_page(me, form, factor=Factor.TOTP)
    outcome = second_factor.remove(services(), me, session, may_fall=bool(form.fall.data))
    return _removed(me, form, outcome, factor=Factor.TOTP)


def _add_page(me: SignedIn, form: AddForm, *, status: int = 200, error_code: str = "") -> Response:
    handle = request_handle()
    waiting = find_waiting(handle)
    with services().db.read() as conn:
        held = passkeys.list_rows(conn, me.account_id)
    return render(
        "passkeys/add.html",
        status=status,
        form_action=waiting.origins if waiting else (),
        form=form,
        action=with_where_to(ADD, handle, form.next.data),
        app_url=with_where_to("/account/second-factor", handle, form.next.data),
        first=not me.second_factor,
        # A client that asks for one that makes sure of its user is not content with a key that does not.
        too_weak=bool(held) and not me.passkey and handle is not None,
        continuing_to=waiting.client_name if waiting else "",
        decline=decline_form(handle, me),
        error_code=error_code,
    )


def _add_refused(me: SignedIn, form: AddForm, refused: Refused) -> Response:
    if refused.reason is Reason.NAME_NOT_ALLOWED:
        form.name.errors = [messages.refusal(refused)]
    elif refused.reason is Reason.ALREADY_DONE:
        form.form_errors.append(gettext("This passkey or key was added already."))
    elif refused.reason in {Reason.JOURNEY_GONE, Reason.ACCOUNT_NOT_ACTIVE, Reason.NOT_ALLOWED}:
        return _gone()
    else:
        form.form_errors.append(messages.refusal(refused))
    return _add_page(me, form, status=422, error_code=refused.reason.value)


def _name_page(form: NameForm, chosen: Listed, *, status: int = 200) -> Response:
    return render("passkeys/name.html", status=status, form=form, called=chosen.name)


def _remove_page(
    me: SignedIn, form: RemoveForm, *, factor: Factor, called: str = "", status: int = 200, error_code: str = ""
) -> Response:
    with services().db.read() as conn:
        others = len(passkeys.list_rows(conn, me.account_id)) - (factor is Factor.PASSKEY)
    others += factor is Factor.PASSKEY and Factor.TOTP in sign_in.list_factors(services(), me)
    return render(
        "passkeys/remove.html",
        status=status,
        form=form,
        called=called,
        is_last=others == 0,
        falls=others == 0 and me.account_level is Level.PREMIUM,
        error_code=error_code,
    )


def _removed(me: SignedIn, form: RemoveForm, outcome: str | Refused, *, factor: Factor, called: str = "") -> Response:
    if isinstance(outcome, str):
        response = redirect_to("/account?done=factor_removed#second-step")
        cookies.write(response, cookies.SESSION, outcome)
        return response
    if outcome.reason is Reason.PASSWORD_TOO_SHORT:
        return refusal_page(
            outcome.reason.value,
            status=422,
            heading=gettext("First choose a longer password"),
            message=gettext(
                "Your password is short, which is fine beside a second step. Alone it has to have 15 characters or more. "
                "Nothing was removed."
            ),
            next_steps=[
                (gettext("Change your password"), "/account/password"),
                (gettext("Go to your account"), "/account"),
            ],
        )
    if outcome.reason is Reason.WOULD_FALL:
        form.fall.errors = [messages.refusal(outcome)]
        code = outcome.reason.value
        return _remove_page(me, form, factor=factor, called=called, status=422, error_code=code)
    return _gone()


def _chosen(me: SignedIn) -> Listed | None:
    """The passkey that the page's address names, if it is this person's."""
    wanted = request.args.get("passkey", "")
    with services().db.read() as conn:
        own = passkeys.list_own(conn, services().keyring, me.account_id)
    return next((one for one in own if one.id == wanted), None)


def _gone() -> Response:
    return refusal_page(
        Reason.NOT_FOUND.value,
        status=404,
        heading=gettext("This is not here any more"),
        message=gettext("It may have been removed or changed in another tab. Your account shows what you have now."),
        next_steps=[(gettext("Go to your account"), "/account")],
    )
