"""The pages of a registration, one function each: GET shows, POST does. A visitor on the wrong page is sent to the
right one.
"""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from idp.accounts.levels import Level
from idp.credentials import passwords
from idp.journeys import engine, registration, registration_account, registration_code
from idp.journeys.engine import Journey
from idp.journeys.registration import MACHINE, At
from idp.outcomes import Reason, Refused
from idp.proofing.policy import POLICIES, Delivery, Policy
from idp.web import cookies, guard, messages
from idp.web.languages import language
from idp.web.pages import (
    continue_url,
    redirect_to,
    refusal_page,
    render,
    request_handle,
    services,
    signed_in,
    start_again_page,
    with_wait,
)
from idp.web.registration_forms import AccountForm, DeliveryForm, IdentityForm, ShownCodeForm, StartForm, StepForm
from idp.web.routes import Access, Csrf, Pages
from idp.web.signing_in import browser
from idp.web.waiting import find_waiting

pages = Pages("registration")

STEPS = (
    _("Kind of account"),
    _("Who you are"),
    _("How you get your code"),
    _("Your code"),
    _("Username and password"),
)

_PAGE_OF = {
    At.IDENTIFY: "/register/identity",
    At.DELIVERY: "/register/delivery",
    At.ACTIVATE: "/activate",
    At.ACCOUNT: "/register/account",
}

_FIELD_OF = {
    Reason.USERNAME_TAKEN: "new_username",
    Reason.USERNAME_NOT_ALLOWED: "new_username",
    Reason.PASSWORD_TOO_SHORT: "new_password",
    Reason.PASSWORD_TOO_LONG: "new_password",
    Reason.PASSWORD_COMMON: "new_password",
    Reason.PASSWORD_BREACHED: "new_password",
}

StepView = Callable[[Journey], ResponseReturnValue]


def at(*states: At) -> Callable[[StepView], Callable[[], ResponseReturnValue]]:
    """Give the view its journey if that stands at one of these states; else lead to the page where it stands (R57)."""

    def guarded(view: StepView) -> Callable[[], ResponseReturnValue]:
        @wraps(view)
        def checked() -> ResponseReturnValue:
            journey = find_journey()
            if journey is None:
                return gone()
            return view(journey) if journey.state in states else redirect_to(page_of(journey))

        return checked

    return guarded


def find_journey() -> Journey | None:
    """This browser's live registration."""
    handle = cookies.read(cookies.JOURNEY)
    if handle is None:
        return None
    with services().db.read() as conn:
        return engine.find(conn, services().keyring, MACHINE, handle)


def page_of(journey: Journey) -> str:
    """The page where the journey stands."""
    return _PAGE_OF[At(journey.state)]


def gone() -> ResponseReturnValue:
    """The journey is over: a second click on the last step is told so kindly, everyone else starts again (410)."""
    handle = cookies.read(cookies.JOURNEY)
    with services().db.read() as conn:
        outcome = engine.find_outcome(conn, MACHINE, handle) if handle else None
    if outcome != registration.REGISTERED:
        return start_again_page()
    if signed_in() is not None:
        return redirect_to("/account")
    return refusal_page(
        Reason.ALREADY_DONE.value,
        status=409,
        heading=gettext("Your account is ready"),
        message=gettext("You have already finished this step. You can sign in now."),
        next_steps=[(gettext("Sign in"), "/login")],
    )


@pages.route("/register", methods=("GET", "POST"), access=Access.PUBLIC, csrf=Csrf.FORM)
def start() -> ResponseReturnValue:
    """Basic or Premium, explained; choosing starts the journey, and ends one that was left."""
    form = StartForm()
    handle = request_handle()
    if request.method == "POST" and form.validate():
        begun = registration.begin(
            services(),
            wanted_level=Level.PREMIUM if form.level.data == "premium" else Level.BASIC,
            request=handle,
            language=language(),
            old_handle=cookies.read(cookies.JOURNEY),
        )
        response = redirect_to(_PAGE_OF[At.IDENTIFY])
        cookies.write(response, cookies.JOURNEY, begun)
        return response
    form.request.data = handle or ""
    under_way = find_journey()
    waiting = find_waiting(handle)
    return render(
        "registration/start.html",
        status=200 if request.method != "POST" else 422,
        form=form,
        steps=STEPS,
        under_way=page_of(under_way) if under_way else "",
        me=signed_in(),
        sign_in_url=_sign_in_url(handle),
        continuing_to=waiting.client_name if waiting else "",
    )


