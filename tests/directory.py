"""Looking into the embedded directory: all that its tables hold, opened, and whether it hangs together."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from idp import db
from idp.db import Database
from idp.directory import people
from idp.directory.people import Sealed
from idp.directory.records import Kept
from idp.directory.tables import (
    PARTS,
    DeersAddress,
    DeersChange,
    DeersIdentifier,
    DeersPerson,
    DeersRelation,
    NumberKind,
    number_mac,
    person_mac,
)
from idp.keyring import Keyring
from tests.world import free_port


def everybody(database: Database, keys: Keyring) -> dict[str, Kept]:
    """The facts of everybody, by key."""
    with database.read() as conn:
        rows = db.list_rows(conn, DeersPerson)
    opened = [people.unseal(keys, Sealed(row.id, row.facts_sealed)) for row in rows]
    return {facts.person: facts for facts in opened}


def held(database: Database, keys: Keyring) -> dict[str, list[Any]]:
    """What the tables say, but for serial numbers, nonces and times: comparable between two directories with the same keys."""
    with database.read() as conn:
        rows = {row.id: row for row in db.list_rows(conn, DeersPerson)}
        keys_of = {
            id_: people.unseal(keys, Sealed(id_, row.facts_sealed)).model_dump_json() for id_, row in rows.items()
        }
        macs = {id_: row.key_mac for id_, row in rows.items()}
        return {
            "people": sorted(keys_of.values()),
            "digests": sorted((row.key_mac, row.content_mac == b"changed") for row in rows.values()),
            "numbers": sorted(
                (row.mac, macs[row.person_id], row.kind, row.current) for row in db.list_rows(conn, DeersIdentifier)
            ),
            "addresses": sorted((row.mac, macs[row.person_id], row.kind) for row in db.list_rows(conn, DeersAddress)),
            "ties": sorted((macs[row.person_id], macs[row.sponsor_id]) for row in db.list_rows(conn, DeersRelation)),
        }


def clear(database: Database) -> None:
    """As it was before anybody was there."""

    def write(conn: sa.Connection) -> None:
        for part in PARTS:
            conn.execute(sa.delete(part))
        conn.execute(sa.delete(DeersChange))
        conn.execute(sa.delete(DeersPerson))

    database.write(write)


def shape(database: Database) -> dict[str, list[Any]]:
    """Every index and constraint of the directory's tables."""
    tables = [table.name for table in db.Row.metadata.sorted_tables if table.name.startswith("deers_")]
    with database.read() as conn:
        seen = sa.inspect(conn)
        return {
            table: [
                sorted(map(_index, seen.get_indexes(table))),
                seen.get_pk_constraint(table),
                sorted(seen.get_foreign_keys(table), key=lambda key: str(key["name"])),
                seen.get_unique_constraints(table),
            ]
            for table in tables
        }


def _index(index: Any) -> tuple[str, str]:
    options = index.get("dialect_options", {})
    condition = options.get("sqlite_where", options.get("postgresql_where"))
    return index["name"], f"{index['column_names']} {index['unique']} {condition}"


def check(database: Database, keys: Keyring) -> dict[str, Kept]:
    """That every row fits every record: facts can be read and are whole; numbers, addresses and ties are those of the facts. The
    facts, by key.
    """
    with database.read() as conn:
        rows = {row.id: row for row in db.list_rows(conn, DeersPerson)}
        numbers = conn.execute(sa.select(DeersIdentifier.mac, DeersIdentifier.person_id, DeersIdentifier.current)).all()
        others = conn.execute(
            sa.select(DeersIdentifier.mac).where(DeersIdentifier.kind != NumberKind.EDIPI.value)
        ).scalars()
        not_edipis = set(others)
        addresses = {(row.person_id, row.mac, row.kind) for row in db.list_rows(conn, DeersAddress)}
        ties = {(row.person_id, row.sponsor_id) for row in db.list_rows(conn, DeersRelation)}
    facts = {id_: people.unseal(keys, Sealed(id_, row.facts_sealed)) for id_, row in rows.items()}
    ids = {one.person: id_ for id_, one in facts.items()}
    assert len(ids) == len(facts), "a key has one person"
    for id_, one in facts.items():
        assert rows[id_].key_mac == person_mac(keys, one.person)
        assert Kept.model_validate_json(one.model_dump_json()) == one
    assert {(mac, id_, current) for mac, id_, current in numbers if mac not in not_edipis} == {
        (number_mac(keys, NumberKind.EDIPI, edipi), id_, edipi == one.edipi)
        for id_, one in facts.items()
        for edipi in (one.edipi, *one.other_edipis)
    }
    assert addresses == {
        (id_, mac, kind.value) for id_, one in facts.items() for mac, kind in people.address_macs(keys, one).items()
    }
    assert ties == {(id_, ids[tie.sponsor]) for id_, one in facts.items() for tie in one.relations}
    return {one.person: one for one in facts.values()}


def environment(database_url: str, keys_folder: Path) -> dict[str, str]:
    """What an operator of this directory has in the environment."""
    return {
        "IDP_ISSUER": "http://localhost:5000",
        "IDP_DEMO": "1",
        "IDP_SMTP_URL": f"smtp://localhost:{free_port()}",
        "IDP_KEYS": str(keys_folder),
        "DATABASE_URL": database_url,
    }
