"""Short digests in the directory: 16 bytes instead of 43 letters, and each person's rows side by side."""

import base64
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MACS = {
    "deers_person": ("key_mac", "content_mac"),
    "deers_identifier": ("mac",),
    "deers_address": ("mac",),
    "deers_change": ("change_mac",),
}
_SHARER = "CASE WHEN kind = 'ssn' THEN person_id ELSE 0 END"

_COPIED = {
    "deers_person": (
        "id, key_mac, facts_sealed, content_mac, changed_at",
        "id, cut_mac(key_mac), facts_sealed, cut_mac(content_mac), changed_at",
    ),
    "deers_identifier": (
        "person_id, mac, kind, current, sharer",
        f"person_id, cut_mac(mac), kind, current, {_SHARER}",
    ),
    "deers_address": ("person_id, mac, kind", "person_id, cut_mac(mac), kind"),
    "deers_relation": ("person_id, sponsor_id", "person_id, sponsor_id"),
    "deers_change": (
        "seq, person_id, kind, change_mac, former_key_sealed, at",
        "seq, person_id, kind, cut_mac(change_mac), former_key_sealed, at",
    ),
}
"""For SQLite: the columns, and what goes into them."""


def upgrade() -> None:
    """Forward. HMACs are cut to their first 16 bytes, so nothing has to be imported again; a million people take some minutes."""
    conn = op.get_bind()
    if conn.dialect.name == "sqlite":
        _copy_on_sqlite(conn)
    else:
        _change_on_postgresql()
    op.create_index("uq_deers_person_key_mac", "deers_person", ["key_mac"], unique=True)
    op.create_index(
        "uq_deers_identifier_one_person",
        "deers_identifier",
        ["mac", "sharer"],
        unique=True,
    )
    op.create_index(op.f("ix_deers_address_mac"), "deers_address", ["mac"], unique=False)


def _change_on_postgresql() -> None:
    op.drop_constraint("uq_deers_person_key_mac", "deers_person", type_="unique")
    op.drop_index("uq_deers_identifier_one_person", "deers_identifier")
    for table in ("deers_identifier", "deers_address"):
        op.drop_index(f"ix_{table}_person_id", table)
        op.drop_constraint(f"pk_{table}", table, type_="primary")
    for table, columns in _MACS.items():
        cut = ", ".join(
            f"ALTER COLUMN {column} TYPE bytea USING CASE WHEN length({column}) = 43"
            f" THEN substring(decode(translate({column}, '-_', '+/') || '=', 'base64') FROM 1 FOR 16)"
            f" ELSE convert_to({column}, 'UTF8') END"
            for column in columns
        )
        op.execute(f"ALTER TABLE {table} {cut}")
    op.add_column("deers_identifier", sa.Column("sharer", sa.BigInteger(), nullable=True))
    op.execute(f"UPDATE deers_identifier SET sharer = {_SHARER}")  # noqa: S608 - our own words
    op.alter_column("deers_identifier", "sharer", nullable=False)
    op.create_check_constraint(op.f("ck_deers_identifier_sharer"), "deers_identifier", f"sharer = {_SHARER}")
    for table in ("deers_identifier", "deers_address"):
        op.create_primary_key(f"pk_{table}", table, ["person_id", "mac"])


def _copy_on_sqlite(conn: Connection) -> None:
    """Into new tables: SQLite cannot change a key, nor the type of a column."""
    driver: Any = conn.connection.dbapi_connection
    driver.create_function("cut_mac", 1, _cut, deterministic=True)
    for table, index in (
        ("deers_identifier", "ix_deers_identifier_person_id"),
        ("deers_identifier", "uq_deers_identifier_one_person"),
        ("deers_address", "ix_deers_address_person_id"),
        ("deers_relation", "ix_deers_relation_sponsor_id"),
        ("deers_change", "ix_deers_change_at"),
        ("deers_change", "ix_deers_change_merges"),
    ):
        op.drop_index(index, table)
    for table in _COPIED:
        op.rename_table(table, f"{table}_before")
    _create_on_sqlite()
    for table, (columns, values) in _COPIED.items():
        # In the order of the new keys, so that rows are appended.
        op.execute(f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table}_before ORDER BY 1")  # noqa: S608 - our own words
    for table in reversed(_COPIED):
        op.drop_table(f"{table}_before")
    op.create_index(op.f("ix_deers_relation_sponsor_id"), "deers_relation", ["sponsor_id"], unique=False)
    op.create_index(op.f("ix_deers_change_at"), "deers_change", ["at"], unique=False)
    op.create_index(
        "ix_deers_change_merges",
        "deers_change",
        ["person_id"],
        unique=False,
        sqlite_where=sa.text("former_key_sealed IS NOT NULL"),
    )


