"""The policy table: which evidence gives which level (docs/levels.md §3)."""

import itertools

import pytest

from idp.accounts.levels import Level
from idp.config import PolicyName
from idp.proofing.policy import POLICIES, Delivery, Method, is_proven, level_for

MATCH, SCREEN, TYPED, RECORD = (
    Method.DEERS_MATCH,
    Method.CODE_SCREEN,
    Method.CODE_EMAIL,
    Method.CODE_EMAIL_OF_RECORD,
)
LETTER, QUESTIONS, SEEN = Method.CODE_POST_OF_RECORD, Method.KBV, Method.IN_PERSON


@pytest.mark.parametrize(
    ("name", "evidence", "level"),
    [
        (PolicyName.DS_LOGON, (), None),
        (PolicyName.DS_LOGON, (MATCH,), None),
        (PolicyName.DS_LOGON, (SCREEN, TYPED, RECORD), None),
        (PolicyName.DS_LOGON, (MATCH, SCREEN), Level.BASIC),
        (PolicyName.DS_LOGON, (MATCH, TYPED), Level.BASIC),
        (PolicyName.DS_LOGON, (MATCH, RECORD), Level.BASIC),
        (PolicyName.SP800_63_4, (MATCH,), None),
        (PolicyName.SP800_63_4, (MATCH, SCREEN), None),
        (PolicyName.SP800_63_4, (MATCH, TYPED), None),
        (PolicyName.SP800_63_4, (RECORD,), None),
        (PolicyName.SP800_63_4, (MATCH, RECORD), Level.BASIC),
    ],
)
def test_the_evidence_gives_this_level(name: PolicyName, evidence: tuple[Method, ...], level: Level | None) -> None:
    assert level_for(POLICIES[name], evidence, second_factor=False) == level


@pytest.mark.parametrize(
    ("name", "evidence", "level"),
    [
        (PolicyName.DS_LOGON, (MATCH, QUESTIONS, RECORD), Level.PREMIUM),
        (PolicyName.DS_LOGON, (MATCH, LETTER), Level.PREMIUM),
        (PolicyName.DS_LOGON, (MATCH, SCREEN, SEEN), Level.PREMIUM),
        # KBV never stands alone, nor beside a code that anybody could have had sent.
        (PolicyName.DS_LOGON, (MATCH, SCREEN, QUESTIONS), Level.BASIC),
        (PolicyName.DS_LOGON, (MATCH, TYPED, QUESTIONS), Level.BASIC),
        (PolicyName.DS_LOGON, (MATCH, RECORD), Level.BASIC),
        (PolicyName.SP800_63_4, (MATCH, QUESTIONS, RECORD), Level.BASIC),
        (PolicyName.SP800_63_4, (MATCH, LETTER), Level.BASIC),
        (PolicyName.SP800_63_4, (MATCH, RECORD, SEEN), Level.PREMIUM),
    ],
)
def test_premium_takes_more(name: PolicyName, evidence: tuple[Method, ...], level: Level) -> None:
    assert level_for(POLICIES[name], evidence, second_factor=True) == level


@pytest.mark.parametrize("name", list(PolicyName))
def test_premium_without_a_second_factor_cannot_exist(name: PolicyName) -> None:
    """R48: whatever else speaks for somebody."""
    assert level_for(POLICIES[name], set(Method), second_factor=False) == Level.BASIC


@pytest.mark.parametrize("name", list(PolicyName))
def test_more_evidence_never_gives_less(name: PolicyName) -> None:
    policy = POLICIES[name]
    for size in range(len(Method)):
        for held in itertools.combinations(Method, size):
            for more in Method:
                for factor in (False, True):
                    before = level_for(policy, held, second_factor=factor)
                    after = level_for(policy, (*held, more), second_factor=factor)
                    assert (before or 0) <= (after or 0)


@pytest.mark.parametrize("name", list(PolicyName))
def test_whatever_way_a_policy_offers_leads_to_basic_and_never_to_premium_alone(name: PolicyName) -> None:
    """R68: a code on the screen, or at a typed address, opens Basic only."""
    policy = POLICIES[name]
    for method in policy.deliveries.values():
        assert level_for(policy, {MATCH, method}, second_factor=True) == Level.BASIC


def test_the_strict_policy_shows_no_code_and_mails_only_to_the_address_of_record() -> None:
    """R70; SP 800-63A-4 §3.8."""
    strict = POLICIES[PolicyName.SP800_63_4]
    assert Delivery.SCREEN not in strict.deliveries
    assert strict.email_of_record
    assert not POLICIES[PolicyName.DS_LOGON].email_of_record


def test_every_policy_that_can_be_set_is_in_the_table() -> None:
    assert set(POLICIES) == set(PolicyName)
    assert all(policy.name is name for name, policy in POLICIES.items())


def test_only_an_address_of_record_makes_an_account_hold_its_person() -> None:
    assert is_proven({MATCH, RECORD})
    assert is_proven({MATCH, LETTER})
    assert not is_proven({MATCH, QUESTIONS})
    assert not is_proven({MATCH, SCREEN, TYPED})
