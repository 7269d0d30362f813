"""The port `Fetcher` over real HTTP: it calls no address at which an operator's own machines answer, however it is written (R151).

A name is resolved first, every address that it has is checked, and the connection goes to a checked one: what DNS says a moment
later no longer matters. TLS still asks for the name.
"""

import functools
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import httpx

from idp.config import Settings
from idp.ports import PortDown

SECONDS = 5.0
"""For everything together: resolving, connecting, and reading to the end."""
LONGEST = 64 * 1024
"""Bytes of a document."""

_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
_AT_ONCE = 8
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class HttpFetcher:
    """Fetches within bounds of time, size and place. It follows no redirect, uses no proxy and sends nothing but the request."""

    def __init__(self, settings: Settings) -> None:
        self._demo = settings.demo
        self._extra_ca = settings.extra_ca
        self._hosts, self._networks = settings.fetch_allowed

    def fetch_json(self, url: str) -> Any:
        """The JSON at this address. Raises `PortDown`, whose text names the fault and nothing that was fetched."""
        deadline = time.monotonic() + SECONDS
        work: Future[bytes] = _pool().submit(self._fetch, url, deadline)
        try:
            # A resolver, or a server that sends a header a byte at a time, keeps to no timeout of ours: its thread is left behind.
            body = work.result(timeout=SECONDS)
        except TookTooLong:
            work.cancel()
            raise PortDown("the address took too long") from None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise PortDown("the address gives no JSON") from None

    def _fetch(self, url: str, deadline: float) -> bytes:
        try:
            asked = httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            raise PortDown("not an address") from None
        host = asked.host.lower().rstrip(".")
        at_home = self._demo and host in _LOOPBACK_NAMES
        if asked.scheme != "https" and not (at_home and asked.scheme == "http"):
            raise PortDown("the address is not https")
        if not host or asked.userinfo:
            raise PortDown("the address has no host, or names a user")
        port = asked.port or (443 if asked.scheme == "https" else 80)
        address = self._checked(host, port, at_home=at_home)
        return self._read(asked, address, deadline)

    def _checked(self, host: str, port: int, *, at_home: bool) -> Address:
        """One of the host's addresses, once all of them may be called."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise PortDown("the host cannot be found") from None
        addresses = [ipaddress.ip_address(str(entry[4][0])) for entry in found]
        if not addresses or not all(self._may_call(host, address, at_home=at_home) for address in addresses):
            raise PortDown("the host has an address that may not be called")
        return addresses[0]

    def _may_call(self, host: str, address: Address, *, at_home: bool) -> bool:
        inner = _inner(address)
        if inner.is_multicast or inner.is_unspecified:
            return False
        if is_public(address) or host in self._hosts:
            return True
        return (at_home and inner.is_loopback) or any(inner in network for network in self._networks)

    def _read(self, asked: httpx.URL, address: Address, deadline: float) -> bytes:
        pinned = asked.copy_with(host=str(address))
        headers = {
            "Host": asked.netloc.decode("ascii"),
            "Accept": "application/json, application/jwk-set+json",
            # What is small on the way could be endless when it is unpacked.
            "Accept-Encoding": "identity",
            "User-Agent": "guidon",
        }
        verify = self._tls if asked.scheme == "https" else False
        timeout = max(deadline - time.monotonic(), 0.1)
        try:
            with (
                httpx.Client(verify=verify, trust_env=False, timeout=timeout, follow_redirects=False) as client,
                client.stream("GET", pinned, headers=headers, extensions={"sni_hostname": asked.host}) as response,
            ):
                _check_head(response)
                return b"".join(_bounded(response, deadline))
        except httpx.HTTPError as wrong:
            raise PortDown(f"the address does not answer ({type(wrong).__name__})") from None

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._extra_ca is not None:
            try:
                context.load_verify_locations(cafile=self._extra_ca)
            except (OSError, ssl.SSLError):
                raise PortDown("IDP_EXTRA_CA cannot be read") from None
        return context


@functools.cache
def _pool() -> ThreadPoolExecutor:
    """Made at the first fetch of a process, so that a forked worker never holds its parent's."""
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch")


def is_public(address: Address) -> bool:
    """Whether it is an address of the open internet, also where it hides another one inside."""
    inner = _inner(address)
    return inner.is_global and not inner.is_multicast


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped (RFC 4291 §2.5.5.2), 6to4 (RFC 3056) or NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _check_head(response: httpx.Response) -> None:
    if response.status_code != 200:
        raise PortDown(f"the address answers {response.status_code}")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise PortDown("the address gives another type than JSON")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PortDown("the address gives something packed")


def _bounded(response: httpx.Response, deadline: float) -> Iterator[bytes]:
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > LONGEST:
            raise PortDown("the address gives too much")
        if time.monotonic() > deadline:
            raise PortDown("the address took too long")
        yield chunk
