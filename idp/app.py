"""The web application: wiring and nothing else."""

from flask import Flask, request
from flask_babel import Babel

from idp import config, logs
from idp.adapters.gateway import Costly, Gateway
from idp.config import Settings
from idp.credentials.passwords import SLOTS
from idp.ports import Services
from idp.services import create_services
from idp.web import (
    account,
    activation,
    assets,
    busy,
    consent,
    crib,
    faults,
    guard,
    health,
    help,
    languages,
    logout,
    machine,
    mailbox,
    not_me,
    oauth,
    passkey_sign_in,
    passkeys,
    password,
    registration,
    second_factor,
    second_step,
    sessions,
    sign_in,
    sign_in_again,
    sites,
    static,
    upgrade,
)
from idp.web.pages import session_left, signed_in
from idp.web.routes import RouteMap

PAGES = (
    health.pages,
    static.pages,
    sign_in.pages,
    second_step.pages,
    passkey_sign_in.pages,
    passkeys.pages,
    sign_in_again.pages,
    second_factor.pages,
    registration.pages,
    activation.pages,
    account.pages,
    password.pages,
    upgrade.pages,
    help.pages,
    not_me.pages,
    oauth.pages,
    consent.pages,
    logout.pages,
    machine.pages,
    mailbox.pages,
    crib.pages,
    sites.pages,
    sessions.pages,
)


def create_app(settings: Settings, services: Services) -> Flask:
    """The whole web side. Raises `LookupError` when a route has no rules, and `PortDown` when the settings name a file of
    breached passwords that cannot be used.
    """
    if services.breached is not None:
        services.breached.check()
    app = Flask("idp", template_folder=str(assets.find_folder("templates")), static_folder=None)
    app.secret_key = services.keyring.derived("form-session")
    app.extensions["services"] = services
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    routes = RouteMap()
    for pages in PAGES:
        routes.add(app, pages)
    app.extensions["routes"] = routes
    Babel(
        app,
        locale_selector=languages.choose,
        default_translation_directories=str(assets.find_folder("translations")),
    )
    assets.register(app)
    guard.install(app, settings, routes)
    faults.install(app, routes)
    languages.install(app)

    @app.context_processor
    def who() -> dict[str, object]:
        found = signed_in() if request.endpoint else None
        return {
            "signed_in_as": found.username if found else "",
            "session_left": session_left() if found else None,
            "demo": settings.demo,
        }

    routes.check(app)
    return app


def create_wsgi() -> Flask:
    """The application for a WSGI server of one's own choice."""
    settings = config.load()
    logs.set_up(settings.log_level)
    return create_app(settings, create_services(settings))


def create_gateway(threads: int) -> Gateway:
    """What `idp serve` loads in each of its worker processes."""
    app = create_wsgi()
    routes: RouteMap = app.extensions["routes"]
    door = busy.Door(app, routes)
    return Gateway(
        app,
        threads=threads,
        most=app.config["MAX_CONTENT_LENGTH"],
        of_programs=routes.machine_paths(),
        costly=Costly(door.paths, most=SLOTS.places, is_full=SLOTS.is_full, turn_away=door.turn_away),
    )
