"""What everything works with, opened as the settings say. Commands need this and no page, so no page is loaded here."""

from idp import keyring
from idp.adapters.deers import EmbeddedDirectory
from idp.adapters.fake_kbv import StandInVendor
from idp.adapters.http import HttpFetcher
from idp.adapters.kbv import HttpKbv
from idp.adapters.letters import SpoolLetters
from idp.adapters.smtp import SmtpMailer
from idp.config import Settings
from idp.credentials.breached import BreachedFile
from idp.db import Database
from idp.ports import Directory, Kbv, Services


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
    from idp.adapters.deers_http import HttpDirectory  # noqa: PLC0415 - most commands need not wait until it is loaded

    return HttpDirectory(settings.deers_url, certificate=settings.deers_certificate, extra_ca=settings.extra_ca)


def _vendor(settings: Settings) -> Kbv | None:
    """The vendor that the settings name; in the demo, without one, its stand-in."""
    if settings.kbv_url:
        return HttpKbv(settings.kbv_url, certificate=settings.kbv_certificate, extra_ca=settings.extra_ca)
    return StandInVendor(settings) if settings.demo else None
