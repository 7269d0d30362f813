"""A certified relying party, npm's openid-client, against the running product: it accepts what it gets, and hears what it must.

Every signature, `nonce`, `state`, `iss`, `at_hash` and time is checked by the library; the tests look at what is left.
"""

import json
import secrets
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey

from tests.browser.stack import Stack
from tests.interop.conftest import ALEX, NewPerson, Register
from tests.interop.library import Library, Party, WrongError
from tests.interop.person import App

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

CALLBACK = "https://clinic.example/callback"
SIGNED_OUT = "https://clinic.example/signed-out"
ADDRESSES = ("--redirect-uri", CALLBACK, "--post-logout-redirect-uri", SIGNED_OUT)

BASIC, BASIC_MFA, PREMIUM = "urn:dslogon:basic", "urn:dslogon:basic:mfa", "urn:dslogon:premium"


def essential(acr: str) -> str:
    """The `claims` parameter of a client that cannot do without an `acr`."""
    return json.dumps({"id_token": {"acr": {"essential": True, "values": [acr]}}})


@pytest.fixture(scope="module")
def app(stack: Stack, library: Library, register: Register) -> Party:
    """An app without a secret, to which people say what it may have."""
    return Party(library, stack.issuer, register("--name", "Clinic app", "--type", "spa", *ADDRESSES))


@pytest.fixture(scope="module")
def portal(stack: Stack, library: Library, register: Register) -> Party:
    """A portal of the house, with a secret."""
    return Party(library, stack.issuer, register("--name", "Clinic", "--first-party", *ADDRESSES))