def _create_on_sqlite() -> None:
    op.create_table(
        "deers_person",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key_mac", sa.LargeBinary(), nullable=False),
        sa.Column("facts_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("content_mac", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deers_person")),
    )
    op.create_table(
        "deers_identifier",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("sharer", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(f"sharer = {_SHARER}", name=op.f("ck_deers_identifier_sharer")),
        sa.ForeignKeyConstraint(["person_id"], ["deers_person.id"], name=op.f("fk_deers_identifier_person_id")),
        sa.PrimaryKeyConstraint("person_id", "mac", name=op.f("pk_deers_identifier")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deers_address",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["deers_person.id"], name=op.f("fk_deers_address_person_id")),
        sa.PrimaryKeyConstraint("person_id", "mac", name=op.f("pk_deers_address")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deers_relation",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("sponsor_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["deers_person.id"], name=op.f("fk_deers_relation_person_id")),
        sa.ForeignKeyConstraint(["sponsor_id"], ["deers_person.id"], name=op.f("fk_deers_relation_sponsor_id")),
        sa.PrimaryKeyConstraint("person_id", "sponsor_id", name=op.f("pk_deers_relation")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deers_change",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("change_mac", sa.LargeBinary(), nullable=True),
        sa.Column("former_key_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_deers_change")),
        sa.UniqueConstraint("change_mac", name=op.f("uq_deers_change_change_mac")),
    )


def _cut(mac: str | None) -> bytes | None:
    """What is not an HMAC, such as the word for a record that was changed, becomes its bytes."""
    if mac is None or len(mac) != 43:
        return None if mac is None else mac.encode("utf-8")
    return base64.urlsafe_b64decode(mac + "=")[:16]


def downgrade() -> None:
    """Back, to an empty directory: what was cut off the HMACs is nowhere, so its file has to be imported again."""
    for table in ("deers_change", "deers_relation", "deers_address", "deers_identifier", "deers_person"):
        op.drop_table(table)
    op.execute("DELETE FROM deers_sync")  # the feed begins anew
    op.create_table(
        "deers_person",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_mac", sa.Text(), nullable=False),
        sa.Column("facts_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("content_mac", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deers_person")),
        sa.UniqueConstraint("key_mac", name=op.f("uq_deers_person_key_mac")),
    )
    for table, *more in (("deers_identifier", sa.Column("current", sa.Boolean(), nullable=False)), ("deers_address",)):
        op.create_table(
            table,
            sa.Column("mac", sa.Text(), nullable=False),
            sa.Column("person_id", sa.BigInteger(), nullable=False),
            sa.Column("kind", sa.Text(), nullable=False),
            *more,
            sa.ForeignKeyConstraint(["person_id"], ["deers_person.id"], name=op.f(f"fk_{table}_person_id")),
            sa.PrimaryKeyConstraint("mac", "person_id", name=op.f(f"pk_{table}")),
        )
        op.create_index(op.f(f"ix_{table}_person_id"), table, ["person_id"], unique=False)
    op.create_index(
        "uq_deers_identifier_one_person",
        "deers_identifier",
        ["mac"],
        unique=True,
        sqlite_where=sa.text("kind <> 'ssn'"),
        postgresql_where=sa.text("kind <> 'ssn'"),
    )
    op.create_table(
        "deers_relation",
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("sponsor_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["deers_person.id"], name=op.f("fk_deers_relation_person_id")),
        sa.ForeignKeyConstraint(["sponsor_id"], ["deers_person.id"], name=op.f("fk_deers_relation_sponsor_id")),
        sa.PrimaryKeyConstraint("person_id", "sponsor_id", name=op.f("pk_deers_relation")),
    )
    op.create_index(op.f("ix_deers_relation_sponsor_id"), "deers_relation", ["sponsor_id"], unique=False)
    op.create_table(
        "deers_change",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("change_mac", sa.Text(), nullable=True),
        sa.Column("former_key_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_deers_change")),
        sa.UniqueConstraint("change_mac", name=op.f("uq_deers_change_change_mac")),
    )
    op.create_index(op.f("ix_deers_change_at"), "deers_change", ["at"], unique=False)
    op.create_index(
        "ix_deers_change_merges",
        "deers_change",
        ["person_id"],
        unique=False,
        sqlite_where=sa.text("former_key_sealed IS NOT NULL"),
        postgresql_where=sa.text("former_key_sealed IS NOT NULL"),
    )
