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
    deliveries: Mapping[Delivery, Method]

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
            )
        },
        deliveries={Delivery.EMAIL: Method.CODE_EMAIL, Delivery.SCREEN: Method.CODE_SCREEN},
    ),
    # SP 800-63A-4 §3.8, §3.10: a code proves an address only if the authority knew that address before.
    PolicyName.SP800_63_4: Policy(
        PolicyName.SP800_63_4,
        roads={Level.BASIC: (frozenset({Method.DEERS_MATCH, Method.CODE_EMAIL_OF_RECORD}),)},
        deliveries={Delivery.EMAIL: Method.CODE_EMAIL_OF_RECORD},
    ),
}

PROVES_ADDRESS_OF_RECORD = frozenset({Method.CODE_EMAIL_OF_RECORD})
"""Only an account with one of these holds its person for good."""


def level_for(policy: Policy, evidence: Collection[Method]) -> Level | None:
    """The highest level that this evidence reaches; None when it reaches none."""
    held = frozenset(evidence)
    reached = [level for level, roads in policy.roads.items() if any(road <= held for road in roads)]
    return max(reached, default=None)


def is_proven(evidence: Collection[Method]) -> bool:
    """Whether the evidence shows control of an address of record."""
    return not PROVES_ADDRESS_OF_RECORD.isdisjoint(evidence)
