"""The pages: each asks the gate and shows what it answers. What a page says stands in its template."""

from typing import cast

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from portal.gate import FEATURES, HOME, Answer, Level, decide, feature, page_or_home
from portal.provider import Person, Provider, SignInFailed
from portal.sessions import PERSON, PortalSession
from portal.words import LEVELS, claims_as_they_came, failure, profile_rows

pages = Blueprint("pages", __name__)


def signed_in() -> Person | None:
    person = session.get(PERSON)
    return person if isinstance(person, Person) else None


def level() -> Level | None:
    person = signed_in()
    return person.level if person else None


def _provider() -> Provider:
    return cast("Provider", current_app.extensions["portal.provider"])


def _own_session() -> PortalSession:
    # Flask's `session` is a proxy that knows only a dictionary's ways.
    return cast("PortalSession", session._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001


@pages.app_context_processor
def _shown_everywhere() -> dict[str, object]:
    person = signed_in()
    return {"person": person, "level_label": LEVELS[person.level] if person else None}


@pages.get("/")
def home() -> str:
    cards = [(each, decide(each, level())) for each in FEATURES]
    return render_template("home.html", cards=cards, levels=LEVELS, Level=Level)


def show(name: str) -> ResponseReturnValue:
    """A feature's page, or what stands before it: sign-in, or the page that says why and how to upgrade."""
    wanted, person = feature(name), signed_in()
    if person and wanted.needs is Level.PREMIUM and not person.is_fresh:
        # The level may have changed, both ways, since the provider was last asked. While the person is signed in there,
        # asking shows no page.
        return redirect(url_for("pages.login", next=wanted.path))
    answer = decide(wanted, level())
    if answer is Answer.SIGN_IN:
        return redirect(url_for("pages.login", next=wanted.path))
    if answer is Answer.UPGRADE:
        return render_template("locked.html", feature=wanted), 403
    if person and name == "profile":
        return render_template("profile.html", rows=profile_rows(person), claims=claims_as_they_came(person))
    return render_template(f"{name}.html", feature=wanted)


for _feature in FEATURES:
    pages.add_url_rule(_feature.path, _feature.name, show, defaults={"name": _feature.name}, methods=["GET"])


@pages.get("/login")
def login() -> ResponseReturnValue:
    """Also for somebody who is signed in: that is how a new level is learnt after an upgrade."""
    return redirect(_provider().sign_in_url(page_or_home(request.args.get("next"))))


@pages.get("/callback")
def callback() -> ResponseReturnValue:
    person, wanted = _provider().finish_sign_in()
    _own_session().start_anew()
    session[PERSON] = person
    # Made here once: two tabs that each made one on their first page would spoil each other's.
    generate_csrf()
    return redirect(page_or_home(wanted), 303)


@pages.get("/upgrade")
def upgrade() -> ResponseReturnValue:
    """Asks for Premium and comes back to the feature that wants it. Who stops on the way stays signed in here as before."""
    return redirect(_provider().upgrade_url(page_or_home(request.args.get("next"))))


@pages.post("/logout")
def logout() -> ResponseReturnValue:
    """Ends the portal's session first, whatever the provider then says."""
    person = signed_in()
    _own_session().start_anew()
    there = _provider().sign_out_url(person) if person else None
    return redirect(there or url_for("pages.signed_out"), 303)


@pages.get("/signed-out")
def signed_out() -> ResponseReturnValue:
    everywhere = _provider().came_from_sign_out()
    if signed_in():
        return redirect(HOME)
    return render_template("signed_out.html", everywhere=everywhere)


@pages.get("/healthz")
def healthz() -> ResponseReturnValue:
    return "ok\n", {"Content-Type": "text/plain; charset=utf-8"}


@pages.app_errorhandler(SignInFailed)
def sign_in_failed(fault: SignInFailed) -> ResponseReturnValue:
    code, words = failure(fault.code, upgrading=fault.upgrading)
    headers = {"Retry-After": "120"} if words.status == 503 else {}
    page = render_template(
        "sign_in_failed.html",
        code=code,
        failure=words,
        wanted=page_or_home(fault.wanted),
        upgrading=fault.upgrading and signed_in() is not None,
    )
    return page, words.status, headers
