"""DEERS by HTTP: the port `Directory` over the API of `docs/deers-openapi.json`, with our own certificate (mTLS).

Whatever is late, cut off, too large, of another shape, or about somebody else is an outage (R79): nothing of it is used, and
who asked hears "later". Numbers travel in bodies alone, never in an address (R78).
"""

import contextlib
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay, wait_random_exponential

from idp import crypto, logs
from idp.adapters import deers_wire as wire
from idp.adapters.bounded import BoundedTransport, left, within
from idp.adapters.breaker import Breaker, BreakerOpen
from idp.adapters.deers_wire import Shape
from idp.ports import Changes, Claimed, IdKind, Known, Matched, NoMatch, PortDown

log = logs.get(__name__)

PATIENCE = 5.0
"""Seconds for each step of a conversation."""
TOTAL = 8.0
"""Seconds for a call with everything that belongs to it, tries again included: a person waits behind it."""
TRIES = 3
OUTAGES = 5
"""Calls without an answer, one after another, after which nobody is made to wait for a while."""
PAUSE = timedelta(seconds=10)

_LARGEST = 512 * 1024
"""Bytes of an answer: a piece of the feed has the most."""
_WORTH_ANOTHER_TRY = frozenset({502, 503, 504})
_TOO_MANY = 429

T = TypeVar("T", bound=Shape)


class _Outage(PortDown):
    """It gave no whole answer: it is down, and the breaker counts it."""


class _Broken(_Outage):
    """The same, of a kind that may be over in a moment."""


