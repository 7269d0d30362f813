"""Which addresses may be registered, and which are meant (R105, R107; RFC 8252 §7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oidc import clients, redirect_uris
from idp.oidc.clients import AuthMethod, Kind, Pkce, Wanted
from idp.oidc.parameters import LONGEST, Unreadable, parse, with_parameters

_GOOD = (
    "https://rp.example/cb",
    "https://rp.example:8443/cb?tenant=1",
    "https://rp.example",
    "http://localhost:5001/callback",
    "http://127.0.0.1/cb",
    "http://[::1]:9/cb",
)
_BAD = (
    "",
    "rp.example/cb",
    "//rp.example/cb",
    "/cb",
    "http://rp.example/cb",
    "https://rp.example/cb#fragment",
    "https://rp.example/cb#",
    "https://user@rp.example/cb",
    "https://user:password@rp.example/cb",
    "https:///cb",
    "https://*.rp.example/cb",
    "https://rp.example/a/../cb",
    "https://rp.example/..",
    "https://rp.example/c b",
    "https://rp.example/cb\n",
    "https://rp.example\\@evil.example/cb",
    "https://rp.exämple/cb",
    "https://rp.example:port/cb",
    "https://[::1/cb",
    "javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://rp.example/1",
    "ftp://rp.example/cb",
    "http://localhost.evil.example/cb",
    "http://127.0.0.2/cb",
    "https://rp.example/" + "a" * 2_000,
)


@pytest.mark.parametrize("uri", _GOOD)
def test_good_addresses_may_be_registered(uri: str) -> None:
    assert redirect_uris.fault_of(uri, native=False) is None


@pytest.mark.parametrize("uri", _BAD)
def test_bad_addresses_may_not(uri: str) -> None:
    """RFC 9700 §4.1, R107."""
    if uri == "https://*.rp.example/cb":
        assert redirect_uris.fault_of(uri, native=True) is not None
    assert redirect_uris.fault_of(uri, native=False) is not None
    assert redirect_uris.fault_of(uri, native=True) is not None


def test_only_a_native_client_has_a_private_scheme_and_it_is_a_domain_turned_round() -> None:
    """RFC 8252 §7.1, §8.4."""
    assert redirect_uris.fault_of("org.example.app:/cb", native=True) is None
    assert redirect_uris.fault_of("org.example.app:/cb", native=False) is not None
    assert redirect_uris.fault_of("myapp:/cb", native=True) is not None


@given(st.text(max_size=60))
def test_nothing_but_the_registered_bytes_is_meant(asked: str) -> None:
    """R105: whatever the string, only an equal one is accepted for a web client."""
    registered = ["https://rp.example/cb"]
    assert redirect_uris.is_registered(asked, registered, native=False) is (asked in registered)
    assert redirect_uris.is_registered("https://rp.example/cb" + asked, registered, native=False) is (asked == "")


@given(st.text(max_size=40))
def test_a_loopback_port_is_digits_and_nothing_follows_it_unseen(middle: str) -> None:
    """RFC 8252 §7.3: between address and path there is a port or nothing."""
    asked = f"http://127.0.0.1{middle}/cb"
    accepted = redirect_uris.is_registered(asked, ["http://127.0.0.1/cb"], native=True)
    port = middle.removeprefix(":")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    assert accepted is (middle == "" or (middle.startswith(":") and digits and middle.count(":") == 1))


def test_origins_are_bare() -> None:
    """R98."""
    for good in ("https://app.example", "https://app.example:8443", "http://localhost:3000"):
        assert redirect_uris.origin_fault_of(good) is None
    for bad in (
        "https://app.example/",
        "http://app.example",
        "*",
        "null",
        "https://u@app.example",
        "https://a.example?x",
    ):
        assert redirect_uris.origin_fault_of(bad) is not None, bad


def test_an_address_is_the_clients_own_or_any_apps() -> None:
    """RFC 8252 §8.6: loopback addresses and private schemes are open to every app on the device, whatever the scheme is called."""
    assert redirect_uris.is_claimed("https://app.example/cb")
    for anybodys in ("http://127.0.0.1/cb", "http://[::1]:7/cb", "https://localhost/cb", "org.example.app:/cb"):
        assert not redirect_uris.is_claimed(anybodys), anybodys


def test_a_sector_is_the_one_host_or_the_client_itself() -> None:
    """OIDC Core §8.1: an address on the person's own device belongs to nobody alone."""
    assert redirect_uris.sector_of(["https://a.example/1", "https://a.example/2"], "id") == "a.example"
    assert redirect_uris.sector_of(["https://a.example/1", "https://b.example/2"], "id") == "id"
    assert redirect_uris.sector_of(["http://localhost:5001/cb"], "id") == "id"
    assert redirect_uris.sector_of(["org.example.app:/cb"], "id") == "id"


