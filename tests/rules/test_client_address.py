"""Whose address counts: the last trusted hop's word, and nobody else's."""

import ipaddress

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

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
        (1, "10.0.0.1", "fe80::1%eth0", "fe80::1"),
        (1, "10.0.0.1", "2001:db8::1%" + "a" * 10_000, "2001:db8::1"),
        (1, "10.0.0.1", "198.51.100.1:443", UNKNOWN_ADDRESS),
        (1, "10.0.0.1", "[2001:db8::1]", UNKNOWN_ADDRESS),
        (1, "10.0.0.1", "198.51.100.1,", UNKNOWN_ADDRESS),
        (1, "10.0.0.1", "198.051.100.001", UNKNOWN_ADDRESS),
        (1, "10.0.0.1", "٣.٣.٣.٣", UNKNOWN_ADDRESS),
        (0, "fe80::1%eth0", None, "fe80::1"),
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


_ADDRESSES = st.one_of(st.ip_addresses().map(str), st.ip_addresses(v=6).map(lambda address: f"{address}%eth0"))
_HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)


def _told(hops: int, headers: list[tuple[str, str]]) -> str:
    with Flask("t").test_request_context("/", headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.1"}):
        return client_address(hops)


@given(hops=st.integers(0, 3), lines=st.lists(_HEADER, max_size=3))
def test_whatever_is_sent_makes_an_address_or_the_shared_bucket(hops: int, lines: list[str]) -> None:
    """R100, R101: never a fault, and never a text of the sender's own choice."""
    told = _told(hops, [("X-Forwarded-For", line) for line in lines])
    assert told == UNKNOWN_ADDRESS or str(ipaddress.ip_address(told)) == told
    assert "%" not in told


@given(
    hops=st.integers(1, 3),
    forged=st.lists(_HEADER, max_size=3),
    real=_ADDRESSES,
    nearer=st.lists(_ADDRESSES, min_size=2, max_size=2),
)
def test_what_stands_left_of_the_trusted_hops_changes_nothing(
    hops: int, forged: list[str], real: str, nearer: list[str]
) -> None:
    """R100: whatever the sender writes, what the trusted proxies add on the right decides."""
    added = ", ".join([real, *nearer[: hops - 1]])
    assert _told(hops, [("X-Forwarded-For", ", ".join([*forged, added]))]) == _told(hops, [("X-Forwarded-For", added)])
