"""How many bytes each main page costs somebody who comes for the first time, counted by a real browser with an empty cache."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Request, sync_playwright

from bench.sides import Side
from devtools.terminal import StopError, say

PUBLIC = ("/", "/login", "/register", "/activate")
WITHIN_REGISTRATION = "/register/identity"
SIGNED_IN = "/account"
PHONE = {"width": 390, "height": 844}
# What Playwright calls "other" is the page's icon.
KINDS = {
    "document": "html",
    "stylesheet": "style",
    "script": "script",
    "font": "font",
    "image": "image",
    "other": "image",
}


@dataclass
class Weight:
    """One page: bytes of the answers by kind as they crossed the wire, how many, and what they are unpacked."""

    path: str
    kinds: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    unpacked: int = 0

    @property
    def sent(self) -> int:
        return sum(self.kinds.values())


def weigh(side: Side) -> list[Weight]:
    """Every main page, each with nothing cached. Without Chromium there is nothing to weigh with, and that is said."""
    chromium = shutil.which("chromium")
    if chromium is None:
        say("The pages are not weighed: that needs Chromium.  sudo apt-get install chromium")
        return []
    with sync_playwright() as playwright:
        # Root has no sandbox; the pages are our own.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        try:
            found = [_weighed(browser, side.origin, path, {}) for path in PUBLIC]
            found.append(_weighed(browser, side.origin, WITHIN_REGISTRATION, _registering(browser, side.origin)))
            found.append(_weighed(browser, side.origin, SIGNED_IN, side.browser.cookies))
        finally:
            browser.close()
    return found


def _registering(browser: Browser, origin: str) -> dict[str, str]:
    """The cookies of somebody who has begun to register."""
    with browser.new_context(viewport=PHONE) as visitor:  # type: ignore[arg-type]
        page = visitor.new_page()
        page.goto(f"{origin}/register")
        page.check("[name=level][value=basic]", force=True)  # a drawn radio button lies over the real one
        page.click("#register-submit")
        page.wait_for_url(f"**{WITHIN_REGISTRATION}")
        return {cookie["name"]: cookie["value"] for cookie in visitor.cookies()}


def _weighed(browser: Browser, origin: str, path: str, cookies: Mapping[str, str]) -> Weight:
    weight = Weight(path)
    with browser.new_context(viewport=PHONE) as visitor:  # type: ignore[arg-type]
        visitor.add_cookies([{"name": name, "value": value, "url": origin} for name, value in cookies.items()])
        page = visitor.new_page()
        loaded: list[Request] = []
        page.on("requestfinished", lambda request: loaded.append(request))  # noqa: PLW0108 - it marks what it is given
        page.goto(origin + path, wait_until="networkidle")
        if urlsplit(page.url).path != path:
            raise StopError(f"{path} could not be weighed: the browser was sent to {page.url}")
        for request in loaded:
            answer = request.response()
            if answer is None or answer.status != 200:
                raise StopError(f"{path} could not be weighed: {request.url} did not answer 200")
            kind = KINDS.get(request.resource_type, request.resource_type)
            weight.kinds[kind] = weight.kinds.get(kind, 0) + request.sizes()["responseBodySize"]
            weight.requests += 1
            weight.unpacked += len(answer.body())
    return weight
