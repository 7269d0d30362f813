"""A web site on this machine, with a certificate of an authority that nobody knows, that answers well and badly."""

import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from idp.adapters import http

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
            self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            return
        if self.path == "/slow-body":
            self._drip(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
            return
        if self.path == "/short":
            more = {"Content-Length": str(len(body) + 5), "Connection": "close"}
            self.close_connection = True
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, begun: bytes) -> None:
        """An answer, and then a byte at a time: no wait is ever long enough to run out by itself."""
        try:
            self.wfile.write(begun)
            for byte in b"1" * 200:
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


def make_certificates(folder: Path) -> None:
    """Put into a folder an authority (`ca.pem`) and the certificate that it gave to localhost and xn--fa-hia.example."""
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
    names = [
        x509.DNSName("localhost"),
        x509.DNSName("xn--fa-hia.example"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
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