@pages.route("/register/identity", methods=("GET", "POST"), access=Access.JOURNEY, csrf=Csrf.FORM)
@at(At.IDENTIFY, At.DELIVERY, At.ACTIVATE)
def identity(journey: Journey) -> ResponseReturnValue:
    """Name, birth date and number. Who comes back here later may correct them; what followed is then forgotten."""
    form = IdentityForm()
    if request.method != "POST":
        return _identity_page(journey, form)
    if is_stale(journey, form):
        return redirect_to(page_of(journey))
    if not form.validate():
        return _identity_page(journey, form, status=422)
    refused = registration.identify(services(), journey, form.claimed, address=guard.address())
    if refused is None or refused.reason is Reason.ALREADY_DONE:
        return redirect_to(_PAGE_OF[At.DELIVERY])
    form.form_errors.append(messages.refusal(refused))
    return _identity_page(journey, form, refused=refused)


@pages.route("/register/delivery", methods=("GET", "POST"), access=Access.JOURNEY, csrf=Csrf.FORM)
@at(At.DELIVERY, At.ACTIVATE)
def delivery(journey: Journey) -> ResponseReturnValue:
    """By e-mail or on the screen. Who waits for a code comes back here for a new one or another way."""
    policy = _policy()
    form = DeliveryForm()
    form.offer({way: _WAYS[way] for way in policy.deliveries}, typed=not policy.email_of_record)
    if request.method != "POST":
        if len(policy.deliveries) == 1:
            form.delivery.data = next(iter(policy.deliveries)).value
        if journey.state == At.ACTIVATE:
            form.delivery.data = journey.facts["delivery"]
            if not policy.email_of_record:
                form.email.data = journey.facts["email"] or ""
        return _delivery_page(journey, form)
    if is_stale(journey, form):
        return redirect_to(page_of(journey))
    if not form.validate():
        return _delivery_page(journey, form, status=422)
    way = Delivery(form.delivery.data)
    email = form.email.data if way is Delivery.EMAIL and not policy.email_of_record else None
    refused = registration_code.send_code(services(), journey, delivery=way, email=email, language=language())
    if refused is None or refused.reason is Reason.ALREADY_DONE:
        return redirect_to("/register/code" if way is Delivery.SCREEN else "/activate")
    if refused.reason is Reason.NOT_MATCHED:
        return render(
            "registration/not_matched.html",
            status=422,
            error_code=refused.reason.value,
            sign_in_url=_sign_in_url(journey.facts["request"]),
            help_phone=services().settings.help_phone,
        )
    form.form_errors.append(messages.refusal(refused))
    return _delivery_page(journey, form, refused=refused)


@pages.route("/register/code", methods=("GET", "POST"), access=Access.JOURNEY, csrf=Csrf.FORM)
@at(At.ACTIVATE)
def code(journey: Journey) -> ResponseReturnValue:
    """The code itself, for whoever chose the screen; it opens Basic and nothing more (R68)."""
    shown = journey.facts["code"]
    if shown is None or request.method == "POST":
        return redirect_to("/activate")
    return _page("registration/code.html", journey, ShownCodeForm(), step=4, code=shown)


