"""Second factors: TOTP, recovery codes, half-made sign-ins, and sessions that end by strength."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "totp",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_totp_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_totp")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("code_mac", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_recovery_code_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("code_mac", name=op.f("uq_recovery_code_code_mac")),
    )
    op.create_index(op.f("ix_recovery_code_account_id"), "recovery_code", ["account_id"])
    with op.batch_alter_table("session") as batch:
        batch.add_column(sa.Column("idle_ends_at", sa.DateTime(timezone=True), nullable=True))
    # Every session so far showed one factor, which may lie unused for half an hour.
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    later = "datetime(last_seen_at, '+30 minutes')" if on_sqlite else "last_seen_at + interval '30 minutes'"
    op.execute(f"UPDATE session SET idle_ends_at = {later}")  # noqa: S608 - made of the two texts above
    with op.batch_alter_table("session") as batch:
        batch.alter_column("idle_ends_at", existing_type=sa.DateTime(timezone=True), nullable=False)


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("session") as batch:
        batch.drop_column("idle_ends_at")
    op.drop_table("recovery_code")
    op.drop_table("totp")
