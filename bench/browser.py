"""The few things that a browser does until it is signed in: follow redirects, keep cookies, fill in a form."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

from devtools.terminal import StopError

REDIRECTS = 12


@dataclass
class Form:
    """A form of a page: where it goes, and what its fields hold before anybody typed."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
            self.inside = True
        elif tag == "input" and self.inside and "name" in given and given.get("type") not in {"checkbox", "radio"}:
            self.forms[-1].fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False


class Browser:
    """One origin's visitor. Whatever stands on a page that was not expected ends the benchmark with that page's text."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        # No proxy of this shell has a say about localhost.
        self.http = httpx.Client(trust_env=False, timeout=30, headers={"Accept": "text/html"})
        self.page: httpx.Response | None = None

    @property
    def cookies(self) -> dict[str, str]:
        """What the origin left here."""
        return {cookie.name: cookie.value or "" for cookie in self.http.cookies.jar}

    def open(self, address: str) -> str:
        """Go there, and on wherever it leads inside the origin; the address that it ended at."""
        return self._follow(self.http.get(urljoin(self.origin, address)))

    def submit(self, **typed: str) -> str:
        """Fill in the form that has these fields and send it; the address that it ended at."""
        page = self._here()
        reader = _Forms()
        reader.feed(page.text)
        form = next((form for form in reader.forms if typed.keys() <= form.fields.keys()), None)
        if form is None:
            raise StopError(f"{page.url} has no form with {', '.join(typed)}.\n{self.said()}")
        target = urljoin(str(page.url), form.action)
        return self._follow(self.http.post(target, data={**form.fields, **typed}, headers={"Origin": self.origin}))

    def said(self) -> str:
        """What a person would see, for the message that ends the benchmark."""
        page = self._here()
        return f"{page.request.method} {page.url} answered {page.status_code}:\n{page.text[:2000]}"

    def _follow(self, answer: httpx.Response) -> str:
        for _ in range(REDIRECTS):
            self.page = answer
            if answer.status_code not in {302, 303}:
                return str(answer.url)
            place = urljoin(str(answer.url), answer.headers["location"])
            if not place.startswith(self.origin + "/"):
                return place
            answer = self.http.get(place)
        raise StopError(f"{self.origin} redirects without end.")

    def _here(self) -> httpx.Response:
        if self.page is None:
            raise StopError("No page was opened yet.")
        return self.page
