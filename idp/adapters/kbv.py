"""A vendor of questions by HTTP: JSON over TLS, with our own certificate where the vendor asks for one (mTLS).

`POST {url}/quizzes` with the applicant draws: 201 with `reference` and `questions`, or 404 where the vendor knows too little.
`POST {url}/quizzes/{reference}/answers` judges: 200 with `passed`. Anything else, late, large or malformed is an outage (R79).
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from idp.ports import Applicant, PortDown, Question, Quiz

PATIENCE = 5.0
"""Seconds for each step of a conversation: a person waits behind it."""
_LARGEST = 64 * 1024
_TEXT = Annotated[str, Field(min_length=1, max_length=300)]


def _all_different(texts: list[str]) -> list[str]:
    if len(set(texts)) != len(texts):
        raise ValueError("the same text stands twice")
    return texts


class _Question(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    text: _TEXT
    # SP 800-63A rev. 3 §5.3.2: at least four options.
    options: Annotated[list[_TEXT], Field(min_length=4, max_length=8), AfterValidator(_all_different)]


class _Quiz(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    reference: Annotated[str, Field(min_length=1, max_length=200)]
    questions: Annotated[list[_Question], Field(min_length=4, max_length=6)]

    @field_validator("questions")
    @classmethod
    def _no_repeat(cls, questions: list[_Question]) -> list[_Question]:
        """R66: no question comes twice."""
        _all_different([question.text for question in questions])
        return questions


class _Verdict(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, strict=True)
    passed: bool


class HttpKbv:
    """One vendor at one address."""

    def __init__(
        self, url: str, *, certificate: Path | None = None, extra_ca: Path | None = None, patience: float = PATIENCE
    ) -> None:
        """`certificate`: a PEM file with our certificate and its key. Raises `OSError` where a file cannot be read."""
        context = ssl.create_default_context()
        if extra_ca is not None:
            context.load_verify_locations(extra_ca)
        if certificate is not None:
            context.load_cert_chain(certificate)
        self._url = url.rstrip("/")
        self._client = httpx.Client(timeout=patience, verify=context, follow_redirects=False, trust_env=False)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def draw(self, applicant: Applicant) -> Quiz | None:
        """Ask for questions. Raises `PortDown`."""
        answer = self._post("/quizzes", {"applicant": _told(applicant)}, expected={201, 404})
        if answer is None:
            return None
        try:
            drawn = _Quiz.model_validate_json(answer)
        except ValidationError as wrong:
            raise PortDown("the vendor of questions gave an answer of another shape") from wrong
        return Quiz(drawn.reference, tuple(Question(one.text, tuple(one.options)) for one in drawn.questions))

    def judge(self, applicant: Applicant, reference: str, chosen: tuple[int, ...]) -> bool:
        """Hand the answers in. Raises `PortDown`."""
        told = {"applicant": _told(applicant), "chosen": list(chosen)}
        answer = self._post(f"/quizzes/{quote(reference, safe='')}/answers", told, expected={200})
        try:
            return answer is not None and _Verdict.model_validate_json(answer).passed
        except ValidationError as wrong:
            raise PortDown("the vendor of questions gave a verdict of another shape") from wrong

    def _post(self, path: str, told: Mapping[str, object], *, expected: set[int]) -> bytes | None:
        """The body of an expected answer; None for a 404 that is one."""
        body = b""
        try:
            with self._client.stream("POST", self._url + path, json=told) as response:
                status = response.status_code
                if status in expected and status != httpx.codes.NOT_FOUND:
                    for piece in response.iter_bytes():
                        body += piece
                        if len(body) > _LARGEST:
                            raise PortDown("the vendor of questions gave too much")
        except (httpx.HTTPError, httpx.InvalidURL) as down:
            raise PortDown(f"the vendor of questions: {type(down).__name__}") from down
        if status not in expected:
            raise PortDown(f"the vendor of questions answered {status}")
        return None if status == httpx.codes.NOT_FOUND else body


def _told(applicant: Applicant) -> dict[str, str]:
    return {
        "given_name": applicant.given_name,
        "family_name": applicant.family_name,
        "birth_date": applicant.born.isoformat(),
        "ssn": applicant.ssn,
    }
