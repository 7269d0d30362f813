"""The port `Fetcher` over real HTTP: it calls no address at which an operator's own machines answer, however it is written (R151).

A name is resolved first, every address that it has is checked, and the connection goes to a checked one: what DNS says a moment
later no longer matters. TLS still asks for the name.
"""

import functools
import io
import ipaddress
import json
import socket
import ssl
import threading
import time
from concurrent.futures import Future
from http.client import HTTPException, HTTPResponse
from ipaddress import IPv4Address, IPv6Address
from typing import Any, cast

import httpx

from idp.config import Settings
from idp.ports import PortDown

SECONDS = 5.0
"""For everything together: resolving, connecting, and reading to the end."""
LONGEST = 64 * 1024
"""Bytes of a document."""

_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
_LOOK_UPS = 8
"""Names that may be asked for at once. A resolver keeps to no time of ours, so its thread may stay for a while; not many do."""
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""The only part of IPv6 that is given out to the open internet (RFC 4291 §2.4 and IANA's registry). Outside it lie the old and
the private ways of writing an IPv4 address: `::a.b.c.d`, SIIT (`::ffff:0:0:0/96`), a network's own NAT64 (`64:ff9b:1::/48`).
"""
_DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")  # RFC 9637; younger than the tables of some Pythons
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class _TooLongError(PortDown):
    """The time that there was for everything is over."""

    def __init__(self) -> None:
        super().__init__("the address took too long")


class HttpFetcher:
    """Fetches within bounds of time, size and place. It follows no redirect, uses no proxy and sends nothing but the request."""

    def __init__(self, settings: Settings) -> None:
        self._demo = settings.demo
        self._extra_ca = settings.extra_ca
        self._hosts, self._networks = settings.fetch_allowed
        self._names = Names()

    def fetch_json(self, url: str) -> Any:
        """The JSON at this address. Raises `PortDown`, whose text names the fault and nothing that was fetched."""
        body = self._fetch(url, time.monotonic() + SECONDS)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise PortDown("the address gives no JSON") from None

    def _fetch(self, url: str, deadline: float) -> bytes:
        try:
            asked = httpx.URL(url)
            # As it goes over the wire: DNS, TLS and `Host` must all mean the same name, and a letter beyond ASCII does not
            # become the same one everywhere (RFC 5891 §5, R105).
            host = asked.raw_host.decode("ascii").lower().rstrip(".")
        except (httpx.InvalidURL, ValueError):
            raise PortDown("not an address") from None
        at_home = self._demo and host in _LOOPBACK_NAMES
        if asked.scheme != "https" and not (at_home and asked.scheme == "http"):
            raise PortDown("the address is not https")
        if not host or asked.userinfo:
            raise PortDown("the address has no host, or names a user")
        port = asked.port or (443 if asked.scheme == "https" else 80)
        addresses = self._checked(host, port, deadline, at_home=at_home)
        try:
            with self._connected(addresses, host, port, deadline, tls=asked.scheme == "https") as connection:
                return _exchange(connection, asked, host, deadline)
        except TimeoutError:
            raise _TooLongError from None
        except (OSError, HTTPException) as wrong:
            raise PortDown(f"the address does not answer ({type(wrong).__name__})") from None

    def _checked(self, host: str, port: int, deadline: float, *, at_home: bool) -> list[Address]:
        """The host's addresses, once all of them may be called."""
        addresses = self._names.look_up(host, port, deadline)
        if not addresses or not all(self._may_call(host, address, at_home=at_home) for address in addresses):
            raise PortDown("the host has an address that may not be called")
        return addresses

    def _may_call(self, host: str, address: Address, *, at_home: bool) -> bool:
        inner = _inner(address)
        if inner.is_multicast or inner.is_unspecified:
            return False
        if is_public(address) or host in self._hosts:
            return True
        return (at_home and inner.is_loopback) or any(inner in network for network in self._networks)

    def _connected(
        self, addresses: list[Address], host: str, port: int, deadline: float, *, tls: bool
    ) -> socket.socket:
        """A connection to the first address that takes one. None of them gets the time of those after it."""
        context = self._tls if tls else None
        failed: OSError = ConnectionError()
        for number, address in enumerate(addresses):
            # To the address itself: nothing is resolved a second time.
            connection = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
            try:
                connection.settimeout(_left(deadline) / (len(addresses) - number))
                connection.connect((str(address), port))
                return context.wrap_socket(connection, server_hostname=host) if context else connection
            except OSError as wrong:
                connection.close()
                failed = wrong
        raise failed

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._extra_ca is not None:
            try:
                context.load_verify_locations(cafile=self._extra_ca)
            except (OSError, ssl.SSLError):
                raise PortDown("IDP_EXTRA_CA cannot be read") from None
        return context


class Names:
    """Names on their way to addresses. Each is asked for once at a time, by a thread that no end of the process waits for."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], Future[list[Address]]] = {}
        self._lock = threading.Lock()

    def look_up(self, host: str, port: int, deadline: float) -> list[Address]:
        """The addresses of a host, in the order in which they are to be tried. Raises `PortDown`."""
        with self._lock:
            answer = self._asked.get((host, port))
            if answer is None:
                # Its thread ends under this lock, and so never before it is noted here.
                if len(self._asked) >= _LOOK_UPS:
                    raise PortDown("too many names are being looked up")
                answer = Future()
                threading.Thread(target=self._ask, args=(host, port, answer), name="look-up", daemon=True).start()
                self._asked[host, port] = answer
        try:
            return answer.result(timeout=_left(deadline))
        except TimeoutError:
            raise _TooLongError from None

    def _ask(self, host: str, port: int, answer: Future[list[Address]]) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = [ipaddress.ip_address(str(entry[4][0])) for entry in found]
        except (OSError, ValueError):
            answer.set_exception(PortDown("the host cannot be found"))
        else:
            answer.set_result(list(dict.fromkeys(addresses)))
        finally:
            with self._lock:
                del self._asked[host, port]


class _Wire(io.RawIOBase):
    """The bytes of a connection until the deadline: a byte now and then does not lengthen it."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_left(self._deadline))
        return self._connection.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What `HTTPResponse` asks of a socket."""
        return io.BufferedReader(self)


def _exchange(connection: socket.socket, asked: httpx.URL, host: str, deadline: float) -> bytes:
    """Ask for the document, and read it to its end."""
    literal = f"[{host}]" if ":" in host else host
    connection.sendall(
        b"\r\n".join(
            [
                b"GET " + asked.raw_path + b" HTTP/1.1",
                f"Host: {literal}".encode("ascii") + (f":{asked.port}".encode("ascii") if asked.port else b""),
                b"Accept: application/json, application/jwk-set+json",
                # What is small on the way could be endless when it is unpacked.
                b"Accept-Encoding: identity",
                b"User-Agent: guidon",
                b"Connection: close",
                b"",
                b"",
            ]
        )
    )
    response = HTTPResponse(cast("socket.socket", _Wire(connection, deadline)), method="GET")
    response.begin()
    _check_head(response)
    body = response.read(LONGEST + 1)
    if len(body) > LONGEST:
        raise PortDown("the address gives too much")
    if response.length:
        raise PortDown("the address gives less than it says")
    return body


def _left(deadline: float) -> float:
    """The seconds that are left. Raises `TimeoutError` when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def is_public(address: Address) -> bool:
    """Whether it is an address of the open internet, also where it hides another one inside."""
    inner = _inner(address)
    if not inner.is_global or inner.is_multicast:
        return False
    return isinstance(inner, IPv4Address) or (inner in _GLOBAL_UNICAST and inner not in _DOCUMENTATION)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped (RFC 4291 §2.5.5.2), 6to4 (RFC 3056 §2) or NAT64 (RFC 6052 §2.1)."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _check_head(response: HTTPResponse) -> None:
    if response.status != 200:
        raise PortDown(f"the address answers {response.status}")
    kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise PortDown("the address gives another type than JSON")
    if (response.getheader("Content-Encoding") or "identity").lower() != "identity":
        raise PortDown("the address gives something packed")
