"""The application: wiring and nothing else."""

from flask import Flask, request
from flask_babel import Babel

from idp import config, keyring, logs
from idp.adapters.deers import EmbeddedDirectory
from idp.adapters.deers_http import HttpDirectory
from idp.adapters.deers_service import LONGEST, DeersService
from idp.adapters.fake_kbv import StandInVendor
from idp.adapters.gateway import Gateway
from idp.adapters.http import HttpFetcher
from idp.adapters.kbv import HttpKbv
from idp.adapters.letters import SpoolLetters
from idp.adapters.smtp import SmtpMailer
from idp.config import Settings
from idp.credentials.breached import BreachedFile
from idp.db import Database
from idp.ports import Directory, Kbv, Services
from idp.web import (
    account,
    activation,
    assets,
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


def create_services(settings: Settings) -> Services:
    """Open everything that the settings name. Raises `KeyFault` when the keys cannot be used."""
    keys = keyring.load(settings.keys)
    db = Database(settings.database_url)
    return Services(
        settings=settings,
        db=db,
        keyring=keys,
        directory=_authority(settings) or EmbeddedDirectory(db, keys),
        mailer=SmtpMailer(settings.smtp_url, settings.mail_from),
        fetcher=HttpFetcher(settings),
        kbv=_vendor(settings),
        breached=BreachedFile(settings.breached_passwords) if settings.breached_passwords else None,
        letters=SpoolLetters(settings.letters) if settings.letters else None,
    )


def _authority(settings: Settings) -> Directory | None:
    """The eligibility authority that the settings name; without one the embedded directory is asked."""
    if not settings.deers_url:
        return None
    return HttpDirectory(settings.deers_url, certificate=settings.deers_certificate, extra_ca=settings.extra_ca)


def _vendor(settings: Settings) -> Kbv | None:
    """The vendor that the settings name; in the demo, without one, its stand-in."""
    if settings.kbv_url:
        return HttpKbv(settings.kbv_url, certificate=settings.kbv_certificate, extra_ca=settings.extra_ca)
    return StandInVendor(settings) if settings.demo else None


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
    return Gateway(app, threads=threads, most=app.config["MAX_CONTENT_LENGTH"], of_programs=routes.machine_paths())


def create_deers_gateway(threads: int) -> Gateway:
    """What `idp deers serve` loads: the embedded directory, over the API of docs/deers-openapi.json."""
    settings = config.load()
    logs.set_up(settings.log_level)
    services = create_services(settings)
    service = DeersService(EmbeddedDirectory(services.db, services.keyring))
    return Gateway(service, threads=threads, most=LONGEST, of_programs=())
