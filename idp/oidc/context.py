"""What the protocol keeps in one process: the services, and what it read lately about clients and keys."""

from dataclasses import dataclass

from idp.config import Settings
from idp.db import Database
from idp.keyring import Keyring
from idp.oidc.client_keys import ClientKeys
from idp.oidc.clients import ClientCache
from idp.oidc.keys import Keys
from idp.oidc.resources import ResourceCache
from idp.ports import Directory, Services


@dataclass(frozen=True, repr=False)
class Context:
    """Made once for an app, and given to every operation here."""

    settings: Settings
    db: Database
    keyring: Keyring
    clients: ClientCache
    client_keys: ClientKeys
    resources: ResourceCache
    keys: Keys
    directory: Directory

    @property
    def issuer(self) -> str:
        """The one spelling of our name: in discovery, in `iss`, and in every token."""
        return self.settings.issuer


def open_context(services: Services) -> Context:
    """Start with empty caches; nothing is read yet."""
    return Context(
        settings=services.settings,
        db=services.db,
        keyring=services.keyring,
        clients=ClientCache(services.db),
        client_keys=ClientKeys(services.fetcher),
        resources=ResourceCache(services.db),
        keys=Keys(services.db, services.keyring),
        directory=services.directory,
    )
