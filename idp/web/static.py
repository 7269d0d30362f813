"""The compiled style, script, fonts and pictures, compressed once a process for browsers that take it."""

import gzip
from functools import cache

from flask import Response, request, send_from_directory
from flask.typing import ResponseReturnValue

from idp.web import assets
from idp.web.routes import Access, Csrf, Pages

pages = Pages("static")
_NO_POST = Csrf.none("nothing can be posted")
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@pages.route("/static/<path:name>", access=Access.MACHINE, csrf=_NO_POST)
def file(name: str) -> ResponseReturnValue:
    """One file of `static/`; how long it may be kept is in `assets`."""
    kind = _TYPES.get(name.rpartition(".")[2])
    if kind and assets.is_hashed(request.path) and request.accept_encodings["gzip"] > 0:
        response = Response(_compressed(name), content_type=kind)
        response.headers["Content-Encoding"] = "gzip"
        response.vary.add("Accept-Encoding")
        return response
    return send_from_directory(assets.find_folder("static"), name, conditional=True)


@pages.route("/favicon.ico", access=Access.MACHINE, csrf=_NO_POST)
def favicon() -> ResponseReturnValue:
    """Browsers ask for it by this name whatever the page says."""
    return send_from_directory(assets.find_folder("static"), assets.manifest()["favicon.ico"], conditional=True)


@cache
def _compressed(name: str) -> bytes:
    return gzip.compress((assets.find_folder("static") / name).read_bytes(), 9, mtime=0)
