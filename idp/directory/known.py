"""One person as the port tells of them: what is true today, and which addresses of record count."""

from collections.abc import Collection
from datetime import date

from idp import ports
from idp.directory import addresses
from idp.directory.people import post_mac_of
from idp.directory.records import Category, Eligibility, Facts, Postal, Relationship, Status
from idp.directory.tables import email_mac
from idp.keyring import Keyring
from idp.ports import EmailOfRecord, Known, Post, PostOfRecord

_SPONSORS = frozenset(
    {
        Category.ACTIVE_DUTY,
        Category.ACADEMY_STUDENT,
        Category.NATIONAL_GUARD,
        Category.RESERVE,
        Category.MEDAL_OF_HONOR,
        Category.FOREIGN_MILITARY,
    }
)
_RETIRED = frozenset({Category.RETIRED, Category.RESERVE_RETIREE})
_SERVED = _SPONSORS | _RETIRED | {Category.DISABLED_VETERAN, Category.FORMER_MEMBER, Category.LIGHTHOUSE_SERVICE}
_TIES_THAT_ENDED = frozenset({Relationship.FORMER_SPOUSE})


def known(keyring: Keyring, facts: Facts, *, unshared: Collection[bytes], today: date) -> Known:
    """`facts` in the port's words. `unshared` are the keyed HMACs of those addresses that nobody else has."""
    return Known(
        person_key=facts.person,
        edipi=facts.edipi,
        given_name=facts.given_name,
        middle_name=facts.middle_name,
        family_name=facts.family_name,
        suffix=facts.suffix,
        born=facts.birth_date,
        gender=facts.gender.value if facts.gender else None,
        deceased=facts.deceased_on is not None,
        conflict=facts.conflict_since is not None,
        status=_status(facts, today),
        affiliations=tuple(
            ports.Affiliation(one.category.value, one.branch.value, one.begin, one.end) for one in facts.affiliations
        ),
        eligibility=tuple(
            ports.Eligibility(one.program, one.plan, _usable(one, today).value, one.begin, one.end)
            for one in facts.eligibility
        ),
        sponsor=_sponsor(facts, today),
        emails=tuple(
            EmailOfRecord(email)
            for email in addresses.settled_emails(facts, today)
            if email_mac(keyring, email) in unshared
        ),
        posts=tuple(
            PostOfRecord(_post(post), shared=post_mac_of(keyring, post) not in unshared)
            for post in addresses.settled_posts(facts, today)
        ),
        every_email=tuple(email.address for email in facts.emails),
        other_edipis=facts.other_edipis,
    )


def macs(keyring: Keyring, facts: Facts) -> list[bytes]:
    """Of which addresses it must be known whether somebody else has them."""
    return [
        *(email_mac(keyring, email.address) for email in facts.emails),
        *(post_mac_of(keyring, post) for post in facts.postal),
    ]


def _status(facts: Facts, today: date) -> str:
    if facts.deceased_on is not None:
        return "DECEASED"
    present = {one.category for one in facts.affiliations if _holds(one.begin, one.end, today)}
    if present & _SPONSORS:
        return "SPONSOR"
    if present & _RETIRED:
        return "RETIREE"
    ties = {tie.relationship for tie in facts.relations if _holds(tie.begin, tie.end, today)}
    if ties - _TIES_THAT_ENDED - {Relationship.SURROGATE}:
        return "DEPENDENT"
    if any(one.category in _SERVED for one in facts.affiliations):
        return "VETERAN"
    if Category.BENEFICIARY in present:
        # Nobody's dependant and yet a beneficiary: a former spouse under the 20/20/20 rule is their own sponsor.
        return "SPONSOR"
    return "SURROGATE" if Relationship.SURROGATE in ties else "OTHER"


def _usable(one: Eligibility, today: date) -> Status:
    """The days decide. Within them the record may say that it has ended all the same; what had not begun has by now."""
    if today < one.begin:
        return Status.PENDING
    if one.end is not None and one.end <= today:
        return Status.ENDED
    return Status.ENDED if one.status is Status.ENDED else Status.ACTIVE


def _sponsor(facts: Facts, today: date) -> ports.Sponsor | None:
    for tie in facts.relations:
        ended = tie.relationship in _TIES_THAT_ENDED or tie.relationship is Relationship.SURROGATE
        if not ended and _holds(tie.begin, tie.end, today):
            return ports.Sponsor(tie.sponsor, tie.relationship.value)
    return None


def _holds(begin: date, end: date | None, today: date) -> bool:
    return begin <= today and (end is None or today < end)


def _post(post: Postal) -> Post:
    return Post(post.street_address, post.locality, post.region, post.postal_code, post.country)
