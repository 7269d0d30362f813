"""The reference DEERS service: what it says to requests that nobody should send, and its document."""

import io
import json
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from idp.adapters import deers_openapi, deers_wire
from idp.adapters.deers_service import LONGEST, DeersService
from idp.adapters.deers_wire import BLOCK, CHANGES, LOOKUP, MATCH, STATUS
from idp.ports import Changes, Claimed, Known, Matched, NoMatch, NoSuchCursor, PortDown

T = TypeVar("T")
SSN = "912345678"
GOOD: dict[str, Any] = {
    "given_name": "Zephyrine",
    "family_name": "Quillfeather",
    "birth_date": "1971-03-29",
    "id_kind": "ssn",
    "id_number": SSN,
}


class Nobody:
    """A directory without people; `down` while it cannot be read."""

    def __init__(self, *, down: bool = False) -> None:
        self._down = down

    def match(self, claimed: Claimed) -> Matched | NoMatch:
        assert claimed.id_number
        return self._no(NoMatch.NO_SUCH_NUMBER)

    def find(self, edipi: str) -> Known | None:
        assert edipi
        return self._no(None)

    def list_changes(self, after: str | None, *, most: int) -> Changes:
        assert most > 0
        if after == "unheard-of":
            raise NoSuchCursor("the cursor is not one of this directory's")
        return self._no(Changes((), after, more=False))

    def count(self) -> int:
        return self._no(0)

    def _no(self, answer: T) -> T:
        if self._down:
            raise PortDown("the directory's database cannot be read")
        return answer


def ask(
    path: str, body: bytes | None = None, *, method: str = "", query: str = "", down: bool = False, **more: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method or ("GET" if body is None else "POST"),
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "wsgi.input": io.BytesIO(body or b""),
        **({} if body is None else {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}),
        **more,
    }

    def start_response(status: str, headers: list[tuple[str, str]], _fault: Any = None) -> Any:
        begun.append((status, headers))

    pieces = DeersService(Nobody(down=down))(environ, start_response)
    answer = b"".join(pieces)
    status, headers = begun[0]
    assert dict(headers)["Content-Length"] == str(len(answer))
    assert dict(headers)["Content-Type"] == "application/json"
    json.loads(answer)
    return int(status[:3]), dict(headers), answer


def claim(**changed: object) -> bytes:
    """A claim as it is sent, with something changed; None leaves a field out."""
    said = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    return json.dumps(said).encode()


