"""What the demo tells a person once it runs: where to go, and whom to try."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def cast(listed: Path) -> Mapping[str, Rows]:
    """The named people of the demo, as `idp demo people` listed them: a heading, and a row for each person."""
    lists = json.loads(listed.read_text("utf-8"))
    return lists if isinstance(lists, dict) else {"people": lists}


def page(*, issuer: str, portal: str, folder: Path, people: Mapping[str, Rows]) -> str:
    """The whole text, ready to print."""
    parts = [
        "Guidon runs. Everybody in it is invented; it is not a government site.",
        table(
            [
                {"where": portal, "what": "the patient portal: begin here, with “Sign in”"},
                {"where": issuer, "what": "the identity provider"},
                {"where": f"{issuer}/demo/mailbox", "what": "the mails and letters that it sends"},
                {"where": f"{issuer}/demo/questions", "what": "the answers to the questions of the upgrade"},
                {"where": f"{issuer}/demo/app", "what": "an app for sign-in codes, if you have none"},
                {"where": str(folder), "what": "the database, the keys and a log of each program"},
            ],
            headings=False,
        ),
    ]
    for name, rows in people.items():
        if rows:
            parts.append(f"{name.replace('_', ' ').capitalize()}\n{table(rows)}")
    parts.append("Ctrl-C stops everything; the data stays for the next time.")
    return "\n" + "\n\n".join(parts)


def table(rows: Rows, *, headings: bool = True) -> str:
    """Columns as wide as what is in them; the widest goes last, where it may run on."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    wide = {name: max(len(_shown(row.get(name))) for row in rows) for name in names}
    last = max(names, key=wide.__getitem__)
    names = [name for name in names if name != last and wide[name]] + [last]
    lines = [{name: name.replace("_", " ") for name in names}] if headings else []
    lines += [{name: _shown(row.get(name)) for name in names} for row in rows]
    width = {name: max(len(line[name]) for line in lines) for name in names}
    return "\n".join(f"  {'  '.join(line[name].ljust(width[name]) for name in names)}".rstrip() for line in lines)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
