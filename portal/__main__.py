"""`python -m portal` checks the settings and serves, with one worker: the sessions live in its memory."""

import errno
import socket
import sys

from granian import Granian
from granian.constants import Interfaces

from portal.settings import Settings, SettingsError, from_environment

USAGE = 2
THREADS = 4


def main() -> int:
    try:
        settings = from_environment()
    except SettingsError as fault:
        sys.stderr.write("The portal cannot start:\n" + "".join(f"  - {line}\n" for line in fault.faults))
        return USAGE
    taken = _why_not_free(settings)
    if taken:
        sys.stderr.write(f"The portal cannot start: {taken}\n")
        return 1
    sys.stdout.write(f"The portal is at {settings.base_url}\n")
    sys.stdout.flush()
    Granian(
        "portal.app:from_environment_app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        websockets=False,
        log_dictconfig={"loggers": {"_granian": {"level": "WARNING"}}},
    ).serve()
    return 0


def _why_not_free(settings: Settings) -> str | None:
    # Granian would say it with a traceback, from a process of its own.
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as fault:
            if fault.errno == errno.EADDRINUSE:
                return f"port {settings.port} is taken by another program. Stop that one, or set PORTAL_PORT."
            return f"PORTAL_HOST and PORTAL_PORT cannot be used ({fault.strerror})."
    return None


if __name__ == "__main__":
    sys.exit(main())
