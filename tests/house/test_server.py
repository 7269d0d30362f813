"""The real server on a real socket: hostile bytes are refused, and slow clients are cut while everybody else is served."""

import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from idp.credentials import passwords
from idp.oidc import paths
from idp.web import assets
from tests.relying_party import on_sqlite
from tests.world import World, free_port

pytestmark = on_sqlite

_PATIENCE = 60.0  # seconds, after which something is taken to hang; far longer than any limit of the server's
_CLOSE = b"Connection: close\r\n\r\n"


@dataclass
class Running:
    """`idp serve`, with two threads, so that three slow clients would be enough to use them up."""

    port: int
    world: World
    """The same database, as tests look at it."""

    @property
    def host(self) -> bytes:
        return f"Host: localhost:{self.port}\r\n".encode()

    def connect(self, *, takes: int | None = None) -> socket.socket:
        """A connection; `takes` is how many bytes its client's system keeps for it."""
        client = socket.socket()
        if takes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, takes)
        client.settimeout(_PATIENCE)
        try:
            client.connect(("127.0.0.1", self.port))
        except OSError:
            client.close()
            raise
        return client

    def send(self, raw: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        with self.connect() as client:
            with suppress(OSError):  # refused before it was all there; what the server said is read all the same
                client.sendall(raw)
            return _rest(client)

    def get(self, path: str = "/login") -> bytes:
        return self.send(f"GET {path} HTTP/1.1\r\n".encode() + self.host + _CLOSE)


def _rest(client: socket.socket) -> bytes:
    got = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(65536):
            got += piece
    return got


def _status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1."), answer[:80]
    return int(answer[9:12])


@pytest.fixture
def server(database_url: str, keys_folder: Path, tmp_path: Path) -> Iterator[Running]:
    port = free_port()
    world = World(database_url, keys_folder, tmp_path, issuer=f"http://localhost:{port}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")} | {
        "IDP_DEMO": "1",
        "IDP_ISSUER": world.settings.issuer,
        "IDP_KEYS": str(keys_folder),
        "IDP_SMTP_URL": world.settings.smtp_url,
        "DATABASE_URL": database_url,
    }
    words = [sys.executable, "-m", "idp", "serve", "--port", str(port), "--threads", "2"]
    with (tmp_path / "serve.log").open("wb") as log, subprocess.Popen(words, env=environment, stderr=log) as process:
        running = Running(port, world)
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            try:
                assert _status(running.get("/healthz")) == 200
                break
            except ConnectionError:
                time.sleep(0.1)
        yield running
        process.terminate()
        process.wait(_PATIENCE)
    world.close()
    # Nothing of what was sent was a fault of ours (R102).
    assert b'"fault"' not in (tmp_path / "serve.log").read_bytes()


def test_slow_clients_are_cut_and_everybody_else_is_served_meanwhile(server: Running) -> None:
    """R102, R174; ASVS 4.2.5: headers and bodies that trickle or stall, idle connections, and answers that nobody reads."""
    form = b"Content-Type: application/x-www-form-urlencoded\r\n"
    sheet = assets.manifest()["app.css"]
    begun = {
        "silent": b"",
        "headers": b"GET /login HTTP/1.1\r\n" + server.host + b"X-Slow: ",
        "body": b"POST /token HTTP/1.1\r\n" + server.host + form + b"Content-Length: 1000\r\n\r\na",
        "chunks": b"POST /token HTTP/1.1\r\n" + server.host + form + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        "form": b"POST /login HTTP/1.1\r\n" + server.host + form + b"Content-Length: 1000\r\n\r\na",
    }
    trickles = {"headers": b"a", "body": b"a", "chunks": b"1\r\na\r\n"}
    slow = [(kind, server.connect()) for kind in begun for _ in range(20)]
    for kind, client in slow:
        client.sendall(begun[kind])
    assert _status(server.get()) == 200
    deaf = [server.connect(takes=2048) for _ in range(20)]
    for client in deaf:
        client.sendall((f"GET /static/{sheet} HTTP/1.1\r\n".encode() + server.host + b"\r\n") * 50)

    answers: dict[str, set[bytes]] = {kind: set() for kind in begun}
    waiting, until, served = dict.fromkeys(client for _, client in slow), time.monotonic() + _PATIENCE, 0
    kinds = {client: kind for kind, client in slow}
    while waiting and time.monotonic() < until:
        for client in select.select(list(waiting), [], [], 0)[0]:
            answers[kinds[client]].add(_rest(client)[:12])
            del waiting[client]
        for client in waiting:
            with suppress(OSError):  # cut; the next look sees it
                client.sendall(trickles.get(kinds[client], b""))
        assert _status(server.get()) == 200
        served += 1
        time.sleep(0.5)
    assert not waiting, f"still open: {sorted({kinds[client] for client in waiting})}"
    assert served >= 5
    assert all(answers[kind] <= {b"HTTP/1.1 408", b""} for kind in answers), answers
    assert all(b"HTTP/1.1 408" in answers[kind] for kind in ("body", "chunks", "form"))
    assert all(client.fileno() >= 0 for client in deaf)
    while _established(server.port) and time.monotonic() < until:
        time.sleep(0.5)
    assert not _established(server.port), "connections that nobody reads from are still open"
    assert _status(server.get()) == 200
    for client in (*deaf, *(client for _, client in slow)):
        client.close()


