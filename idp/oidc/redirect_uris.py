"""Which addresses a client may register, and which of them a request means. Strings are compared, never parsed hosts (R105)."""

import re
from urllib.parse import urlsplit

LONGEST = 2_000
_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
# RFC 3986 §2: what a URI may be made of. No space, control, quote, backslash, angle bracket, caret or non-ASCII letter.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()+,;=%-]+")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?(?P<rest>(?:[/?].*)?)")
# RFC 8252 §7.1: a private scheme is a domain name turned round, so that two apps do not claim the same one.
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")


def fault_of(uri: str, *, native: bool) -> str | None:
    """Why this redirect URI may not be registered, in words for an operator; None when it may (R107)."""
    if len(uri) > LONGEST or not _URI.fullmatch(uri):
        return "is not an absolute URI in plain ASCII without a wildcard"
    try:
        parts = urlsplit(uri)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is not a URI"
    if "#" in uri:
        return "must not have a fragment"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name"
    if "/../" in parts.path + "/" or "/./" in parts.path + "/":
        return "must not have dot segments"
    if parts.scheme == "https":
        return None if host else "must name a host"
    if parts.scheme == "http":
        return None if host in _LOOPBACK_NAMES else "must be https (http is for loopback addresses only)"
    if native and _PRIVATE_SCHEME.fullmatch(parts.scheme):
        return None
    return "must be https"


def origin_fault_of(origin: str) -> str | None:
    """Why this is not an origin that a script may call us from; None when it is."""
    try:
        parts = urlsplit(origin)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is not an origin"
    if not _URI.fullmatch(origin) or not host or parts.path or parts.query or parts.fragment or "@" in origin:
        return "must be an origin such as https://app.example.org, without a path"
    if parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK_NAMES):
        return None
    return "must be https (http is for loopback addresses only)"


def is_registered(asked: str, registered: list[str], *, native: bool) -> bool:
    """Whether this is one of them, byte for byte; a native client's loopback address may differ in its port (RFC 8252 §7.3)."""
    if asked in registered:
        return True
    if not native or (without_port := _loopback(asked)) is None:
        return False
    return any(_loopback(known) == without_port for known in registered)


def _loopback(uri: str) -> tuple[str, str] | None:
    found = _LOOPBACK.fullmatch(uri)
    return None if found is None else (found[1], found["rest"])


def sector_of(uris: list[str], client_id: str) -> str:
    """The sector of a client's pairwise subjects: its one host, or itself where it controls none alone (OIDC Core §8.1)."""
    hosts = set()
    for uri in uris:
        parts = urlsplit(uri)
        loopback = parts.hostname in _LOOPBACK_NAMES
        hosts.add(parts.hostname if parts.scheme == "https" and not loopback else None)
    only = hosts.pop() if len(hosts) == 1 else None
    return only or client_id


def is_claimed(uri: str) -> bool:
    """Whether an answer that goes there reaches the client and nobody else: any app on the same device may listen on a loopback
    address, or take a private scheme for itself (RFC 8252 §8.6).
    """
    parts = urlsplit(uri)
    return parts.scheme == "https" and parts.hostname not in _LOOPBACK_NAMES


def takes_forms(uri: str) -> bool:
    """Whether a browser can send a form there: a private scheme opens an app, which gets an address and no body."""
    return urlsplit(uri).scheme in {"http", "https"}


def form_target(uri: str) -> str:
    """What a page's CSP must name for the browser to let a form end at this address: its origin, or its private scheme."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else f"{parts.scheme}:"
