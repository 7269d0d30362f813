"""Which evidence gives which level, as a table for each policy. Pure: what is asked for arrives as arguments."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from idp.accounts.levels import Level
from idp.config import PolicyName


class Method(StrEnum):
    """One way in which something spoke for a person. The values are kept with the evidence and never change their
    meaning.
    """

    DEERS_MATCH = "deers_match"
    """Name, birth date and number fit exactly one record."""
    CODE_SCREEN = "code_screen"
    """A code came back that the registration page itself had shown: it proves nothing but a reader of the page."""
    CODE_EMAIL = "code_email"
    """A code came back that went to an address of the applicant's own choice: it proves that they read mail there."""
    CODE_EMAIL_OF_RECORD = "code_email_of_record"
    """A code came back that went to an e-mail address that DEERS holds for the person."""
    CODE_POST_OF_RECORD = "code_post_of_record"
    """A code came back that went by letter to the postal address that DEERS holds for the person."""
    KBV = "kbv"
    """Every question of a vendor was answered right. It never stands alone (SP 800-63A-4 §2.5.1)."""
    IN_PERSON = "in_person"
    """An operator saw the person and their papers."""


class Delivery(StrEnum):
    """How an activation code may reach a person, as forms and rows spell it."""

    EMAIL = "email"
    SCREEN = "screen"


@dataclass(frozen=True)
class Policy:
    """One row of the table: what each level takes (any one of the sets, whole), and what the code proves by each
    delivery.
    """

    name: PolicyName
    roads: Mapping[Level, tuple[frozenset[Method], ...]]
    """Premium takes a second factor beside any of its roads."""
    deliveries: Mapping[Delivery, Method]

    def knows(self, method: Method) -> bool:
        """Whether any road to Premium has this method."""
        return any(method in road for road in self.roads.get(Level.PREMIUM, ()))

    @property
    def email_of_record(self) -> bool:
        """Whether a mailed code goes to the address that DEERS holds, and so is never typed and never shown (R70)."""
        return self.deliveries.get(Delivery.EMAIL) is Method.CODE_EMAIL_OF_RECORD


POLICIES: Mapping[PolicyName, Policy] = {
    # The system as its documents describe it. Screen and typed address carry Basic and nothing more (R68, R70).
    PolicyName.DS_LOGON: Policy(
        PolicyName.DS_LOGON,
        roads={
            Level.BASIC: (
                frozenset({Method.DEERS_MATCH, Method.CODE_SCREEN}),
                frozenset({Method.DEERS_MATCH, Method.CODE_EMAIL}),
                frozenset({Method.DEERS_MATCH, Method.CODE_EMAIL_OF_RECORD}),
            ),
            Level.PREMIUM: (
                frozenset({Method.DEERS_MATCH, Method.KBV, Method.CODE_EMAIL_OF_RECORD}),
                frozenset({Method.DEERS_MATCH, Method.CODE_POST_OF_RECORD}),
                frozenset({Method.DEERS_MATCH, Method.IN_PERSON}),
            ),
        },
        deliveries={Delivery.EMAIL: Method.CODE_EMAIL, Delivery.SCREEN: Method.CODE_SCREEN},
    ),
    # SP 800-63A-4 §3.8, §3.10: a code proves an address only if the authority knew that address before.
    PolicyName.SP800_63_4: Policy(
        PolicyName.SP800_63_4,
        roads={
            Level.BASIC: (
                frozenset({Method.DEERS_MATCH, Method.CODE_EMAIL_OF_RECORD}),
                frozenset({Method.DEERS_MATCH, Method.CODE_POST_OF_RECORD}),
                frozenset({Method.DEERS_MATCH, Method.IN_PERSON}),
            ),
            # KBV shall not verify an identity (SP 800-63A-4 §2.5.1): this table does not know it.
            Level.PREMIUM: (frozenset({Method.DEERS_MATCH, Method.IN_PERSON}),),
        },
        deliveries={Delivery.EMAIL: Method.CODE_EMAIL_OF_RECORD},
    ),
}

PROVES_ADDRESS_OF_RECORD = frozenset({Method.CODE_EMAIL_OF_RECORD, Method.CODE_POST_OF_RECORD, Method.IN_PERSON})
"""Only an account with one of these holds its person for good."""


def level_for(policy: Policy, evidence: Collection[Method], *, second_factor: bool) -> Level | None:
    """The highest level that this evidence reaches, with a second factor or without; None when it reaches none."""
    held = frozenset(evidence)
    reached = [
        level
        for level, roads in policy.roads.items()
        if (second_factor or level is Level.BASIC) and any(road <= held for road in roads)
    ]
    return max(reached, default=None)


def roads_to(policy: Policy, level: Level, evidence: Collection[Method]) -> tuple[frozenset[Method], ...]:
    """What is still missing on each road to a level, the shortest first; a road that is walked is an empty set."""
    held = frozenset(evidence)
    return tuple(sorted((road - held for road in policy.roads.get(level, ())), key=len))


def is_proven(evidence: Collection[Method]) -> bool:
    """Whether the evidence shows control of an address of record."""
    return not PROVES_ADDRESS_OF_RECORD.isdisjoint(evidence)
