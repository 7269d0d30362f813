"""The portal's own sessions: facts on the server, a random id in the cookie.

An ID token in a cookie would lie on the person's disk and travel with every request, so a portal must keep it on its
side. This store is a bounded dictionary in the memory of one process: right for a sample, which is therefore served by
one worker and forgets everybody when it restarts. A portal with several processes puts the same few methods in front of
its database.
"""

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

# The ports of localhost share one cookie jar, so the name must differ from the provider's.
COOKIE = "portal_session"
PERSON = "person"


@dataclass(frozen=True)
class Life:
    """How long a kind of session lasts, in seconds, and how many of that kind are kept."""

    idle: int
    overall: int
    most: int


# Somebody on the way through sign-in may be registering, and waiting for a letter box to fill.
WAITING = Life(idle=3600, overall=3600, most=10_000)
SIGNED_IN = Life(idle=30 * 60, overall=12 * 3600, most=10_000)


@dataclass
class _Kept:
    facts: dict[str, Any]
    born: float
    seen: float


class _Shelf:
    """Sessions of one kind, least recently seen first."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def find(self, key: str, now: float) -> dict[str, Any] | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now - kept.seen > self._life.idle or now - kept.born > self._life.overall:
            del self._kept[key]
            return None
        kept.seen = now
        self._kept.move_to_end(key)
        # A copy: what a request changes becomes true when it is saved, or never.
        return dict(kept.facts)

    def keep(self, key: str, facts: dict[str, Any], now: float) -> None:
        known = self._kept.get(key)
        self._kept[key] = _Kept(facts=dict(facts), born=known.born if known else now, seen=now)
        self._kept.move_to_end(key)
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if len(self._kept) <= self._life.most and now - oldest.seen <= self._life.idle:
                break
            self._kept.popitem(last=False)

    def holds(self, key: str) -> bool:
        return key in self._kept

    def drop(self, key: str) -> None:
        self._kept.pop(key, None)


class PortalSession(CallbackDict[str, Any], SessionMixin):
    """The facts of one browser, as one request sees them. `key` is None until they are saved for the first time."""

    def __init__(self, facts: dict[str, Any] | None = None, key: str | None = None) -> None:
        self.modified = False
        self.key = key
        self.former_key: str | None = None
        super().__init__(facts or {}, PortalSession._touch)

    def _touch(self) -> None:
        self.modified = True

    def start_anew(self) -> None:
        """Forget everything and take a new id when saved: an id planted before sign-in is worth nothing after it."""
        self.former_key = self.key or self.former_key
        self.key = None
        self.clear()
        self.modified = True


class MemorySessions(SessionInterface):
    """Keeps people who are signed in apart from those who are not.

    A stranger who opens the sign-in page ten thousand times pushes out other strangers, and nobody who is signed in.
    """

    session_class = PortalSession

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._lock = threading.Lock()
        self._waiting = _Shelf(WAITING)
        self._signed_in = _Shelf(SIGNED_IN)

    def open_session(self, app: Flask, request: Request) -> PortalSession:  # noqa: ARG002 -- Flask passes the app
        key = request.cookies.get(COOKIE)
        if key is None:
            return PortalSession()
        now = time.time()
        with self._lock:
            facts = self._signed_in.find(key, now)
            if facts is None:
                facts = self._waiting.find(key, now)
        # An id that we did not give out is not taken over: a session gets a fresh one when it is saved.
        return PortalSession() if facts is None else PortalSession(facts, key)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:  # noqa: ARG002
        if not isinstance(session, PortalSession):
            raise TypeError("this store opened another kind of session")
        if not session.modified:
            return
        now = time.time()
        with self._lock:
            if session.former_key is not None:
                self._drop(session.former_key)
            shelf = self._signed_in if PERSON in session else self._waiting
            # Signed out meanwhile, in another tab: a slower request must not bring the session back to life.
            alive = session.key is None or shelf.holds(session.key)
            if not session and session.key is not None:
                self._drop(session.key)
            elif session and alive:
                session.key = session.key or secrets.token_urlsafe(32)
                shelf.keep(session.key, dict(session), now)
        if not session:
            response.delete_cookie(COOKIE, path="/", secure=self._secure, httponly=True, samesite="Lax")
        elif alive and session.key is not None:
            response.set_cookie(COOKIE, session.key, path="/", secure=self._secure, httponly=True, samesite="Lax")

    def _drop(self, key: str) -> None:
        self._signed_in.drop(key)
        self._waiting.drop(key)
