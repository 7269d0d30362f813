"""The authorization endpoint for browsers: takes a client's request, sends the person from page to page, and back to the client."""

from urllib.parse import quote, urlencode

from flask import Response, request
from flask.typing import ResponseReturnValue
from wtforms import HiddenField

from idp import crypto
from idp.credentials.sessions import SignedIn
from idp.oidc import authorize as flow
from idp.oidc import parameters, paths, redirect_uris
from idp.oidc.authorize import Answer, Page
from idp.oidc.errors import BadRequestPage
from idp.oidc.parameters import Unreadable
from idp.oidc.prompts import Prompt
from idp.web import cookies
from idp.web.forms import Form
from idp.web.pages import redirect_to, render, request_handle, services, signed_in
from idp.web.protocol import browser, error_page, protocol, read_body
from idp.web.routes import Access, Csrf, Pages

pages = Pages("oauth")

PAGES = {
    Prompt.REGISTER: "/register",
    Prompt.SIGN_IN: "/login",
    Prompt.SELECT_ACCOUNT: paths.SELECT_ACCOUNT,
    Prompt.STEP_UP: "/login/second-factor",
    Prompt.ENROLL: "/account/second-factor",
    Prompt.SHOW_PASSKEY: "/login/passkey-step",
    Prompt.ADD_PASSKEY: "/account/passkeys/add",
    Prompt.UPGRADE: "/upgrade",
    Prompt.CONSENT: paths.CONSENT,
}

_FROM_A_CLIENT = Csrf.none("a client's request comes from its own site; it changes nothing and is only parked")


class ChoiceForm(Form):
    """Which request a button belongs to; what it asks for is in its row alone (R118)."""

    request = HiddenField()
    shown_to = HiddenField()


def choice_form(handle: str, found: SignedIn) -> ChoiceForm:
    """The form of a page that speaks to `found`."""
    return ChoiceForm(formdata=None, request=handle, shown_to=_mark(handle, found))


def decline_form(handle: str | None, found: SignedIn | None) -> ChoiceForm | None:
    """The form of "Not now" (`templates/oauth/_decline.html`) on a page that leads higher; None where no client waits behind it."""
    waiting = flow.find_waiting(protocol().context, handle, cookies.read(cookies.FLOW))
    return None if handle is None or found is None or waiting is None else choice_form(handle, found)


def is_answer_of(handle: str, found: SignedIn) -> bool:
    """Whether the form that came was shown to who is signed in now: another tab may have signed in somebody else (R118)."""
    return crypto.same(request.form.get("shown_to", ""), _mark(handle, found))


def _mark(handle: str, found: SignedIn) -> str:
    return services().keyring.mac("choice", f"{found.account_id}\x1f{handle}")


@pages.route(paths.AUTHORIZE, methods=("GET", "POST"), access=Access.PUBLIC, csrf=_FROM_A_CLIENT)
def authorize() -> ResponseReturnValue:
    """Take a request (OIDC Core §3.1.2.1)."""
    try:
        if request.method == "POST":
            # A POST from another site comes without our Lax cookies: the browser is asked to come again by GET.
            body = quote(read_body(), safe="!$&'()*+,-./:;=?@_~%")
            return redirect_to(f"{paths.AUTHORIZE}?{body}")
        params = parameters.parse(request.query_string)
        outcome = flow.begin(protocol().context, params, browser())
    except Unreadable as wrong:
        return error_page(BadRequestPage("invalid_request", str(wrong)))
    except BadRequestPage as wrong:
        return error_page(wrong)
    return _go_on(outcome, ui_locales=params.get("ui_locales"))


@pages.route(paths.CONTINUE, access=Access.PARKED, csrf=Csrf.FORM)
def go_on() -> ResponseReturnValue:
    """Ask again what is in the way of a parked request."""
    try:
        return _go_on(flow.resume(protocol().context, request_handle() or "", browser()))
    except BadRequestPage as wrong:
        return error_page(wrong)


@pages.route(paths.SELECT_ACCOUNT, methods=("GET", "POST"), access=Access.PARKED, csrf=Csrf.FORM)
def select_account() -> ResponseReturnValue:
    """Go on as who is signed in, or as somebody else (OIDC Core §3.1.2.1 `select_account`)."""
    context = protocol().context
    handle = request_handle() or ""
    waiting = flow.find_waiting(context, handle, cookies.read(cookies.FLOW))
    if waiting is None:
        return error_page(BadRequestPage("request_gone", "no such request waits for this browser"))
    found = signed_in()
    if found is None or (request.method == "POST" and request.form.get("choice") != "stay"):
        return redirect_to(page_address(Prompt.SIGN_IN, handle))
    if request.method == "POST":
        if is_answer_of(handle, found):
            flow.choose_account(context, waiting, found)
        return redirect_to(f"{paths.CONTINUE}?{urlencode({'request': handle})}")
    return render(
        "oauth/account.html",
        form_action=(redirect_uris.form_target(waiting.asked.redirect_uri),),
        form=choice_form(handle, found),
        continuing_to=waiting.client.name,
        username=found.username,
    )


@pages.route(paths.DECLINE, methods=("POST",), access=Access.PARKED, csrf=Csrf.FORM)
def decline() -> ResponseReturnValue:
    """The person goes no higher for the client that waits: it then hears the truth, or that this is not enough."""
    context = protocol().context
    handle = request_handle() or ""
    waiting = flow.find_waiting(context, handle, cookies.read(cookies.FLOW))
    if waiting is None:
        return error_page(BadRequestPage("request_gone", "no such request waits for this browser"))
    found = signed_in()
    if found is not None and is_answer_of(handle, found):
        flow.decline(context, waiting, found)
    return redirect_to(f"{paths.CONTINUE}?{urlencode({'request': handle})}")


def page_address(prompt: Prompt, handle: str, **more: str) -> str:
    """The page of ours that a prompt means, with the request that waits behind it."""
    return f"{PAGES[prompt]}?{urlencode({'request': handle, **more})}"


def answer_client(answer: Answer) -> Response:
    """Send the browser back to the client: by its address, or by a form (Form Post Response Mode §2)."""
    if answer.form is None:
        return redirect_to(answer.location)
    return render(
        "oauth/form_post.html",
        form_action=(redirect_uris.form_target(answer.location),),
        target=answer.location,
        members=answer.form,
    )


def _go_on(outcome: Answer | Page, *, ui_locales: str | None = None) -> Response:
    if isinstance(outcome, Answer):
        return answer_client(outcome)
    language = {"ui_locales": ui_locales} if ui_locales and ui_locales.isascii() and len(ui_locales) <= 100 else {}
    response = redirect_to(page_address(outcome.prompt, outcome.handle, **language))
    if cookies.read(cookies.FLOW) != outcome.flow:
        cookies.write(response, cookies.FLOW, outcome.flow)
    return response
