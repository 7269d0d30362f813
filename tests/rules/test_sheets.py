"""Directory files as spreadsheets save them: the same people as in JSON lines, by the same rules."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.directory import cast, sheets
from idp.directory.records import (
    Affiliation,
    BadLine,
    Branch,
    Category,
    ChangedBy,
    Eligibility,
    Email,
    EndReason,
    Gender,
    Postal,
    Record,
    Relation,
    Relationship,
    Status,
)
from idp.directory.sheets import Sheet
from tests.directory_files import cells_of

DAYS = st.dates(date(1900, 1, 1), date(2099, 12, 31))
WORDS = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\x7f"), min_size=1, max_size=100
)
NAMES = WORDS.filter(lambda text: text.strip() != "")
CODES = st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)
KEYS = st.text("ABCxyz019._:-", min_size=1, max_size=64)
EDIPIS = st.integers(1_000_000_000, 9_999_999_999).map(str)
SPANS = st.tuples(DAYS, st.none() | DAYS).map(
    lambda days: {"begin": days[0], "end": max(days) if days[1] is not None else None}  # type: ignore[type-var]
)


def some(parts: st.SearchStrategy[object], most: int = 3) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(parts, max_size=most).map(tuple)


EMAILS = st.builds(
    Email,
    address=st.from_regex(r"[a-z.+]{1,20}@[a-z]{1,10}\.[a-z]{2,6}", fullmatch=True),
    since=DAYS,
    changed_by=st.sampled_from(ChangedBy),
)
POSTAL = st.builds(
    Postal,
    street_address=WORDS,
    locality=WORDS,
    region=st.none() | WORDS,
    postal_code=st.none() | WORDS,
    country=st.sampled_from(["US", "DE"]),
    since=DAYS,
    changed_by=st.sampled_from(ChangedBy),
)


def spanned(model: type, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.builds(lambda span, **given: model(**span, **given), SPANS, source_code=CODES, **fields)


RELATIONS = spanned(
    Relation,
    sponsor=KEYS.map(lambda key: f"s{key}"[:64]),
    relationship=st.sampled_from(Relationship),
    custody=st.none() | st.booleans(),
)
AFFILIATIONS = spanned(
    Affiliation,
    category=st.sampled_from(Category),
    branch=st.sampled_from(Branch),
    end_reason=st.none() | st.sampled_from(EndReason),
)
ELIGIBILITY = spanned(Eligibility, program=WORDS, plan=WORDS, status=st.sampled_from(Status))
RECORDS = st.builds(
    lambda edipis, **fields: Record(edipi=edipis[0], other_edipis=tuple(edipis[1:]), **fields),
    st.lists(EDIPIS, min_size=1, max_size=4, unique=True),
    person=KEYS.map(lambda key: f"p{key}"[:64]),
    given_name=NAMES,
    middle_name=st.none() | NAMES,
    family_name=NAMES,
    suffix=st.none() | WORDS.map(lambda text: text[:20]),
    former_family_names=some(NAMES),
    birth_date=st.just(date(1899, 1, 1)),
    gender=st.none() | st.sampled_from(Gender),
    deceased_on=st.none() | DAYS,
    conflict_since=st.none() | DAYS,
    emails=some(EMAILS),
    postal=some(POSTAL),
    relations=some(RELATIONS),
    affiliations=some(AFFILIATIONS),
    eligibility=some(ELIGIBILITY),
    source_code=CODES,
    ssn=st.none() | st.from_regex(r"[0-9]{9}", fullmatch=True),
    dbn=st.none() | st.from_regex(r"[0-9]{11}", fullmatch=True),
)


def file_of(rows: list[list[str]], *, start: bytes = b"", end: str = "\r\n") -> io.BytesIO:
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerows(rows)
    return io.BytesIO(start + text.getvalue().encode("utf-8"))


def people_of(file: io.BytesIO) -> list[Record]:
    sheet = Sheet(file)
    return [sheets.parse(sheet.columns, row) for row in sheet.rows()]


def faults_of(text: str | bytes) -> dict[int, str]:
    sheet = Sheet(io.BytesIO(text.encode("utf-8") if isinstance(text, str) else text))
    found = {}
    for row in sheet.rows():
        try:
            sheets.parse(sheet.columns, row)
        except BadLine as bad:
            found[row.line] = str(bad)
    return found


@settings(max_examples=150, deadline=None)
@given(
    st.lists(RECORDS, min_size=1, max_size=3), st.sampled_from([b"", b"\xef\xbb\xbf"]), st.sampled_from(["\n", "\r\n"])
)
def test_a_record_comes_back_from_a_sheet_as_it_was(records: list[Record], start: bytes, end: str) -> None:
    rows = [cells_of(record) for record in records]
    columns = sorted({column for row in rows for column in row}, reverse=True)
    table = [columns, *[[row.get(column, "") for column in columns] for row in rows]]
    assert people_of(file_of(table, start=start, end=end)) == records


def test_the_cast_comes_back_too() -> None:
    records = list(cast.people(date(2026, 5, 4)))
    rows = [cells_of(record) for record in records]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    assert people_of(file_of([columns, *[[row.get(column, "") for column in columns] for row in rows]])) == records


HEADER = "person,edipi,given_name,family_name,birth_date"
ADA = "ada,9900000701,Ada,Testwood,1990-01-02"


def test_the_page_lists_every_column() -> None:
    page = (Path(__file__).parents[2] / "docs" / "deers.md").read_text("utf-8")
    section = page.partition("### Spreadsheets")[2].partition("\n## ")[0]
    for name in sheets.COLUMNS:
        stem = "".join("N" if character.isdigit() else character for character in name).replace("NN", "N")
        assert f"`{stem}`" in section, stem


@pytest.mark.parametrize(
    ("more", "cells", "reason"),
    [
        (",email_3_since", ",2020-01-01", "email_3_address: Field required"),
        (
            ",email_2_address,email_2_since,email_4_address,email_4_since",
            ",a@b.example,2020-01-01,c@d.example,soon",
            "email_4_since: Input should be a valid date in the format YYYY-MM-DD, input is too short",
        ),
        (",other_edipi_7", ",12", "other_edipi_7: String should match pattern '^[1-9][0-9]{9}$'"),
        (",affiliation_2_category,affiliation_2_branch,affiliation_2_begin,affiliation_2_end", ",A,A,2020-01-02,2020-01-01",
         "affiliation_2: end lies before begin"),
        (",relation_1_sponsor,relation_1_relationship,relation_1_begin,relation_1_custody", ",x,child,2020-01-01,perhaps",
         "relation_1_custody: Input should be a valid boolean"),
        (",ssn", ",12345678", "ssn: String should match pattern '^[0-9]{9}$'"),
        (",deceased_on", ",1980-01-01", "deceased_on lies before birth_date"),
        (",suffix", "", "5 cells, where the header has 6"),
        (",suffix", ",Jr,Sr", "7 cells, where the header has 6"),
        (",suffix", f",{'x' * 70_000}", "longer than 65536 bytes"),
    ],
)  # fmt: skip
def test_a_fault_names_the_column_and_no_value(more: str, cells: str, reason: str) -> None:
    assert faults_of(f"{HEADER}{more}\n{ADA}{cells}\n") == {2: reason}


def test_lines_are_counted_through_quoted_line_ends_and_empty_rows() -> None:
    streets = ",postal_1_street_address,postal_1_locality,postal_1_since\n"
    told = faults_of(
        f'{HEADER}{streets}{ADA},"1 ""A"" Road, left",Town,2020-01-01\n\n,,,,,,,\n{ADA},"1 Road\nBack",Town,2020-01-01\nx\n'
    )
    assert list(told) == [5, 7]
    assert told[5].startswith("postal_1_street_address: ")


def test_a_quote_that_is_never_closed_costs_its_row_and_not_the_memory() -> None:
    ending = f"{ADA}\n" * 5_000
    told = faults_of(f'{HEADER}\n"ada{ADA}\n{ending}')
    first, *others = told.items()
    assert first[0] == 2
    assert "quotes or line ends are out of place in this row, which goes on to line " in first[1]
    assert others == []


def test_what_is_not_utf_8_is_a_bad_row_alone() -> None:
    told = faults_of(HEADER.encode() + b"\nada,9900000701,Ad\xe9,Testwood,1990-01-02\n" + ADA.encode())
    assert told == {2: "not UTF-8"}


def test_truth_is_written_in_any_case() -> None:
    columns = "relation_1_sponsor,relation_1_relationship,relation_1_begin,relation_1_custody"
    for word, truth in (("TRUE", True), ("false", False), ("", None)):
        (one,) = people_of(io.BytesIO(f"{HEADER},{columns}\n{ADA},x,child,2020-01-01,{word}\n".encode()))
        assert one.relations[0].custody is truth
