"""Mail by SMTP, with time-outs, and TLS by the address: `smtp://`, `smtp+starttls://`, `smtps://`."""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

from idp import clock
from idp.ports import Mail, PortDown

_TIMEOUT = 15.0  # seconds, for each step of the conversation
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class SmtpMailer:
    """Hands mail to one server; a connection for each mail, since the worker sends few and a held one dies quietly."""

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname or "localhost"
        self._port = parts.port or _PORTS[parts.scheme]
        self._login = (unquote(parts.username or ""), unquote(parts.password or ""))
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """Hand one mail over. Raises `PortDown` unless the server said that it took it."""
        message = self._compose(mail)
        try:
            with self._connect() as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as down:
            raise PortDown(f"mail: {type(down).__name__}") from down

    def check(self) -> None:
        """Greet the server and leave."""
        try:
            with self._connect() as server:
                server.noop()
        except (OSError, smtplib.SMTPException) as down:
            raise PortDown(f"mail: {type(down).__name__}") from down

    def _connect(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=_TIMEOUT, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT)
        try:
            if self._scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
            if self._login[0]:
                server.login(*self._login)
        except BaseException:
            server.close()
            raise
        return server

    def _compose(self, mail: Mail) -> EmailMessage:
        """The message itself. The `email` package refuses line breaks in a header, so nothing can be smuggled in
        (R101).
        """
        message = EmailMessage()
        name, address = parseaddr(self._sender)
        try:
            local, _, domain = mail.to.rpartition("@")
            message["From"] = Address(display_name=name, addr_spec=address)
            message["To"] = Address(username=local, domain=domain)
            message["Subject"] = mail.subject
        except (ValueError, IndexError) as wrong:
            raise PortDown("mail: the address cannot be written") from wrong
        message["Date"] = formatdate(clock.now().timestamp())
        message["Message-ID"] = make_msgid(domain=address.rpartition("@")[2] or "localhost")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message