class HttpDirectory:
    """One authority at one address."""

    def __init__(
        self,
        url: str,
        *,
        certificate: Path | None = None,
        extra_ca: Path | None = None,
        patience: float = PATIENCE,
        total: float = TOTAL,
    ) -> None:
        """`certificate`: a PEM file with our certificate and its key. Raises `OSError` where a file cannot be read."""
        context = ssl.create_default_context()
        if extra_ca is not None:
            context.load_verify_locations(extra_ca)
        if certificate is not None:
            context.load_cert_chain(certificate)
        self._url = url.rstrip("/")
        self._total = total
        self._breaker = Breaker(outages=OUTAGES, pause=PAUSE)
        self._client = httpx.Client(
            transport=BoundedTransport(context), timeout=patience, follow_redirects=False, trust_env=False
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def match(self, claimed: Claimed) -> Matched | NoMatch:
        """One call, of one length in both directions, whatever the answer (R63). Raises `PortDown`."""
        with _noted():
            told = self._post(wire.MATCH, wire.MatchRequest.of(claimed), wire.MatchAnswer).answer
            # By an SSN nobody can be told from here; a DoD ID number must be one of the person who is named.
            if isinstance(told, Matched) and claimed.id_kind is IdKind.DOD_ID:
                _check_whom(claimed.id_number, told.edipi, told.other_edipis)
            return told

    def find(self, edipi: str) -> Known | None:
        """One call. Raises `PortDown`, also where the answer is about somebody else."""
        with _noted():
            found = self._post(wire.LOOKUP, wire.LookUpRequest(edipi=edipi), wire.LookUpAnswer).people
            if not found:
                return None
            _check_whom(edipi, found[0].edipi, found[0].other_edipis)
            return found[0].known

    def list_changes(self, after: str | None, *, most: int) -> Changes:
        """One call, for at most `MOST_CHANGES` of them. Raises `PortDown`."""
        asked = {"limit": str(min(most, wire.MOST_CHANGES)), **({} if after is None else {"after": after})}
        with _noted():
            told = _read(self._ask("GET", wire.CHANGES, params=asked), wire.ChangesAnswer).piece
            if len(told.changes) > most:
                raise _untrue("more changes than were asked for")
            # Whoever follows the feed would go round in a circle.
            if told.more and told.cursor in {None, after}:
                raise _untrue("a feed that does not go on")
            return told

    def count(self) -> int:
        """How many people it knows. Raises `PortDown`."""
        with _noted():
            return _read(self._ask("GET", wire.STATUS), wire.StatusAnswer).people

    def _post(self, path: str, asked: Shape, shape: type[T]) -> T:
        body = wire.padded(asked.model_dump_json().encode("utf-8"))
        return _read(self._ask("POST", path, body=body), shape)

    def _ask(
        self, method: str, path: str, *, body: bytes | None = None, params: Mapping[str, str] | None = None
    ) -> bytes:
        """The body of a good answer. All that is asked is read only, so it may be asked again."""
        again = Retrying(
            retry=retry_if_exception_type(_Broken),
            stop=stop_after_attempt(TRIES) | stop_before_delay(self._total),
            # Not all at the same moment, when many were cut off at once.
            wait=wait_random_exponential(multiplier=0.2, max=2),
            reraise=True,
        )
        try:
            with self._breaker.passing(_Outage), within(time.monotonic() + self._total):
                return again(self._ask_once, method, path, body, params)
        except BreakerOpen:
            raise PortDown("DEERS did not answer a moment ago, and is not asked now") from None

    def _ask_once(self, method: str, path: str, body: bytes | None, params: Mapping[str, str] | None) -> bytes:
        request_id = crypto.new_id()
        headers = {
            "Accept": "application/json",
            # What is small on the way could be endless when it is unpacked.
            "Accept-Encoding": "identity",
            wire.REQUEST_ID: request_id,
            **({"Content-Type": "application/json"} if body is not None else {}),
        }
        try:
            with self._client.stream(
                method, self._url + path, content=body, params=params, headers=headers
            ) as response:
                _check_status(response.status_code)
                _check_head(response, request_id)
                return _whole(response)
        except httpx.TimeoutException as late:
            raise _Outage(f"DEERS: {type(late).__name__}") from None
        except httpx.TransportError as broken:
            if (refused := _tls_fault(broken)) is not None:
                raise _Outage(f"DEERS: TLS failed, {refused}") from None
            raise _Broken(f"DEERS: {type(broken).__name__}") from None
        except (httpx.HTTPError, httpx.InvalidURL) as wrong:
            raise _Outage(f"DEERS: {type(wrong).__name__}") from None


@contextlib.contextmanager
def _noted() -> Iterator[None]:
    """Note for the operator why there was no answer; what was asked stays out of it, as does what was answered."""
    try:
        yield
    except PortDown as down:
        log.warning("outage", kind="directory", fault=str(down))
        raise
    except ValidationError as wrong:
        # Answers are read elsewhere: it is the question that has no words there.
        fault = f"this cannot be asked of DEERS ({', '.join(wire.faults(wrong))})"
        log.warning("outage", kind="directory", fault=fault)
        raise PortDown(fault) from None


def _check_status(status: int) -> None:
    if status == httpx.codes.OK:
        return
    said = f"DEERS answered {status}"
    if status in _WORTH_ANOTHER_TRY:
        raise _Broken(said)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == _TOO_MANY:
        raise _Outage(said)
    # It is there, and does not like what one person's request says: no reason to keep others from asking.
    raise PortDown(said)


def _check_head(response: httpx.Response, request_id: str) -> None:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _untrue("another type than JSON")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _untrue("something packed")
    if response.headers.get(wire.REQUEST_ID) != request_id:
        # One that was late, or somebody else's: the numbers in it may fit, and it would still not be for us.
        raise _untrue("the answer to another question")


def _whole(response: httpx.Response) -> bytes:
    body = b""
    for piece in response.iter_raw():
        body += piece
        if len(body) > _LARGEST:
            raise _untrue("too much")
        if left() <= 0:
            raise _Outage("DEERS: its answer came too late")
    return body


def _read(body: bytes, shape: type[T]) -> T:
    try:
        return shape.model_validate_json(body)
    except ValidationError as wrong:
        raise _untrue(f"an answer of another shape ({', '.join(wire.faults(wrong))})") from None


def _check_whom(asked: str, edipi: str, others: tuple[str, ...]) -> None:
    if asked not in {edipi, *others}:
        raise _untrue("an answer about somebody else")


def _untrue(what: str) -> PortDown:
    """It answered whole, and not in a way that can be trusted. One bad record must not keep others from asking, so the breaker
    does not count it.
    """
    return PortDown(f"DEERS gave {what}")


def _tls_fault(broken: BaseException) -> str | None:
    """In OpenSSL's words what was wrong with a certificate, theirs or ours; None where it was something else."""
    cause: BaseException | None = broken
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None or isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return None
    said = getattr(cause, "verify_message", None)  # it may go on with names of hosts
    return str(said).partition(",")[0] if said else str(cause.reason)
