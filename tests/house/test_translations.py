"""Every phrase has words in every language that the pages offer, and what is compiled is what translators wrote."""

import re
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from idp.web.languages import LANGUAGES

FOLDER = Path(__file__).resolve().parents[2] / "translations"
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]")
TAG = re.compile(r"<[^>]*>")

others = pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))


def phrases(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, abort_invalid=True)


def compiled(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_mo(file)


def translated(language: str) -> Catalog:
    return phrases(FOLDER / language / "LC_MESSAGES" / "messages.po")


def forms(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """A phrase and its plurals."""
    return (text,) if isinstance(text, str) else tuple(text or ())


def in_order(catalogue: Catalog) -> list[tuple[str, ...]]:
    return [forms(message.id) for message in catalogue if message.id]


def parts(text: str) -> list[str]:
    """What a translation must hold as it is: placeholders and tags."""
    return sorted(PLACEHOLDER.findall(text) + TAG.findall(text))


def faults(message: Message, plurals: int) -> list[str]:
    words = forms(message.string)
    found = ["has no words"] if not words or not all(word.strip() for word in words) else []
    if message.pluralizable and len(words) != plurals:
        found.append(f"has {len(words)} of {plurals} forms")
    if message.fuzzy:
        found.append("is fuzzy")
    # A singular may say "one" without the number, so each form is held to the English form beside it.
    for word, phrase in zip(words, forms(message.id), strict=False):
        if parts(word) != parts(phrase):
            found.append(f"has {parts(word)} where English has {parts(phrase)}")
    return found


@others
def test_every_phrase_is_translated_with_its_placeholders_and_nothing_is_fuzzy(language: str) -> None:
    catalogue = translated(language)
    assert in_order(catalogue) == in_order(phrases(FOLDER / "messages.pot")), "python3 dev.py phrases, then translate"
    assert not catalogue.fuzzy, "the file's own header is marked fuzzy, and would be compiled without plural forms"
    assert not catalogue.obsolete
    wrong = {message.id: faults(message, catalogue.num_plurals) for message in catalogue if message.id}
    assert {phrase: found for phrase, found in wrong.items() if found} == {}


@others
def test_what_is_compiled_is_what_was_written(language: str) -> None:
    written, read = translated(language), compiled(FOLDER / language / "LC_MESSAGES" / "messages.mo")
    expected = {forms(message.id): forms(message.string) for message in written if message.id}
    assert {forms(message.id): forms(message.string) for message in read if message.id} == expected, (
        "python3 dev.py phrases compiles it"
    )
    assert (read.locale, read.plural_forms) == (written.locale, written.plural_forms)