HOME = "https://rp.example/cb"


@pytest.mark.parametrize(
    ("wishes", "word"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"redirect_uris": ()}, "redirect"),
        ({"post_logout_redirect_uris": ("http://rp.example/",)}, "https"),
        ({"origins": ("https://a.example/path",)}, "origin"),
        ({"kind": Kind.SPA, "auth_method": AuthMethod.BASIC}, "secret"),
        ({"kind": Kind.SPA, "pkce": Pkce.OPTIONAL}, "PKCE"),
        ({"auth_method": AuthMethod.NONE, "pkce": Pkce.OPTIONAL}, "PKCE"),
        ({"scopes": ("openid", "everything")}, "everything"),
        ({"min_acr": "urn:unheard"}, "acr"),
        ({"default_acr_values": ("urn:dslogon:premium", "urn:unheard")}, "acr"),
        ({"resources": ("https://nowhere.example",)}, "no resource server https://nowhere.example"),
        ({"first_party": True, "kind": Kind.NATIVE, "redirect_uris": ("org.example.app:/cb",)}, "first-party"),
        ({"first_party": True, "kind": Kind.NATIVE, "redirect_uris": ("http://127.0.0.1/cb",)}, "first-party"),
        ({"first_party": True, "kind": Kind.SPA, "redirect_uris": ("http://localhost:3000/",)}, "first-party"),
        (
            {"first_party": True, "auth_method": AuthMethod.NONE, "redirect_uris": (HOME, "http://localhost/cb")},
            "first-party",
        ),
        ({"id_token_alg": "none"}, "signed"),
        ({"id_token_alg": "HS256"}, "signed"),
    ],
)
def test_a_client_that_cannot_be_safe_is_not_registered(wishes: dict[str, object], word: str) -> None:
    """R107, R109, R118, R126, RFC 8252 §8.6."""
    wanted = Wanted(**{"name": "Portal", "redirect_uris": (HOME,), **wishes})  # type: ignore[arg-type]
    faults = clients.faults_of(wanted, known_scopes=("openid",), known_algs=("RS256", "ES256"))
    assert len(faults) == 1
    assert word in faults[0]


@pytest.mark.parametrize(
    "wishes",
    [
        {"redirect_uris": ("http://localhost:5001/callback",)},
        {"kind": Kind.SPA},
        {"kind": Kind.NATIVE},
        {"auth_method": AuthMethod.PRIVATE_KEY_JWT, "redirect_uris": ("http://127.0.0.1/cb",), "jwks": {"keys": []}},
    ],
)
def test_a_first_party_client_proves_itself_or_is_known_by_its_address(wishes: dict[str, object]) -> None:
    """R118: with a secret or key on localhost, as the demo's portal is; without one by https."""
    wanted = Wanted(**{"name": "Portal", "redirect_uris": (HOME,), "first_party": True, **wishes})  # type: ignore[arg-type]
    assert clients.faults_of(wanted, known_scopes=(), known_algs=("RS256",)) == []


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.binary(max_size=30), max_size=5))
def test_parameters_survive_the_way_out_and_back(members: dict[str, bytes]) -> None:
    """R115: whatever bytes came, the same bytes go."""
    values = {name: value.decode("utf-8", "surrogateescape") for name, value in members.items() if value}
    query = with_parameters("https://rp.example/cb", values).partition("?")[2]
    assert parse(query.encode("ascii")).as_dict() == values


def test_parameters_are_bounded_and_repeats_are_seen() -> None:
    """R102; RFC 6749 §3.1: one without a value counts as not sent, and still as sent twice."""
    read = parse(b"a=1&b=&a=2&c=+&b=x")
    assert read.as_dict() == {"a": "1", "c": " ", "b": "x"}
    assert read.repeated == {"a", "b"}
    for raw in (b"x" * (LONGEST + 1), b"&".join(b"p%d=1" % n for n in range(400))):
        with pytest.raises(Unreadable):
            parse(raw)
    with pytest.raises(Unreadable):
        parse(b"a=%ff", strict=True)
