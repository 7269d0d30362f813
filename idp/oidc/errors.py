"""How a client is told "no". Every description is fixed text here or beside its check; what it is really about goes to the log."""

import re
from dataclasses import dataclass

# RFC 6749 §4.1.2.1: no quote, no backslash, nothing outside printable ASCII.
_ALLOWED = re.compile(r"[\x20\x21\x23-\x5B\x5D-\x7E]+")


class BadRequestPage(Exception):
    """The client or its redirect URI is not known, so there is nowhere to send the browser: it has no redirect at all (R105, R106).

    `code` becomes `data-error` on our own error page.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class BadRequest(Exception):
    """An answer for a client that is known: the public code and description, and a private detail for the log."""

    def __init__(self, error: str, description: str, detail: str = "") -> None:
        if not _ALLOWED.fullmatch(description):
            raise ValueError("an error_description holds a character that RFC 6749 does not allow")
        super().__init__(error)
        self.error = error
        self.description = description
        self.detail = detail or description


@dataclass(frozen=True, slots=True)
class MachineAnswer:
    """What a machine endpoint says: status, JSON members, and the headers that are its own."""

    status: int
    body: dict[str, object]
    headers: tuple[tuple[str, str], ...] = ()
