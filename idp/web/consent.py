"""The consent page: what a client would learn, value by value, and yes or no to the stored request, never to a form (R118)."""

from urllib.parse import urlencode

from flask import request
from flask.typing import ResponseReturnValue

from idp.accounts.levels import Level
from idp.oidc import authorize as flow
from idp.oidc import facts, paths, redirect_uris, targets
from idp.oidc.errors import BadRequestPage
from idp.oidc.prompts import Prompt
from idp.web import cookies
from idp.web.claim_words import grouped
from idp.web.oauth import answer_client, choice_form, is_answer_of, page_address
from idp.web.pages import redirect_to, render, request_handle, signed_in
from idp.web.protocol import error_page, protocol
from idp.web.routes import Access, Csrf, Pages

pages = Pages("consent")


@pages.route(paths.CONSENT, methods=("GET", "POST"), access=Access.PARKED, csrf=Csrf.FORM)
def consent() -> ResponseReturnValue:
    """Show what is asked, or take the answer."""
    context = protocol().context
    handle = request_handle() or ""
    waiting = flow.find_waiting(context, handle, cookies.read(cookies.FLOW))
    if waiting is None:
        return error_page(BadRequestPage("request_gone", "no such request waits for this browser"))
    found = signed_in()
    if found is None:
        return redirect_to(page_address(Prompt.SIGN_IN, handle))
    if request.method == "POST" and not is_answer_of(handle, found):
        # Asked again of who is here now; nothing of the answer counts.
        return redirect_to(f"{paths.CONTINUE}?{urlencode({'request': handle})}")
    if request.method == "POST":
        choice = request.form.get("choice")
        if choice == "allow":
            flow.allow(context, waiting, found)
            return redirect_to(f"{paths.CONTINUE}?{urlencode({'request': handle})}")
        if choice == "deny":
            try:
                return answer_client(flow.deny(context, waiting, found))
            except BadRequestPage as wrong:
                return error_page(wrong)
    # What leaves is what is shown: the level goes to many clients without being asked for.
    leaving, complete = facts.preview(context, waiting.client, waiting.asked, found)
    return render(
        "consent/consent.html",
        status=422 if request.method == "POST" else 200,
        form_action=(redirect_uris.form_target(waiting.asked.redirect_uri),),
        form=choice_form(handle, found),
        client_name=waiting.client.name,
        username=found.username,
        groups=grouped(waiting.asked, waiting.client, leaving),
        complete=complete,
        servers=targets.names(context, waiting.asked.resources),
        grows=found.level is not Level.PREMIUM and facts.grows(waiting.client, waiting.asked),
    )
