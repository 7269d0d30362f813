"""The certified relying party of npm, openid-client, spoken to from Python: one line is a wish, the next its answer."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from devtools import interop

SCRIPT = Path(__file__).with_name("openid_client.mjs")


class WrongError(Exception):
    """What the library threw: the provider's own `error` where it said one, else what the library did not believe."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(f"{told['kind']}: {told['says']}")
        self.error: str | None = told.get("error")
        self.description: str | None = told.get("description")
        self.status: int | None = told.get("status")


class Library:
    """The running program."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [str(interop.node()), str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=SCRIPT.parent,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def ask(self, verb: str, **wish: Any) -> dict[str, Any]:
        """Have something done; raises `WrongError` where the library refused."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"verb": verb, **wish}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the program ended"
        answer: dict[str, Any] = json.loads(line)
        if "wrong" in answer:
            raise WrongError(answer["wrong"])
        done: dict[str, Any] = answer["done"]
        return done


class Party:
    """One registered client, run by the library."""

    def __init__(self, library: Library, issuer: str, registered: Mapping[str, Any], **proof: Any) -> None:
        self._library = library
        self._redirect_uri: str = next(iter(registered["redirect_uris"]), "")
        self._state = ""
        self.client_id: str = registered["client_id"]
        found = library.ask(
            "discover",
            issuer=issuer,
            client_id=registered["client_id"],
            method=registered["token_endpoint_auth_method"],
            secret=registered.get("client_secret"),
            metadata={"id_token_signed_response_alg": registered["id_token_signed_response_alg"]},
            **proof,
        )
        self._number: int = found["party"]
        self.server: dict[str, Any] = found["server"]

    def begin(self, **parameters: Any) -> str:
        """The address that a person is sent to."""
        asked = {"redirect_uri": self._redirect_uri, "scope": "openid profile email", **parameters}
        begun = self.ask("begin", **asked)
        self._state = begun["state"]
        return str(begun["url"])

    def finish(self, url: str | None, **more: Any) -> dict[str, Any]:
        """The tokens for the code that a person brought back, with the claims of the ID token."""
        assert url is not None, "the person was not sent back"
        return self.ask("finish", state=self._state, url=url, **more)

    def ask(self, verb: str, **wish: Any) -> dict[str, Any]:
        """Anything else that the program can do."""
        return self._library.ask(verb, party=self._number, **wish)
