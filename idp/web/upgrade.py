"""The pages of an upgrade from Basic to Premium, one function each. Who is on the wrong page is led to the right one.

The client's request that waits, if one does, travels in the address as everywhere; what a step proved is kept with the account,
so whoever leaves in the middle loses nothing.
"""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from idp.accounts.levels import Level
from idp.credentials.sessions import SignedIn
from idp.journeys import upgrade, upgrade_code, upgrade_overview, upgrade_questions
from idp.journeys.engine import Journey
from idp.journeys.upgrade import At, Proved, Way
from idp.journeys.upgrade_overview import Offer, Overview
from idp.outcomes import Reason, Refused
from idp.ports import PortDown
from idp.proofing.address_codes import Channel
from idp.web import cookies, guard, messages
from idp.web.languages import language
from idp.web.pages import continue_url, redirect_to, request_handle, services, the_signed_in
from idp.web.registration import is_stale
from idp.web.registration_forms import CodeForm, IdentityForm
from idp.web.routes import Access, Csrf, Pages
from idp.web.upgrade_forms import AddressForm, GoForm, QuestionForm, WayForm
from idp.web.upgrade_pages import (
    CODE,
    FACTOR,
    PAGE_OF,
    SAID,
    START,
    WAYS,
    address_page,
    code_page,
    identity_page,
    is_online,
    page,
    parts_of,
    questions_page,
    way_page,
    way_to,
)
from idp.web.waiting import find_waiting

pages = Pages("upgrade")

StepView = Callable[[SignedIn, Journey], ResponseReturnValue]


def at(*states: At) -> Callable[[StepView], Callable[[], ResponseReturnValue]]:
    """Give the view who is signed in and their upgrade if that stands at one of these states; else lead to where it stands."""

    def guarded(view: StepView) -> Callable[[], ResponseReturnValue]:
        @wraps(view)
        def checked() -> ResponseReturnValue:
            me = the_signed_in()
            if _is_too_weak(me):
                return _to_step_up()
            with services().db.read() as conn:
                journey = upgrade.find(conn, services().keyring, me, cookies.read(cookies.UPGRADE))
            if journey is None:
                return redirect_to(way_to(START, said="gone"))
            return view(me, journey) if journey.state in states else redirect_to(page_of(journey))

        return checked

    return guarded


def page_of(journey: Journey) -> str:
    """The page where the upgrade stands."""
    return way_to(PAGE_OF[At(journey.state)])


