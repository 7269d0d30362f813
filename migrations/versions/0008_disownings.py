"""Disownings: the links "This was not me" of notices, which lock an account at once."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "disowning",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("token_digest", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_disowning_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disowning")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_disowning_token_digest")),
    )
    with op.batch_alter_table("disowning", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disowning_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_disowning_expires_at"), ["expires_at"], unique=False)


def downgrade() -> None:
    """Back."""
    op.drop_table("disowning")
