"""What `dev.py screenshots` runs inside `.venv`: walks the running demo in Chromium and keeps what README.md shows."""

import json
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

DESKTOP = ViewportSize(width=1200, height=910)
PHONE = ViewportSize(width=390, height=844)


def main(issuer: str, portal: str, cast: Path, folder: Path) -> None:
    """Take every picture; each is named in README.md."""
    folder.mkdir(parents=True, exist_ok=True)
    ready = json.loads(cast.read_text("utf-8"))["ready_accounts"][0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        phone = _window(browser, PHONE)
        phone.goto(f"{issuer}/register")
        phone.locator("#register-submit").click()
        phone.locator("[name=given_name]").wait_for()
        _keep(phone, folder / "register-identity-phone.png")

        desk = _window(browser, DESKTOP)
        desk.goto(f"{issuer}/login")
        desk.locator("[name=username]").fill(ready["username"])
        desk.locator("[name=password]").fill(ready["password"])
        desk.locator("#login-submit").click()
        desk.wait_for_url("**/account")
        desk.goto(f"{issuer}/account/profile")
        desk.locator("[name=given_name]").fill(ready["person"])
        desk.locator("main form [type=submit]").click()
        desk.wait_for_url("**/account?*")
        desk.goto(f"{issuer}/account")
        _keep(desk, folder / "account.png")
        desk.goto(portal)
        desk.locator("#sign-in").click()
        desk.locator("#level").wait_for()
        _keep(desk, folder / "portal-basic.png")
        browser.close()


def _window(browser: Browser, size: ViewportSize) -> Page:
    return browser.new_context(viewport=size, locale="en-US").new_page()


def _keep(page: Page, path: Path) -> None:
    page.mouse.move(0, 0)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=path)
    print(f"{path.name}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
