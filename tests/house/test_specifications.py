"""docs/specifications.md is true: whatever anything cites is in its table, what is done has tests, and every test is there."""

from pathlib import Path

import pytest

from devtools import requirements
from idp.cli import specifications as page
from idp.oidc import specifications
from idp.oidc.conformity import Far, Part, Specification

ROOT = Path(__file__).resolve().parents[2]
BY_NAME = {spec.name: spec for spec in specifications.ALL}
CITING = sorted(path for folder in ("idp", "portal", "tests") for path in (ROOT / folder).rglob("*.py"))
# The table says the names of its documents, and this file cites what is not there.
ABOUT_CITING = {"specifications.py", "test_specifications.py"}

RED = Part(("1", "2.1"), Far.DONE, "Red.")
DARK = Part(("2.1.3",), Far.DONE, "Dark red.")
REST = Part((), Far.NO, "The rest.")


def test_whatever_is_cited_is_in_the_table() -> None:
    unknown = [
        f"{path.relative_to(ROOT)} cites {name}{f' §{section}' if section else ''}, which idp/oidc/specifications.py has not"
        for path in CITING
        if path.name not in ABOUT_CITING
        for name, section in page.citations(path.read_text("utf-8"))
        if name not in BY_NAME or (section and BY_NAME[name].part_of(section) is None)
    ]
    assert not unknown, "\n" + "\n".join(unknown)


def test_what_is_done_has_tests_and_what_is_not_has_none() -> None:
    held = page.holders(ROOT / "tests")
    parts = [(spec, part) for spec in specifications.ALL for part in spec.parts]
    wrong = [
        f"{spec.name} {part.sections}: {part.far.value}, and tests: {tests}"
        for spec, part in parts
        for tests in [page.tests_of(spec, part, held)]
        if bool(tests) is (part.far is Far.NO)
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_test_that_the_table_names_is_there() -> None:
    named = {test for spec in specifications.ALL for part in spec.parts for test in part.tests}
    gone = []
    for test in sorted(named):
        file, _, name = test.partition("::")
        path = ROOT / file
        if not path.is_file() or (name and name not in requirements.tests_of(path.read_text("utf-8"))):
            gone.append(test)
    assert named
    assert not gone


def test_no_document_is_there_twice_and_no_section_in_two_rows() -> None:
    names = [name for spec in specifications.ALL for name in (spec.name, *spec.also)]
    assert len(names) == len(set(names))
    for spec in specifications.ALL:
        sections = [section for part in spec.parts for section in part.sections or ("",)]
        assert len(sections) == len(set(sections)), spec.name


def test_a_section_belongs_to_the_row_that_names_it_most_closely() -> None:
    spec = Specification("RFC 1", "Colours", (RED, DARK, REST))
    found = [spec.part_of(section) for section in ("1", "1.7.2", "2.1.3.1", "2.1.4", "2.2", "10", "")]
    assert found == [RED, RED, DARK, RED, REST, REST, REST]
    assert Specification("RFC 1", "Colours", (RED,)).part_of("2.2") is None


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("as RFC 6749 §4.1.2 says.", [("RFC 6749", "4.1.2")]),
        ("(RFC 8707 §2, §2.1; R124)", [("RFC 8707", "2"), ("RFC 8707", "2.1")]),
        ("OIDC Core §3.1.2.1 and §5.5.", [("OIDC Core", "3.1.2.1"), ("OIDC Core", "5.5")]),
        ("OIDC Dynamic Client Registration §2", [("OIDC Registration", "2")]),
        ("RFC 99999 §1", [("RFC 99999", "1")]),
        ("RFC 7662", [("RFC 7662", "")]),
        ("SP 800-63A rev. 3 §5.3.2; SP 800-63A-4 §4.2", [("SP 800-63A", ""), ("SP 800-63A-4", "4.2")]),
        ("docs/levels.md §5", []),
    ],
)
def test_citations_are_read_as_they_are_written(text: str, cited: list[tuple[str, str]]) -> None:
    assert list(page.citations(text)) == cited


def test_a_test_is_listed_once_and_a_file_stands_for_its_tests(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "protocol"
    folder.mkdir(parents=True)
    folder.joinpath("test_red.py").write_text('"""RFC 6749 §6."""\n\ndef test_a():\n    """RFC 6749 §6."""\n', "utf-8")
    folder.joinpath("test_blue.py").write_text("def test_b():\n    # RFC 6749 §6\n    assert 1\n", "utf-8")
    held = page.holders(tmp_path / "tests")
    spec = BY_NAME["RFC 6749"]
    part = spec.part_of("6")
    assert part is not None
    found = set(page.tests_of(spec, part, held)) - set(part.tests)
    assert found == {"tests/protocol/test_red.py", "tests/protocol/test_blue.py::test_b"}