@pages.route("/register/account", methods=("GET", "POST"), access=Access.JOURNEY, csrf=Csrf.FORM)
@at(At.ACCOUNT)
def account(journey: Journey) -> ResponseReturnValue:
    """Username and password; then the account is there, and its person goes on to where they came from."""
    form = AccountForm()
    if request.method != "POST":
        return _account_page(journey, form)
    if is_stale(journey, form):
        return redirect_to(page_of(journey))
    if not form.validate():
        return _account_page(journey, form, status=422)
    try:
        made = registration_account.finish(
            services(),
            journey,
            username=form.new_username.data or "",
            password=form.new_password.data or "",
            browser=browser(),
            language=language(),
        )
    except passwords.Busy as busy:
        form.form_errors.append(messages.busy())
        return with_wait(_account_page(journey, form, status=503), busy.retry_after)
    if isinstance(made, tuple):
        return _account_refused(journey, form, made)
    waiting = made.request if find_waiting(made.request) else None
    if made.upgrade is None:
        response = redirect_to(continue_url(waiting))
    else:
        # Who asked for Premium goes on to it at once; Basic works from here on, whatever becomes of that.
        response = redirect_to("/upgrade/way" + (f"?{urlencode({'request': waiting})}" if waiting else ""))
        cookies.write(response, cookies.UPGRADE, made.upgrade)
    cookies.write(response, cookies.SESSION, made.session)
    cookies.clear(response, cookies.JOURNEY)
    return response


def is_stale(journey: Journey, form: StepForm) -> bool:
    """Whether the form is of a page from before the journey's last move: a second click, or another tab."""
    shown = form.version.data
    form.version.data = str(journey.version)
    return bool(shown) and shown != str(journey.version)


_WAYS: dict[Delivery, LazyString] = {
    Delivery.EMAIL: _("Send it by email"),
    Delivery.SCREEN: _("Show it on the screen"),
}


def _sign_in_url(handle: str | None) -> str:
    """The sign-in page, which then goes on to the client that waits."""
    return "/login" + (f"?{urlencode({'request': handle})}" if handle else "")


def _policy() -> Policy:
    return POLICIES[services().settings.policy]


def _page(
    template: str,
    journey: Journey,
    form: object,
    *,
    step: int,
    status: int = 200,
    refused: Refused | None = None,
    **context: object,
) -> Response:
    """One step's page. A refusal sets the status (429 where waiting helps) and says its reason to programs."""
    if isinstance(form, StepForm):
        form.version.data = str(journey.version)
    waiting = find_waiting(journey.facts["request"])
    if refused is not None:
        status = 429 if refused.retry_after is not None else 422
        context["error_code"] = refused.reason.value
    response = render(
        template,
        status=status,
        form_action=waiting.origins if waiting else (),
        form=form,
        steps=STEPS,
        step=step,
        continuing_to=waiting.client_name if waiting else "",
        **context,
    )
    return with_wait(response, refused.retry_after if refused else None)


def _identity_page(
    journey: Journey, form: IdentityForm, *, status: int = 200, refused: Refused | None = None
) -> Response:
    form.id_number.data = ""
    return _page("registration/identity.html", journey, form, step=2, status=status, refused=refused)


def _delivery_page(
    journey: Journey, form: DeliveryForm, *, status: int = 200, refused: Refused | None = None
) -> Response:
    return _page(
        "registration/delivery.html",
        journey,
        form,
        step=3,
        status=status,
        refused=refused,
        of_record=_policy().email_of_record,
        premium_wanted=journey.facts["wanted_level"] == Level.PREMIUM,
    )


def _account_page(
    journey: Journey, form: AccountForm, *, status: int = 200, refused: Refused | None = None
) -> Response:
    return _page(
        "registration/account.html",
        journey,
        form,
        step=5,
        status=status,
        refused=refused,
        shortest=passwords.SHORTEST_ALONE,
    )


def _account_refused(journey: Journey, form: AccountForm, refused: tuple[Refused, ...]) -> ResponseReturnValue:
    """Each refusal at its field; a journey that is over leads to its page instead."""
    if any(one.reason not in _FIELD_OF for one in refused):
        return gone()
    for one in refused:
        field = form[_FIELD_OF[one.reason]]
        field.errors = [*field.errors, messages.sentence(one.reason)]
    return _account_page(journey, form, refused=refused[0])
