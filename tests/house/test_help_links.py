"""Whoever is sent to an answer on the help page finds it there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HELP = ROOT / "templates" / "help" / "show.html"
LINK = re.compile(r"/help#([\w-]+)")
OWN_LINK = re.compile(r'href="#([\w-]+)"')
ID = re.compile(r'\bid="([\w-]+)"')


def links() -> dict[str, set[str]]:
    """Every place on the help page that pages, mails, letters or code lead to, and where each link stands."""
    found: dict[str, set[str]] = {}
    files = [path for folder in ("templates", "idp", "portal") for path in (ROOT / folder).rglob("*")]
    for path in files:
        if path.suffix in {".html", ".txt", ".py"}:
            for place in LINK.findall(path.read_text("utf-8")):
                found.setdefault(place, set()).add(str(path.relative_to(ROOT)))
    for place in OWN_LINK.findall(HELP.read_text("utf-8")):
        found.setdefault(place, set()).add("the help page itself")
    return found


def test_every_link_to_the_help_page_leads_to_a_place_on_it() -> None:
    places = ID.findall(HELP.read_text("utf-8"))
    assert len(places) == len(set(places)), "two places have the same name"
    assert {place: where for place, where in links().items() if place not in places} == {}


def test_the_help_page_lists_its_own_sections() -> None:
    text = HELP.read_text("utf-8")
    assert set(re.findall(r'<h2 id="([\w-]+)"', text)) <= set(OWN_LINK.findall(text))
