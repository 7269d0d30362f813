"""The claims table (docs/levels.md §5; OIDC Core §5.1, §5.3.2; R124, R125)."""

import json
from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from idp.accounts.levels import Level
from idp.oidc import claims, scopes
from idp.oidc.claims import Facts, Proof, Where
from idp.oidc.scopes import Scope
from idp.ports import Affiliation, Eligibility, Known, Sponsor
from idp.proofing.policy import Method
from idp.web import claim_words

TYPED = {
    "name": "Mari R.",
    "given_name": "Mari",
    "family_name": "Ribera",
    "gender": "typed",
    "birthdate": "1999-09-09",
    "nickname": "Mari",
    "locale": "en-US",
    "updated_at": 1_700_000_000,
}
KNOWN = Known(
    person_key="p1",
    edipi="9900000015",
    given_name="Maria",
    middle_name="Luz",
    family_name="Rivera",
    suffix=None,
    born=date(1980, 2, 3),
    gender="female",
    deceased=False,
    conflict=False,
    status="SPONSOR",
    affiliations=(
        Affiliation("A", "N", date(2001, 1, 2), date(2021, 1, 2)),
        Affiliation("R", "N", date(2021, 1, 2), None),
    ),
    eligibility=(Eligibility("TRICARE", "Prime", "active", date(2021, 1, 2), None),),
    sponsor=Sponsor("p0", "spouse"),
    emails=(),
    posts=(),
    every_email=(),
)
BASIC = Facts(
    level=Level.BASIC,
    aal=1,
    profile=TYPED,
    emails=("maria@example.org", "older@example.org"),
    evidence=frozenset({Method.DEERS_MATCH}),
    known=KNOWN,
)
PREMIUM = replace(
    BASIC,
    level=Level.PREMIUM,
    aal=2,
    evidence=frozenset({Method.DEERS_MATCH, Method.IN_PERSON}),
    proof=Proof("in_person", date(2026, 5, 6), "ds_logon"),
    sponsor_sub="the-sponsor-as-this-client-knows-them",
)
FROM_DEERS_OR_PROOF = {
    "ial", "proofing", "dslogon_status", "affiliations", "dslogon_uuid", "eligibility", "sponsor",
}  # fmt: skip


def _told(
    facts: Facts, asked: tuple[str, ...], named: tuple[str, ...] = (), *, id_token: bool = False
) -> dict[str, object]:
    return claims.release(facts, claims.rows(facts.level, asked, named, id_token=id_token))


def test_no_row_bears_the_name_of_a_core_claim() -> None:
    """R124: a released claim could otherwise stand in for iss, sub, aud, exp or nonce."""
    assert not {claim.name for claim in claims.TABLE} & {*claims.CORE, "azp", "nbf", "client_id", "scope", "act"}
    assert len({claim.name for claim in claims.TABLE}) == len(claims.TABLE)


def test_nothing_is_released_without_its_scope() -> None:
    """OIDC Core §5.4."""
    for facts in (BASIC, PREMIUM):
        assert _told(facts, ("openid",)) == {}
        for claim in claims.TABLE:
            others = tuple(scope for scope in scopes.ALL if scope != claim.scope)
            assert claim.name not in _told(facts, others)


def test_what_has_no_value_is_left_out() -> None:
    """OIDC Core §5.3.2: no null anywhere, and no empty list."""
    for level in Level:
        empty = Facts(level=level, aal=1, profile={}, emails=())
        assert _told(empty, scopes.ALL) == {"dslogon_assurance": str(int(level)), "aal": 1}
    bare = replace(KNOWN, middle_name=None, gender=None, affiliations=(), eligibility=(), sponsor=None)
    told = _told(replace(PREMIUM, known=bare), scopes.ALL)
    assert not told.keys() & {"middle_name", "gender", "affiliations", "eligibility", "sponsor"}
    for facts in (BASIC, PREMIUM):
        assert "null" not in json.dumps(_told(facts, scopes.ALL))


def test_a_basic_person_tells_what_they_typed() -> None:
    """docs/levels.md §5: profile and email at Basic are the person's own words."""
    told = _told(BASIC, scopes.ALL)
    assert {name: told[name] for name in TYPED} == TYPED
    assert (told["email"], told["email_verified"]) == ("maria@example.org", True)


def test_names_birth_date_and_gender_are_the_authoritys_at_premium() -> None:
    """docs/levels.md §5: typed ones are never passed off as verified; the rest stays the person's own."""
    told = _told(PREMIUM, scopes.ALL)
    assert told["name"] == "Maria Luz Rivera"
    assert (told["given_name"], told["middle_name"], told["family_name"]) == ("Maria", "Luz", "Rivera")
    assert (told["birthdate"], told["gender"]) == ("1980-02-03", "female")
    assert told["nickname"] == "Mari"
    assert _told(replace(PREMIUM, known=replace(KNOWN, suffix="Jr")), ("profile",))["name"] == "Maria Luz Rivera Jr"
    # OIDC Core §5.1: other values than the two where neither applies.
    assert _told(replace(PREMIUM, known=replace(KNOWN, gender="other")), ("profile",))["gender"] == "other"
    unknown = _told(replace(PREMIUM, known=None), scopes.ALL)
    assert not unknown.keys() & {"name", "given_name", "middle_name", "family_name", "birthdate", "gender"}


