"""Following the authority's feed: what changed at DEERS reaches the accounts here."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from idp import db


class SyncPlace(db.Row):
    """How far the feed has been followed. One row, made by the first step."""

    __tablename__ = "deers_sync"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cursor: Mapped[str | None]
    moved_at: Mapped[datetime]
