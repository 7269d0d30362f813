"""Debian's Apache with mod_auth_openidc, the relying party that most sites already have, against the running product.

It is configured and never told anything else: what it needs, it finds by discovery.
"""

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest

from tests.browser.stack import Stack
from tests.interop.apache import apache
from tests.interop.conftest import ALEX, NewPerson, Register
from tests.interop.person import App, Person
from tests.world import free_port

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(stack: Stack, register: Register) -> Iterator[str]:
    """The site that Apache guards."""
    port = free_port()
    origin = f"http://localhost:{port}"
    back = ("--redirect-uri", f"{origin}/records/answer", "--post-logout-redirect-uri", f"{origin}/signed-out/")
    with apache(stack.issuer, port, register("--name", "Records at Apache", "--first-party", *back)) as running:
        yield running


def claims(person: Person) -> dict[str, str]:
    """What Apache gives the application behind it about somebody."""
    told = {name.upper(): value for name, value in person.answer.headers.items()}
    return {name.removeprefix("OIDC_CLAIM_"): told[name] for name in told if name.startswith("OIDC_CLAIM_")}


def test_a_basic_person_comes_in_and_stays_out_of_what_needs_premium(
    stack: Stack, site: str, person: NewPerson
) -> None:
    """OIDC Core §3.1, RFC 7636 §4.6: discovery, PKCE, ID token and userinfo as Apache reads them."""
    basil = person().register(stack.newcomer(), "basil.interop")
    basil.open(f"{site}/records/").sees("apache/records")
    told = claims(basil)
    assert (told["ISS"], told["ACR"], told["AAL"]) == (stack.issuer, "urn:dslogon:basic", "1")
    assert (told["DSLOGON_ASSURANCE"], "GIVEN_NAME" in told) == ("1", False)
    assert basil.open(f"{site}/records/premium/").answer.status_code == 403


def test_what_needs_premium_leads_there_and_not_now_leads_back_without_it(
    stack: Stack, site: str, person: NewPerson
) -> None:
    """OIDC Core §5.5.1.1: Apache asks by the `claims` parameter. The answer is an error with `iss` (RFC 9207 §2), which this module
    takes for the start of a sign-in: it signs the person in as they are, and shows its default page.
    """
    mara = person().register(stack.newcomer(), "mara.interop")
    mara.open(f"{site}/records/").sees("apache/records").open(f"{site}/records/essential/").sees("upgrade/start")
    mara.submit("decline-submit").sees("apache/records")
    assert claims(mara)["ACR"] == "urn:dslogon:basic"
    assert any("error=unmet_authentication_requirements" in passed for passed in mara.passed)


def test_a_premium_person_comes_in_everywhere_and_signs_out(
    stack: Stack, site: str, person: NewPerson, alexs_app: App
) -> None:
    """OIDC Core §5.3: Apache asks userinfo. OIDC RP-Initiated Logout §2, §3: its own way out ends our session too."""
    alex = person().open(f"{site}/records/premium/")
    alex.sign_in(ALEX.username, ALEX.password, alexs_app).sees("apache/records/premium")
    told = claims(alex)
    assert (told["ACR"], told["DSLOGON_ASSURANCE"], told["AAL"]) == ("urn:dslogon:premium", "2", "2")
    assert told["GIVEN_NAME"] == stack.person(ALEX.key).given_name
    alex.open(f"{site}/records/essential/").sees("apache/records/essential")

    alex.open(f"{site}/records/answer?logout={quote(f'{site}/signed-out/', safe='')}").sees("apache/signed-out")
    assert urlsplit(alex.at).path == "/signed-out/"
    alex.open(f"{site}/records/").sees("sign_in/login")
