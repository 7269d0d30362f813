"""What the pages of an upgrade show: their steps, their words for each reason, and where each of them leads."""

from urllib.parse import urlencode

from flask import Response, request
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from idp.credentials.sessions import SignedIn
from idp.journeys import upgrade_overview, upgrade_questions
from idp.journeys.engine import Journey
from idp.journeys.upgrade import At, Way
from idp.journeys.upgrade_overview import Offer, Overview
from idp.outcomes import Reason, Refused
from idp.proofing.address_codes import Channel
from idp.proofing.policy import Method
from idp.web.oauth import decline_form
from idp.web.pages import continue_url, render, request_handle, services, with_wait
from idp.web.registration_forms import CodeForm, IdentityForm, StepForm
from idp.web.upgrade_forms import AddressForm, QuestionForm, WayForm
from idp.web.waiting import find_waiting

STEPS = (_("Who you are"), _("Show that it is you"), _("A code to your address"), _("A second step at sign-in"))

START = "/upgrade"
CODE = "/upgrade/code"
FACTOR = "/account/second-factor"

PAGE_OF = {
    At.IDENTIFY: "/upgrade/identity",
    At.WAY: "/upgrade/way",
    At.QUESTIONS: "/upgrade/questions",
    At.ADDRESS: "/upgrade/address",
}

WAYS = {
    Way.QUESTIONS: _("Answer questions, then get a code by email"),
    Way.LETTER: _("Get a code by letter"),
}

_CLOSED = {
    (Way.QUESTIONS, Reason.NOT_FOUND): _("DEERS has no email address of yours that we may use."),
    (Way.QUESTIONS, Reason.NO_QUESTIONS): _(
        "There are no questions about you to ask. This says nothing bad about you."
    ),
    (Way.QUESTIONS, Reason.EXPIRED): _("For this way we need your Social Security number. Go back and enter it."),
    (Way.QUESTIONS, Reason.TOO_MANY_TRIES): _(
        "You have used up your tries. You can have two in a day, and three in all."
    ),
    (Way.LETTER, Reason.NOT_FOUND): _("DEERS has no postal address of yours that we may use."),
}

SAID = {
    "gone": ("info", _("That page had run out of time. What you had shown is kept. Go on from here.")),
    Reason.ANSWERS_WRONG.value: (
        "warning",
        _("Not all answers were right. To protect you, we do not say which. You can try again, or choose another way."),
    ),
    Reason.OUT_OF_TIME.value: (
        "warning",
        _("The time for a question ran out, so these questions are closed. You can try again, or choose another way."),
    ),
    Reason.STOPPED.value: ("info", _("You stopped the questions. You can choose another way.")),
    Reason.NO_QUESTIONS.value: (
        "info",
        _("There are no questions about you to ask. This says nothing bad about you. Please choose another way."),
    ),
    Reason.EXPIRED.value: (
        "info",
        _(
            "For questions we need your Social Security number again. Go back one step and enter it. Nothing was counted."
        ),
    ),
    "sent_email": ("success", _("A code is on its way to your email.")),
    "sent_post": ("success", _("A letter with your code is on its way. It takes some days.")),
}


def way_to(page: str, **more: str | None) -> str:
    """A page of the upgrade, with the client's request that waits behind it."""
    asked = {name: value for name, value in {"request": request_handle(), **more}.items() if value}
    return f"{page}?{urlencode(asked)}" if asked else page


def parts_of(seen: Overview) -> list[tuple[str, bool]]:
    """The parts of Premium in words, each with whether it is there."""
    code = not {Method.CODE_EMAIL_OF_RECORD, Method.CODE_POST_OF_RECORD}.isdisjoint(seen.held)
    parts = [(gettext("A match with your record in DEERS"), Method.DEERS_MATCH in seen.held)]
    if is_online(seen):
        parts.append(
            (
                gettext("Right answers to questions about you, or a letter with a code"),
                seen.is_proven or Method.KBV in seen.held,
            )
        )
        parts.append((gettext("A code sent to an address that DEERS has for you"), code or seen.is_proven))
    else:
        parts.append((gettext("A visit in person"), seen.is_proven))
    parts.append((gettext("A second step at sign-in, such as an app on your phone"), seen.second_factor))
    return parts