def test_what_deers_says_has_its_form() -> None:
    """docs/levels.md §5: dates are YYYY-MM-DD, and what has no end has none."""
    told = _told(PREMIUM, scopes.ALL)
    assert told["dslogon_status"] == "SPONSOR"
    assert told["affiliations"] == [
        {"category": "A", "branch": "N", "begin": "2001-01-02", "end": "2021-01-02"},
        {"category": "R", "branch": "N", "begin": "2021-01-02"},
    ]
    assert told["eligibility"] == [{"program": "TRICARE", "plan": "Prime", "status": "active", "begin": "2021-01-02"}]
    assert told["dslogon_uuid"] == "9900000015"
    assert told["sponsor"] == {"sub": "the-sponsor-as-this-client-knows-them", "relationship": "spouse"}
    assert _told(replace(PREMIUM, sponsor_sub=None), scopes.ALL)["sponsor"] == {"relationship": "spouse"}


def test_the_proof_is_told_and_only_seeing_somebody_is_identity_level_two() -> None:
    """SP 800-63A-4 §4.2: `ial` is 2 from a check in person, and left out for mail and questions."""
    told = _told(PREMIUM, ("dslogon",))
    assert told["proofing"] == {"method": "in_person", "at": "2026-05-06", "policy": "ds_logon"}
    assert told["ial"] == 2
    by_mail = replace(PREMIUM, evidence=frozenset({Method.DEERS_MATCH, Method.CODE_POST_OF_RECORD}))
    assert "ial" not in _told(by_mail, ("dslogon",))


def test_an_id_token_carries_only_the_assurance_and_what_was_named() -> None:
    """docs/levels.md §5; OIDC Core §5.5: claims of the other scopes live in userinfo unless they are asked for by name."""
    assert _told(BASIC, scopes.ALL, id_token=True) == {"dslogon_assurance": "1", "aal": 1}
    assert _told(PREMIUM, scopes.ALL, id_token=True).keys() == {
        "dslogon_assurance",
        "aal",
        "ial",
        "proofing",
        "dslogon_status",
        "affiliations",
    }
    assert _told(BASIC, ("openid",), ("email", "birthdate"), id_token=True) == {
        "email": "maria@example.org",
        "birthdate": "1999-09-09",
    }


@given(
    asked=st.sets(st.sampled_from(scopes.ALL)),
    named=st.sets(st.sampled_from(claims.NAMES)),
    id_token=st.booleans(),
    aal=st.sampled_from((1, 2)),
    evidence=st.sets(st.sampled_from(Method)),
)
def test_at_basic_nothing_of_premium_leaves_whatever_is_asked(
    asked: set[str], named: set[str], id_token: bool, aal: int, evidence: set[Method]
) -> None:
    """R125: over scopes, the claims parameter, both tokens, the strength of the sign-in and the evidence."""
    facts = replace(PREMIUM, level=Level.BASIC, aal=aal, evidence=frozenset(evidence))
    wanted = claims.rows(Level.BASIC, asked, named, id_token=id_token)
    assert Where.DEERS not in claims.sources(wanted, Level.BASIC)
    assert Where.EVIDENCE not in claims.sources(wanted, Level.BASIC)
    # Rows that somebody chose for Premium by mistake give nothing more at Basic.
    for rows in (wanted, claims.rows(Level.PREMIUM, asked, named, id_token=id_token)):
        told = claims.release(facts, rows)
        assert not told.keys() & FROM_DEERS_OR_PROOF
        assert "Rivera" not in json.dumps(told)
        assert "1980-02-03" not in json.dumps(told)
        assert told.get("dslogon_assurance", "1") == "1"


@given(
    asked=st.sets(st.sampled_from(scopes.ALL)),
    named=st.sets(st.sampled_from(claims.NAMES)),
    level=st.sampled_from(Level),
)
def test_nothing_leaves_that_was_not_asked_for(asked: set[str], named: set[str], level: Level) -> None:
    """OIDC Core §5.4, §5.5."""
    scope_of = {claim.name: claim.scope for claim in claims.TABLE}
    told = _told(PREMIUM if level is Level.PREMIUM else BASIC, tuple(asked), tuple(named))
    assert all(name in named or scope_of[name] in asked for name in told)


def test_the_client_setting_counts_as_the_scope() -> None:
    """`assurance_claims` (docs/levels.md §5)."""
    assert claims.effective_scopes(("openid",), assurance_claims=True) == ("openid", "dslogon")
    assert claims.effective_scopes(("openid", "dslogon"), assurance_claims=True) == ("openid", "dslogon")
    assert claims.effective_scopes(("openid",), assurance_claims=False) == ("openid",)


def test_what_stands_beside_scopes_is_what_they_do_not_carry() -> None:
    """A consent to a scope covers its claims by name too."""
    assert claims.beside(("openid", "email"), ("email", "birthdate", "birthdate")) == ("birthdate",)


def test_every_scope_is_in_the_table_or_does_something_else() -> None:
    """Nothing is offered that means nothing; the two that tell most are never given by default."""
    assert set(Scope) - {claim.scope for claim in claims.TABLE} == {Scope.OPENID, Scope.OFFLINE_ACCESS}
    assert set(scopes.ALL) - set(scopes.DEFAULT) == {Scope.EDIPI, Scope.ELIGIBILITY}


def test_every_scope_and_claim_has_words_for_people() -> None:
    """OIDC Core §3.1.2.4: nothing leaves that the consent page cannot name."""
    assert set(claim_words.CLAIMS) == set(claims.NAMES)
    assert set(claim_words.SCOPES) == set(Scope)
