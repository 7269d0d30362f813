"""The reference eligibility authority: a directory served over the API of `docs/deers-openapi.json`. A small WSGI application.

Who may ask is settled before anything comes here, by TLS. Whatever is malformed is refused by a status that says why; neither an
answer nor the log ever tells what was sent.
"""

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

from pydantic import ValidationError

from idp import logs
from idp.adapters import deers_wire as wire
from idp.adapters.deers_wire import ErrorAnswer, Shape
from idp.ports import Directory, NoSuchCursor, PortDown

log = logs.get(__name__)

A = TypeVar("A")
T = TypeVar("T", bound=Shape)

LONGEST = 16 * 1024
"""Bytes of a request's body. Ours have two thousand."""

_REQUEST_ID = re.compile(wire.REQUEST_ID_PATTERN, re.ASCII)
_ALWAYS = (("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


class _Refused(Exception):
    """A request that is not answered; its text is one word for who asked, and for the log."""

    def __init__(self, status: HTTPStatus, error: str, *, fields: Iterable[str] = (), headers: Any = ()) -> None:
        super().__init__(error)
        self.status = status
        self.answer = ErrorAnswer(error=error, fields=tuple(fields))
        self.headers: tuple[tuple[str, str], ...] = tuple(headers)


class DeersService:
    """Answers for one directory (PEP 3333)."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._calls: dict[str, tuple[str, Callable[[WSGIEnvironment], bytes]]] = {
            wire.MATCH: ("POST", self._match),
            wire.LOOKUP: ("POST", self._look_up),
            wire.CHANGES: ("GET", self._list_changes),
            wire.STATUS: ("GET", self._tell_status),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """One request."""
        path = environ["PATH_INFO"]
        try:
            headers = _echoed(environ)
            body, status = self._answer(path, environ), HTTPStatus.OK
        except _Refused as refused:
            body, status, headers = refused.answer.model_dump_json().encode("utf-8"), refused.status, refused.headers
            # An address that is none of ours could hold anything.
            log.warning("refused", call=path if path in self._calls else None, status=int(status), why=str(refused))
        start_response(f"{int(status)} {status.phrase}", [*_ALWAYS, *headers, ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, path: str, environ: WSGIEnvironment) -> bytes:
        if path not in self._calls:
            raise _Refused(HTTPStatus.NOT_FOUND, "no_such_call")
        method, call = self._calls[path]
        if environ["REQUEST_METHOD"] != method:
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", headers=[("Allow", method)])
        try:
            return call(environ)
        except NoSuchCursor:
            raise _Refused(HTTPStatus.BAD_REQUEST, "no_such_cursor") from None
        except PortDown as down:
            log.warning("outage", kind="directory", fault=str(down))
            raise _Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable", headers=[("Retry-After", "5")]
            ) from None

    def _match(self, environ: WSGIEnvironment) -> bytes:
        asked = _checked(wire.MatchRequest.model_validate_json, _json(environ))
        # The same work and the same length for every answer: the directory sees to the one, the padding to the other (R63).
        return _padded(wire.MatchAnswer.of(self._directory.match(asked.claimed)))

    def _look_up(self, environ: WSGIEnvironment) -> bytes:
        asked = _checked(wire.LookUpRequest.model_validate_json, _json(environ))
        found = self._directory.find(asked.edipi)
        return _padded(wire.LookUpAnswer(people=() if found is None else (wire.Person.of(found),)))

    def _list_changes(self, environ: WSGIEnvironment) -> bytes:
        asked = _checked(wire.ChangesRequest.model_validate_strings, _query(environ))
        piece = self._directory.list_changes(asked.after, most=asked.limit)
        return wire.ChangesAnswer.of(piece).model_dump_json().encode("utf-8")

    def _tell_status(self, environ: WSGIEnvironment) -> bytes:
        if _query(environ):
            raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request")
        return wire.StatusAnswer(people=self._directory.count()).model_dump_json().encode("utf-8")


def _checked(read: Callable[[A], T], told: A) -> T:
    """What was asked, in its shape."""
    try:
        return read(told)
    except ValidationError as wrong:
        raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request", fields=wire.faults(wrong)) from None


def _padded(answer: Shape) -> bytes:
    return wire.padded(answer.model_dump_json().encode("utf-8"))


def _echoed(environ: WSGIEnvironment) -> tuple[tuple[str, str], ...]:
    """Who asks knows their answer by it."""
    told = environ.get("HTTP_REQUEST_ID")
    if told is None:
        return ()
    if not _REQUEST_ID.fullmatch(told):
        raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request_id")
    return ((wire.REQUEST_ID, told),)


def _json(environ: WSGIEnvironment) -> bytes:
    """The body, which must be one of JSON, and no longer than ours can be."""
    if environ.get("QUERY_STRING"):
        # What is asked of people never stands in an address: those are written down everywhere (R78).
        raise _Refused(HTTPStatus.BAD_REQUEST, "no_query_here")
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json")
    told = environ.get("CONTENT_LENGTH", "")
    if not (told.isascii() and told.isdigit()):
        raise _Refused(HTTPStatus.LENGTH_REQUIRED, "no_body")
    # Before it is read, and before the digits are made a number: they may be many.
    if len(told) > len(str(LONGEST)) or int(told) > LONGEST:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_long")
    body: bytes = environ["wsgi.input"].read(int(told))
    return body


def _query(environ: WSGIEnvironment) -> dict[str, str]:
    """The parameters of the address, each of which may come once."""
    try:
        pairs = parse_qsl(
            environ.get("QUERY_STRING", ""), keep_blank_values=True, strict_parsing=True, max_num_fields=4
        )
    except ValueError:
        if not environ.get("QUERY_STRING"):
            return {}  # strict parsing finds fault with nothing at all
        raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request") from None
    if len(dict(pairs)) != len(pairs):
        raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request")
    return dict(pairs)
