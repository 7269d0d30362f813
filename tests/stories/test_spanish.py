"""A person reads Spanish: asked for in the address or by the browser, on every page and in the mail."""

import pytest

from tests.http_browser import Browser
from tests.registrants import DANA, ask_by_mail, finish, mailed_code
from tests.world import World

TITLES = {"/": "Una cuenta para muchos sitios", "/login": "Iniciar sesión", "/register": "Registrarse"}


def is_in(browser: Browser, language: str) -> bool:
    return f'<html lang="{language}">' in browser.page.html


@pytest.mark.parametrize("address", TITLES)
def test_an_address_asks_for_spanish_and_the_next_pages_stay_so(world: World, address: str) -> None:
    """OIDC Core §3.1.2.1: ui_locales."""
    browser = world.browser().open(f"{address}?ui_locales=es")
    assert browser.status == 200
    assert is_in(browser, "es")
    assert browser.page.h1 == [TITLES[address]]
    for following, title in TITLES.items():
        browser.open(following)
        assert is_in(browser, "es")
        assert browser.page.h1 == [title]
    assert is_in(world.browser().open(address), "en"), "another browser was switched too"


def test_the_links_in_the_header_switch_to_spanish_and_back(world: World) -> None:
    browser = world.browser().open("/login")
    assert browser.page.h1 == ["Sign in"]
    assert "/login?ui_locales=es" in browser.page.links
    browser.open("/login?ui_locales=es")
    assert browser.page.h1 == ["Iniciar sesión"]
    assert "/login?ui_locales=en" in browser.page.links
    browser.open("/login?ui_locales=en").open("/")
    assert is_in(browser, "en")
    assert browser.page.h1 == ["One account for many sites"]


@pytest.mark.parametrize(
    ("wish", "language"),
    [("es", "es"), ("es-PR,es;q=0.9,en;q=0.5", "es"), ("fr,es;q=0.4", "es"), ("en-US,es;q=0.5", "en"), ("fr", "en")],
)
def test_a_browser_that_prefers_spanish_gets_it(world: World, wish: str, language: str) -> None:
    browser = world.browser(**{"Accept-Language": wish}).open("/login")
    assert is_in(browser, language)
    assert browser.page.h1 == [{"es": "Iniciar sesión", "en": "Sign in"}[language]]


def test_a_choice_stands_over_what_the_browser_prefers(world: World) -> None:
    browser = world.browser(**{"Accept-Language": "es"}).open("/?ui_locales=en").open("/login")
    assert is_in(browser, "en")


def test_errors_and_refusals_are_in_spanish(world: World) -> None:
    browser = world.browser().open("/login?ui_locales=es")
    browser.submit(username="", password="", button="login-submit")
    assert "Corrija estos 2 problemas" in browser.page.text
    assert "Escriba su nombre de usuario." in browser.page.text
    browser.submit(username="nobody.here", password="not the password", button="login-submit")
    assert "El nombre de usuario o la contraseña no es correcto." in browser.page.text
    browser.open("/no-such-page")
    assert browser.status == 404
    assert browser.page.h1 == ["No encontramos esta página"]
    assert is_in(browser, "es")


def test_a_registration_in_spanish_is_spanish_to_its_end_and_so_is_its_mail(world: World) -> None:
    browser = world.browser().open("/?ui_locales=es")
    ask_by_mail(browser, DANA, "dana@home.example")
    assert browser.page.h1 == ["Escriba su código"]
    assert "Si sus datos coinciden, un código va en camino a dana@home.example" in browser.page.text
    code = mailed_code(world, "dana@home.example")
    [mail] = world.mails()
    assert mail.subject == "Su código de activación"
    assert f"Su código: {code}" in mail.text
    assert "El código sirve una sola vez, por 30 minutos." in mail.text
    finish(browser, code, "dana.q")
    assert browser.page.name == "account/show"
    assert browser.page.h1 == ["Su cuenta"]
    assert browser.page.ids["account-level"] == "Básico (Nivel 1)"
    assert is_in(browser, "es")


def test_mail_to_somebody_who_reads_english_stays_english_beside_it(world: World) -> None:
    ask_by_mail(world.browser(**{"Accept-Language": "es"}), DANA, "dana@home.example")
    ask_by_mail(world.browser(address="198.51.100.8"), DANA, "dana@work.example")
    subjects = {mail.to: mail.subject for mail in world.mails()}
    assert subjects["dana@home.example"] == "Su código de activación"
    assert not subjects["dana@work.example"].startswith("Su ")
