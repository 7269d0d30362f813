"""What we call when a client publishes something: over real sockets and real TLS (R151)."""

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idp.adapters import http
from idp.adapters.http import HttpFetcher
from idp.config import Settings
from idp.ports import PortDown
from tests.https_site import GOOD, Site, make_certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (`ca.pem`) and the certificate of the site."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture
def secure(certificates: Path) -> Iterator[Site]:
    site = Site(certificates, tls=True)
    yield site
    site.close()


@pytest.fixture
def plain(certificates: Path) -> Iterator[Site]:
    site = Site(certificates, tls=False)
    yield site
    site.close()


def _fetcher(certificates: Path | None = None, **settings: object) -> HttpFetcher:
    return HttpFetcher(
        Settings.model_validate(
            {
                "issuer": "https://id.example",
                "database_url": "sqlite://",
                "smtp_url": "smtps://mail.example",
                **({"extra_ca": certificates / "ca.pem"} if certificates else {}),
                **settings,
            }
        )
    )


def _refused(fetcher: HttpFetcher, url: str) -> str:
    with pytest.raises(PortDown) as refused:
        fetcher.fetch_json(url)
    return str(refused.value)


def test_an_allowed_host_is_fetched_over_tls_and_asked_by_its_name(certificates: Path, secure: Site) -> None:
    """R151: the connection goes to the checked address, TLS and Host keep the name; both JSON types are taken."""
    for allow in ("localhost", "10.0.0.0/8, 127.0.0.0/8 ::1/128"):
        fetcher = _fetcher(certificates, fetch_allow=allow)
        assert fetcher.fetch_json(f"https://localhost:{secure.port}/good") == GOOD
        assert fetcher.fetch_json(f"https://localhost:{secure.port}/jwks") == GOOD
    assert {host for _, host in secure.seen} == {f"localhost:{secure.port}"}


def test_tls_is_verified(certificates: Path, secure: Site) -> None:
    """R151: by the system's authorities and IDP_EXTRA_CA, and by the name that was asked for."""
    url = f"https://localhost:{secure.port}/good"
    assert "SSLCertVerificationError" in _refused(_fetcher(fetch_allow="localhost"), url)
    other = f"https://localhost.localdomain:{secure.port}/good"
    assert _refused(_fetcher(certificates, fetch_allow="localhost.localdomain 127.0.0.0/8"), other)
    assert secure.seen == []


@pytest.mark.parametrize("path", ["/redirect", "/big", "/html", "/packed", "/broken", "/short", "/deep", "/missing"])
def test_only_a_small_json_document_is_taken(certificates: Path, secure: Site, path: str) -> None:
    """R151: no redirect is followed, 64 kB are enough, and nothing is unpacked."""
    assert _refused(_fetcher(certificates, fetch_allow="localhost"), f"https://localhost:{secure.port}{path}")
    assert [seen for seen, _ in secure.seen] == [path]


