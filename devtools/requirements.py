"""The tests that hold each requirement, gathered from what the tests cite into docs/requirements.md.

A test cites a requirement in its docstring or in a comment of its body; a module docstring, or a comment between the
tests, cites it for the whole file.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

from devtools.terminal import ROOT, say

PAGE = ROOT / "docs" / "requirements.md"
NUMBER = re.compile(r"\bR\d{1,3}\b")
_ROW = re.compile(r"\| (R\d{1,3}) \|")
_BETWEEN = "<br>"


def write() -> None:
    """Put the tests of today into the page's last column."""
    before = PAGE.read_text("utf-8")
    after = renewed(before, holders(ROOT))
    if after == before:
        say("Every row names its tests already.")
        return
    PAGE.write_text(after, "utf-8")
    say(f"Wrote {PAGE.relative_to(ROOT)}.")


def holders(root: Path) -> dict[str, list[str]]:
    """For each number, the tests under `root` that cite it, as pytest names them."""
    found: dict[str, set[str]] = {}
    for path in sorted(root.glob("tests/**/test_*.py")):
        for number, test in cited(path.relative_to(root).as_posix(), path.read_text("utf-8")):
            found.setdefault(number, set()).add(test)
    return {number: sorted(tests) for number, tests in found.items()}


def cited(path: str, text: str) -> set[tuple[str, str]]:
    """The numbers that one test file cites, each with `file::test`, or with `file` where it is cited for all of them."""
    tree = ast.parse(text)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    whole = set(NUMBER.findall(ast.get_docstring(tree) or ""))
    single = {(number, f.name) for f in functions for number in NUMBER.findall(ast.get_docstring(f) or "")}
    for line, comment in _comments(text):
        around = next((f for f in functions if _first_line(f) <= line <= (f.end_lineno or f.lineno)), None)
        if around is None:
            whole.update(NUMBER.findall(comment))
        elif line >= around.lineno:  # beside a parameter it is about one case, and the test says what of
            single |= {(number, around.name) for number in NUMBER.findall(comment)}
    # What the file says for every test in it need not be said again for a few of them.
    by_test = {
        (number, f"{path}::{name}") for number, name in single if name.startswith("test_") and number not in whole
    }
    return by_test | {(number, path) for number in whole}


def tests_of(text: str) -> list[str]:
    """The tests of one file, by name."""
    functions = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return [name for name in functions if name.startswith("test_")]


def renewed(page: str, tests: Mapping[str, list[str]]) -> str:
    """The page with the last cell of each row written anew; everything else stays as people wrote it."""
    return "".join(_row(line, tests) for line in page.splitlines(keepends=True))


def rows(page: str) -> dict[str, list[str]]:
    """Each row's number, with the tests that the page names for it."""
    return {cells[0]: _tests(cells[-1]) for line in page.splitlines() if _ROW.match(line) for cells in [_cells(line)]}


def _row(line: str, tests: Mapping[str, list[str]]) -> str:
    if not _ROW.match(line):
        return line
    number, *middle, _ = _cells(line)
    held = _BETWEEN.join(f"`{test}`" for test in tests.get(number, ()))
    return f"| {' | '.join((number, *middle, held))} |\n"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _tests(cell: str) -> list[str]:
    return [name.strip("` ") for name in cell.split(_BETWEEN) if name.strip("` ")]


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _first_line(function: ast.FunctionDef) -> int:
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
