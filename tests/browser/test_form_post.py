"""An answer that goes back by a form, in a real browser, with scripts and without (Form Post Response Mode §2)."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode

import pytest

from tests.browser.conftest import NewVisitor
from tests.browser.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 Appendix B

_PAGE = b"""<!doctype html><html lang="en"><head><title>Client</title><link rel="icon" href="data:,"></head>
<body><main data-page="client/got"><h1>Thank you</h1></main></body></html>"""


class Client(ThreadingHTTPServer):
    """A relying party that takes one form after another and keeps what was in them."""

    def __init__(self) -> None:
        super().__init__(("localhost", 0), _Handler)
        self.forms: list[dict[str, list[str]]] = []

    @property
    def callback(self) -> str:
        return f"http://localhost:{self.server_port}/callback"


class _Handler(BaseHTTPRequestHandler):
    server: Client

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8")
        self.server.forms.append(parse_qs(body))
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(_PAGE)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def client() -> Iterator[Client]:
    running = Client()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.mark.parametrize("scripts", [True, False])
def test_the_form_reaches_the_client(visitor: NewVisitor, stack: Stack, client: Client, *, scripts: bool) -> None:
    made = json.loads(
        stack.idp(
            "clients", "create", "--json", "--name", "Form client", "--redirect-uri", client.callback, "--first-party"
        )
    )
    asked = {
        "response_type": "code",
        "response_mode": "form_post",
        "client_id": made["client_id"],
        "redirect_uri": client.callback,
        "scope": "openid",
        "state": 'a "quoted" state & more',
        "prompt": "none",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    window = visitor(scripts=scripts)
    address = f"{stack.issuer}/authorize?{urlencode(asked)}"
    if scripts:
        window.page.goto(address, wait_until="commit")
        window.page.wait_for_url(client.callback)
    else:
        window.open(address, "oauth/form_post").press("#form-post-submit", "client/got")
    assert client.forms == [
        {
            "error": ["login_required"],
            "error_description": ["the person must sign in"],
            "state": ['a "quoted" state & more'],
            "iss": [stack.issuer],
        }
    ]