def test_nobody_holds_us_up(certificates: Path, secure: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """R151: the time is for everything together, so a byte now and then does not lengthen it."""
    monkeypatch.setattr(http, "SECONDS", 0.6)
    began = time.monotonic()
    for path in ("/slow", "/slow-body"):
        fetcher = _fetcher(certificates, fetch_allow="localhost")
        assert "too long" in _refused(fetcher, f"https://localhost:{secure.port}{path}")
    assert time.monotonic() - began < 3
    assert not [thread for thread in threading.enumerate() if thread.name == "look-up"]


def test_a_resolver_that_hangs_costs_one_thread_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """R151: whoever waits is answered in time, the end of the process waits for no thread, and there are never many."""
    monkeypatch.setattr(http, "SECONDS", 0.1)
    ready, asked = threading.Event(), []

    def hang(host: str, port: int, **_: object) -> list[Any]:
        asked.append((host, port))
        ready.wait(10)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    fetcher = _fetcher()
    for _ in range(3):
        assert "too long" in _refused(fetcher, "https://slow.example/jwks")
    waiting = [thread for thread in threading.enumerate() if thread.name == "look-up"]
    assert len(asked) == len(waiting) == 1
    assert all(thread.daemon for thread in waiting)
    for number in range(9):
        _refused(fetcher, f"https://slow{number}.example/jwks")
    assert "too many" in _refused(fetcher, "https://another.example/jwks")
    assert len(asked) == 8
    ready.set()
    for thread in threading.enumerate():
        if thread.name == "look-up":
            thread.join(5)
    assert "cannot be found" in _refused(fetcher, "https://another.example/jwks")


def test_every_address_of_a_host_is_tried(certificates: Path, secure: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """R151: a dead one does not hide a living one (RFC 8305 §2), nor does one that takes no connection at all use up the time."""
    monkeypatch.setattr(http, "SECONDS", 3.0)
    with socket.create_server(("127.0.0.3", secure.port)) as mute:

        def resolve(_host: str, port: int, **_: object) -> list[Any]:
            found = ("127.0.0.2", "127.0.0.3", "127.0.0.1")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        fetcher = _fetcher(certificates, fetch_allow="localhost")
        assert fetcher.fetch_json(f"https://localhost:{secure.port}/good") == GOOD
        assert mute.fileno() > 0
    assert len(secure.seen) == 1


def test_a_name_beyond_ascii_is_asked_for_as_it_is_registered(
    certificates: Path, secure: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5891 §4.4, R105: DNS, TLS and `Host` all get the same ASCII name; another reading of it could be another host."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    fetcher = _fetcher(certificates, fetch_allow="xn--fa-hia.example")
    for name in ("fa\u00df.example", "xn--fa-hia.example", "FA\u00df.Example."):
        assert fetcher.fetch_json(f"https://{name}:{secure.port}/good") == GOOD
    assert set(asked) == {"xn--fa-hia.example"}
    assert {host for _, host in secure.seen} == {f"xn--fa-hia.example:{secure.port}"}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LocalHost.",
        "2130706433",
        "0x7f000001",
        "127.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[fe80::1]",
        "[fd00::1]",
        "[fc00::1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a00:1]",
        "[64:ff9b:1::5db8:d822]",
        "[::ffff:0:7f00:1]",
        "[::ffff:0:5db8:d822]",
        "[::7f00:1]",
        "[::5db8:d822]",
        "[fec0::1]",
        "[2001::7f00:1]",
        "[2002:a00:1::1]",
        "[3fff::1]",
        "[5f00::1]",
        "[4000::1]",
        "[2002:7f00:1::]",
        "[2001:db8::1]",
        "[ff02::1]",
    ],
)
def test_no_address_of_an_inner_network_is_called(host: str) -> None:
    """R151: whatever way it is written in; a name that leads there is no other."""
    assert "may not be called" in _refused(_fetcher(), f"https://{host}/jwks")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("64:ff9b::5db8:d822", True),
        ("2002:5db8:d822::1", True),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b:1::5db8:d822", False),
        ("::ffff:0:93.184.216.34", False),
        ("::93.184.216.34", False),
        ("2002:c0a8:101::1", False),
    ],
)
def test_the_open_internet_is_what_is_given_out_to_it(address: str, *, public: bool) -> None:
    """R151, RFC 6052 §3.1, RFC 8215 §4: of the ways to write an IPv4 address in an IPv6 one, only those that lead everywhere to
    the same one are read, and that one is judged.
    """
    assert http.is_public(ipaddress.ip_address(address)) is public


def test_a_name_that_leads_to_this_machine_is_refused(secure: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """R151: all the addresses of a name are checked, and the name is resolved once: a second answer comes too late."""
    answers = [["93.184.216.34", "127.0.0.1"], ["127.0.0.1"], ["::ffff:10.0.0.1"]]
    asked = []

    def resolve(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers[len(asked) - 1]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for _ in answers:
        assert "may not be called" in _refused(_fetcher(), f"https://rebinding.example:{secure.port}/good")
    assert asked == ["rebinding.example"] * len(answers)
    assert secure.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x",
        "http://example.com/x",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "gopher://x",
        "https://",
        "https:///x",
        "https://user:secret@example.com/x",
        "//example.com",
        "",
        "x",
        "https://[::1",
        "https://0177.0.0.1/x",
        "https://exa mple.com/",
        "https://example.com:99999999/",
    ],
)
def test_only_https_addresses_of_a_host_are_called(url: str) -> None:
    """R151."""
    assert _refused(_fetcher(), url)


def test_the_demo_may_call_its_own_machine_by_its_own_name(plain: Site, certificates: Path) -> None:
    """The demo's relying parties run beside it, without certificates; nothing else opens by that."""
    demo = _fetcher(certificates, demo=True, issuer="http://localhost:5000")
    for name in ("localhost", "127.0.0.1"):
        assert demo.fetch_json(f"http://{name}:{plain.port}/good") == GOOD
    assert _refused(demo, f"http://127.0.0.2:{plain.port}/good")
    assert _refused(demo, "https://10.0.0.1/x")
    assert _refused(demo, "http://example.com/x")
    assert _refused(_fetcher(fetch_allow="localhost"), f"http://localhost:{plain.port}/good")


def test_an_allow_list_is_read_whole_or_not_at_all() -> None:
    """R163: a mistyped network must not silently allow nothing, or something else."""
    for wrong in ("10.0.0.0/33", "10.0.0.1/8", "300.1.1.1", "host/24", "https://host", "*.example"):
        with pytest.raises(ValueError, match="IDP_FETCH_ALLOW"):
            _fetcher(fetch_allow=wrong)
    with pytest.raises(ValueError, match="IDP_EXTRA_CA"):
        _fetcher(extra_ca="/nowhere/ca.pem")
    with pytest.raises(ValueError, match="IDP_EXTRA_CA"):
        _fetcher(extra_ca=__file__.replace("test_fetching", "test_limits"))
