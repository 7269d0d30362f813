"""httpx with an end: a call is over at its deadline, however its bytes trickle.

httpx limits each wait for itself, so that an answer of one byte every few seconds has no end; and the resolver of names keeps to
no limit at all. Here each wait, for a name, a connection, TLS or bytes, is cut to what is left of the whole call.
"""

import contextlib
import ssl
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from idp.adapters.http import Names
from idp.ports import PortDown

_deadline: ContextVar[float] = ContextVar("deadline")

_CONNECTIONS = 64
"""At once, in one process: more than it has threads."""
_KEPT_FOR = 5.0
"""Seconds that an idle connection is kept. Servers close theirs after ten or more: who closes first knows it."""


@contextlib.contextmanager
def within(deadline: float) -> Iterator[None]:
    """What this thread calls inside is over at this time of the monotonic clock."""
    before = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(before)


def left() -> float:
    """Seconds until the deadline; not more than nothing when it is past."""
    return _deadline.get() - time.monotonic()


class BoundedTransport(httpx.HTTPTransport):
    """For an `httpx.Client` whose calls are made `within` a deadline."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        # httpx has no other way to connections of one's own making; what they are is httpcore's published interface.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=_KEPT_FOR,
            network_backend=_Network(),
        )


class _Network(httpcore.NetworkBackend):
    """Makes connections."""

    def __init__(self) -> None:
        self._names = Names()
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """To the first of the host's addresses that takes one; none of them gets the time of those after it."""
        try:
            addresses = self._names.look_up(host, port, time.monotonic() + _cut(timeout, httpcore.ConnectTimeout))
        except PortDown as unknown:
            raise httpcore.ConnectError(str(unknown)) from None
        failed: Exception = httpcore.ConnectError("the host has no address")
        for number, address in enumerate(addresses):
            share = _cut(timeout, httpcore.ConnectTimeout) / (len(addresses) - number)
            try:
                stream = self._plain.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as wrong:
                failed = wrong
            else:
                return _Stream(stream)
        raise failed


class _Stream(httpcore.NetworkStream):
    """One connection."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _cut(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _cut(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = _cut(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, limit))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _cut(timeout: float | None, late: type[Exception]) -> float:
    """What a single wait may take. Raises `late` when nothing is left."""
    if (remaining := left()) <= 0:
        raise late("the deadline is over")
    return remaining if timeout is None else min(timeout, remaining)
