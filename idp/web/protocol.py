"""What the protocol's pages and endpoints share: the context of this app, the browser as it sees it, and its error page."""

from dataclasses import dataclass
from typing import cast

from flask import Response, current_app, request
from flask_babel import gettext as _

from idp import crypto, logs
from idp.oidc import discovery
from idp.oidc.authorize import Browser
from idp.oidc.context import Context, open_context
from idp.oidc.errors import BadRequestPage
from idp.oidc.grants import TokenServer
from idp.oidc.parameters import LONGEST, Unreadable
from idp.web import cookies
from idp.web.languages import LANGUAGES
from idp.web.pages import refusal_page, services, signed_in

log = logs.get(__name__)

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, repr=False)
class Protocol:
    """Made once for an app, at its first request."""

    context: Context
    tokens: TokenServer
    discovery: bytes


def protocol() -> Protocol:
    """This app's."""
    held = current_app.extensions.get("protocol")
    if held is None:
        context = open_context(services())
        document = discovery.document(context.issuer, ui_locales=tuple(LANGUAGES))
        made = Protocol(context, TokenServer(context), document)
        # Two first requests at once make two; the first one kept serves both from then on.
        held = current_app.extensions.setdefault("protocol", made)
    return cast("Protocol", held)


def browser() -> Browser:
    """What this browser holds."""
    found = signed_in()
    session = cookies.read(cookies.SESSION)
    return Browser(
        signed_in=found,
        session_digest=crypto.digest(session) if found is not None and session is not None else None,
        flow=cookies.read(cookies.FLOW),
    )


def read_body() -> bytes:
    """A form's bytes, as they came. Raises `Unreadable` for anything that is no form (RFC 6749 Appendix B)."""
    if request.mimetype != FORM:
        raise Unreadable("not form-encoded")
    raw = request.get_data(cache=False)
    if len(raw) > LONGEST:
        raise Unreadable("too long")
    return raw


def error_page(wrong: BadRequestPage) -> Response:
    """Our own page for a request that has nowhere to go back to. It says nothing that was sent (R95, R105)."""
    log.info("request has no way back", code=wrong.code, detail=wrong.detail, endpoint=request.endpoint)
    if wrong.code == "request_gone":
        heading = _("This sign-in has run out of time")
        message = _(
            "It was finished already, it is more than an hour old, or it was started in another browser. "
            "Go back to the site you came from, and start again there."
        )
    else:
        heading = _("This link does not work")
        message = _("The site that sent you here made a mistake in its request. Nothing was shared with it.")
    return refusal_page(
        wrong.code,
        status=410 if wrong.code == "request_gone" else 400,
        heading=heading,
        message=message,
        next_steps=[
            (_("Go to your account"), "/account"),
            (_("Get help"), "/help"),
        ],
    )
