"""What went wrong, told kindly: a page for people, a small JSON object for programs, and never the text of an
exception (R104).
"""

from datetime import timedelta

from flask import Flask, Response, g, jsonify, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from idp import logs
from idp.credentials.passwords import Busy
from idp.db import Unavailable
from idp.ports import PortDown
from idp.web import busy, pages
from idp.web.pages import with_wait
from idp.web.routes import Access, RouteMap

log = logs.get(__name__)

_TRY_AGAIN = timedelta(seconds=5)


def install(app: Flask, routes: RouteMap) -> None:
    """Answer every HTTP error, outage and bug."""

    def machine() -> bool:
        route = routes.find(request.endpoint)
        # A method that is not allowed (405) has no endpoint, but an address.
        by_address = request.path in routes.machine_paths()
        return by_address if route is None else route.access is Access.MACHINE

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        status = error.code or 500
        error_code = "invalid_request" if status < 500 else "server_error"
        response = _json(error_code, status) if machine() else _page(status)
        if status == 405 and error.get_response().headers.get("Allow"):
            response.headers["Allow"] = error.get_response().headers["Allow"]
        return response

    @app.errorhandler(Busy)
    def no_place(_error: Busy) -> Response:
        log.error("outage", kind="Busy", endpoint=request.endpoint)
        return busy.page()

    @app.errorhandler(Unavailable)
    @app.errorhandler(PortDown)
    def outage(error: Exception) -> Response:
        log.error("outage", kind=type(error).__name__, endpoint=request.endpoint)
        return with_wait(_json("temporarily_unavailable", 503) if machine() else _page(503), _TRY_AGAIN)

    @app.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        log.error("fault", exc_info=error, endpoint=request.endpoint)
        return _json("server_error", 500) if machine() else _page(500)


def _json(error: str, status: int) -> Response:
    response = jsonify({"error": error, "request_id": g.get("request_id")})
    response.status_code = status
    # What a token request is told is never kept, not even a fault, by an old cache either (RFC 6749 §5.1).
    response.headers.update({"Cache-Control": "no-store", "Pragma": "no-cache"})
    return response


def _page(status: int) -> Response:
    home = [(_("Go to the start page"), "/"), (_("Get help"), "/help")]
    if status == 404:
        heading, message = _("We cannot find this page"), _("The address may be mistyped, or the page may have moved.")
    elif status == 405:
        heading, message = _("This page cannot be used that way"), _("Please open it from the start page.")
    elif status == 413:
        heading, message = _("That is too much"), _("What was sent is larger than this page takes. Nothing was saved.")
    elif status == 503:
        heading = _("We cannot do this right now")
        message = _("Part of our service is not answering. Nothing was lost. Please try again in a few minutes.")
    elif status >= 500:
        heading = _("Something went wrong on our side")
        message = _("It is not your fault, and nothing was saved. Please try again.")
    else:
        heading, message = _("We could not use that"), _("What your browser sent could not be understood.")
    return pages.refusal_page(f"http_{status}", status=status, heading=heading, message=message, next_steps=home)
