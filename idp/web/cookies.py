"""The browser's handles: random values whose digests are rows. Nothing is kept in a cookie itself (R80).

Over https every name carries `__Host-`, so that no neighbouring site can set it (R90); the demo on localhost goes
without.
"""

from datetime import timedelta

from flask import Response, current_app, request

SESSION = "idp_session"
JOURNEY = "idp_journey"
SIGN_IN = "idp_sign_in"
"""A sign-in that waits for its second factor. It opens nothing: whoever holds it is not signed in (R82)."""
PASSKEY = "idp_passkey"
"""What a challenge for a passkey is bound to before anybody is known: only the browser that asked may answer (R37)."""
UPGRADE = "idp_upgrade"
"""An upgrade under way; it opens only beside the sign-in that began it."""
DEVICE = "idp_device"
FLOW = "idp_flow"
"""What a parked authorization request is bound to: only the browser that brought it may go on with it."""
KEPT = "idp_kept"
"""What was typed into a page when its sign-in was over; it opens only for the same account."""
FORM = "idp_form"
"""Flask's own signed cookie: the form token's seed and the chosen language, nothing else."""

_DEVICE_LASTS = timedelta(days=365)


def name(base: str, *, secure: bool) -> str:
    """A cookie's full name."""
    return f"__Host-{base}" if secure else base


def read(base: str) -> str | None:
    """The handle that the browser sent, if it looks like one of ours."""
    value = request.cookies.get(name(base, secure=_secure()))
    return value if value and len(value) <= 64 and value.isascii() else None


def write(response: Response, base: str, handle: str, *, lasts: timedelta | None = None) -> None:
    """Give the browser a handle. Only the device's outlives the browser, and what is told how long it `lasts`."""
    response.set_cookie(
        name(base, secure=_secure()),
        handle,
        max_age=_DEVICE_LASTS if base == DEVICE else lasts,
        path="/",
        secure=_secure(),
        httponly=True,
        samesite="Lax",
    )


def clear(response: Response, base: str) -> None:
    """Take a handle back."""
    response.delete_cookie(name(base, secure=_secure()), path="/", secure=_secure(), httponly=True, samesite="Lax")


def _secure() -> bool:
    secure: bool = current_app.config["SESSION_COOKIE_SECURE"]
    return secure
