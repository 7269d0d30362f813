"""The demo's stand-in for the world's mail: a real SMTP server that keeps what it gets. It refuses to run in
production.
"""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from idp import clock
from idp.config import Settings
from idp.crypto import new_id

_KEPT = 200
_NAME = re.compile(r"\d{20}-[a-z0-9]{8}")


class StandInRefused(Exception):
    """A stand-in was asked to run in production."""


@dataclass(frozen=True)
class CaughtMail:
    """One mail that was caught."""

    name: str
    to: str
    subject: str
    at: str
    text: str


class MailCatcher:
    """An SMTP server on localhost that writes each mail into a folder, the newest last by name."""

    def __init__(self, settings: Settings, *, host: str = "localhost", port: int = 5025) -> None:
        if not settings.demo:
            raise StandInRefused("the mail catcher runs only with IDP_DEMO=1")
        self._folder = settings.mailbox
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._controller = Controller(self, hostname=host, port=port)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one mail and say that it was taken."""
        content: bytes = envelope.original_content or envelope.content
        name = f"{int(clock.now().timestamp() * 1_000_000):020d}-{new_id()[:8]}"
        half = self._folder / f".{name}"
        half.write_bytes(content)
        half.rename(self._folder / f"{name}.eml")
        return "250 OK"

    def start(self) -> None:
        """Listen. Raises `OSError` when the port is taken."""
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()


def read_mailbox(folder: Path) -> list[CaughtMail]:
    """What was caught, the newest first."""
    if not folder.is_dir():
        return []
    files = sorted((path for path in folder.glob("*.eml") if _NAME.fullmatch(path.stem)), reverse=True)
    return [_parse(path) for path in files[:_KEPT]]


def _parse(path: Path) -> CaughtMail:
    message = message_from_bytes(path.read_bytes(), _class=EmailMessage, policy=policy.default)
    body = message.get_body(preferencelist=("plain",))
    return CaughtMail(
        name=path.stem,
        to=str(message["To"]),
        subject=str(message["Subject"]),
        at=_moment(message),
        text=body.get_content() if body is not None else "",
    )


def _moment(message: EmailMessage) -> str:
    """When it was sent, for people; empty where a mail does not say."""
    sent = getattr(message["Date"], "datetime", None)
    return f"{sent:%b} {sent.day}, {sent:%H:%M:%S} UTC" if sent is not None else ""
