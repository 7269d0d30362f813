"""What we call when a client publishes something: over real sockets and real TLS (R151)."""

import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from idp.adapters import http
from idp.adapters.http import HttpFetcher
from idp.config import Settings
from idp.ports import PortDown

GOOD = {"keys": [{"kty": "EC"}]}


class _Site(BaseHTTPRequestHandler):
    """A site with one behaviour for each path."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str]]

    def do_GET(self) -> None:
        type(self).seen.append((self.path, self.headers.get("Host", "")))
        body, kind, status, more = json.dumps(GOOD).encode(), "application/json", 200, {}
        if self.path == "/redirect":
            status, more = 302, {"Location": "/good"}
        elif self.path == "/big":
            body = b'"' + b"x" * http.LONGEST + b'"'
        elif self.path == "/html":
            kind = "text/html"
        elif self.path == "/jwks":
            kind = "application/jwk-set+json; charset=utf-8"
        elif self.path == "/packed":
            more = {"Content-Encoding": "gzip"}
        elif self.path == "/broken":
            body = b"{"
        elif self.path == "/deep":
            body = b"[" * 60_000
        elif self.path == "/missing":
            status = 404
        if self.path == "/slow":
            self._drip()
            return
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """A header, a byte at a time: no wait is ever long enough to run out by itself."""
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

    def log_message(self, *_: Any) -> None:
        """Quietly."""


class Site:
    """A site on this machine, with a certificate of an authority that only we know, for the names given."""

    def __init__(self, folder: Path, *, tls: bool) -> None:
        self.seen: list[tuple[str, str]] = []
        handler = type("Handler", (_Site,), {"seen": self.seen})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "site.pem", folder / "site.key")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (`ca.pem`) and the certificate that it gave to localhost and keys.test."""
    folder = tmp_path_factory.mktemp("certificates")
    now = dt.datetime.now(dt.UTC)
    authority, site = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    us = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")])
    base = (
        x509.CertificateBuilder()
        .issuer_name(us)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )
    ca = (
        base.subject_name(us)
        .public_key(authority.public_key())
        .serial_number(1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = (
        base.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
        .public_key(site.public_key())
        .serial_number(2)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "site.pem").write_bytes(leaf.public_bytes(pem))
    (folder / "site.key").write_bytes(
        site.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@pytest.fixture
def secure(certificates: Path) -> Iterator[Site]:
    site = Site(certificates, tls=True)
    yield site
    site.close()


@pytest.fixture
def plain(certificates: Path) -> Iterator[Site]:
    site = Site(certificates, tls=False)
    yield site
    site.close()


def _fetcher(certificates: Path | None = None, **settings: object) -> HttpFetcher:
    return HttpFetcher(
        Settings.model_validate(
            {
                "issuer": "https://id.example",
                "database_url": "sqlite://",
                "smtp_url": "smtps://mail.example",
                **({"extra_ca": certificates / "ca.pem"} if certificates else {}),
                **settings,
            }
        )
    )


def _refused(fetcher: HttpFetcher, url: str) -> str:
    with pytest.raises(PortDown) as refused:
        fetcher.fetch_json(url)
    return str(refused.value)


def test_an_allowed_host_is_fetched_over_tls_and_asked_by_its_name(certificates: Path, secure: Site) -> None:
    """R151: the connection goes to the checked address, TLS and Host keep the name; both JSON types are taken."""
    for allow in ("localhost", "10.0.0.0/8, 127.0.0.0/8 ::1/128"):
        fetcher = _fetcher(certificates, fetch_allow=allow)
        assert fetcher.fetch_json(f"https://localhost:{secure.port}/good") == GOOD
        assert fetcher.fetch_json(f"https://localhost:{secure.port}/jwks") == GOOD
    assert {host for _, host in secure.seen} == {f"localhost:{secure.port}"}


def test_tls_is_verified(certificates: Path, secure: Site) -> None:
    """R151: by the system's authorities and IDP_EXTRA_CA, and by the name that was asked for."""
    url = f"https://localhost:{secure.port}/good"
    assert "ConnectError" in _refused(_fetcher(fetch_allow="localhost"), url)
    other = f"https://localhost.localdomain:{secure.port}/good"
    assert _refused(_fetcher(certificates, fetch_allow="localhost.localdomain 127.0.0.0/8"), other)
    assert secure.seen == []


@pytest.mark.parametrize("path", ["/redirect", "/big", "/html", "/packed", "/broken", "/deep", "/missing"])
def test_only_a_small_json_document_is_taken(certificates: Path, secure: Site, path: str) -> None:
    """R151: no redirect is followed, 64 kB are enough, and nothing is unpacked."""
    assert _refused(_fetcher(certificates, fetch_allow="localhost"), f"https://localhost:{secure.port}{path}")
    assert [seen for seen, _ in secure.seen] == [path]


def test_nobody_holds_us_up(certificates: Path, secure: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """R151: the time is for everything together, so a byte now and then does not lengthen it."""
    monkeypatch.setattr(http, "SECONDS", 0.6)
    began = time.monotonic()
    assert "too long" in _refused(
        _fetcher(certificates, fetch_allow="localhost"), f"https://localhost:{secure.port}/slow"
    )
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LocalHost.",
        "2130706433",
        "0x7f000001",
        "127.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[fe80::1]",
        "[fd00::1]",
        "[fc00::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:db8::1]",
        "[ff02::1]",
    ],
)
def test_no_address_of_an_inner_network_is_called(host: str) -> None:
    """R151: whatever way it is written in; a name that leads there is no other."""
    assert "may not be called" in _refused(_fetcher(), f"https://{host}/jwks")


def test_a_name_that_leads_to_this_machine_is_refused(secure: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """R151: all the addresses of a name are checked, and the name is resolved once: a second answer comes too late."""
    answers = [["93.184.216.34", "127.0.0.1"], ["127.0.0.1"], ["::ffff:10.0.0.1"]]
    asked = []

    def resolve(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers[len(asked) - 1]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for _ in answers:
        assert "may not be called" in _refused(_fetcher(), f"https://rebinding.example:{secure.port}/good")
    assert asked == ["rebinding.example"] * len(answers)
    assert secure.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x",
        "http://example.com/x",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "gopher://x",
        "https://",
        "https:///x",
        "https://user:secret@example.com/x",
        "//example.com",
        "",
        "x",
        "https://[::1",
        "https://0177.0.0.1/x",
        "https://exa mple.com/",
        "https://example.com:99999999/",
    ],
)
def test_only_https_addresses_of_a_host_are_called(url: str) -> None:
    """R151."""
    assert _refused(_fetcher(), url)


def test_the_demo_may_call_its_own_machine_by_its_own_name(plain: Site, certificates: Path) -> None:
    """The demo's relying parties run beside it, without certificates; nothing else opens by that."""
    demo = _fetcher(certificates, demo=True, issuer="http://localhost:5000")
    for name in ("localhost", "127.0.0.1"):
        assert demo.fetch_json(f"http://{name}:{plain.port}/good") == GOOD
    assert _refused(demo, f"http://127.0.0.2:{plain.port}/good")
    assert _refused(demo, "https://10.0.0.1/x")
    assert _refused(demo, "http://example.com/x")
    assert _refused(_fetcher(fetch_allow="localhost"), f"http://localhost:{plain.port}/good")


def test_an_allow_list_is_read_whole_or_not_at_all() -> None:
    """R163: a mistyped network must not silently allow nothing, or something else."""
    for wrong in ("10.0.0.0/33", "10.0.0.1/8", "300.1.1.1", "host/24", "https://host", "*.example"):
        with pytest.raises(ValueError, match="IDP_FETCH_ALLOW"):
            _fetcher(fetch_allow=wrong)
    with pytest.raises(ValueError, match="IDP_EXTRA_CA"):
        _fetcher(extra_ca="/nowhere/ca.pem")
    with pytest.raises(ValueError, match="IDP_EXTRA_CA"):
        _fetcher(extra_ca=__file__.replace("test_fetching", "test_limits"))
