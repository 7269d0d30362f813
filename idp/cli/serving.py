"""What the two servers have in common: `idp serve` and `idp deers serve`."""

import ssl
from pathlib import Path

from granian.http import HTTP1Settings

from idp.cli.common import fail

SLOWEST = HTTP1Settings(
    # Headers that trickle in, and a connection that nobody uses, are cut after so many milliseconds (R174). Browsers send a
    # request's headers in one piece; the longest honest pause is that of a proxy between two requests.
    header_read_timeout=10_000,
    # Of headers: more is answered by 431 (R102). Four kilobytes of `state` and a long `id_token_hint` fit many times over.
    max_buffer_size=64 * 1024,
)
"""What the server puts up with before a thread of ours is asked; slow bodies are the part of `idp.adapters.gateway`."""


def check_pair(cert: Path, key: Path) -> None:
    """End with a clear sentence unless they belong together."""
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    except (ssl.SSLError, OSError):
        fail("The certificate and the key do not belong together, or are not PEM.")