@pages.route(START, methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def start() -> ResponseReturnValue:
    """What Premium is, what one has of it and what is missing; the button goes on from there."""
    me = the_signed_in()
    if _is_too_weak(me):
        return _to_step_up()
    if request.method == "POST":
        begun = upgrade.begin(services(), me, language=language(), old_handle=cookies.read(cookies.UPGRADE))
        response = redirect_to(way_to(PAGE_OF[At.IDENTIFY]))
        cookies.write(response, cookies.UPGRADE, begun)
        return response
    with services().db.read() as conn:
        seen = upgrade_overview.overview(conn, services().settings.policy, me.account_id)
        under_way = upgrade.find(conn, services().keyring, me, cookies.read(cookies.UPGRADE))
    return page(
        "upgrade/start.html",
        me,
        GoForm(formdata=None),
        seen=seen,
        parts_of=parts_of(seen),
        next_url=_next_url(seen, under_way),
        online=is_online(seen),
        letter=next((code for code in seen.codes if code.channel == Channel.POST.value), None),
    )


@pages.route("/upgrade/identity", methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
@at(At.IDENTIFY, At.WAY, At.QUESTIONS, At.ADDRESS)
def identity(me: SignedIn, journey: Journey) -> ResponseReturnValue:
    """Name, birth date and number, compared with DEERS again: it must be the account's own person."""
    if _has_open_questions(journey):
        return redirect_to(page_of(journey))
    form = IdentityForm()
    if request.method != "POST":
        return identity_page(me, journey, form)
    if is_stale(journey, form):
        return redirect_to(page_of(journey))
    if not form.validate():
        return identity_page(me, journey, form, status=422)
    if journey.state != At.IDENTIFY:
        # Corrected later: whatever followed is forgotten first, so that the step begins where it belongs.
        upgrade.go_back(services(), journey, me, At.IDENTIFY)
        journey = _again(me, journey)
    refused = upgrade.identify(services(), journey, me, form.claimed, address=guard.address())
    if refused is None or refused.reason is Reason.ALREADY_DONE:
        return redirect_to(way_to(PAGE_OF[At.WAY]))
    form.form_errors.append(messages.refusal(refused))
    return identity_page(me, _again(me, journey), form, refused=refused)


@pages.route("/upgrade/way", methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
@at(At.WAY, At.QUESTIONS, At.ADDRESS)
def way(me: SignedIn, journey: Journey) -> ResponseReturnValue:
    """By questions and a code by e-mail, or by a letter; each with why it is closed if it is."""
    if _has_open_questions(journey):
        return redirect_to(page_of(journey))
    form, offered = _ways(me, journey)
    if request.method != "POST":
        return way_page(me, journey, form, offered)
    if is_stale(journey, form):
        return redirect_to(page_of(journey))
    if not form.validate():
        return way_page(me, journey, form, offered, status=422)
    if journey.state != At.WAY:
        upgrade.go_back(services(), journey, me, At.WAY)
        journey = _again(me, journey)
    refused = upgrade_overview.choose(services(), journey, me, Way(form.delivery.data))
    if refused is None or refused.reason is Reason.ALREADY_DONE:
        return redirect_to(page_of(_again(me, journey)))
    form.form_errors.append(messages.refusal(refused))
    return way_page(me, journey, form, offered, refused=refused)


@pages.route("/upgrade/questions", methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
@at(At.QUESTIONS)
def questions(me: SignedIn, journey: Journey) -> ResponseReturnValue:
    """First what is coming; then one question a page. A reload shows the same question, and its time goes on."""
    form = QuestionForm()
    if request.method != "POST":
        return questions_page(me, journey, form)
    if is_stale(journey, form):
        return redirect_to(page_of(journey))
    if request.form.get("act") == "stop":
        return _led(upgrade_questions.stop(services(), journey, me))
    if upgrade_questions.is_handed_in(journey):
        return _judged(me, journey)
    asked = upgrade_questions.current(journey)
    if asked is None:
        return _drawn(me, journey)
    form.offer((str(place), words) for place, words in enumerate(asked.question.options))
    if not asked.is_over and not form.validate():
        return questions_page(me, journey, form, status=422)
    chosen = form.answer.data if not asked.is_over else "0"
    answered = upgrade_questions.answer(services(), journey, me, int(chosen))
    if isinstance(answered, Refused):
        return _led(answered)
    return _judged(me, answered) if upgrade_questions.is_handed_in(answered) else _led(None)


def _drawn(me: SignedIn, journey: Journey) -> Response:
    try:
        return _led(upgrade_questions.start(services(), journey, me))
    except PortDown:
        journey = _again(me, journey)
        form, offered = _ways(me, journey)
        form.form_errors.append(
            gettext("The service with the questions does not answer right now. It was not counted as a try.")
        )
        return way_page(me, journey, form, offered, status=503)


def _judged(me: SignedIn, journey: Journey) -> Response:
    """The vendor's verdict; while it does not come, the answers wait for it."""
    try:
        outcome = upgrade_questions.judge(services(), journey, me, _session())
    except PortDown:
        return questions_page(me, journey, QuestionForm(), status=503)
    return _led(outcome) if isinstance(outcome, Refused) else _proved(me, outcome)


@pages.route("/upgrade/address", methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
@at(At.ADDRESS)
def address(me: SignedIn, journey: Journey) -> ResponseReturnValue:
    """Which of the addresses that DEERS holds the code goes to; each is shown masked, and none is typed (R70)."""
    choices = upgrade_code.choices(services(), journey, me)
    channel = upgrade_code.channel_of(journey)
    form = AddressForm()
    form.offer((choice.id, choice.masked) for choice in choices)
    if request.method != "POST":
        if len(choices) == 1:
            form.address.data = choices[0].id
        return address_page(me, journey, form, channel)
    if is_stale(journey, form):
        return redirect_to(page_of(journey))
    if not form.validate():
        return address_page(me, journey, form, channel, status=422)
    refused = upgrade_code.send(services(), journey, me, form.address.data, language=language())
    if refused is None:
        return redirect_to(way_to(CODE, said=f"sent_{channel.value}"))
    if refused.reason is Reason.ALREADY_DONE:
        return redirect_to(page_of(_again(me, journey)))
    form.form_errors.append(messages.refusal(refused))
    return address_page(me, journey, form, channel, refused=refused)


@pages.route(CODE, methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def code() -> ResponseReturnValue:
    """Enter a code from an address of record. It needs no upgrade under way: a letter comes days later (R69)."""
    me = the_signed_in()
    if _is_too_weak(me):
        return _to_step_up()
    form = CodeForm()
    if request.method != "POST":
        return code_page(me, form)
    if not form.validate():
        return code_page(me, form, status=422)
    outcome = upgrade_code.redeem(
        services(),
        me,
        form.activation_code.data or "",
        handle=_session(),
        upgrade_handle=cookies.read(cookies.UPGRADE),
    )
    if isinstance(outcome, Proved):
        return _proved(me, outcome)
    if outcome.reason is Reason.ALREADY_DONE:
        return redirect_to(way_to(START))
    words = (
        gettext(
            "Your code is right, but it works only in %(time)s. We told your other addresses about it first.",
            time=messages.in_words(outcome.retry_after),
        )
        if outcome.reason is Reason.NOT_YET and outcome.retry_after
        else messages.refusal(outcome)
    )
    form.activation_code.errors = [*form.activation_code.errors, words]
    return code_page(me, form, refused=outcome)


def _proved(me: SignedIn, proved: Proved) -> Response:
    """Something was shown: on to the client or the overview if that was the last thing, with a new session id (R72, R81)."""
    if proved.level is not Level.PREMIUM:
        return redirect_to(_after(me))
    response = redirect_to(continue_url(request_handle()) if find_waiting(request_handle()) else START)
    if proved.session is not None:
        cookies.write(response, cookies.SESSION, proved.session)
    cookies.clear(response, cookies.UPGRADE)
    return response


def _after(me: SignedIn) -> str:
    """What comes next for somebody who is not there yet."""
    with services().db.read() as conn:
        seen = upgrade_overview.overview(conn, services().settings.policy, me.account_id)
        journey = upgrade.find(conn, services().keyring, me, cookies.read(cookies.UPGRADE))
    return _next_url(seen, journey)


def _next_url(seen: Overview, under_way: Journey | None) -> str:
    """The page of the first missing thing; empty where a new upgrade must be begun."""
    if seen.is_proven and not seen.second_factor:
        return way_to(FACTOR, next=START)
    if under_way is not None and not _waits_for_code(seen, under_way):
        return page_of(under_way)
    return way_to(CODE) if seen.codes else ""


def _waits_for_code(seen: Overview, under_way: Journey) -> bool:
    """Whether the code of the way that was chosen is sent: nobody is asked to send a second one."""
    return under_way.state == At.ADDRESS and any(
        code.channel == upgrade_code.channel_of(under_way).value for code in seen.codes
    )


def _led(refused: Refused | None) -> Response:
    """On to where the upgrade stands now; a quiz that ended says how."""
    said = refused.reason.value if refused is not None and refused.reason.value in SAID else None
    if refused is None or refused.reason is Reason.ALREADY_DONE:
        return redirect_to(way_to(PAGE_OF[At.QUESTIONS]))
    return redirect_to(way_to(PAGE_OF[At.WAY], said=said))


def _ways(me: SignedIn, journey: Journey) -> tuple[WayForm, tuple[Offer, ...]]:
    """The form with the open ways, and all of them with why they are closed."""
    offered = upgrade_overview.list_offers(services(), journey, me)
    form = WayForm()
    form.offer((offer.way.value, WAYS[offer.way]) for offer in offered if offer.closed is None)
    return form, offered


def _again(me: SignedIn, journey: Journey) -> Journey:
    """The upgrade as it stands now."""
    with services().db.read() as conn:
        return upgrade.find(conn, services().keyring, me, cookies.read(cookies.UPGRADE)) or journey


def _has_open_questions(journey: Journey) -> bool:
    """Whether drawn questions wait: those are answered or stopped, and never walked around (R66)."""
    return journey.state == At.QUESTIONS and journey.facts["questions"] is not None


def _session() -> str:
    """The handle of the session that the guard has let in."""
    return cookies.read(cookies.SESSION) or ""


def _is_too_weak(me: SignedIn) -> bool:
    """Whether the account can be signed in to more strongly than this: that comes first (SP 800-63A-4 §3.16, R72)."""
    return me.second_factor and me.aal < 2


def _to_step_up() -> Response:
    handle = request_handle()
    asked = {"request": handle} if handle else {"next": START}
    return redirect_to(f"/login/second-factor?{urlencode(asked)}")
