"""Every mail is in one of two tables: it holds the link "This was not me", or there is a reason why not."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment, meta

from idp import worker
from idp.accounts import notices
from idp.audit import Event
from idp.outbox import Channel, Opened
from idp.web.languages import LANGUAGES
from tests.relying_party import on_sqlite
from tests.world import World

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "mail"
MAILS = sorted({path.stem for path in FOLDER.iterdir()} - {"frame"} - {p.stem for p in FOLDER.glob("_*")})
_TOKEN = "the-token-of-this-notice"
_GIVEN = {"issuer", "help_phone", "not_me", "language"}


def _facts(template: str) -> dict[str, str]:
    """A word for each thing that the template asks for."""
    parser = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    sources = [parser.parse((FOLDER / f"{template}.{kind}").read_text("utf-8")) for kind in ("txt", "html")]
    asked = {name for source in sources for name in meta.find_undeclared_variables(source)}
    return dict.fromkeys(asked - _GIVEN - {"_", "gettext", "ngettext"}, "7")


def test_every_mail_stands_in_one_table() -> None:
    """SP 800-63B-4 §4.6, R50: a new notice cannot forget its link."""
    assert len(MAILS) >= 13
    assert sorted([*notices.DISOWNABLE, *notices.NOT_DISOWNABLE]) == MAILS
    assert all(isinstance(about, Event) for about in notices.DISOWNABLE.values())
    assert all(len(why) > 10 for why in notices.NOT_DISOWNABLE.values())


@on_sqlite
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", MAILS)
def test_a_mail_that_tells_of_a_change_holds_the_link_in_both_its_parts(
    world: World, template: str, language: str
) -> None:
    """R50, R73, R99: at our own address, and once; a mail with nothing to disown has none."""
    disownable = template in notices.DISOWNABLE
    facts = {**_facts(template), **({"not_me": _TOKEN} if disownable else {})}
    mail = worker.render(Opened("id", Channel.MAIL, template, language, "m@example.org", facts), world.services)
    link = f"{world.settings.issuer}/not-me?token={_TOKEN}&ui_locales={language}"
    assert mail.text.count(link) == int(disownable)
    assert mail.html.count(f'href="{link.replace("&", "&amp;")}"') == int(disownable)
    links = re.findall(r"https?://[^\s\"<]+", mail.text + mail.html)
    assert links
    assert all(one.startswith(f"{world.settings.issuer}/") for one in links)


@on_sqlite
def test_a_notice_that_no_table_knows_is_a_fault(world: World) -> None:
    """R50: it is found by the first test that sends it."""
    with pytest.raises(LookupError, match="no_such_notice"):
        world.services.db.write(lambda conn: notices.link(conn, "an account", "no_such_notice"))
