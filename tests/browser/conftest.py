"""A real browser and the running product."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.stack import SecureStack, Stack, secure_stack
from tests.browser.visitor import DESKTOP, PHONE, Visitor

MISSING = (
    "Debian's Chromium is not installed, and these tests walk the pages in it. Install it, then run them again:\n\n"
    '    sudo sh -c "apt-get update && apt-get install -y --no-install-recommends chromium"\n'
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

NewVisitor = Callable[..., Visitor]


@pytest.fixture(params=[DESKTOP, PHONE])
def width(request: pytest.FixtureRequest) -> int:
    """A desk's screen and a phone's, for what a person does otherwise on each; how a page looks, `Visitor` judges at both."""
    return int(request.param)


# Not for the whole session: Playwright keeps an event loop running in this thread, which other tests may not expect.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail(MISSING)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureStack]:
    """The product as in production, over TLS."""
    with secure_stack(tmp_path_factory.mktemp("secure")) as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, stack: Stack) -> Iterator[NewVisitor]:
    """Opens windows on the demo, each at a network address of its own."""
    windows: list[Visitor] = []

    def new(width: int = PHONE, *, scripts: bool = True, language: str = "en-US") -> Visitor:
        windows.append(Visitor(browser, width=width, address=stack.address(), scripts=scripts, language=language))
        return windows[-1]

    yield new
    for window in windows:
        window.close()
