"""Proofing: codes to addresses of record, numbers held for a quiz, and evidence that no longer speaks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.add_column(sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "address_code",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.Column("address_mac", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("works_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_address_code_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_code")),
        sa.UniqueConstraint("mac", name=op.f("uq_address_code_mac")),
    )
    with op.batch_alter_table("address_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_address_code_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_address_code_expires_at"), ["expires_at"], unique=False)
    op.create_table(
        "held_number",
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("journey_id", name=op.f("pk_held_number")),
    )
    with op.batch_alter_table("held_number", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_held_number_expires_at"), ["expires_at"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_table("held_number")
    op.drop_table("address_code")
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.drop_column("withdrawn_at")
