"""The web side of each world: made once for each kind of settings, since making it takes longer than most tests."""

import copy
from typing import Any

from flask import Flask

from idp import app as application
from idp.config import Settings
from idp.ports import Services

_OF_ONE_WORLD = {"database_url", "smtp_url", "mailbox", "letters"}
"""What the app asks its services for, in each request anew. Every other setting that differs makes another app."""
_TAKEN_APART = ("extensions", "view_functions", "config")
"""What is a world's own: its services and what is remembered for them, and what a test may put in another's place."""
_made: dict[tuple[Any, ...], Flask] = {}


def app_for(settings: Settings, services: Services) -> Flask:
    """The app of these settings on these services: routes, guards and templates are shared, nothing that a request leaves
    behind is.
    """
    # The key of forms comes of the keyring, and a file of breached passwords is looked at when an app is made.
    if services.breached is not None:
        return application.create_app(settings, services)
    kind = (services.keyring.derived("form-session"), settings.model_dump_json(exclude=_OF_ONE_WORLD))
    if kind not in _made:
        _made[kind] = application.create_app(settings, services)
        # What is kept for all must know no world, so that one which is gone is asked nothing.
        del _made[kind].extensions["services"]
    app = copy.copy(_made[kind])
    for name in _TAKEN_APART:
        setattr(app, name, copy.copy(getattr(app, name)))
    app.extensions["services"] = services
    return app
