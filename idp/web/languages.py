"""English or Spanish: as the address asks, as chosen before, or as the browser prefers, in this order."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from babel import Locale
from flask import Flask, Request, current_app, request, session
from flask.sessions import NullSession
from flask_babel import get_locale

from idp.web.routes import RouteMap

LANGUAGES = {"en": "English", "es": "Español"}
_CHOSEN = "language"


def choose() -> str:
    """The language of this request. An address with `ui_locales` (OIDC Core §3.1.2.1) chooses for the pages that
    follow too.
    """
    asked = _asked(request)
    # A program's address has no session to keep it in.
    if asked not in {None, session.get(_CHOSEN)} and not isinstance(session._get_current_object(), NullSession):  # type: ignore[attr-defined]  # noqa: SLF001
        session[_CHOSEN] = asked
    return choose_for(request, session)


def choose_for(asking: Request, kept: Mapping[str, Any]) -> str:
    """The same for a request that is not the present one, and what is kept of its browser."""
    if (asked := _asked(asking)) is not None:
        return asked
    chosen = kept.get(_CHOSEN)
    if chosen in LANGUAGES:
        return str(chosen)
    # Not `best_match`: it would take Spanish for `en-US, es;q=0.5`, as it looks for the exact tags first.
    return _first_spoken(tag for tag, quality in asking.accept_languages if quality > 0) or "en"


def language() -> str:
    """The language of this request as a code, for what is sent or stored."""
    locale: Locale | None = get_locale()
    return locale.language if locale is not None else "en"


def install(app: Flask) -> None:
    """Give pages the links that switch the language."""

    @app.context_processor
    def links() -> dict[str, object]:
        current = language()
        return {"language_links": [(code, name, _here(code), code == current) for code, name in LANGUAGES.items()]}


def _asked(asking: Request) -> str | None:
    return _first_spoken(asking.args.get("ui_locales", "")[:200].split())


def _first_spoken(tags: Iterable[str]) -> str | None:
    """The first tag that names a language of ours, in whichever country."""
    codes = (tag.split("-")[0].lower() for tag in tags)
    return next((code for code in codes if code in LANGUAGES), None)


def _here(code: str) -> str:
    """This page in another language. A page that came of a form is opened anew by its address."""
    kept = {key: value for key, value in request.args.items() if key != "ui_locales"}
    return f"{here()}?{urlencode({**kept, 'ui_locales': code})}"


def here() -> str:
    """The path of this page as a link can carry it: quoted, since `/%5Cevil.example` unquoted leads to another site
    (R96); the start page where this address takes forms alone.
    """
    routes: RouteMap = current_app.extensions["routes"]
    route = routes.find(request.endpoint)
    return "/" if route is not None and "GET" not in route.methods else quote(request.path, safe="/")
