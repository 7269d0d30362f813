"""docs/relying-parties.md, followed to the letter: its requests are run one after the other in a shell, as they stand there."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

import pytest

from devtools.terminal import ROOT
from tests.browser.stack import Stack
from tests.interop.conftest import NewPerson
from tests.interop.person import Person

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

PAGE = ROOT / "docs" / "relying-parties.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_OVER = "- - over - -"


class Shell:
    """A reader's shell, in which one block after the other is run."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._running = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            cwd=folder,
            env={**stack.env, "ISSUER": stack.issuer, "PYTHONPATH": str(ROOT), "no_proxy": "localhost"},
        )
        self.run(f'set -euo pipefail\nidp() {{ "{sys.executable}" -m idp "$@"; }}\n')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.communicate(timeout=10)

    def run(self, block: str) -> str:
        """What it prints."""
        assert self._running.stdin is not None
        assert self._running.stdout is not None
        self._running.stdin.write(f"{block}\nprintf '\\n%s\\n' '{_OVER}'\n")
        self._running.stdin.flush()
        said: list[str] = []
        for line in iter(self._running.stdout.readline, f"{_OVER}\n"):
            assert line, f"this ended it:\n{block}\n{''.join(said)}"
            said.append(line)
        return "".join(said).strip()


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Iterator[Shell]:
    """A shell in an empty folder."""
    with Shell(stack, tmp_path) as running:
        yield running


@pytest.fixture
def blocks() -> Iterator[str]:
    """The page's blocks; each begins with words that a test asks for."""
    return iter(_BLOCK.findall(PAGE.read_text("utf-8")))


def _come_back(person: Person, url: str) -> dict[str, str]:
    """What the redirect URI gets."""
    left = person.open(url).left_for
    if left is None:
        left = person.sees("consent/consent").submit("consent-allow").left_for
    assert left is not None, person.page.text
    return {name: values[0] for name, values in parse_qs(urlsplit(left).query).items()}


def _with_code(block: str, answer: dict[str, str]) -> str:
    """A block that waits for the code, and the code typed below."""
    wait = "read -r CODE\n"
    assert block.startswith(wait)
    return f"{wait}{answer['code']}\n{block.removeprefix(wait)}"


def test_every_request_of_the_page_works_as_it_stands(
    stack: Stack, shell: Shell, blocks: Iterator[str], person: NewPerson
) -> None:
    """OIDC Core §3.1, §5.3, RFC 6749 §6, RFC 7009 §2.1, RFC 7662 §2.1, RFC 8707 §2, RP-Initiated Logout §2."""
    reader = person().register(stack.newcomer(), "rita.reader")

    assert shell.run(next(blocks)) == ""  # what is used everywhere
    assert shell.run(next(blocks)) == ""  # the registration
    assert shell.run(next(blocks)) == f"{stack.issuer}/token"

    answer = _come_back(reader, shell.run(next(blocks)))
    assert answer["iss"] == stack.issuer
    assert shell.run(_with_code(next(blocks), answer)) == ""
    claims = json.loads(shell.run(next(blocks)))
    assert (claims["dslogon_assurance"], claims["acr"], claims["aal"]) == ("1", "urn:dslogon:basic", 1)
    assert json.loads(shell.run(next(blocks)))["sub"] == claims["sub"]

    reader.open(shell.run(next(blocks))).sees("upgrade/start").submit("decline-submit")
    assert "error=unmet_authentication_requirements" in (reader.left_for or "")
    assert "code" in _come_back(reader, shell.run(next(blocks)))
    assert json.loads(shell.run(next(blocks)))["auth_time"] == claims["auth_time"]

    answer = _come_back(reader, shell.run(next(blocks)))
    assert shell.run(_with_code(next(blocks), answer)) == ""
    worth = json.loads(shell.run(next(blocks)))
    assert (worth["active"], worth["aud"]) == (True, "https://records.example/api")

    assert shell.run(next(blocks)) == ""
    signed_out = _come_back(reader, shell.run(next(blocks)))
    assert signed_out == {"state": "done"}
    assert next(blocks, None) is None