def is_online(seen: Overview) -> bool:
    """Whether the policy has a road that needs no office."""
    return any(Method.IN_PERSON not in road for road in seen.missing)


def identity_page(
    me: SignedIn, journey: Journey, form: IdentityForm, *, status: int = 200, refused: Refused | None = None
) -> Response:
    form.id_number.data = ""
    return page("upgrade/identity.html", me, form, journey=journey, step=1, status=status, refused=refused)


def way_page(
    me: SignedIn,
    journey: Journey,
    form: WayForm,
    offered: tuple[Offer, ...],
    *,
    status: int = 200,
    refused: Refused | None = None,
) -> Response:
    closed = [(WAYS[one.way], _CLOSED[one.way, one.closed]) for one in offered if one.closed is not None]
    return page(
        "upgrade/way.html",
        me,
        form,
        journey=journey,
        step=2,
        status=status,
        refused=refused,
        closed=closed,
        any_open=len(closed) < len(offered),
        help_phone=services().settings.help_phone,
    )


def questions_page(me: SignedIn, journey: Journey, form: QuestionForm, *, status: int = 200) -> Response:
    if upgrade_questions.is_handed_in(journey):
        return page("upgrade/handed_in.html", me, form, journey=journey, step=2, status=status)
    asked = upgrade_questions.current(journey)
    if asked is None:
        return page("upgrade/questions.html", me, form, journey=journey, step=2, status=status)
    form.offer((str(place), words) for place, words in enumerate(asked.question.options))
    form.answer.label.text = asked.question.text
    response = page("upgrade/question.html", me, form, journey=journey, step=2, status=status, asked=asked)
    if not asked.is_over:
        # Without a script the page learns that its time is over by loading itself anew.
        response.headers["Refresh"] = f"{asked.seconds + 6}"
    return response


def address_page(
    me: SignedIn,
    journey: Journey,
    form: AddressForm,
    channel: Channel,
    *,
    status: int = 200,
    refused: Refused | None = None,
) -> Response:
    return page(
        "upgrade/address.html",
        me,
        form,
        journey=journey,
        step=3,
        status=status,
        refused=refused,
        by_post=channel is Channel.POST,
    )


def code_page(me: SignedIn, form: CodeForm, *, status: int = 200, refused: Refused | None = None) -> Response:
    with services().db.read() as conn:
        seen = upgrade_overview.overview(conn, services().settings.policy, me.account_id)
    by_post = [code for code in seen.codes if code.channel == Channel.POST.value]
    return page(
        "upgrade/code.html",
        me,
        form,
        step=3,
        status=status,
        refused=refused,
        any_code=bool(seen.codes),
        by_post=bool(by_post),
        by_email=len(seen.codes) > len(by_post),
    )


def page(
    template: str,
    me: SignedIn,
    form: StepForm | CodeForm,
    *,
    journey: Journey | None = None,
    step: int = 1,
    status: int = 200,
    refused: Refused | None = None,
    **context: object,
) -> Response:
    """One page. A refusal sets the status (429 where waiting helps) and says its reason to programs."""
    if isinstance(form, StepForm) and journey is not None:
        form.version.data = str(journey.version)
    if refused is not None:
        status = 429 if refused.retry_after is not None else 422
        context["error_code"] = refused.reason.value
    handle = request_handle()
    waiting = find_waiting(handle)
    said = SAID.get(request.args.get("said", "")) if status == 200 else None
    response = render(
        template,
        status=status,
        form_action=waiting.origins if waiting else (),
        form=form,
        me=me,
        steps=STEPS,
        step=step,
        request_url=way_to,
        continuing_to=waiting.client_name if waiting else "",
        back=continue_url(handle) if waiting else "/account",
        decline=decline_form(handle, me) if handle and waiting else None,
        notices=[(said[0], str(said[1]))] if said else [],
        **context,
    )
    return with_wait(response, refused.retry_after if refused else None)
