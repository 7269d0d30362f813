"""What the authority tells today of a person who has an account: whether it still vouches for them, and where notices go."""

from idp import db
from idp.accounts import people
from idp.accounts.people import Person
from idp.ports import Known, PortDown, Services


def find_known(services: Services, person_id: str) -> Known | None:
    """What DEERS tells of a person of ours; None where it vouches for them no longer: unknown, in conflict, or dead. Raises
    `PortDown`.
    """
    with services.db.read() as conn:
        edipi = people.edipi_of(conn, services.keyring, person_id)
        authority_mac = db.get(conn, Person, Person.id == person_id).authority_mac
    found = services.directory.find(edipi)
    if found is None or people.authority_mac(services.keyring, found.person_key) != authority_mac:
        return None
    return None if found.deceased or found.conflict else found


def list_emails(services: Services, person_id: str) -> tuple[str, ...]:
    """The e-mail addresses that DEERS has on file, for a notice (R73); none while it does not answer: the act goes on."""
    try:
        found = find_known(services, person_id)
    except PortDown:
        return ()
    return () if found is None else found.every_email
