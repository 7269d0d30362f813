"""The sample portal's decision: who may open what, and where a person may be sent back to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.gate import FEATURES, HOME, Answer, Feature, Level, decide, feature, level_of, page_or_home

OPEN_TO_BASIC = {"profile", "information", "faq"}
OPEN_TO_ALL = {"information", "faq"}


@pytest.mark.parametrize("acr", ["urn:dslogon:premium", "urn:dslogon:premium:phr"])
def test_assurance_two_with_a_premium_acr_is_premium(acr: str) -> None:
    assert level_of({"dslogon_assurance": "2", "acr": acr}) is Level.PREMIUM


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"dslogon_assurance": "1", "acr": "urn:dslogon:basic"},
        {"dslogon_assurance": "1", "acr": "urn:dslogon:basic:mfa"},
        {"dslogon_assurance": "2"},
        {"acr": "urn:dslogon:premium"},
        {"dslogon_assurance": "2", "acr": "urn:dslogon:basic:mfa"},
        {"dslogon_assurance": "1", "acr": "urn:dslogon:premium"},
        {"dslogon_assurance": "3", "acr": "urn:dslogon:premium"},
        {"dslogon_assurance": 2, "acr": "urn:dslogon:premium"},
        {"dslogon_assurance": True, "acr": "urn:dslogon:premium"},
        {"dslogon_assurance": ["2"], "acr": "urn:dslogon:premium"},
        {"dslogon_assurance": "2", "acr": ["urn:dslogon:premium"]},
        {"dslogon_assurance": "2", "acr": "urn:dslogon:premium "},
        {"dslogon_assurance": "2", "acr": "URN:DSLOGON:PREMIUM"},
        {"dslogon_assurance": None, "acr": None},
    ],
)
def test_anything_less_is_basic(claims: dict[str, object]) -> None:
    """A claim that is absent, unknown or at odds with the other one never opens a health record."""
    assert level_of(claims) is Level.BASIC


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(assurance=JSON, acr=JSON)
def test_no_value_of_any_shape_breaks_the_decision(assurance: object, acr: object) -> None:
    premium = assurance == "2" and acr in ("urn:dslogon:premium", "urn:dslogon:premium:phr")
    assert level_of({"dslogon_assurance": assurance, "acr": acr}) is (Level.PREMIUM if premium else Level.BASIC)


@pytest.mark.parametrize("each", FEATURES, ids=lambda each: each.name)
def test_each_feature_opens_at_its_level(each: Feature) -> None:
    assert feature(each.name) is each
    assert decide(each, Level.PREMIUM) is Answer.OPEN
    assert decide(each, Level.BASIC) is (Answer.OPEN if each.name in OPEN_TO_BASIC else Answer.UPGRADE)
    assert decide(each, None) is (Answer.OPEN if each.name in OPEN_TO_ALL else Answer.SIGN_IN)


def test_a_locked_feature_says_why() -> None:
    locked = [each for each in FEATURES if each.needs is Level.PREMIUM]
    assert {each.name for each in locked} == {"messages", "appointments", "records", "refills"}
    assert all(each.why for each in locked)


def test_a_feature_that_is_not_in_the_table_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        feature("billing")


@pytest.mark.parametrize("path", [HOME, *(each.path for each in FEATURES)])
def test_a_page_of_ours_is_gone_back_to(path: str) -> None:
    assert page_or_home(path) == path


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "//evil.example",
        "//evil.example/messages",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/messages",
        "https:evil.example",
        "http://localhost:5001@evil.example/",
        "javascript:alert(1)",
        "/messages\r\nSet-Cookie: a=b",
        "/messages?next=//evil.example",
        "/messages#top",
        "/messages/",
        "/messages.",
        "/messages\u3002",
        " /messages",
        "/%6Dessages",
        "/Messages",
        "/login",
        "/logout",
        "/callback",
        "/upgrade",
        "/static/app.css",
    ],
)
def test_any_other_address_leads_home(wanted: str | None) -> None:
    """R96: what is not on the list to the letter is not followed, and nothing is parsed."""
    assert page_or_home(wanted) == HOME


@given(st.text())
def test_no_text_at_all_leads_out_of_the_portal(wanted: str) -> None:
    assert page_or_home(wanted) in {HOME, *(each.path for each in FEATURES)}
