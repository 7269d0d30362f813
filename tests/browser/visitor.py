"""One person's browser window, which looks at every page it comes to: one heading, nothing from elsewhere, no fault in the
console; and on a desk's screen and a phone's alike no sideways scroll and nothing that axe finds.
"""

import os
import re
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, Route, ViewportSize

DESKTOP, PHONE = 1280, 390
HEIGHTS = {DESKTOP: 900, PHONE: 844}
PATIENCE = 15_000
PICTURES = os.environ.get("GUIDON_PICTURES")
"""A folder that gets a picture of every page, for whoever wants to look at what the stories saw."""

# The rule about small targets is new in WCAG 2.2 and off by default (SC 2.5.8).
_AXE = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
_HANDLE = re.compile(r"(?=[\w.-]*\d)[\w.-]{24,}")
"""What is another each time and says nothing to anybody: the token of a form, the handle in an address."""
_judged: set[tuple[int, bool, str]] = set()
"""Each document that axe has judged in this run, at each width. Axe takes most of the time of a story, and the stories come by
the same pages again and again: what it finds is settled by the document and the style sheet that it names.
"""
_OF_A_REFUSAL = "Failed to load resource: the server responded with a status of 4"


class Visitor:
    """A window of a given width with a cookie jar of its own."""

    def __init__(
        self,
        browser: Browser,
        *,
        width: int,
        address: str = "",
        scripts: bool = True,
        trusting: bool = False,
        language: str = "en-US",
    ) -> None:
        self.width = width
        self.scripts = scripts
        self.context = browser.new_context(
            viewport=_size(width),
            java_script_enabled=scripts,
            ignore_https_errors=trusting,
            locale=language,
            extra_http_headers={"X-Forwarded-For": address} if address else {},
        )
        self.context.set_default_timeout(PATIENCE)
        self._browser = browser
        self._faults: list[str] = []
        self._refused: set[str] = set()
        self._answers: dict[Page, Response] = {}
        self._looking: Page | None = None
        self._html = ""
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda fault: self._faults.append(f"script: {fault.error}"))
        self.context.on("request", self._leave)
        self.context.on("response", self._get)
        self.page = self.context.new_page()

    def window(self) -> Self:
        """Open another tab, and go on in it; `page` is where to note the former one before, and to return to it."""
        self.page = self.context.new_page()
        return self

    def open(self, address: str, page: str, status: int = 200) -> Self:
        """Go to an address, and be shown this page there."""
        self.page.goto(address)
        return self.see(page, status)

    def press(self, target: str, page: str, status: int = 200, *, twice: bool = False) -> Self:
        """Press a button or follow a link, once or with a nervous finger, and be shown this page."""
        with self.page.expect_navigation():
            self.page.locator(target).click(click_count=2 if twice else 1)
        return self.see(page, status)

    def fill(self, **fields: str | bool) -> Self:
        """Fill in fields by their names: a text, the value of a choice, or whether a box is checked."""
        for name, value in fields.items():
            field = self.page.locator(f'[name="{name}"]')
            if isinstance(value, bool):
                if field.is_checked() is not value:
                    self._press_label(field)
            elif field.first.get_attribute("type") == "radio":
                self._press_label(self.page.locator(f'[name="{name}"][value="{value}"]'))
            else:
                field.fill(value)
        return self

    def see(self, page: str, status: int = 200) -> Self:
        """Look at the page that is there: it is this one, and nothing is wrong with it."""
        self.page.wait_for_load_state("load")
        main = self.page.locator("main")
        shown = main.get_attribute("data-page")
        assert shown == page, f"{shown} instead of {page} at {self.page.url}: {main.inner_text()[:600]}"
        assert self.answer.status == status, f"{page} came with {self.answer.status}, not {status}"
        headings = self.page.locator("h1").all_inner_texts()
        assert len(headings) == 1, headings
        assert headings[0].strip()
        assert self.page.title().strip()
        assert self.page.locator("html").get_attribute("lang")
        self._judge(page)
        self._assert_quiet(page)
        return self

    def has(self, selector: str) -> Locator:
        """What there is exactly one of on this page, and can be seen."""
        found = self.page.locator(selector)
        assert found.count() == 1, f"{found.count()} of {selector} at {self.page.url}"
        assert found.is_visible(), selector
        return found

    @property
    def text(self) -> str:
        """The words of the page."""
        return " ".join(self.page.locator("main").inner_text().split())

    @property
    def answer(self) -> Response:
        """The answer that the page came with."""
        return self._answers[self.page]

    def cookies(self) -> dict[str, Any]:
        """Every cookie of this browser by its name."""
        return {cookie["name"]: cookie for cookie in self.context.cookies()}

    def close(self) -> None:
        """Close the window, and hear what it said at the last."""
        self.context.close()
        if self._looking is not None:
            self._looking.context.close()
        self._assert_quiet("the last page")

    def _press_label(self, control: Locator) -> None:
        # What a person presses: the control itself lies outside the picture, and its label is painted as it.
        self.page.locator(f'label[for="{control.get_attribute("id")}"]').click(position={"x": 20, "y": 12})

    def _judge(self, page: str) -> None:
        """Look at the page at every width, unless the same document was looked at before."""
        html = _HANDLE.sub("…", self.page.content())
        for width in (self.width, *(HEIGHTS.keys() - {self.width})):
            document = (width, self.scripts, html)
            if document in _judged:
                continue
            if width != self.width:
                self.page.set_viewport_size(_size(width))
            self._picture(page, width)
            reach, room = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
            assert reach <= room, f"{page} scrolls sideways: {reach} in {room}"
            self._assert_axe_finds_nothing(page, width)
            if width != self.width:
                self.page.set_viewport_size(_size(self.width))
            _judged.add(document)

    def _assert_quiet(self, page: str) -> None:
        # A page that is shown with 4xx is itself such a line; what it loads must not be.
        heard = [line for line in self._faults if not any(line == f"{_OF_A_REFUSAL}: {url}" for url in self._refused)]
        assert not heard, f"on the way to {page}: {heard}"

    def _assert_axe_finds_nothing(self, page: str, width: int) -> None:
        found = self._axe(self.page) if self.scripts else self._axe_without_scripts(width)
        told = [f"{rule['id']} ({rule['help']}): {[node['html'][:200] for node in rule['nodes']]}" for rule in found]
        assert not told, f"{page} at {width}: {told}"

    def _axe(self, page: Page) -> list[dict[str, Any]]:
        page.evaluate(AXE_SCRIPT)
        # All that is well would be told as well, and that is much.
        found: list[dict[str, Any]] = page.evaluate("options => axe.run(options).then(all => all.violations)", _AXE)
        return found

    def _axe_without_scripts(self, width: int) -> list[dict[str, Any]]:
        """Axe is a script. It gets the same page in a window that runs scripts, but for the page's own."""
        if self._looking is None:
            self._looking = self._browser.new_context(ignore_https_errors=True).new_page()
            self._looking.route("**/*", self._serve)
        self._looking.set_viewport_size(_size(width))
        self._html = self.page.content()
        self._looking.goto(self.page.url)
        return self._axe(self._looking)

    def _serve(self, route: Route) -> None:
        if route.request.is_navigation_request():
            # Without its policy, which was in force where the person saw the page, and would stand in axe's own way.
            route.fulfill(body=self._html, content_type="text/html; charset=utf-8")
        elif route.request.resource_type == "script":
            route.abort()
        else:
            route.continue_()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        where = message.location["url"].partition("#")[0]
        text = _OF_A_REFUSAL if message.text.startswith(_OF_A_REFUSAL) else message.text
        self._faults.append(f"{text}: {where}")

    def _leave(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "localhost":
            self._faults.append(f"asked elsewhere: {request.url}")

    def _get(self, response: Response) -> None:
        request = response.request
        if response.status >= 500:
            self._faults.append(f"{response.status} from {response.url}")
        if request.is_navigation_request():
            self._answers[request.frame.page] = response
            if 400 <= response.status < 500:
                self._refused.add(response.url.partition("#")[0])

    def _picture(self, page: str, width: int) -> None:
        if PICTURES:
            name = f"{page.replace('/', '-')}-{width}{'' if self.scripts else '-plain'}"
            folder = Path(PICTURES)
            number = len(list(folder.glob(f"{name}-*.png"))) + 1
            self.page.screenshot(path=folder / f"{name}-{number}.png", full_page=True)


def _size(width: int) -> ViewportSize:
    return ViewportSize(width=width, height=HEIGHTS[width])
