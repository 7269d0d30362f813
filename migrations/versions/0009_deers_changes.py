"""What changes at DEERS: the directory's feed, how far it was followed, and the state that comes back when a report was wrong."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
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
    op.create_table(
        "deers_sync",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deers_sync")),
    )
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("state_before", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("state_before_why", sa.Text(), nullable=True))
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.add_column(sa.Column("merged_into", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("looks", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        batch_op.create_index(batch_op.f("ix_person_merged_into"), ["merged_into"], unique=False)


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_merged_into"))
        batch_op.drop_column("looks")
        batch_op.drop_column("merged_into")
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_column("state_before_why")
        batch_op.drop_column("state_before")
    op.drop_table("deers_sync")
    op.drop_table("deers_change")
