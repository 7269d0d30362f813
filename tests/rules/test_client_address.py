"""Whose address counts: the last trusted hop's word, and nobody else's."""

import pytest
from flask import Flask

from idp.web.guard import UNKNOWN_ADDRESS, client_address


@pytest.mark.parametrize(
    ("hops", "peer", "forwarded", "expected"),
    [
        (0, "203.0.113.9", None, "203.0.113.9"),
        (0, "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (1, "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (1, "10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (2, "10.0.0.1", "198.51.100.1", UNKNOWN_ADDRESS),
        (1, "10.0.0.1", None, UNKNOWN_ADDRESS),
        (1, "10.0.0.1", "a", UNKNOWN_ADDRESS),
        (1, "10.0.0.1", "fe80::1%eth0, ", UNKNOWN_ADDRESS),
        (1, "10.0.0.1", "9" * 10_000, UNKNOWN_ADDRESS),
        (1, "10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        (1, "10.0.0.1", "2001:db8::1", "2001:db8::1"),
        (0, "", None, UNKNOWN_ADDRESS),
    ],
)
def test_only_the_trusted_hops_are_believed(hops: int, peer: str, forwarded: str | None, expected: str) -> None:
    """R100: what cannot be told is one shared bucket, so nobody escapes a limit by sending rubbish."""
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    with Flask("t").test_request_context("/", headers=headers, environ_base={"REMOTE_ADDR": peer}):
        assert client_address(hops) == expected
