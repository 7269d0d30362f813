"""Files for the directory, and what it holds afterwards."""

import csv
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from idp import db
from idp.audit import AuditEvent
from idp.db import Database, list_rows
from idp.directory.records import Record, write


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that the directory's tables hold."""
    tables = [table for table in db.Row.metadata.sorted_tables if table.name.startswith("deers_")]
    with database.read() as conn:
        return {
            table.name: [tuple(row) for row in conn.execute(sa.select(table).order_by(*table.c))] for table in tables
        }


def imports(database: Database) -> list[AuditEvent]:
    with database.read() as conn:
        return list_rows(conn, AuditEvent, AuditEvent.event == "directory.imported", order_by=AuditEvent.seq)


def somebody(number: int, **changed: Any) -> Record:
    """An ordinary grown-up."""
    facts: dict[str, Any] = {
        "person": f"test-{number}",
        "edipi": f"99000007{number:02d}",
        "ssn": f"9000007{number:02d}",
        "given_name": "Ira",
        "family_name": "Testwood",
        "birth_date": date(1990, 1, 2),
    }
    return Record(**{**facts, **changed})


def file_of(folder: Path, *lines: Record | str) -> Path:
    path = folder / "people.jsonl"
    path.write_text("".join(line if isinstance(line, str) else write(line) for line in lines), encoding="utf-8")
    return path


LISTS = {
    "other_edipis": "other_edipi",
    "former_family_names": "former_family_name",
    "emails": "email",
    "postal": "postal",
    "relations": "relation",
    "affiliations": "affiliation",
    "eligibility": "eligibility",
}


def cells_of(record: Record) -> dict[str, str]:
    """A record as docs/deers.md says that a spreadsheet has it; written here once more, from the page and not from the code."""
    cells: dict[str, str] = {}
    for name, value in record.model_dump(mode="json").items():
        if name not in LISTS:
            cells[name] = _cell(value)
            continue
        for number, one in enumerate(value, start=1):
            column = f"{LISTS[name]}_{number}"
            if isinstance(one, dict):
                cells.update({f"{column}_{part}": _cell(word) for part, word in one.items()})
            else:
                cells[column] = _cell(one)
    return cells


def sheet_of(path: Path, records: Iterable[Record], *, encoding: str = "utf-8") -> Path:
    """A CSV file as a spreadsheet saves it, with the columns that somebody fills."""
    rows = [cells_of(record) for record in records]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
