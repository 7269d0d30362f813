"""Where a session is used, whether it outlives its browser, and since when an account's offline grants count."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. Of the sessions so far nobody knows where they are used, and none outlives its browser."""
    with op.batch_alter_table("session") as batch:
        batch.add_column(sa.Column("address", sa.Text(), nullable=True))
        batch.add_column(sa.Column("agent_sealed", sa.LargeBinary(), nullable=True))
        batch.add_column(sa.Column("stays", sa.Boolean(), nullable=True))
    op.execute("UPDATE session SET stays = false")
    with op.batch_alter_table("session") as batch:
        batch.alter_column("stays", existing_type=sa.Boolean(), nullable=False)
    with op.batch_alter_table("account") as batch:
        batch.add_column(sa.Column("granted_from", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("account") as batch:
        batch.drop_column("granted_from")
    with op.batch_alter_table("session") as batch:
        batch.drop_column("stays")
        batch.drop_column("agent_sealed")
        batch.drop_column("address")
