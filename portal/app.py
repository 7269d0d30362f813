"""Wiring: settings to sessions, provider and pages; headers on every answer; the pages for faults."""

import json
import logging
import secrets

from flask import Flask, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException

from portal.pages import pages, signed_in
from portal.provider import Provider
from portal.sessions import MemorySessions
from portal.settings import Settings, from_environment

YEAR = 365 * 24 * 3600

# What went wrong and what to do next, for the faults that a person can meet; the last one stands for all others.
_FAULTS = {
    404: ("We could not find that page", "The address may be mistyped, or the page has moved."),
    405: ("That page is used in another way", "Use the buttons and links of the portal to get there."),
    400: ("We could not use what your browser sent", "Go back to the home page and try again."),
    500: ("Something went wrong on our side", "Nothing was lost. Wait a minute and try again."),
}


def create_app(settings: Settings) -> Flask:
    app = Flask(__name__, static_folder=settings.static, static_url_path="/static")
    # Signs the CSRF token, which lives as long as the session that it belongs to: both end with this process.
    app.secret_key = secrets.token_bytes(32)
    app.config.update(
        MAX_CONTENT_LENGTH=16 * 1024,
        SEND_FILE_MAX_AGE_DEFAULT=YEAR,
        # A forged Host header gets no page (R99); links are built from PORTAL_BASE_URL anyway.
        TRUSTED_HOSTS=[settings.own_host],
        WTF_CSRF_TIME_LIMIT=None,
    )
    # At DEBUG Authlib logs the PKCE verifier and whole tokens.
    logging.getLogger("authlib").setLevel(logging.INFO)
    app.session_interface = MemorySessions(secure=settings.https)
    CSRFProtect(app)
    app.extensions["portal.provider"] = Provider(app, settings)
    app.register_blueprint(pages)
    app.register_error_handler(CSRFError, _csrf_failed)
    app.register_error_handler(HTTPException, _fault)

    manifest: dict[str, str] = json.loads((settings.static / "manifest.json").read_text(encoding="utf-8"))

    def asset_url(name: str) -> str:
        return f"/static/{manifest[name]}"

    app.add_template_global(asset_url)

    # The sign-out form is answered by a redirect to the provider, which Chromium counts as part of the form (R94).
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"form-action 'self' {settings.issuer_origin}; frame-ancestors 'none'; base-uri 'none'"
    )

    @app.after_request
    def headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        if settings.https:
            response.headers["Strict-Transport-Security"] = f"max-age={YEAR}; includeSubDomains"
        if request.endpoint == "static" and response.status_code in {200, 304}:
            # The name holds a digest of the contents, so what it names never changes.
            response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
        else:
            # No page stays in a cache that somebody else at this computer could leaf through (R91).
            response.headers["Cache-Control"] = "no-store"
            response.vary.add("Cookie")
        return response

    return app


def from_environment_app() -> Flask:
    """What the server's worker calls."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s portal %(levelname)s %(name)s: %(message)s")
    return create_app(from_environment())


def _csrf_failed(fault: CSRFError) -> ResponseReturnValue:
    if signed_in() is None:
        # The session ran out before the person pressed "Sign out": what they wanted has happened.
        return redirect(url_for("pages.signed_out"), 303)
    return _fault(fault)


def _fault(fault: HTTPException) -> ResponseReturnValue:
    code = fault.code or 500
    if code < 400:
        return fault
    title, text = _FAULTS.get(code, _FAULTS[400] if code < 500 else _FAULTS[500])
    # What the exception says about itself is for the log. `Allow` and its like belong to the answer.
    headers = [(name, value) for name, value in fault.get_headers() if name.lower() != "content-type"]
    return render_template("error.html", code=f"http_{code}", title=title, text=text), code, headers
