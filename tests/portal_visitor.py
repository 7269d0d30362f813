"""The sample portal as a relying party that talks to the provider over real HTTP, and one person's browser between the two."""

import threading
from pathlib import Path

from werkzeug.serving import make_server
from werkzeug.test import Client, TestResponse

from idp.oidc import clients, keys, scopes
from idp.oidc.clients import Wanted
from portal.app import create_app
from portal.settings import Settings
from tests.http_browser import Browser, Page
from tests.members import Member
from tests.world import World

HOME = "http://localhost:5001"


class Server:
    """The provider on a real socket; it can go away and come back."""

    def __init__(self, world: World, port: int) -> None:
        self._world, self._port = world, port
        self.start()

    def start(self) -> None:
        self._server = make_server("localhost", self._port, self._world.app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Portal:
    """One registered portal, and one person's browser that walks between it and the provider."""

    def __init__(self, world: World, *, first_party: bool = True, alg: str = keys.RS256) -> None:
        wanted = Wanted(
            name="Alder Harbor Health",
            redirect_uris=(f"{HOME}/callback",),
            post_logout_redirect_uris=(f"{HOME}/signed-out",),
            first_party=first_party,
            id_token_alg=alg,
        )
        client, secret = world.services.db.write(
            lambda conn: clients.create(conn, wanted, default_scopes=scopes.DEFAULT, actor="operator:test")
        )
        assert secret is not None
        settings = Settings(
            issuer=world.settings.issuer,
            client_id=client.id,
            client_secret=secret,
            base_url=HOME,
            static=Path("static"),
        )
        self.app = create_app(settings)
        self.provider = world.browser()
        self.client = Client(self.app)
        self.response: TestResponse
        self.page = Page("")

    def another_browser(self) -> None:
        """Somebody else's browser comes to the same portal; the provider's side stays as it is."""
        self.client = Client(self.app)

    def open(self, address: str) -> "Portal":
        """Go to a page of the portal; a redirect within it is followed, one to the provider is left in `away`."""
        for _ in range(5):
            self.response = self.client.get(address.removeprefix(HOME), base_url=HOME)
            if self.response.status_code not in {302, 303} or self.away:
                break
            address = self.response.headers["Location"]
        self.page = Page(self.response.get_data(as_text=True))
        return self

    @property
    def away(self) -> str | None:
        """Where the portal sends the person, if that is elsewhere."""
        there = self.response.headers.get("Location", "")
        return there if there.startswith("http") and not there.startswith(HOME) else None

    def begin(self, address: str = "/login") -> Browser:
        """The provider's page that a page of the portal leads to."""
        self.open(address)
        assert self.away is not None, self.page.text[:300]
        return self.provider.open(self.away)

    def sign_in(self, member: Member, address: str = "/login") -> "Portal":
        """All the way there and back."""
        self.begin(address).submit(username=member.username, password=member.password)
        return self.come_back()

    def come_back(self) -> "Portal":
        """Bring the provider's answer to the portal."""
        assert self.provider.left_for is not None, self.provider.page.text[:300]
        return self.open(self.provider.left_for)

    @property
    def answer(self) -> str:
        """The provider's answer, not yet brought back."""
        assert self.provider.left_for is not None, self.provider.page.text[:300]
        return self.provider.left_for

    @property
    def is_signed_in(self) -> bool:
        return 'id="sign-out"' in self.open("/").page.html

    def sign_out(self) -> "Portal":
        """Press the button on the home page."""
        form = self.open("/").page.form("csrf_token")
        self.response = self.client.post("/logout", data=form.fields, base_url=HOME)
        return self
