"""What every answer carries: the content security policy and its companions (R94, R97), and `no-store` on everything
personal (R91).
"""

from flask import Response, g, request

from idp.web import assets
from idp.web.routes import Access, Route

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with it Chromium sends `Origin: null` with forms, and the form guard could not tell where
    # they come from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action {form_action}"
)
_ORIGIN_ALONE = "strict-origin"
"""The Referrer-Policy of a page whose address is a secret: our own pages are told no more than our own name."""
_HSTS = "max-age=31536000; includeSubDomains"


def allow_form_action(*origins: str) -> None:
    """Let this page's forms end at a client: Chromium blocks a form's redirect to an origin that is not named."""
    g.form_action = ("https:", *origins)


def finish(response: Response, route: Route | None, *, secure: bool) -> Response:
    """Put the headers on; a view's own `Cache-Control` stays."""
    if route is not None and route.secret_address:
        response.headers["Referrer-Policy"] = _ORIGIN_ALONE
    for header, value in _ALWAYS.items():
        response.headers.setdefault(header, value)
    if secure:
        response.headers["Strict-Transport-Security"] = _HSTS
    allowed = " ".join(("'self'", *g.get("form_action", ())))
    response.headers["Content-Security-Policy"] = _POLICY.format(form_action=allowed)
    machine = route is not None and route.access is Access.MACHINE
    response.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin" if machine else "same-origin")
    if request.path.startswith(assets.URL_PREFIX) and response.status_code in {200, 206, 304}:
        response.headers["Cache-Control"] = assets.cache_control(request.path)
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    if not machine:
        response.vary.update(("Cookie", "Accept-Language"))
    return response
