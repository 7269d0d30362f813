"""What the protocol's tests share: a portal, a member, and the browser in which the member is signed in."""

import pytest

from tests.http_browser import Browser
from tests.members import Member, join
from tests.relying_party import RelyingParty, sign_in
from tests.world import World


@pytest.fixture
def rp(world: World) -> RelyingParty:
    """A confidential first-party client."""
    return RelyingParty(world)


@pytest.fixture
def member(world: World) -> Member:
    """Somebody with a Basic account."""
    return join(world.services)


@pytest.fixture
def browser(world: World, member: Member) -> Browser:
    """The member's browser, signed in."""
    return sign_in(world, member)
