"""Between the server and the application: a request has arrived whole before a thread is spent on it, and an answer leaves
whole, so that slow clients hold connections and no threads (R102, R174).

The server itself cuts a connection whose headers trickle, but knows no time limit for bodies; and its own WSGI side reads them in
the thread that answers, so that as many stalled bodies as there are threads stop everything. So we speak its asynchronous
protocol (RSGI 1.6), wait for a body there, with a time limit, and run the WSGI application (PEP 3333) in threads of our own.
"""

import asyncio
import io
import sys
from collections.abc import Callable, Container
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import WSGIApplication

from idp import logs
from idp.adapters.sockets import cut_deaf_clients

log = logs.get(__name__)

BODY_TIME = 10.0
"""Seconds that a body may take. Our longest is 64 kB, which an old telephone's line carries in half of that."""

DEAF_TIME = 15.0
"""Seconds that a client may take nothing of an answer; then its connection is cut."""

_SERVER = "Guidon"
_OWN_NAMES = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}

Answer = tuple[int, list[tuple[str, str]], bytes]


@dataclass(frozen=True)
class Costly:
    """What only `most` may do at once: send a form to one of these `paths`. Who comes beyond those, or while it `is_full` behind
    them, is told so by `turn_away`, in the server's own thread: both must be quick. No thread of ours is spent, so that a flood
    holds up neither whoever comes after it nor other pages (R173).
    """

    paths: Container[str]
    most: int
    is_full: Callable[[], bool]
    turn_away: Callable[[dict[str, Any]], Answer]


class Gateway:
    """One worker process's: `threads` requests are worked on at once, the others wait for their turn. What programs ask for (the
    addresses `of_programs`) has a queue and threads of its own, so that a flood of sign-ins holds up neither keys nor tokens
    (R173). Of a body no more than `most` bytes and what came with the last of them are kept: enough for the application to
    refuse it.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        threads: int,
        most: int,
        of_programs: Container[str] = (),
        costly: Costly | None = None,
    ) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="page")
        self._threads_of_programs = ThreadPoolExecutor(threads, thread_name_prefix="program")
        self._of_programs = of_programs
        self._costly = costly
        self._costly_now = 0
        self._most = most
        self._listening = False

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request, as the server brings it."""
        if not self._listening:
            # At the first request, since the server opens its sockets after it has loaded us.
            self._listening = True
            cut_deaf_clients(DEAF_TIME)
        headers = scope.headers.items()
        if (status := _malformed(scope, headers)) is not None:
            protocol.response_bytes(*_bare(status))
            return
        body = b""
        if self._is_read(scope):
            try:
                body = await asyncio.wait_for(self._read(protocol), BODY_TIME)
            except TimeoutError:
                protocol.response_bytes(*_bare(HTTPStatus.REQUEST_TIMEOUT))
                return
        environ = _environ(scope, headers, body)
        if self._costly and scope.method == "POST" and scope.path in self._costly.paths:
            protocol.response_bytes(*await self._answer_costly(self._costly, environ))
            return
        threads = self._threads_of_programs if scope.path in self._of_programs else self._threads
        protocol.response_bytes(*await self._answered(threads, environ))

    def _is_read(self, scope: Any) -> bool:
        """Whether there is a body to wait for; what its length alone condemns is not read."""
        told = scope.headers.get("content-length")
        if told is None:
            return "transfer-encoding" in scope.headers
        return told.isdecimal() and 0 < int(told) <= self._most

    async def _read(self, protocol: Any) -> bytes:
        """The body, or as much of it as shows that it is too long."""
        pieces, size = [], 0
        async for piece in protocol:
            pieces.append(piece)
            size += len(piece)
            if size > self._most:
                break
        return b"".join(pieces)

    async def _answer_costly(self, costly: Costly, environ: dict[str, Any]) -> Answer:
        """All this runs in one thread, so that nobody slips in between the question and the count."""
        if self._costly_now >= costly.most or costly.is_full():
            return self._turn_away(costly, environ)
        self._costly_now += 1
        try:
            return await self._answered(self._threads, environ)
        finally:
            self._costly_now -= 1

    def _turn_away(self, costly: Costly, environ: dict[str, Any]) -> Answer:
        try:
            status, headers, body = costly.turn_away(environ)
        except Exception as fault:
            log.exception("fault", kind=type(fault).__name__)
            return _bare(HTTPStatus.INTERNAL_SERVER_ERROR)
        return status, [*headers, ("Server", _SERVER)], body

    async def _answered(self, threads: ThreadPoolExecutor, environ: dict[str, Any]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(threads, self._answer, environ)

    def _answer(self, environ: dict[str, Any]) -> Answer:
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _fault: Any = None) -> Any:
            begun.append((status, headers))
            return None

        try:
            answer = self._app(environ, start_response)
            try:
                body = b"".join(answer)
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        except Exception as fault:
            # The application answers for its own faults; this is one of answering them.
            log.exception("fault", kind=type(fault).__name__)
            return _bare(HTTPStatus.INTERNAL_SERVER_ERROR)
        status, headers = begun[-1]
        return int(status[:3]), [*headers, ("Server", _SERVER)], body


def _malformed(scope: Any, headers: list[tuple[str, str]]) -> HTTPStatus | None:
    """What no browser and no program of good will sends, refused before anything of ours sees it (RFC 9112 §3.2, R99)."""
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) > 1 or (not hosts and scope.http_version != "1.0"):
        return HTTPStatus.BAD_REQUEST
    # A request line that names a host (`GET http://evil.example/ HTTP/1.1`) must name the one of the header.
    if scope.authority is not None and [scope.authority.lower()] != [host.lower() for host in hosts]:
        return HTTPStatus.BAD_REQUEST
    # `CONNECT host:80` and `OPTIONS *` are for proxies.
    return None if scope.path.startswith("/") else HTTPStatus.BAD_REQUEST


def _bare(status: HTTPStatus) -> Answer:
    """An answer without the application, and the end of the connection: what follows on it could be the rest of a body."""
    text = f"{status.phrase}\n".encode("ascii")
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
        ("Server", _SERVER),
    ]
    return int(status), headers, text


def _environ(scope: Any, headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """The request as PEP 3333 wants it: text is bytes as latin-1. Names with an underscore are left out, since a proxy does not
    clear `X_Forwarded_For` of them (R100).
    """
    server = urlsplit(f"//{scope.server}")
    told: dict[str, str] = {}
    for name, value in headers:
        if "_" in name:
            continue
        key = _OWN_NAMES.get(name) or "HTTP_" + name.upper().replace("-", "_")
        told[key] = f"{told[key]}{'; ' if name == 'cookie' else ','}{value}" if key in told else value
    if told.pop("HTTP_TRANSFER_ENCODING", None) is not None:
        told["CONTENT_LENGTH"] = str(len(body))
    return {
        **told,
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server.hostname or "",
        "SERVER_PORT": str(server.port or ""),
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": urlsplit(f"//{scope.client}").hostname or "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
