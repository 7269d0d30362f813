"""The words for people: gathered from code and templates into the file that translators start from, brought into each
language's own file, and compiled into what the service reads. All three are kept in git: nothing is compiled at run time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from devtools import environment
from devtools.terminal import ROOT, StopError, run, say

FOLDER = ROOT / "translations"
CATALOGUE = FOLDER / "messages.pot"
STAMPS = ('"POT-Creation-Date:', '"Generated-By:', "# ")
"""Lines that differ from year to year, from day to day, and from tool to tool."""


def gather() -> None:
    """Write the catalogue anew, and bring every language up to it."""
    python = environment.ensure(environment.WITH_CHECKS)
    found = _extracted(python)
    if CATALOGUE.exists() and _lasting(found) == _lasting(CATALOGUE.read_text("utf-8")):
        say("The catalogue holds every phrase already.")
    else:
        CATALOGUE.write_text(found, "utf-8")
        say(f"Wrote {CATALOGUE.relative_to(ROOT)}.")
    update(python)


def update(python: str) -> None:
    """Give each language the new phrases, still without words, take away the old ones, and compile. No word is guessed
    from a phrase that looks alike: `tests/house/test_translations.py` names those that have none.
    """
    babel = (python, "-m", "babel.messages.frontend", "-q")
    kept = ("--no-fuzzy-matching", "--ignore-obsolete", "--ignore-pot-creation-date", "--no-wrap")
    for catalogue in sorted(FOLDER.glob("*/LC_MESSAGES/messages.po")):
        language = catalogue.parent.parent.name
        files = ("--input-file", str(CATALOGUE), "--output-dir", str(FOLDER), "--locale", language)
        run([*babel, "update", *kept, *files], doing=f"Bringing the new phrases into {language}")
        run([*babel, "compile", "--directory", str(FOLDER), "--locale", language], doing=f"Compiling {language}")


def check(python: str) -> None:
    """Stop where a phrase is missing from the catalogue, or is in it no more."""
    kept = CATALOGUE.read_text("utf-8") if CATALOGUE.exists() else ""
    if _lasting(_extracted(python)) != _lasting(kept):
        raise StopError(
            f"{CATALOGUE.relative_to(ROOT)} is not as code and templates say; `python3 dev.py phrases` makes it."
        )


def _extracted(python: str) -> str:
    with tempfile.TemporaryDirectory(prefix="guidon-") as folder:
        found = Path(folder, "messages.pot")
        run(
            [
                *(python, "-m", "babel.messages.frontend", "-q", "extract", "--mapping", "translations/babel.cfg"),
                *("--keyword", "lazy_gettext", "--keyword", "lazy_ngettext:1,2", "--add-comments", "Translators:"),
                # Line numbers would change with every commit; the file is enough to find a phrase.
                *("--add-location", "file", "--sort-by-file", "--project", "Guidon", "--copyright-holder", "Guidon"),
                *("--output", str(found), "."),
            ],
            doing="Gathering the phrases",
        )
        return found.read_text("utf-8")


def _lasting(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(STAMPS)]
