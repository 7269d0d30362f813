"""Passkeys, the challenges that they answer, the browsers that each account signed in with, and passwords too short to be alone."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. Whoever a browser remembers did sign in with it."""
    op.create_table(
        "passkey",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("aaguid", sa.Text(), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        sa.Column("user_verified", sa.Boolean(), nullable=False),
        sa.Column("backup_eligible", sa.Boolean(), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_passkey_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index(op.f("ix_passkey_account_id"), "passkey", ["account_id"])
    op.create_table(
        "webauthn_challenge",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("ceremony", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_webauthn_challenge")),
    )
    op.create_index(op.f("ix_webauthn_challenge_expires_at"), "webauthn_challenge", ["expires_at"])
    # Until now nobody could choose one that is too short to stand alone.
    op.add_column("password", sa.Column("may_stand_alone", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("device") as batch:
        batch.alter_column("account_id", existing_type=sa.Text(), nullable=True)
    op.create_table(
        "device_account",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_device_account_account_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_account_device_id")),
        sa.PrimaryKeyConstraint("device_id", "account_id", name=op.f("pk_device_account")),
    )
    op.execute(
        "INSERT INTO device_account (device_id, account_id, last_used_at) SELECT id, account_id, last_used_at FROM device"
    )


def downgrade() -> None:
    """Back. A browser that remembers nobody means nothing to the program of before."""
    op.drop_table("device_account")
    op.execute("DELETE FROM device WHERE account_id IS NULL")
    with op.batch_alter_table("device") as batch:
        batch.alter_column("account_id", existing_type=sa.Text(), nullable=False)
    op.drop_column("password", "may_stand_alone")
    op.drop_table("webauthn_challenge")
    op.drop_table("passkey")
