"""What a request asks: claims by name, what was declined, and consent to single claims and to resource servers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. Rows from before asked for no single claim, which is what NULL says."""
    op.add_column("authorization", sa.Column("claims", sa.JSON(), nullable=True))
    op.add_column("consent", sa.Column("claims", sa.JSON(), nullable=True))
    op.add_column("consent", sa.Column("resources", sa.JSON(), nullable=True))
    op.add_column("parked_request", sa.Column("declined_account_id", sa.Text(), nullable=True))


def downgrade() -> None:
    """Back. Not by batch: SQLite would copy a table that others hang from, and dropping the old one empties them."""
    op.drop_column("parked_request", "declined_account_id")
    op.drop_column("consent", "resources")
    op.drop_column("consent", "claims")
    op.drop_column("authorization", "claims")
