"""A browser without scripts, for stories: it keeps cookies, follows redirects within the provider, and fills forms by
their field names.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from flask import Flask
from werkzeug.test import Client, TestResponse

_REDIRECTS = 10
_VOID_TEXT = {"script", "style", "dialog"}


@dataclass
class Form:
    """A form as its page shows it: where it goes, what is filled in, which buttons it has (name, value) by id."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class Page(HTMLParser):
    """What a person sees of one answer."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.name = ""
        self.error = ""
        self.h1: list[str] = []
        self.forms: list[Form] = []
        self.ids: dict[str, str] = {}
        self.links: list[str] = []
        self._words: list[str] = []
        self._open: list[tuple[str, str | None]] = []
        self._select: str | None = None
        self._textarea: str | None = None
        self.feed(html)

    @property
    def text(self) -> str:
        """The words of the page, with single spaces."""
        return " ".join(" ".join(self._words).split())

    def form(self, *needed: str) -> Form:
        """The form that has all these fields (any form when none is named); fails with the page's words."""
        for form in self.forms:
            if set(needed) <= form.names:
                return form
        raise AssertionError(f"{self.name} has no form with {needed}: {self.text[:400]}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag tells."""
        attributes = {key: value or "" for key, value in attrs}
        if tag not in {"input", "meta", "link", "br", "img", "hr"}:
            self._open.append((tag, attributes.get("id")))
        if any(opened == "dialog" for opened, _ in self._open):
            return  # closed until a script opens it, so nobody sees it here
        if tag == "main":
            self.name, self.error = attributes.get("data-page", ""), attributes.get("data-error", "")
        elif tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif tag == "form":
            self.forms.append(Form(attributes.get("action", ""), attributes.get("method", "get").lower()))
        elif self.forms:
            self._control(tag, attributes)

    def _control(self, tag: str, attributes: dict[str, str]) -> None:
        form, name, kind = self.forms[-1], attributes.get("name", ""), attributes.get("type", "text")
        if tag == "button" or (tag == "input" and kind == "submit"):
            form.buttons[attributes.get("id", "")] = (name, attributes.get("value", ""))
        elif tag == "input" and name:
            form.names.add(name)
            if kind not in {"radio", "checkbox"}:
                form.fields[name] = attributes.get("value", "")
            elif "checked" in attributes:
                form.fields[name] = attributes.get("value", "on")
        elif tag == "select" and name:
            form.names.add(name)
            self._select = name
        elif tag == "option" and self._select and "selected" in attributes:
            form.fields[self._select] = attributes.get("value", "")
        elif tag == "textarea" and name:
            form.names.add(name)
            self._textarea = name

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        if tag == "select":
            self._select = None
        if tag == "textarea":
            self._textarea = None
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Words, unless they are a script's."""
        tags = {tag for tag, _ in self._open}
        if tags & _VOID_TEXT or "head" in tags:
            return
        self._words.append(data)
        if "h1" in tags:
            self.h1.append(data.strip())
        for _, id_ in self._open:
            if id_:
                self.ids[id_] = (self.ids.get(id_, "") + " " + data.strip()).strip()
        if self._textarea and self.forms:
            self.forms[-1].fields[self._textarea] = self.forms[-1].fields.get(self._textarea, "") + data


class Browser:
    """One person's browser."""

    def __init__(self, app: Flask, *, issuer: str, address: str, headers: dict[str, str]) -> None:
        self._client = Client(app, use_cookies=True)
        self._issuer = issuer
        self._environ = {"REMOTE_ADDR": address}
        self._headers = {"User-Agent": "story", **headers}
        self.address = "/"
        self.left_for: str | None = None
        """Where a redirect went that leaves the provider: a client's address."""
        self.response: TestResponse
        self.page = Page("")

    @property
    def client(self) -> Client:
        """The cookie jar's owner, for tests that look into it or send something that no page has."""
        return self._client

    @property
    def issuer(self) -> str:
        """The provider's address."""
        return self._issuer

    @property
    def status(self) -> int:
        """The last answer's status."""
        return self.response.status_code

    def cookie(self, name: str) -> str | None:
        """The value of a cookie."""
        found = self._client.get_cookie(name, domain=urlsplit(self._issuer).hostname or "")
        return found.value if found else None

    def open(self, address: str) -> "Browser":
        """Go to an address."""
        return self._go("GET", address, None)

    def post(self, address: str, fields: object = None, **headers: str) -> "Browser":
        """Send a form that no page has shown."""
        return self._go("POST", address, fields, headers)

    def submit(self, *, button: str | None = None, drop: tuple[str, ...] = (), **fields: str) -> "Browser":
        """Fill the form that has these fields, press a button (its only one by default), and go where that leads."""
        form = self.page.form(*fields)
        filled = {**form.fields, **fields}
        for name in drop:
            filled.pop(name, None)
        pressed = form.buttons.get(button) if button else next(iter(form.buttons.values()), None)
        assert pressed is not None, f"{self.page.name} has no button {button}"
        if pressed[0]:
            filled[pressed[0]] = pressed[1]
        target = urljoin(self.address, form.action) if form.action else self.address
        if form.method == "get":
            return self._go("GET", f"{target.partition('?')[0]}?{urlencode(filled)}", None)
        return self._go("POST", target, filled)

    def _go(self, method: str, address: str, fields: object, headers: dict[str, str] | None = None) -> "Browser":
        self.left_for = None
        origin = {"Origin": self._issuer} if method == "POST" else {}
        for _ in range(_REDIRECTS):
            url = urljoin(self._issuer + self.address, address)
            if not url.startswith(self._issuer + "/"):
                self.left_for = url
                return self
            self.address = url.removeprefix(self._issuer)
            self.response = self._client.open(
                self.address,
                base_url=self._issuer,
                method=method,
                data=fields,
                headers={**self._headers, **origin, **(headers or {})},
                environ_overrides=self._environ,
            )
            if self.response.status_code not in {301, 302, 303, 307, 308}:
                self.page = Page(self.response.get_data(as_text=True))
                return self
            address, method, fields, origin = self.response.headers["Location"], "GET", None, {}
        raise AssertionError(f"too many redirects, the last to {address}")
