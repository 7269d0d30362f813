"""Ports that the demo needs: free, or taken and by whom."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from pathlib import Path

from devtools.terminal import StopError

LISTENING = "0A"  # the state column of /proc/net/tcp


@dataclass(frozen=True)
class Port:
    """One port, what for, and the option that moves it."""

    number: int
    what: str
    option: str


def check_free(ports: list[Port]) -> None:
    """Stop with all taken ports at once, each with what it is for and what to do."""
    taken = [port for port in ports if is_taken(port.number)]
    if not taken:
        return
    lines = [
        f"Port {port.number} is taken{_by(port.number)}. The {port.what} needs it; {port.option} picks another."
        for port in taken
    ]
    lines.append("Perhaps the demo is running already? Nothing was started.")
    raise StopError("\n".join(lines))


def check_localhost() -> None:
    """The demo's addresses say localhost; a bare root may lack the line in /etc/hosts that gives it a meaning."""
    try:
        socket.getaddrinfo("localhost", 80, family=socket.AF_INET)
    except OSError:
        raise StopError(
            "This machine does not know the name localhost. Add it, then run this again:\n\n"
            "    echo '127.0.0.1 localhost' >> /etc/hosts\n"
        ) from None


def is_taken(number: int) -> bool:
    """Whether anybody listens on it, on either meaning of localhost."""
    return any(
        _cannot_bind(family, address, number)
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
    )


def answers(number: int) -> bool:
    """Whether a connection is taken on this port."""
    with socket.socket() as asking:
        asking.settimeout(1)
        return asking.connect_ex(("127.0.0.1", number)) == 0


def _cannot_bind(family: socket.AddressFamily, address: str, number: int) -> bool:
    try:
        with socket.socket(family) as trying:
            # Without this, connections that the last demo closed a moment ago would count as taken.
            trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trying.bind((address, number))
    except PermissionError:
        raise StopError(f"Port {number} is for root alone; pick one above 1023.") from None
    except OSError as fault:
        return fault.errno == errno.EADDRINUSE  # no IPv6 here: then nobody listens on it either
    return False


def _by(number: int) -> str:
    """Who listens, where the system tells it."""
    sockets = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        rows = table.read_text().splitlines()[1:] if table.exists() else []
        for _, local, _, state, *rest in (row.split() for row in rows):
            if state == LISTENING and int(local.rpartition(":")[2], 16) == number:
                sockets.add(f"socket:[{rest[5]}]")
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(handle.readlink()) in sockets:
                process = handle.parent.parent
                words = process.joinpath("cmdline").read_text("utf-8", "replace").split("\0")
                return f" by process {process.name} ({' '.join(words).strip()[:60]})"
        except OSError:  # not ours to read, or gone since
            continue
    return ""
