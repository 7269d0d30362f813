"""What clients prove themselves with, resource servers, and their tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. Not by batch: SQLite would copy tables that others hang from, and dropping the old ones empties them.

    The defaults fill rows from before; the program always says what it means.
    """
    op.add_column("client", sa.Column("default_acr_values", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("client", sa.Column("jwks", sa.JSON(), nullable=True))
    op.add_column("client", sa.Column("jwks_uri", sa.Text(), nullable=True))
    op.add_column("client", sa.Column("resources", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("authorization", sa.Column("resources", sa.JSON(), nullable=False, server_default="[]"))

    op.create_table(
        "client_assertion",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("jti_digest", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_client_assertion_client_id")),
        sa.PrimaryKeyConstraint("client_id", "jti_digest", name=op.f("pk_client_assertion")),
    )
    op.create_index(op.f("ix_client_assertion_expires_at"), "client_assertion", ["expires_at"], unique=False)

    op.create_table(
        "resource_server",
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("alg", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_resource_server_client_id")),
        sa.PrimaryKeyConstraint("identifier", name=op.f("pk_resource_server")),
        sa.UniqueConstraint("client_id", name=op.f("uq_resource_server_client_id")),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("resource_server")
    op.drop_table("client_assertion")
    op.drop_column("authorization", "resources")
    op.drop_column("client", "resources")
    op.drop_column("client", "jwks_uri")
    op.drop_column("client", "jwks")
    op.drop_column("client", "default_acr_values")