def test_a_no_is_an_answer_and_fills_a_block() -> None:
    """R63."""
    status, headers, body = ask(MATCH, claim(), HTTP_REQUEST_ID="abcdefghijklmnopqrstuv")
    assert (status, len(body)) == (200, BLOCK)
    assert json.loads(body) == {"people": [], "why": "no_such_number"}
    assert headers["Request-Id"] == "abcdefghijklmnopqrstuv"
    assert headers["Cache-Control"] == "no-store"
    assert json.loads(ask(LOOKUP, b'{"edipi": "9900000015"}')[2]) == {"people": []}
    assert json.loads(ask(STATUS)[2]) == {"people": 0}
    assert json.loads(ask(CHANGES, query="after=7&limit=10")[2]) == {"changes": [], "cursor": "7", "more": False}


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (404, {"path": "/"}),
        (404, {"path": f"/v1/people/{SSN}"}),
        (404, {"path": "/v1/match/", "body": claim()}),
        (405, {"path": MATCH}),
        (405, {"path": MATCH, "body": claim(), "method": "PUT"}),
        (405, {"path": STATUS, "body": b"{}"}),
        (400, {"path": MATCH, "body": claim(), "query": f"id_number={SSN}"}),
        (415, {"path": MATCH, "body": claim(), "CONTENT_TYPE": "text/plain"}),
        (415, {"path": MATCH, "body": claim(), "CONTENT_TYPE": ""}),
        (411, {"path": MATCH, "body": claim(), "CONTENT_LENGTH": ""}),
        (411, {"path": MATCH, "body": claim(), "CONTENT_LENGTH": "-1"}),
        (411, {"path": MATCH, "body": claim(), "CONTENT_LENGTH": "٣"}),
        (413, {"path": MATCH, "body": b" " * (LONGEST + 1)}),
        (413, {"path": MATCH, "body": claim(), "CONTENT_LENGTH": "9" * 10_000}),
        (400, {"path": MATCH, "body": b""}),
        (400, {"path": MATCH, "body": b"{"}),
        (400, {"path": MATCH, "body": b"\xff\xfe"}),
        (400, {"path": MATCH, "body": b"[" * 10_000}),
        (400, {"path": MATCH, "body": b'["' + SSN.encode() + b'"]'}),
        (400, {"path": MATCH, "body": claim(id_number=None)}),
        (400, {"path": MATCH, "body": claim(id_number="912-34-5678")}),
        (400, {"path": MATCH, "body": claim(id_number=int(SSN))}),
        (400, {"path": MATCH, "body": claim(id_kind="dod_id")}),
        (400, {"path": MATCH, "body": claim(id_kind="passport")}),
        (400, {"path": MATCH, "body": claim(birth_date="29.03.1971")}),
        (400, {"path": MATCH, "body": claim(birth_date=39_000_000)}),
        (400, {"path": MATCH, "body": claim(given_name="Z" * 101)}),
        (400, {"path": MATCH, "body": claim(**{SSN: "x"})}),
        (400, {"path": MATCH, "body": claim(), "HTTP_REQUEST_ID": "a\tb"}),
        (400, {"path": LOOKUP, "body": b'{"edipi": "99000000150"}'}),
        (400, {"path": LOOKUP, "body": b'{"edipi": null}'}),
        (400, {"path": CHANGES, "query": "limit=0"}),
        (400, {"path": CHANGES, "query": "limit=1001"}),
        (400, {"path": CHANGES, "query": "limit=" + "9" * 5_000}),
        (400, {"path": CHANGES, "query": "limit=1&limit=2"}),
        (400, {"path": CHANGES, "query": f"edipi={SSN}"}),
        (400, {"path": CHANGES, "query": "after=%00"}),
        (400, {"path": CHANGES, "query": "after=unheard-of"}),
        (400, {"path": CHANGES, "query": "&&&&&&"}),
        (400, {"path": STATUS, "query": "a=b"}),
        (503, {"path": MATCH, "body": claim(), "down": True}),
        (503, {"path": STATUS, "down": True}),
    ],
)
def test_what_is_malformed_is_refused_and_nothing_of_it_told(expected: int, request_: dict[str, Any]) -> None:
    """R77, R78, R102: a status that says why; nothing that was sent is in the answer or the log, an address included."""
    with capture_logs() as logged:
        status, headers, body = ask(**request_)
    assert status == expected
    assert "error" in json.loads(body)
    told = f"{headers} {body.decode()} {logged}"
    assert [line["status"] for line in logged if line["event"] == "refused"] == [expected]
    for said in (SSN, "912-34-5678", "Zephyrine", "Quillfeather", "1971"):
        assert said not in told
    assert ("Allow" in headers) == (status == 405)


@given(st.binary(max_size=400), st.sampled_from([MATCH, LOOKUP]))
def test_no_body_is_a_fault_of_ours(body: bytes, path: str) -> None:
    """R102."""
    assert ask(path, body)[0] in {200, 400}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(GOOD)), inner, max_size=5),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, _JSON)))
def test_no_claim_is_a_fault_of_ours(said: dict[str, object]) -> None:
    """R102."""
    assert ask(MATCH, json.dumps({**GOOD, **said}).encode())[0] in {200, 400}


@given(st.text(max_size=60))
def test_no_query_is_a_fault_of_ours(query: str) -> None:
    """R102."""
    assert ask(CHANGES, query=query.encode("utf-8").decode("latin-1"))[0] in {200, 400}


def test_a_refusal_names_the_fields_that_are_wrong() -> None:
    """So that a client's programmer finds the fault; a name that is none of ours stays out."""
    body = json.loads(ask(MATCH, claim(birth_date="1971", **{SSN: "x"}))[2])
    assert body == {
        "error": "invalid_request",
        "fields": ["birth_date: date_parsing", "document: extra_forbidden"],
    }


def test_the_document_tells_every_call_and_every_reference_in_it_leads_somewhere() -> None:
    """OpenAPI 3.1 (and so JSON Schema 2020-12)."""
    document = json.loads(deers_openapi.document())
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {MATCH, LOOKUP, CHANGES, STATUS}
    schemas = document["components"]["schemas"]
    for text in json.dumps(document).split('"#/components/schemas/')[1:]:
        assert text.partition('"')[0] in schemas
    assert not schemas["MatchRequest"]["additionalProperties"]
    assert schemas["NoMatch"]["enum"] == [word.value for word in NoMatch]
    assert Path("docs/deers-openapi.json").read_text("utf-8") == deers_openapi.document()


def test_nothing_that_was_typed_is_in_a_fault_of_a_shape() -> None:
    """R77: faults go to logs and to who asked."""
    with pytest.raises(ValueError, match="given_name") as wrong:
        deers_wire.MatchRequest.model_validate_json(claim(given_name=SSN * 20))
    assert SSN not in str(wrong.value)
