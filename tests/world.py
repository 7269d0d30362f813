"""A whole provider for a test: real services on a real database, the embedded DEERS with the cast, mail over real
SMTP.
"""

import socket
import tempfile
from pathlib import Path

from flask import Flask

from idp import clock, worker
from idp.adapters.fake import CaughtMail, MailCatcher, read_mailbox
from idp.audit import AuditEvent
from idp.config import Settings
from idp.db import Database, list_rows
from idp.directory import cast, load
from idp.keyring import Keyring
from idp.services import create_services
from tests.apps import app_for
from tests.http_browser import Browser

ISSUER = "http://localhost:5000"


class World:
    """One provider, its people and its mail."""

    def __init__(self, database_url: str, keys_folder: Path, folder: Path, **settings: object) -> None:
        self._smtp_port = free_port()
        self.mail_folder = Path(tempfile.mkdtemp(dir=folder, prefix="mail-"))
        self.settings = Settings.model_validate(
            {
                "issuer": ISSUER,
                "database_url": database_url,
                "keys": keys_folder,
                "demo": True,
                "smtp_url": f"smtp://localhost:{self._smtp_port}",
                "mailbox": self.mail_folder,
                "letters": self.mail_folder / "letters",
                **settings,
            }
        )
        self.services = create_services(self.settings)
        self.app: Flask = app_for(self.settings, self.services)
        self._catcher: MailCatcher | None = None

    def browser(self, *, address: str = "198.51.100.7", **headers: str) -> Browser:
        """A new browser with an empty cookie jar, at a network address of its own."""
        return Browser(self.app, issuer=self.settings.issuer, address=address, headers=headers)

    def mails(self) -> list[CaughtMail]:
        """Let the worker deliver all that is due, and read what was caught, the newest first."""
        if self._catcher is None:
            self._catcher = MailCatcher(self.settings, port=self._smtp_port)
            self._catcher.start()
        worker.deliver_all(self.services)
        return read_mailbox(self.mail_folder)

    def events(self, name: str | None = None) -> list[AuditEvent]:
        """The audit log, the oldest first."""
        with self.services.db.read() as conn:
            rows = list_rows(conn, AuditEvent, order_by=AuditEvent.seq)
        return [row for row in rows if name is None or row.event == name]

    def close(self) -> None:
        """Stop the mail catcher and let go of the database."""
        if self._catcher is not None:
            self._catcher.stop()
        self.services.db.close()


def load_cast(db: Database, keys: Keyring) -> None:
    """Put the named people into the embedded directory, as `idp deers import` does."""
    load.load_people(db, keys, cast.people(clock.now().date()), actor="operator:test")


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
    return port
