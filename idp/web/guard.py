"""What stands before every view: the route map's rules, the request's id and address, the host, and the form token."""

import hmac
import ipaddress
from urllib.parse import urlencode, urlsplit

from flask import Flask, Request, Response, abort, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError, CSRFProtect
from itsdangerous import URLSafeTimedSerializer

from idp import audit, crypto
from idp.config import Settings
from idp.web import cookies, headers, keeping, languages, pages
from idp.web.routes import Access, Route, RouteMap

UNKNOWN_ADDRESS = "unknown"
"""The one bucket for every request whose address cannot be told: they share their limits, so hiding it gains nothing
(R100).
"""

_DEFAULT_PORTS = {"http": "80", "https": "443"}


class FormSession(SecureCookieSessionInterface):
    """Flask's signed cookie, for pages only: a machine endpoint neither reads nor sets one."""

    def __init__(self, app: Flask, machine_paths: frozenset[str]) -> None:
        self._machine_paths = machine_paths
        self._signing = super().get_signing_serializer(app)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """No session for programs; Flask then holds a null one."""
        return None if _is_machine(request.path, self._machine_paths) else super().open_session(app, request)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Made once: the key stays, and Flask would make it anew in each request."""
        return self._signing if app.secret_key else None


def install(app: Flask, settings: Settings, routes: RouteMap) -> None:
    """Hang the guard before, and the headers behind, every view."""
    csrf = CSRFProtect()
    app.config.update(
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=False,
        SESSION_COOKIE_NAME=cookies.name(cookies.FORM, secure=settings.secure),
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_MEMORY_SIZE=64 * 1024,
        MAX_FORM_PARTS=100,
    )
    csrf.init_app(app)
    app.session_interface = FormSession(app, routes.machine_paths())
    host = _host(settings.issuer)

    @app.before_request
    def before() -> Response | None:
        g.request_id = crypto.new_id()
        audit.request_id.set(g.request_id)
        audit.address.set(client_address(settings.trusted_hops))
        route = routes.find(request.endpoint)
        if route is None:
            return None
        if request.headers.get("Host", "").lower() not in host and request.path not in {"/healthz", "/readyz"}:
            abort(400)
        return _enforce(route, settings, csrf)

    @app.after_request
    def after(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        return headers.finish(response, routes.find(request.endpoint), secure=settings.secure)

    @app.errorhandler(CSRFError)
    def stale_form(_error: CSRFError) -> Response:
        return pages.refusal_page(
            "stale_form",
            status=400,
            heading=_("This form is too old"),
            message=_(
                "You left this page open for too long, or your browser does not keep cookies. Nothing was saved."
            ),
            next_steps=[(_("Open the page again"), languages.here() + _query()), (_("Go to the start page"), "/")],
        )


def _enforce(route: Route, settings: Settings, csrf: CSRFProtect) -> Response | None:
    if route.access is Access.DEMO and not settings.demo:
        abort(404)
    if request.method == "POST" and route.csrf.checked:
        _check_origin(settings.issuer)
        csrf.protect()
    if route.access is Access.SIGNED_IN and pages.signed_in() is None:
        if route.keeps and request.method == "POST":
            return keeping.keep_and_sign_in()
        return pages.redirect_to(pages.login_url())
    if route.access is Access.JOURNEY and cookies.read(cookies.JOURNEY) is None:
        return pages.start_again_page()
    if route.access is Access.PARKED and pages.request_handle() is None:
        return pages.start_again_page()
    return None


def _query() -> str:
    """The rest of this address, which may name the client that waits."""
    return f"?{urlencode(list(request.args.items(multi=True)))}" if request.args else ""


def _check_origin(issuer: str) -> None:
    """A form of ours is sent from our own pages: whatever else the browser says of itself is refused beside the token
    (R92).
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site not in {None, "same-origin", "none"}:
        raise CSRFError("sent from another site")
    origin = request.headers.get("Origin")
    if origin is not None and not hmac.compare_digest(origin.encode("utf-8"), issuer.encode("ascii")):
        raise CSRFError("sent from another origin")


def address() -> str:
    """The network address that the limits of this request are counted by."""
    return audit.address.get() or UNKNOWN_ADDRESS


def client_address(trusted_hops: int) -> str:
    """Who asks, as the last trusted proxy saw it; a header that it did not write is never believed (R100)."""
    told = request.remote_addr or ""
    if trusted_hops:
        seen = [part.strip() for part in ",".join(request.headers.getlist("X-Forwarded-For")).split(",")]
        told = seen[-trusted_hops] if len(seen) >= trusted_hops else ""
    try:
        # A zone (`fe80::1%eth0`) is free text: each would be an address, and have limits, of its own.
        parsed = ipaddress.ip_address(told.partition("%")[0])
    except ValueError:
        return UNKNOWN_ADDRESS
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(parsed)


def _host(issuer: str) -> frozenset[str]:
    """Every way of writing the host that this server answers to: links and tokens are made for no other (R99)."""
    parts = urlsplit(issuer)
    names = {parts.netloc.lower()}
    if parts.port is None:
        names.add(f"{parts.netloc.lower()}:{_DEFAULT_PORTS[parts.scheme]}")
    return frozenset(names)


def _is_machine(path: str, machine_paths: frozenset[str]) -> bool:
    return path in machine_paths or path.startswith("/static/")
