"""The route map: no route exists without a word on who may come, by which methods, and how its forms are guarded
(R92, R93).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self

from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue

View = Callable[..., ResponseReturnValue]


class Access(StrEnum):
    """Who may come."""

    PUBLIC = "public"
    """Anyone with a browser."""
    SIGNED_IN = "signed_in"
    """A live sign-in; anyone else is sent to sign in and brought back."""
    JOURNEY = "journey"
    """A browser that holds a journey; anyone else is told to start again."""
    PARKED = "parked"
    """A browser that came from a client: the address names a parked request."""
    MACHINE = "machine"
    """A program. No cookie is read or set, no browser session exists."""
    DEMO = "demo"
    """Anyone, but only in the demo; in production it is not there."""


@dataclass(frozen=True)
class Csrf:
    """How a route's POST is guarded against being sent from elsewhere."""

    checked: bool
    why_not: str = ""

    FORM: ClassVar[Self]

    @classmethod
    def none(cls, why: str) -> Self:
        """Not guarded, for a reason that the route map tells."""
        return cls(checked=False, why_not=why)


Csrf.FORM = Csrf(checked=True)


@dataclass(frozen=True)
class Route:
    """One row of the map."""

    rule: str
    endpoint: str
    methods: tuple[str, ...]
    access: Access
    csrf: Csrf
    secret_address: bool = False
    """Whether its address holds a secret, which then goes into no Referer, not even one to our own pages."""
    keeps: bool = False
    """Whether what is posted here when the sign-in is over is kept for its owner: never a number, password or code."""
    costly: bool = False
    """Whether what anybody at all posts here makes argon2 run, so that it is let in only while there is a place (R173)."""


class Pages:
    """A set of routes, each with its rules; a thin shell around a blueprint that has no way to add a route without
    them.
    """

    def __init__(self, name: str) -> None:
        self.blueprint = Blueprint(name, __name__)
        self.routes: list[Route] = []

    def route(
        self,
        rule: str,
        *,
        methods: tuple[str, ...] = ("GET",),
        access: Access,
        csrf: Csrf,
        secret_address: bool = False,
        keeps: bool = False,
        costly: bool = False,
    ) -> Callable[[View], View]:
        """Register a view under its rules."""

        def register(view: View) -> View:
            name = view.__name__
            self.blueprint.add_url_rule(
                rule, endpoint=name, view_func=view, methods=list(methods), provide_automatic_options=False
            )
            endpoint = f"{self.blueprint.name}.{name}"
            self.routes.append(Route(rule, endpoint, methods, access, csrf, secret_address, keeps, costly))
            return view

        return register


class RouteMap:
    """Every route of one app, by endpoint."""

    def __init__(self) -> None:
        self._by_endpoint: dict[str, Route] = {}

    def add(self, app: Flask, pages: Pages) -> None:
        """Put a set of pages into the app and the map."""
        app.register_blueprint(pages.blueprint)
        self._by_endpoint.update({route.endpoint: route for route in pages.routes})

    def find(self, endpoint: str | None) -> Route | None:
        """The rules of an endpoint."""
        return self._by_endpoint.get(endpoint) if endpoint else None

    def all(self) -> list[Route]:
        """Every route, in the order of its address."""
        return sorted(self._by_endpoint.values(), key=lambda route: route.rule)

    def machine_paths(self) -> frozenset[str]:
        """The addresses where no browser session may be opened."""
        return frozenset(r.rule for r in self._by_endpoint.values() if r.access is Access.MACHINE)

    def costly_paths(self) -> frozenset[str]:
        """The addresses whose forms make argon2 run for anybody who sends one."""
        return frozenset(r.rule for r in self._by_endpoint.values() if r.costly)

    def check(self, app: Flask) -> None:
        """Raise `LookupError` when the app has a route that the map does not know: such an app must not start."""
        unknown: set[Any] = {rule.endpoint for rule in app.url_map.iter_rules()} - self._by_endpoint.keys()
        if unknown:
            raise LookupError(f"routes without rules: {sorted(unknown)}")