@pytest.fixture(scope="module")
def signer(stack: Stack, library: Library, register: Register, tmp_path_factory: pytest.TempPathFactory) -> Party:
    """A client that signs what it is, with a key that only it holds; its ID tokens are signed with ES256."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    public = Path(tmp_path_factory.mktemp("signer"), "jwks.json")
    public.write_text(json.dumps({"keys": [key.as_dict(private=False)]}), "utf-8")
    how = ("--auth-method", "private_key_jwt", "--jwks-file", str(public), "--id-token-alg", "ES256")
    registered = register("--name", "Records", "--first-party", *how, *ADDRESSES)
    return Party(library, stack.issuer, registered, jwk=key.as_dict(private=True))


def test_an_app_without_a_secret_signs_somebody_in_and_its_refresh_tokens_rotate(
    stack: Stack, app: Party, person: NewPerson
) -> None:
    """OIDC Core §3.1, RFC 7636 §4.6, RFC 9207 §2.4; a spent refresh token ends the chain (RFC 9700 §4.14.2)."""
    nia = person().register(stack.newcomer(), "nia.interop")
    nia.open(app.begin(scope="openid profile email offline_access")).sees("consent/consent").submit("consent-allow")
    first = app.finish(nia.left_for)
    claims = first["claims"]
    assert (claims["acr"], claims["amr"], claims["aal"], claims["dslogon_assurance"]) == (BASIC, ["pwd"], 1, "1")
    assert app.ask("userinfo", access_token=first["access_token"], sub=claims["sub"])["sub"] == claims["sub"]

    second = app.ask("refresh", refresh_token=first["refresh_token"])
    third = app.ask("refresh", refresh_token=second["refresh_token"])
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    assert third["claims"]["auth_time"] == claims["auth_time"]
    for spent in (first, third):
        with pytest.raises(WrongError) as refused:
            app.ask("refresh", refresh_token=spent["refresh_token"])
        assert refused.value.error == "invalid_grant"
    with pytest.raises(WrongError):
        app.ask("userinfo", access_token=third["access_token"], sub=claims["sub"])


def test_a_person_goes_higher_inside_the_request_and_comes_back(stack: Stack, portal: Party, person: NewPerson) -> None:
    """OIDC Core §5.5.1.1: an essential `acr`. A factor more is no new sign-in: `auth_time` stays (§2)."""
    uma, phone = person().register(stack.newcomer(), "uma.interop"), person()
    before = portal.finish(uma.open(portal.begin(acr_values=BASIC)).left_for)["claims"]
    on_phone = portal.finish(phone.open(portal.begin()).sign_in("uma.interop").left_for)["claims"]
    assert (before["acr"], on_phone["acr"]) == (BASIC, BASIC)

    uma.open(portal.begin(claims=essential(BASIC_MFA)))
    codes = uma.add_app()
    after = portal.finish(uma.left_for)["claims"]
    assert (after["acr"], after["aal"]) == (BASIC_MFA, 2)
    assert {"pwd", "otp", "mfa"} <= set(after["amr"])
    assert (after["sub"], after["auth_time"]) == (before["sub"], before["auth_time"])

    # Elsewhere the same person was signed in before the app was there: that session is asked for a code, and for no more.
    phone.open(portal.begin(claims=essential(BASIC_MFA))).sees("sign_in/second_factor").submit(code=codes.code())
    raised = portal.finish(phone.left_for)["claims"]
    assert (raised["acr"], raised["auth_time"]) == (BASIC_MFA, on_phone["auth_time"])


def test_premium_comes_with_two_factors_and_what_deers_says(
    stack: Stack, portal: Party, person: NewPerson, alexs_app: App
) -> None:
    """OIDC Core §5.5.1.1; what userinfo tells at Premium is the person of the record (OIDC Core §5.3)."""
    alex = person().open(portal.begin(claims=essential(PREMIUM), max_age=600))
    alex.sign_in(ALEX.username, ALEX.password, alexs_app)
    tokens = portal.finish(alex.left_for)
    claims = tokens["claims"]
    assert (claims["acr"], claims["aal"], claims["dslogon_assurance"]) == (PREMIUM, 2, "2")
    assert claims["proofing"]["method"] == "in_person"
    told = portal.ask("userinfo", access_token=tokens["access_token"], sub=claims["sub"])
    assert told["given_name"] == stack.person(ALEX.key).given_name
    # The session meets it already: no page is shown, though pages are forbidden here anyway.
    again = portal.finish(alex.open(portal.begin(claims=essential(PREMIUM), prompt="none")).left_for)
    assert again["claims"]["auth_time"] == claims["auth_time"]


def test_whoever_goes_no_higher_is_told_of_truly(stack: Stack, portal: Party, person: NewPerson) -> None:
    """OIDC Core §5.5.1.1: refused where it is essential (OIDC Unmet Authentication Requirements §2), else the truth."""
    sol = person().register(stack.newcomer(), "sol.interop")
    sol.open(portal.begin(claims=essential(PREMIUM))).sees("upgrade/start").submit("decline-submit")
    with pytest.raises(WrongError) as refused:
        portal.finish(sol.left_for)
    assert refused.value.error == "unmet_authentication_requirements"

    sol.open(portal.begin(acr_values=f"{PREMIUM} {BASIC_MFA}")).sees("upgrade/start").submit("decline-submit")
    claims = portal.finish(sol.left_for)["claims"]
    assert (claims["acr"], claims["dslogon_assurance"]) == (BASIC, "1")


def test_a_client_that_signs_keeps_its_refresh_token_and_can_give_back_what_it_has(
    stack: Stack, signer: Party, person: NewPerson
) -> None:
    """RFC 7523 §2.2, RFC 7662 §2.2, RFC 7009 §2.1: what is revoked is worth nothing at once."""
    ray = person().register(stack.newcomer(), "ray.interop")
    first = signer.finish(ray.open(signer.begin()).left_for)
    again = signer.ask("refresh", refresh_token=first["refresh_token"])
    assert again.get("refresh_token", first["refresh_token"]) == first["refresh_token"]
    assert again["access_token"] != first["access_token"]

    worth = signer.ask("introspect", token=again["access_token"])
    assert (worth["active"], worth["sub"], worth["acr"]) == (True, first["claims"]["sub"], BASIC)
    signer.ask("revoke", token=first["refresh_token"])
    for token in (first["refresh_token"], first["access_token"], again["access_token"]):
        assert signer.ask("introspect", token=token) == {"active": False}
    with pytest.raises(WrongError) as refused:
        signer.ask("refresh", refresh_token=first["refresh_token"])
    assert refused.value.error == "invalid_grant"


def test_a_resource_server_asks_what_the_token_for_it_is_worth(
    stack: Stack, library: Library, portal: Party, person: NewPerson
) -> None:
    """RFC 8707 §2, RFC 7662 §2.1, RFC 9068 §2.2: the token is for that server alone."""
    address = f"https://records.example/{secrets.token_hex(4)}"
    words = ("--name", "Records", "--resource", address, "--client", portal.client_id)
    made = json.loads(stack.idp("resources", "create", "--json", *words))
    registered = {**made, "redirect_uris": [], "token_endpoint_auth_method": "client_secret_basic"}
    server = Party(library, stack.issuer, {**registered, "id_token_signed_response_alg": "RS256"})
    ida = person().register(stack.newcomer(), "ida.interop")
    tokens = portal.finish(ida.open(portal.begin(resource=address)).left_for, resource=address)
    worth = server.ask("introspect", token=tokens["access_token"])
    assert (worth["active"], worth["aud"], worth["acr"]) == (True, address, BASIC)
    with pytest.raises(WrongError):
        portal.ask("userinfo", access_token=tokens["access_token"], sub=tokens["claims"]["sub"])


def test_signing_out_ends_at_the_client_and_ends_the_session(stack: Stack, portal: Party, person: NewPerson) -> None:
    """OIDC RP-Initiated Logout §2, §3; afterwards nobody is signed in (OIDC Core §3.1.2.6)."""
    ned = person().register(stack.newcomer(), "ned.interop")
    tokens = portal.finish(ned.open(portal.begin()).left_for)
    url = portal.ask(
        "end_session", id_token_hint=tokens["id_token"], post_logout_redirect_uri=SIGNED_OUT, state="over and out"
    )["url"]
    assert parse_qs(urlsplit(ned.open(url).left_for or "").query) == {"state": ["over and out"]}
    ned.open(portal.begin(prompt="none"))
    with pytest.raises(WrongError) as refused:
        portal.finish(ned.left_for)
    assert refused.value.error == "login_required"
