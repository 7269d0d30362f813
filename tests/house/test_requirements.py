"""docs/requirements.md holds every requirement that anything cites, with the tests that hold it, and is as the tests say."""

from pathlib import Path

import pytest

from devtools import requirements
from tests.house.test_architecture import ours

ROOT = Path(__file__).resolve().parents[2]
CITING = tuple("idp/ portal/ tests/ templates/ docs/ migrations/ devtools/ bench/ README SECURITY".split())
TEXT = {".py", ".html", ".txt", ".md", ".mmd", ".xml"}

# Numbers of samples are put together, so that nothing here cites them.
A, B, C = (f"R{number}" for number in (901, 902, 903))
PAGE = f"""\
# Requirements

| Number | Requirement | Source | Tests |
|---|---|---|---|
| {A} | One. | RFC 1 | `tests/test_one.py::test_a` |
| {B} | Two. | RFC 2 | `tests/test_one.py::test_b`<br>`tests/test_two.py` |
"""
TESTS = {A: ["tests/test_one.py::test_a"], B: ["tests/test_one.py::test_b", "tests/test_two.py"]}
NAMES = {"tests/test_one.py::test_a", "tests/test_one.py::test_b", "tests/test_two.py"}


def broken(page: str, citations: dict[str, str], tests: dict[str, list[str]], names: set[str]) -> list[str]:
    """What is wrong with a page: `citations` tell where a number is cited, `names` which tests there are."""
    held = requirements.rows(page)
    said = [f"{number} is cited in {where} and has no row" for number, where in citations.items() if number not in held]
    for number, named in held.items():
        if not named:
            said.append(f"{number} has no test: cite it in the test that holds it, or take it out")
        said += [f"{number} names {test}, which is not there" for test in named if test not in names]
        if named != tests.get(number, []):
            said.append(f"{number}: the tests cite otherwise; run `python3 dev.py requirements`")
        if number not in citations:
            said.append(f"{number} is cited nowhere")
    return said


def _citations() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ours():
        path = ROOT / name
        if name.startswith(CITING) and path.suffix in TEXT and path != requirements.PAGE:
            for number in requirements.NUMBER.findall(path.read_text("utf-8")):
                found.setdefault(number, name)
    return found


def _tests() -> set[str]:
    names: set[str] = set()
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = path.relative_to(ROOT).as_posix()
        names |= {file, *(f"{file}::{name}" for name in requirements.tests_of(path.read_text("utf-8")))}
    return names


def test_the_page_is_whole_and_true() -> None:
    citations = _citations()
    said = broken(requirements.PAGE.read_text("utf-8"), citations, requirements.holders(ROOT), _tests())
    assert not said, "\n" + "\n".join(said)
    assert len(citations) > 50


def test_no_number_has_two_rows_and_every_row_has_its_four_cells() -> None:
    lines = [line for line in requirements.PAGE.read_text("utf-8").splitlines() if line.startswith("| R")]
    numbers = [line.split("|")[1].strip() for line in lines]
    assert len(numbers) == len(set(numbers)) == len(requirements.rows(requirements.PAGE.read_text("utf-8")))
    assert all(line.count("|") == 5 and all(cell.strip() for cell in line.split("|")[1:-1]) for line in lines)


def test_a_good_page_passes() -> None:
    assert broken(PAGE, {A: "x.py", B: "y.py"}, TESTS, NAMES) == []


@pytest.mark.parametrize(
    ("page", "citations", "tests", "names", "says"),
    [
        (PAGE, {A: "x.py", B: "y.py", C: "z.py"}, TESTS, NAMES, f"{C} is cited in z.py and has no row"),
        (PAGE, {A: "x.py"}, TESTS, NAMES, f"{B} is cited nowhere"),
        (PAGE.replace("`tests/test_one.py::test_a`", ""), {A: "x", B: "y"}, {B: TESTS[B]}, NAMES, f"{A} has no test"),
        (
            PAGE,
            {A: "x", B: "y"},
            TESTS,
            NAMES - {"tests/test_two.py"},
            f"{B} names tests/test_two.py, which is not there",
        ),
        (PAGE, {A: "x", B: "y"}, {**TESTS, A: ["tests/test_two.py"]}, NAMES, f"{A}: the tests cite otherwise"),
        (PAGE, {A: "x", B: "y"}, {B: TESTS[B]}, NAMES, f"{A}: the tests cite otherwise"),
    ],
    ids=["no row", "cited nowhere", "no test", "test gone", "other tests", "cited by no test any more"],
)
def test_what_is_wrong_with_a_page_is_found(
    page: str, citations: dict[str, str], tests: dict[str, list[str]], names: set[str], says: str
) -> None:
    assert any(said.startswith(says) for said in broken(page, citations, tests, names))


def test_citations_are_read_from_docstrings_and_comments_alone() -> None:
    text = f'''\
"""About {A}."""
import pytest

def test_a(): "{B}: a docstring."

def test_b():
    # because of {B}
    return "{C} in a text"

@pytest.mark.parametrize("x", [1])  # {C} beside a parameter
def test_c(x): "{A} again."

def helper(): "{C} in a helper."
'''
    assert requirements.cited("tests/test_x.py", text) == {
        (A, "tests/test_x.py"),
        (B, "tests/test_x.py::test_a"),
        (B, "tests/test_x.py::test_b"),
    }


def test_a_comment_between_the_tests_is_about_the_file() -> None:
    assert requirements.cited("tests/test_x.py", f"# Steps ({A})\n\ndef test_a(): 1\n") == {(A, "tests/test_x.py")}


def test_only_the_last_column_is_written() -> None:
    bare = PAGE.replace("`tests/test_one.py::test_a`", "").replace(
        "`tests/test_one.py::test_b`<br>`tests/test_two.py`", "old"
    )
    assert bare != PAGE
    assert requirements.renewed(bare, TESTS) == PAGE
    assert requirements.renewed(PAGE, TESTS) == PAGE
    assert requirements.rows(requirements.renewed(PAGE, {})) == {A: [], B: []}