def _established(port: int) -> int:
    """The connections that the system holds for the server (proc(5))."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    return sum(1 for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01")


def test_no_hostile_bytes_are_taken(server: Running) -> None:
    """RFC 9112 §3.2; R99, R101, R102, R104: refused by the status that says why, without what was sent, version or place."""
    form = b"Content-Type: application/x-www-form-urlencoded\r\n"
    evil = b"Host: evil.example\r\n"
    token, multipart = b"POST /token HTTP/1.1\r\n" + server.host, b"Content-Type: multipart/form-data; boundary=b\r\n"
    parts = b"".join(b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' for _ in range(500)) + b"--b--\r\n"
    nested = b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n'
    many = b"&".join(b"a=1" for _ in range(100_000))
    cases: list[tuple[bytes, set[int]]] = [
        (b"GET /login HTTP/1.1\r\n" + evil + _CLOSE, {400}),
        (b"GET /login HTTP/1.1\r\n" + _CLOSE, {400}),
        (b"GET /login HTTP/1.0\r\n\r\n", {400}),
        (b"GET /login HTTP/1.1\r\n" + server.host + evil + _CLOSE, {400}),
        (b"GET /login HTTP/1.1\r\n" + server.host + server.host + _CLOSE, {400}),
        (b"GET http://evil.example/login HTTP/1.1\r\n" + server.host + _CLOSE, {400}),
        (b"GET http://evil.example/login HTTP/1.1\r\n" + evil + _CLOSE, {400}),
        (b"GET /login HTTP/1.1\r\n" + server.host + b"X-Forwarded-Host: evil.example\r\n" + _CLOSE, {200}),
        (b"GET /login HTTP/1.1\r\n" + server.host + b"X-Forwarded-Proto: evil.example\r\n" + _CLOSE, {200}),
        (b"GET /login HTTP/1.1\r\n" + server.host + b"Forwarded: host=evil.example;for=\r\n" + _CLOSE, {200}),
        (b"GET /login HTTP/1.1\r\n" + server.host + b"X: a\rb\r\n" + _CLOSE, {400}),
        (b"GET /login HTTP/1.1\r\n" + server.host + b"X: a\nevil.example\r\n" + _CLOSE, {400}),
        (b"GET /login HTTP/1.1\r\n" + server.host + b"X: a\0b\r\n" + _CLOSE, {400}),
        (b"GET /login?ui_locales=%00%0d%0aX-Told:%20yes HTTP/1.1\r\n" + server.host + _CLOSE, {200}),
        (b"GET /%0d%0aX-Told:%20yes HTTP/1.1\r\n" + server.host + _CLOSE, {404}),
        (b"GET /\xff\xfe HTTP/1.1\r\n" + server.host + _CLOSE, {400}),
        (b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n" + server.host + _CLOSE, {414, 431}),
        (b"GET /login HTTP/1.1\r\n" + server.host + b"X: " + b"a" * 1_000_000 + b"\r\n" + _CLOSE, {431}),
        (b"GET /login HTTP/1.1\r\n" + server.host + b"X: a\r\n" * 1_000 + _CLOSE, {431}),
        (b"CONNECT evil.example:80 HTTP/1.1\r\n" + evil + _CLOSE, {400}),
        (b"OPTIONS * HTTP/1.1\r\n" + server.host + _CLOSE, {400}),
        (b"BREW /login HTTP/1.1\r\n" + server.host + _CLOSE, {405}),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 evil.example\r\n\r\n", {400}),
        (token + form + b"Content-Length: 4\r\nContent-Length: 5\r\n" + _CLOSE + b"a=bcd", {400}),
        (token + form + b"Content-Length: -4\r\n" + _CLOSE + b"a=b", {400}),
        (token + form + b"Content-Length: 1000000000\r\n" + _CLOSE, {413}),
        (token + form + b"Transfer-Encoding: chunked\r\n" + _CLOSE + b"zz\r\n", {400}),
        (token + form + b"Transfer-Encoding: chunked\r\n" + _CLOSE + b"3\r\na=b\r\n0\r\n\r\n", {400, 401}),
        (token + form + b"Transfer-Encoding: chunked\r\n" + _CLOSE + b"ffff\r\n%s\r\n" % (b"a" * 65535) * 3, {413}),
        (token + form + b"Content-Length: %d\r\n" % len(many) + _CLOSE + many, {413}),
        (token + multipart + b"Content-Length: %d\r\n" % len(parts) + _CLOSE + parts, {400, 413}),
        (token + multipart + b"Content-Length: %d\r\n" % len(nested) + _CLOSE + nested, {400}),
    ]
    for raw, expected in cases:
        answer = server.send(raw)
        assert _status(answer) in expected, (raw[:90], answer[:90])
        assert b"evil.example" not in answer, raw[:90]
        assert b"\nX-Told" not in answer.partition(b"\r\n\r\n")[0].title()
        for inside in (b"granian", b"Granian", b"hyper", b"Werkzeug", b"Python", b"Traceback"):
            assert inside not in answer, (raw[:90], inside)
    assert _status(server.get()) == 200


def test_in_a_flood_of_sign_ins_most_are_turned_away_at_once(server: Running) -> None:
    """R79, R173: by a whole page in their language, and nothing of them is counted; a few wait for their turn."""
    opened = server.get()
    token = _found(rb'name="csrf_token"[^>]*value="([^"]*)"', opened)
    cookie = _found(rb"(?i)set-cookie: (idp_form=[^;]*)", opened)
    crowd = []
    for number in range(4 * passwords.SLOTS.places):
        fields = {
            "csrf_token": token,
            "username": f"nobody.{number}",
            "password": "a wrong one, for sure",
            "next": "/help",
        }
        body = urlencode(fields).encode()
        client = server.connect()
        client.sendall(
            b"POST /login?next=/help HTTP/1.1\r\n" + server.host + b"Cookie: " + cookie.encode() + b"\r\n"
            b"Accept-Language: es\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n" % len(body) + _CLOSE + body[:-1]
        )
        crowd.append((client, body[-1:]))
    for client, end in crowd:
        client.sendall(end)
    # Other pages are served meanwhile by the threads that no sign-in was given.
    assert _status(server.get()) == 200
    answers = [_rest(client) for client, _ in crowd]
    away = [answer for answer in answers if _status(answer) == 503]
    assert {_status(answer) for answer in answers} == {422, 503}
    for answer in away:
        head, _, page = answer.partition(b"\r\n\r\n")
        assert b"\nretry-after: 2\r" in head.lower()
        assert b"\nset-cookie" not in head.lower()
        assert b'data-error="busy"' in page
        assert b'<html lang="es">' in page
        assert b'href="/login?next=%2Fhelp"' in page
    tried = [event for event in server.world.events() if event.event == "sign_in.refused"]
    assert len(tried) == len(crowd) - len(away)
    for client, _ in crowd:
        client.close()


def _found(pattern: bytes, answer: bytes) -> str:
    found = re.search(pattern, answer)
    assert found is not None, answer[:400]
    return found[1].decode("ascii")


def test_what_programs_ask_for_does_not_wait_behind_pages(server: Running) -> None:
    """R173: in a flood of people keys are still given out, before the last of those who came earlier has a page."""
    page = b"GET /login HTTP/1.1\r\n" + server.host + _CLOSE
    crowd = [server.connect() for _ in range(100)]
    for client in crowd:
        client.sendall(page)
    assert _status(server.get(paths.JWKS)) == 200
    answered, _, _ = select.select(crowd, [], [], 0)
    assert len(answered) < len(crowd)
    for client in crowd:
        assert _status(_rest(client)) == 200
        client.close()
