"""A directory file as a spreadsheet saves it: CSV in UTF-8, a header with the names of the columns, one person in a row.

What a person has several of stands in numbered columns (`former_family_name_1`, `email_2_since`). They are made from the fields
of a record, so both formats know the same columns and keep the same rules.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final, NamedTuple

from annotated_types import MaxLen
from pydantic import BaseModel, ValidationError

from idp.directory import lines
from idp.directory.records import (
    LONGEST_LINE,
    Affiliation,
    BadLine,
    Eligibility,
    Email,
    Postal,
    Record,
    Relation,
    told,
)

_TOO_LONG = f"longer than {LONGEST_LINE} bytes"
_TRUTH = {"true": True, "false": False}


class Column(NamedTuple):
    """Where the cells of a column belong: a field of the record; in a list also which number; in a part also which field of it."""

    field: str
    number: int = 0
    part: str = ""


class Row(NamedTuple):
    """The cells of one row, the line that it begins on, and what is wrong with it before anybody looks at the cells."""

    line: int
    cells: list[str]
    fault: str = ""


_LISTS: Final[dict[str, tuple[str, type[BaseModel] | None]]] = {
    "other_edipi": ("other_edipis", None),
    "former_family_name": ("former_family_names", None),
    "email": ("emails", Email),
    "postal": ("postal", Postal),
    "relation": ("relations", Relation),
    "affiliation": ("affiliations", Affiliation),
    "eligibility": ("eligibility", Eligibility),
}
"""What a numbered column begins with, the field of the record that it belongs to, and what one of these is."""


def _all_columns() -> Iterator[tuple[str, Column]]:
    in_lists = {field for field, _ in _LISTS.values()}
    yield from ((name, Column(name)) for name in Record.model_fields if name not in in_lists)
    for singular, (field, model) in _LISTS.items():
        most = next(rule.max_length for rule in Record.model_fields[field].metadata if isinstance(rule, MaxLen))
        for number in range(1, most + 1):
            if model is None:
                yield f"{singular}_{number}", Column(field, number)
            else:
                yield from ((f"{singular}_{number}_{part}", Column(field, number, part)) for part in model.model_fields)


COLUMNS: Final = dict(_all_columns())
"""Every column that a header may name."""

_NAMES: Final = {column: name for name, column in COLUMNS.items()}
_MUST: Final = [name for name, field in Record.model_fields.items() if field.is_required()]


class Sheet:
    """An open file, read row by row. Raises `BadLine` for a header that cannot be."""

    def __init__(self, file: BinaryIO) -> None:
        self.done = 0
        """How many bytes were read."""
        self._line = 0
        self._too_long = False
        self._rows = csv.reader(self._texts(file), strict=True)
        self.columns = _checked(next(self._read(), Row(1, [])))

    def rows(self) -> Iterator[Row]:
        """The rows behind the header; those without anything in any cell are passed over."""
        return (row for row in self._read() if row.fault or any(row.cells))

    def _read(self) -> Iterator[Row]:
        while True:
            begun = self._line + 1
            self._too_long = False
            try:
                cells = next(self._rows)
            except StopIteration:
                return
            except csv.Error:
                last = f", which goes on to line {self._line}" if self._line > begun else ""
                yield Row(begun, [], f"quotes or line ends are out of place in this row{last}")
                continue
            too_long = self._too_long or sum(map(len, cells)) > LONGEST_LINE
            yield Row(begun, [], _TOO_LONG) if too_long else Row(begun, cells)

    def _texts(self, file: BinaryIO) -> Iterator[str]:
        for number, line in lines.read(file):
            self._line = number
            self._too_long |= len(line) > LONGEST_LINE
            self.done += len(line)
            # What is no UTF-8 stays visible as such until somebody looks at the row.
            yield line.decode("utf-8", errors="surrogateescape")


def parse(columns: list[Column], row: Row) -> Record:
    """The record of a row. Raises `BadLine`."""
    if row.fault:
        raise BadLine(row.fault)
    if len(row.cells) != len(columns):
        raise BadLine(f"{len(row.cells)} cells, where the header has {len(columns)}")
    given, numbers = _sorted(columns, row.cells)
    try:
        text = json.dumps(given, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise BadLine("not UTF-8") from None
    try:
        return Record.model_validate_json(text)
    except ValidationError as wrong:
        raise BadLine(told(wrong, where=lambda place: _named(place, numbers))) from None


def _checked(header: Row) -> list[Column]:
    names = header.cells
    if header.fault:
        raise BadLine(header.fault)
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise BadLine("columns are separated by commas")
    unknown = [str(number) for number, name in enumerate(names, start=1) if name not in COLUMNS]
    if unknown:
        # A name that is none may be a value: the file has no header, then.
        raise BadLine(f"the header names no such column: number {', '.join(unknown[:5])}")
    if len(set(names)) < len(names):
        raise BadLine("the header names a column twice")
    missing = [name for name in _MUST if name not in names]
    if missing:
        raise BadLine(f"the header must name {', '.join(missing)}")
    return [COLUMNS[name] for name in names]


def _sorted(columns: Iterable[Column], cells: Iterable[str]) -> tuple[dict[str, object], dict[str, list[int]]]:
    """The cells that are not empty as a record has them, and for each list the numbers of what is in it: some may be left out."""
    given: dict[str, object] = {}
    lists: dict[str, dict[int, Any]] = {}
    for (field, number, part), cell in zip(columns, cells, strict=True):
        if not cell:
            continue
        value: object = _TRUTH.get(cell.lower(), cell) if part == "custody" else cell
        if not number:
            given[field] = value
        elif not part:
            lists.setdefault(field, {})[number] = value
        else:
            lists.setdefault(field, {}).setdefault(number, {})[part] = value
    numbers = {field: sorted(ones) for field, ones in lists.items()}
    given.update({field: [ones[number] for number in numbers[field]] for field, ones in lists.items()})
    return given, numbers


def _named(place: tuple[str | int, ...], numbers: dict[str, list[int]]) -> str:
    """The name of the column that a fault is about, or of the group of columns."""
    field, *rest = place
    if not rest:
        return str(field)
    number = numbers[str(field)][int(rest[0])]
    part = str(rest[1]) if len(rest) > 1 else ""
    named = _NAMES.get(Column(str(field), number, part))
    if named is not None:
        return named
    return next(f"{singular}_{number}" for singular, (list_field, _) in _LISTS.items() if list_field == field)
