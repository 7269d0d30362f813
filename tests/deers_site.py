"""An eligibility authority on this machine, over real mutual TLS: the reference service, and on demand each fault it can have."""

import contextlib
import io
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from idp.adapters.deers_http import PATIENCE, TOTAL, HttpDirectory
from idp.adapters.deers_service import DeersService
from idp.ports import Directory
from tests.certificates import Authority

LATE = 1.6
"""Seconds that a slow one takes; who is hasty waits for less."""

SLOW = frozenset({"slow", "drip_head", "drip_body"})
"""Faults that only show to who does not wait for ever."""

DOWN = SLOW | {"500", "503", "429", "cut", "reset", "hang_up", "garbage"}
"""Faults by which it gives no whole answer. The breaker counts these."""
UNTRUE = frozenset({"302", "404", "html", "not_json", "shape", "packed", "big", "twice", "other_person", "late_answer"})
"""Faults of an answer that came whole."""

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: "DeersSite"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        status, headers, answer = self.site.answer(
            {
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_REQUEST_ID": self.headers["Request-Id"],
                "wsgi.input": io.BytesIO(body),
            }
        )
        fault = self.site.fault
        self.site.seen.append((self.path, len(body), len(answer)))
        with contextlib.suppress(OSError):  # who asked has gone
            if act := getattr(self, f"_{fault}", None):
                act(answer)
            else:
                self._say(*self._spoilt(fault, status, headers, answer))

    def _say(self, status: str, headers: dict[str, str], answer: bytes) -> None:
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + answer)

    def _spoilt(
        self, fault: str, status: str, headers: dict[str, str], answer: bytes
    ) -> tuple[str, dict[str, str], bytes]:
        """The answer with something wrong about it; as it is where nothing is."""
        if fault.isdigit():
            status, answer = f"{fault} No", b"{}"
            headers = headers | {"Location": "/v1/status"}
        elif fault == "html":
            headers = headers | {"Content-Type": "text/html"}
        elif fault == "packed":
            headers = headers | {"Content-Encoding": "gzip"}
        elif fault == "late_answer":
            headers = headers | {"Request-Id": "the-one-before-this-one"}
        elif fault in _BODIES:
            answer = _BODIES[fault](answer)
        return status, headers | {"Content-Length": str(len(answer))}, answer

    def _slow(self, answer: bytes) -> None:
        time.sleep(LATE)
        self._say("200 OK", {"Content-Type": "application/json", "Content-Length": str(len(answer))}, answer)

    def _drip_head(self, _answer: bytes) -> None:
        self._drip(_HEAD + b"X-Slow: ")

    def _drip_body(self, _answer: bytes) -> None:
        echoed = f"Request-Id: {self.headers['Request-Id']}\r\n".encode("latin-1")
        self._drip(_HEAD + echoed + b"Content-Length: 1000\r\n\r\n")

    def _drip(self, begun: bytes) -> None:
        """A byte at a time: no single wait is ever long enough to run out."""
        self.wfile.write(begun)
        for _ in range(100):
            self.wfile.write(b" ")
            time.sleep(LATE / 30)

    def _cut(self, answer: bytes) -> None:
        headers = {"Content-Type": "application/json", "Request-Id": self.headers["Request-Id"]}
        self._say("200 OK", headers | {"Content-Length": str(len(answer))}, answer[: len(answer) // 2])
        self.close_connection = True

    def _hang_up(self, _answer: bytes) -> None:
        self.close_connection = True

    def _garbage(self, _answer: bytes) -> None:
        self.wfile.write(b"\x00\xff what is this\r\n\r\n")
        self.close_connection = True

    def _reset(self, _answer: bytes) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Closing with unsent time of none tells the other side that the connection never was (RST).
        socket.socket(fileno=self.connection.detach()).close()
        self.close_connection = True
        self.wfile = io.BytesIO()  # nothing is left to be flushed to

    def log_message(self, *_: Any) -> None:
        """Quietly."""


def _twice(answer: bytes) -> bytes:
    told = json.loads(answer)
    return json.dumps({**told, "people": told["people"] * 2}).encode()


def _other_person(answer: bytes) -> bytes:
    told = json.loads(answer)
    others = [{**one, "edipi": "9900000023", "person": "cast-robin"} for one in told["people"]]
    return json.dumps({**told, "people": others}).encode()


_BODIES: dict[str, Callable[[bytes], bytes]] = {
    "not_json": lambda answer: b"<p>" + answer,
    "shape": lambda _answer: b'{"people": "everybody", "why": 7}',
    "big": lambda answer: answer + b" " * 1_000_000,
    "twice": _twice,
    "other_person": _other_person,
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever shows no certificate, or hangs up, is none of the test's business."""


class DeersSite:
    """The service for one directory. `fault` is what is wrong with its answers from now on; `seen` who asked what."""

    def __init__(self, directory: Directory, certificates: Path, *, certificate: str = "service") -> None:
        self.fault = ""
        self.seen: list[tuple[str, int, int]] = []
        """For each request its address, and the lengths of its body and of the answer's."""
        self.certificates = certificates
        self._service = DeersService(directory)
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": self}))
        self.url = f"https://localhost:{self._server.server_address[1]}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / f"{certificate}.pem")
        context.load_verify_locations(certificates / "authority.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        # Hands are shaken in the thread of each connection, and not where the next one is waited for.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def answer(self, environ: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
        """What the service answers."""
        begun: list[tuple[str, dict[str, str]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _fault: Any = None) -> Any:
            begun.append((status, dict(headers)))

        body = b"".join(self._service(environ, start_response))
        return (*begun[0], body)

    def close(self) -> None:
        """Let go of the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def asked(
    site: DeersSite, *, certificate: str | None = "customer", ca: str | None = "authority", hasty: bool = False
) -> Iterator[HttpDirectory]:
    """Our adapter. A hasty one does not wait for a slow answer, and now and then not for a good one on a busy machine."""
    folder = site.certificates
    patience, total = (LATE / 2, LATE * 0.75) if hasty else (PATIENCE, TOTAL)
    remote = HttpDirectory(
        site.url,
        certificate=folder / f"{certificate}.pem" if certificate else None,
        extra_ca=folder / f"{ca}.pem" if ca else None,
        patience=patience,
        total=total,
    )
    try:
        yield remote
    finally:
        remote.close()


def make_certificates(folder: Path) -> None:
    """An authority with a service and a customer, each also with a certificate that is over; and a stranger of another one."""
    authority = Authority(folder, "authority")
    for name in ("service", "customer"):
        authority.certify(name)
        authority.certify(f"{name}-expired", expired=True)
    authority.certify("service-elsewhere", host="deers.example.org")
    Authority(folder, "elsewhere").certify("stranger")
