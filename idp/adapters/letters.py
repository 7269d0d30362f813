"""Letters: one page as PDF, put into a folder from which the print shop takes it. The folder is the whole interface.

Each letter is a pair of files, `REFERENCE.pdf` and `REFERENCE.json` (to whom). The JSON is renamed into place last, so who
sees it sees a whole letter.
"""

import json
import os
import unicodedata
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from babel.dates import format_date

from idp.ports import Letter, PortDown, Post

if TYPE_CHECKING:
    from fpdf import FPDF

_FONT = "Helvetica"
_MARGIN = 25  # millimetres
_CODE_MARK = "# "
# Letters without an accent to take off, and the signs of typography.
_PLAIN = dict(zip("łŁđĐœŒıħĦŋ–—‘’“”…", "lLdDoOihHn--''\"\".", strict=True))  # noqa: RUF001 - these are what is replaced


class SpoolLetters:
    """The folder of letters that wait to be printed; only its owner may look into it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, letter: Letter, *, reference: str) -> None:
        """Put the letter into the folder. The same reference again replaces the same letter. Raises `PortDown`."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._put(f"{reference}.pdf", letter.pdf)
            told = {"name": letter.name, **asdict(letter.post)}
            self._put(f"{reference}.json", json.dumps(told, ensure_ascii=False).encode("utf-8"))
        except OSError as down:
            raise PortDown(f"letters: {type(down).__name__}") from down

    def _put(self, name: str, content: bytes) -> None:
        half = self._folder / f".{name}"
        half.touch(mode=0o600)
        with half.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # once we say that it went, it must outlast a power cut
        half.rename(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@dataclass(frozen=True)
class Waiting:
    """A letter in the folder."""

    name: str
    to: str
    at: float


def read_letters(folder: Path) -> list[Waiting]:
    """What waits to be printed, the newest first."""
    found = [path for path in folder.glob("*.json") if not path.name.startswith(".")] if folder.is_dir() else []
    letters = []
    for path in found:
        told = json.loads(path.read_text("utf-8"))
        post = Post(**{key: value for key, value in told.items() if key != "name"})
        letters.append(Waiting(path.stem, ", ".join(address_lines(told["name"], post)), path.stat().st_mtime))
    return sorted(letters, key=lambda letter: letter.at, reverse=True)


def print_letter(*, name: str, post: Post, on: date, title: str, text: str, language: str) -> bytes:
    """The page as PDF, in US letter size, the address where a window envelope shows it.

    `text` is paragraphs parted by an empty line; one that begins with `# ` is set large, as a code is.
    """
    from fpdf import FPDF  # noqa: PLC0415 - half a second, which only the worker that prints a letter needs to spend

    page = FPDF(format="letter", unit="mm")
    page.set_lang(language)
    page.set_title(_plain(title))
    page.set_author("Guidon")
    page.set_creation_date(datetime(on.year, on.month, on.day, tzinfo=UTC))
    page.set_auto_page_break(True, margin=_MARGIN)
    page.set_margins(_MARGIN, _MARGIN, _MARGIN)
    page.add_page()
    page.set_font(_FONT, "B", 16)
    _line(page, "Guidon")
    page.set_xy(_MARGIN, 50)
    page.set_font(_FONT, size=11)
    for line in address_lines(name, post):
        _line(page, line)
    page.set_xy(_MARGIN, 90)
    _line(page, format_date(on, "long", locale=language))
    page.ln(4)
    page.set_font(_FONT, "B", 14)
    page.multi_cell(0, 7, _plain(title), new_x="LMARGIN", new_y="NEXT")
    page.ln(3)
    for paragraph in text.split("\n\n"):
        words = " ".join(paragraph.split())
        code = words.startswith(_CODE_MARK)
        page.set_font("Courier" if code else _FONT, "B" if code else "", 22 if code else 11)
        page.multi_cell(0, 12 if code else 5.5, _plain(words.removeprefix(_CODE_MARK)), new_x="LMARGIN", new_y="NEXT")
        page.ln(3)
    return bytes(page.output())


def address_lines(name: str, post: Post) -> list[str]:
    """An address as it stands on an envelope."""
    place = " ".join(part for part in (f"{post.locality},", post.region, post.postal_code) if part)
    return [name, post.street_address, place.rstrip(","), *([post.country] if post.country != "US" else [])]


def _line(page: "FPDF", text: str) -> None:
    page.cell(0, 6, _plain(text), new_x="LMARGIN", new_y="NEXT")


def _plain(text: str) -> str:
    """What the fonts that every PDF reader has can show (Latin-1): other letters lose their accents, as on an envelope."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character.encode("latin-1", "ignore"):
        return character
    bare = unicodedata.normalize("NFKD", character).encode("latin-1", "ignore").decode("latin-1")
    return bare or _PLAIN.get(character, "?")
