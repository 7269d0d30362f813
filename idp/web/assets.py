"""Which served name a compiled asset has, and how long a browser may keep it.

The files are compiled beforehand (`assets/`) and committed; nothing is built while the service runs.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flask import Flask
from flask_babel import get_locale

URL_PREFIX: Final = "/static/"
FOR_EVER: Final = "public, max-age=31536000, immutable"
FOR_A_WHILE: Final = "public, max-age=3600"


def find_folder(name: str) -> Path:
    """The `templates` or `static` folder: inside the package when installed from a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for parent in (package, package.parent):
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(f"the folder {name!r} is neither in {package} nor beside it")


@cache
def manifest() -> Mapping[str, str]:
    """Logical name to served name, read once; a broken or missing manifest stops the start, not the first page."""
    read = json.loads((find_folder("static") / "manifest.json").read_text(encoding="utf-8"))
    return MappingProxyType({str(name): str(served) for name, served in read.items()})


def asset_url(name: str) -> str:
    """The path to write into a page. A name that was never compiled is a mistake in a template, so it raises."""
    try:
        return URL_PREFIX + manifest()[name]
    except KeyError:
        raise LookupError(f"no asset is called {name!r}; compiled are: {', '.join(sorted(manifest()))}") from None


@cache
def _hashed_paths() -> frozenset[str]:
    return frozenset(URL_PREFIX + served for served in manifest().values())


def is_hashed(path: str) -> bool:
    """Whether the bytes behind this path can never change, because its name is a digest of them."""
    return path in _hashed_paths()


def cache_control(path: str) -> str:
    """The Cache-Control header for a file under `/static/`."""
    return FOR_EVER if is_hashed(path) else FOR_A_WHILE


def register(app: Flask) -> None:
    """Give templates what `base.html` calls. Without a readable manifest there is no app."""
    manifest()
    app.add_template_global(asset_url, "asset_url")
    app.add_template_global(get_locale, "get_locale")
