"""The claims table (docs/levels.md §5; OIDC Core §5.1, §5.3.2; R124, R125)."""

import json

from idp.accounts.levels import Level
from idp.oidc import claims, scopes
from idp.oidc.scopes import Scope

TYPED = {
    "name": "Maria Rivera",
    "given_name": "Maria",
    "family_name": "Rivera",
    "gender": "female",
    "birthdate": "1980-02-03",
    "nickname": "Mari",
    "locale": "en-US",
    "updated_at": 1_700_000_000,
}
BASIC = claims.Facts(level=Level.BASIC, aal=1, profile=TYPED, emails=("maria@example.org", "older@example.org"))


def test_no_row_bears_the_name_of_a_core_claim() -> None:
    """R124: a released claim could otherwise stand in for iss, sub, aud, exp or nonce."""
    assert not {claim.name for claim in claims.TABLE} & {*claims.CORE, "azp", "nbf", "client_id", "scope", "act"}
    assert len({claim.name for claim in claims.TABLE}) == len(claims.TABLE)


def test_nothing_is_released_without_its_scope() -> None:
    """OIDC Core §5.4."""
    assert claims.release(BASIC, ("openid",), id_token=False) == {}
    for claim in claims.TABLE:
        others = tuple(scope for scope in scopes.ALL if scope != claim.scope)
        assert claim.name not in claims.release(BASIC, others, id_token=False)


def test_what_has_no_value_is_left_out() -> None:
    """OIDC Core §5.3.2: no null anywhere."""
    empty = claims.Facts(level=Level.BASIC, aal=1, profile={}, emails=())
    assert claims.release(empty, scopes.ALL, id_token=False) == {"dslogon_assurance": "1", "aal": 1}
    assert "null" not in json.dumps(claims.release(BASIC, scopes.ALL, id_token=False))


def test_a_basic_person_tells_what_they_typed() -> None:
    """docs/levels.md §5: profile and email at Basic are the person's own words."""
    told = claims.release(BASIC, scopes.ALL, id_token=False)
    assert {name: told[name] for name in TYPED} == TYPED
    assert (told["email"], told["email_verified"]) == ("maria@example.org", True)


def test_typed_names_are_not_passed_off_as_verified_at_premium() -> None:
    """docs/levels.md §5: names, birth date and gender at Premium are the authority's or nobody's."""
    premium = claims.Facts(level=Level.PREMIUM, aal=2, profile=TYPED, emails=())
    told = claims.release(premium, scopes.ALL, id_token=False)
    assert not told.keys() & {"name", "given_name", "family_name", "middle_name", "gender", "birthdate"}
    assert told["nickname"] == "Mari"
    assert told["dslogon_assurance"] == "2"


def test_an_id_token_carries_only_the_assurance() -> None:
    """docs/levels.md §5: claims of profile, email, phone and address live in userinfo."""
    assert claims.release(BASIC, scopes.ALL, id_token=True) == {"dslogon_assurance": "1", "aal": 1}


def test_the_client_setting_counts_as_the_scope() -> None:
    """`assurance_claims` (docs/levels.md §5)."""
    assert claims.effective_scopes(("openid",), assurance_claims=True) == ("openid", "dslogon")
    assert claims.effective_scopes(("openid", "dslogon"), assurance_claims=True) == ("openid", "dslogon")
    assert claims.effective_scopes(("openid",), assurance_claims=False) == ("openid",)


def test_every_scope_is_in_the_table_or_does_something_else() -> None:
    """Nothing is offered that means nothing."""
    assert set(Scope) - {claim.scope for claim in claims.TABLE} == {Scope.OPENID, Scope.OFFLINE_ACCESS}
