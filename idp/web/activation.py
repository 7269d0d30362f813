"""The page where a code is entered: in the browser that asked for it, or in any other."""

from flask import Response, request
from flask.typing import ResponseReturnValue

from idp.journeys import registration_code
from idp.journeys.engine import Journey
from idp.journeys.registration import At
from idp.outcomes import Reason, Refused
from idp.proofing.policy import POLICIES
from idp.web import cookies, guard, messages
from idp.web.pages import redirect_to, render, services, with_wait
from idp.web.registration import STEPS, find_journey
from idp.web.registration_forms import CodeForm
from idp.web.routes import Access, Csrf, Pages
from idp.web.waiting import find_waiting

pages = Pages("activation")


@pages.route("/activate", methods=("GET", "POST"), access=Access.PUBLIC, csrf=Csrf.FORM)
def enter() -> ResponseReturnValue:
    """Enter the code. Nothing happens by opening the page, so a mail scanner that follows the link changes nothing
    (R58).
    """
    journey = find_journey()
    if journey is not None and journey.state == At.ACCOUNT:
        return redirect_to("/register/account")
    own = journey if journey is not None and journey.state == At.ACTIVATE else None
    form = CodeForm()
    if request.method != "POST":
        return _page(own, form)
    if not form.validate():
        return _page(own, form, status=422)
    outcome = registration_code.redeem(
        services(), form.activation_code.data or "", journey=own, address=guard.address()
    )
    if isinstance(outcome, Refused) and outcome.reason is not Reason.ALREADY_DONE:
        return _refused(own, form, outcome)
    response = redirect_to("/register/account")
    if not isinstance(outcome, Refused) and outcome.handle is not None:
        cookies.write(response, cookies.JOURNEY, outcome.handle)
    return response


def _refused(own: Journey | None, form: CodeForm, refused: Refused) -> Response:
    words = messages.refusal(refused)
    form.activation_code.errors = [*form.activation_code.errors, words]
    status = 429 if refused.retry_after is not None else 422
    return with_wait(_page(own, form, status=status, error_code=refused.reason.value), refused.retry_after)


def _page(own: Journey | None, form: CodeForm, *, status: int = 200, error_code: str = "") -> Response:
    """The same page for a match and for a decoy: it says "if" (R63)."""
    facts = own.facts if own else {}
    waiting = find_waiting(facts.get("request"))
    return render(
        "activation/enter.html",
        status=status,
        form=form,
        steps=STEPS,
        own=own is not None,
        by_screen=facts.get("code") is not None,
        email=facts.get("email") or "",
        of_record=POLICIES[services().settings.policy].email_of_record,
        continuing_to=waiting.client_name if waiting else "",
        error_code=error_code,
    )
