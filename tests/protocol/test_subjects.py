"""Who the client sees: pairwise and public subjects, and the session's name (OIDC Core §8; R122, R123)."""

from typing import Any

from tests.http_browser import Browser
from tests.members import Member, join
from tests.relying_party import RelyingParty, on_sqlite, sign_in
from tests.world import World

pytestmark = on_sqlite


def _claims(rp: RelyingParty, browser: Browser) -> dict[str, Any]:
    return rp.claims(rp.tokens(browser).id_token)


def test_a_subject_is_the_sectors_and_the_persons(world: World, browser: Browser, member: Member) -> None:
    """OIDC Core §8.1: the same in one sector, another in every other, never anything that names the person."""
    one = RelyingParty(world, redirect_uris=("https://shared.example/a",))
    same = RelyingParty(world, redirect_uris=("https://shared.example/b",))
    other = RelyingParty(world)
    subs = [_claims(rp, browser)["sub"] for rp in (one, same, other)]
    assert subs[0] == subs[1] != subs[2]
    for sub in subs:
        assert sub not in {member.person_id, member.subject_id, member.account_id, member.username}
        assert member.subject_id not in sub
    walt = sign_in(world, join(world.services, "walt.whitman", email=None))
    assert _claims(one, walt)["sub"] not in subs
    assert _claims(one, sign_in(world, member))["sub"] == subs[0]


def test_a_public_subject_is_the_same_for_every_such_client(world: World, browser: Browser, member: Member) -> None:
    """OIDC Core §8 `public`."""
    first, second = (RelyingParty(world, subject_type="public") for _ in range(2))
    assert _claims(first, browser)["sub"] == _claims(second, browser)["sub"] != member.subject_id


def test_sid_names_the_session_to_one_client_only(world: World, browser: Browser, member: Member) -> None:
    """Back-Channel Logout §2.1: unique for the session; ours differs by client, so that two cannot compare."""
    first, second = RelyingParty(world), RelyingParty(world)
    assert _claims(first, browser)["sid"] == _claims(first, browser)["sid"]
    assert _claims(first, browser)["sid"] != _claims(second, browser)["sid"]
    assert _claims(first, sign_in(world, member))["sid"] != _claims(first, browser)["sid"]


def test_an_id_token_says_all_that_it_must(world: World, browser: Browser) -> None:
    """OIDC Core §2, R124: five minutes, one audience, and no claim that belongs to userinfo (docs/levels.md §5)."""
    for alg in ("RS256", "ES256"):
        rp = RelyingParty(world, id_token_alg=alg)
        claims = _claims(rp, browser)
        assert claims.keys() == {
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "acr",
            "amr",
            "sid",
            "jti",
            "at_hash",
            "dslogon_assurance",
            "aal",
        }
        assert claims["amr"] == ["pwd"]
        assert (claims["acr"], claims["aal"], claims["dslogon_assurance"]) == ("urn:dslogon:basic", 1, "1")
        without = rp.claims(rp.tokens(browser, nonce=None, scope="openid profile email").id_token)
        assert claims.keys() - without.keys() == {"nonce"}
        assert not without.keys() - claims.keys()
