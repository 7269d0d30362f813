"""The sample portal asks for Premium, and gets the person back, with it or without."""

import pytest
import sqlalchemy as sa

from idp.accounts.accounts import Account
from idp.accounts.levels import Level
from tests import authenticator
from tests.members import join
from tests.portal_visitor import Portal, Server
from tests.relying_party import on_sqlite
from tests.world import World


def test_a_locked_feature_opens_after_the_upgrade(there: World, server: Server) -> None:
    """OIDC Core §5.5.1.1: Premium or nothing is asked, the request waits meanwhile, and the person comes back to the page."""
    member = join(there.services, edipi="9900000015")
    portal = Portal(there).sign_in(member)
    page = portal.open("/records").page
    assert "/upgrade?next=/records" in page.links
    assert portal.begin("/upgrade?next=/records").page.name == "upgrade/start"
    assert "Alder Harbor Health" in portal.provider.page.text
    handle = portal.provider.address.partition("request=")[2]
    # What a finished upgrade leaves behind: a second factor that was shown, and the level.
    portal.provider.open(f"/account/second-factor?request={handle}")
    secret = portal.provider.page.ids["totp-secret"].replace(" ", "")
    portal.provider.submit(code=authenticator.code(secret))
    there.services.db.write(lambda conn: conn.execute(sa.update(Account).values(level=2)).rowcount)
    portal.provider.open(f"/authorize/continue?request={handle}")
    portal.come_back()
    assert (portal.response.status_code, portal.page.name) == (200, "portal/records")
    told = portal.open("/profile").page.text
    for words in ("Premium (Level 2)", "Dana Q Example", "1984-02-10", "Sponsor"):
        assert words in told, words
    assert portal.open("/messages").page.name == "portal/messages"


@on_sqlite
def test_a_premium_person_finds_everything_open(there: World, server: Server) -> None:
    """docs/levels.md §4: two factors at the sign-in, so nothing more is asked."""
    member = join(there.services, level=Level.PREMIUM, totp=True, edipi="9900000015")
    portal = Portal(there)
    portal.begin("/login?next=/records").submit(username=member.username, password=member.password)
    portal.provider.submit(code=authenticator.unused_code(there.services, member))
    assert portal.come_back().page.name == "portal/records"
    told = portal.open("/profile").page.text
    assert "Dana Q Example" in told
    assert "By a code in a letter." in told
    # Upgrading once more does no harm.
    portal.begin("/upgrade?next=/messages")
    assert portal.come_back().page.name == "portal/messages"


@on_sqlite
@pytest.mark.parametrize("first_party", [True, False])
def test_who_does_not_upgrade_stays_as_they_were(there: World, server: Server, *, first_party: bool) -> None:
    """OpenID Connect Unmet Authentication Requirements 1.0: a kind page, the same session, and no way round in circles."""
    member = join(there.services)
    portal = Portal(there, first_party=first_party)
    portal.begin().submit(username=member.username, password=member.password)
    if not first_party:
        portal.provider.submit(button="consent-allow")
    portal.come_back()
    for _ in range(2):
        portal.begin("/upgrade?next=/records")
        form = portal.provider.page.form("shown_to")
        portal.provider.submit(button="decline-submit", shown_to=form.fields["shown_to"])
        portal.come_back()
        assert (portal.response.status_code, portal.page.error) == (403, "unmet_authentication_requirements")
        assert "still signed in" in portal.page.text
        assert portal.page.h1 == ["Your identity is not verified yet"]
        assert "/upgrade?next=/records" in portal.page.links
    assert portal.is_signed_in
    assert portal.open("/profile").page.name == "portal/profile"
    assert portal.open("/records").page.error == "premium_needed"
