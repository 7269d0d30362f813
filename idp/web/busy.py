"""Who comes to sign in when every place is taken is turned away at the door: by a page that was made when the server started,
before a thread, a form or the database is asked (R173). It changes nothing, so nothing guards it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request
from flask_babel import gettext as _

from idp import clock, logs
from idp.adapters.gateway import Answer
from idp.credentials.passwords import Busy
from idp.web import languages, messages, pages
from idp.web.routes import RouteMap

log = logs.get(__name__)

_MARK = "kept"
"""Stands in a prepared page where an address goes on with what each request brought."""

_CARRIED = ("request", "next")
"""The client that waits, or the page that was wanted: both lead on after the next try."""

_LOG_EVERY = timedelta(seconds=10)


def page() -> Response:
    """What is said to whoever finds no place: in words, by 503, and by Retry-After."""
    carried = {name: value for name in (*_CARRIED, _MARK) if (value := request.args.get(name))}
    again = languages.here() + (f"?{urlencode(carried)}" if carried else "")
    response = pages.refusal_page(
        "busy",
        status=503,
        heading=_("We are busy right now"),
        message=messages.busy(),
        next_steps=[(_("Try again"), again), (_("Get help"), "/help")],
    )
    return pages.with_wait(response, Busy.retry_after)


class Door:
    """The prepared pages of one app, for each costly address in each language. They show nobody's name: who is signed in already
    and signs in once more is told the same.
    """

    def __init__(self, app: Flask, routes: RouteMap) -> None:
        self._app = app
        self.paths = routes.costly_paths()
        self._prepared = {
            (path, code): self._prepare(path, code) for path in self.paths for code in languages.LANGUAGES
        }
        self._away = 0
        self._told_at: datetime | None = None

    def turn_away(self, environ: dict[str, Any]) -> Answer:
        """The answer to a form that finds no place, in its sender's language; called by one thread alone."""
        asking = self._app.request_class(environ)
        kept: Mapping[str, Any] = self._app.session_interface.open_session(self._app, asking) or {}
        status, headers, body = self._prepared[asking.path, languages.choose_for(asking, kept)]
        carried = {name: value for name in _CARRIED if (value := asking.args.get(name))}
        self._tell()
        query = escape(urlencode(carried)).encode("ascii")
        body = body.replace(f"?{_MARK}=1&amp;".encode(), b"?" + (query + b"&amp;" if query else b""))
        body = body.replace(f"?{_MARK}=1".encode(), b"?" + query if query else b"")
        return status, [*headers, ("Content-Length", str(len(body)))], body

    def _prepare(self, path: str, code: str) -> Answer:
        asked = self._app.test_request_context(path, query_string={_MARK: "1"}, headers={"Accept-Language": code})
        with asked:
            response = self._app.process_response(page())
            # No request has this id, and what is logged of a flood names none.
            unlike_others = {"content-length", "x-request-id"}
            headers = [(name, value) for name, value in response.headers if name.lower() not in unlike_others]
            return response.status_code, headers, response.get_data()

    def _tell(self) -> None:
        """One line for many: a flood fills no disk."""
        self._away += 1
        now = clock.now()
        if self._told_at is None or now - self._told_at >= _LOG_EVERY:
            log.error("sign-ins turned away: every place is taken", count=self._away)
            self._away, self._told_at = 0, now
