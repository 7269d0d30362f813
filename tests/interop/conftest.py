"""The running product, and relying parties that nobody here wrote."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devtools import interop
from idp.cli.demo import READY
from tests.browser.stack import Stack
from tests.interop.library import Library
from tests.interop.person import App, Person

ALEX = next(ready for ready in READY if ready.totp_secret)
"""The account that is Premium from the start."""

NewPerson = Callable[[], Person]
Register = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def library() -> Iterator[Library]:
    """openid-client, waiting for wishes."""
    interop.install_openid_client()
    with Library() as running:
        yield running


@pytest.fixture
def person(stack: Stack) -> Iterator[NewPerson]:
    """People at their browsers, each at a network address of their own."""
    people: list[Person] = []

    def new() -> Person:
        people.append(Person(stack))
        return people[-1]

    yield new
    for one in people:
        one.close()


@pytest.fixture(scope="session")
def alexs_app() -> App:
    """Alex's app. There is one for all tests, because no code of it counts twice."""
    return App(ALEX.totp_secret or "")


@pytest.fixture(scope="session")
def register(stack: Stack) -> Register:
    """Registers a client as an operator does; what the command prints comes back."""

    def create(*words: str) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(stack.idp("clients", "create", "--json", *words))
        return made

    return create
