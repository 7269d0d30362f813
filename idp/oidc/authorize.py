"""The authorization endpoint without HTTP: a request comes, waits on our pages, comes back, and is answered once."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from idp import audit, clock, crypto, logs
from idp.audit import Event
from idp.credentials import sessions
from idp.credentials.sessions import SignedIn
from idp.oidc import authorizations, consents, hints, parked, prompts, request, subjects, targets
from idp.oidc.clients import Client
from idp.oidc.context import Context
from idp.oidc.errors import BadRequest, BadRequestPage
from idp.oidc.parameters import Params, with_fragment, with_parameters
from idp.oidc.parked import Parked
from idp.oidc.prompts import Progress, Prompt
from idp.oidc.request import Asked

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Browser:
    """What the browser holds: its sign-in, the digest of that session's cookie, and the handle its requests are bound to."""

    signed_in: SignedIn | None
    session_digest: str | None
    flow: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Back to the client: the whole address, with a code or an error in it; or, where the client asked for a form, the bare
    address and what the form holds.
    """

    location: str
    form: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """On to one of our pages. `flow` is the handle that the browser must hold from now on."""

    prompt: Prompt
    handle: str
    flow: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What our pages may know of the request that waits behind them."""

    parked: Parked
    client: Client

    @property
    def asked(self) -> Asked:
        """What the client wants."""
        return self.parked.asked


def begin(context: Context, params: Params, browser: Browser) -> Answer | Page:
    """Take a new request. Raises `BadRequestPage` while it is not sure who asks; afterwards every outcome has an address."""
    asking = request.who_is_asking(params, context.clients)
    try:
        asked = request.what_is_asked(
            asking, context.settings.pkce_required, lambda hint, c: _hinted_sub(context, hint, c)
        )
        targets.check_requested(context, asking.client, asked.resources)
    except BadRequest as wrong:
        log.info("authorization request refused", error=wrong.error, detail=wrong.detail, client=asking.client.id)
        to = _To(asking.redirect_uri, params.get("state"), request.mode_of(asking))
        return _error(context, to, wrong.error, wrong.description)
    prompt = _next(context, asked, asking.client, Progress(parked_at=clock.now()), browser.signed_in)
    if prompt is None and browser.signed_in is not None:
        return _grant(context, asked, asking.client, browser.signed_in, waiting=None)
    if prompt is None or prompt in prompts.DEAD_ENDS or "none" in asked.prompts:
        return _told(context, asked, prompt or Prompt.SIGN_IN)
    handle = crypto.new_handle()
    flow = browser.flow or crypto.new_handle()
    context.db.write(
        lambda conn: parked.park(
            conn, context.keyring, asked, handle=handle, browser=flow, session_digest=browser.session_digest
        )
    )
    return Page(prompt, handle, flow)


def find_waiting(context: Context, handle: str | None, flow: str | None) -> Waiting | None:
    """The request behind a page, if it still waits for this browser."""
    if handle is None or flow is None:
        return None
    with context.db.read() as conn:
        found = parked.find_parked(conn, context.keyring, handle, browser=flow)
    client = context.clients.find(found.asked.client_id) if found else None
    return None if found is None or client is None else Waiting(found, client)


def resume(context: Context, handle: str, browser: Browser) -> Answer | Page:
    """Ask again what is in the way, and answer the client if nothing is. Raises `BadRequestPage` when nothing waits here."""
    waiting = find_waiting(context, handle, browser.flow)
    if waiting is None or browser.flow is None:
        raise BadRequestPage("request_gone", "no such request waits for this browser")
    asked, client = waiting.asked, waiting.client
    progress = waiting.parked.progress(browser.session_digest)
    prompt = _next(context, asked, client, progress, browser.signed_in)
    if prompt is None and browser.signed_in is not None:
        return _grant(context, asked, client, browser.signed_in, waiting=waiting)
    if prompt is None or prompt not in prompts.DEAD_ENDS:
        return Page(prompt or Prompt.SIGN_IN, handle, browser.flow)
    return end(context, waiting, browser.signed_in, *prompts.ERRORS[prompt])


def end(
    context: Context,
    waiting: Waiting,
    signed_in: SignedIn | None,
    error: str,
    description: str,
    *,
    denied: bool = False,
) -> Answer:
    """Answer a waiting request with an error; `denied` by the person. Raises `BadRequestPage` if it was answered meanwhile."""

    def finish(conn: Connection) -> bool:
        if not parked.claim_done(conn, waiting.parked):
            return False
        if denied and signed_in is not None:
            consents.deny(conn, signed_in, client_id=waiting.client.id, scopes=waiting.asked.scopes)
        audit.record(
            conn,
            Event.AUTHORIZATION_REFUSED,
            actor=signed_in.account_id if signed_in else audit.ANONYMOUS,
            subject=signed_in.person_id if signed_in else None,
            client=waiting.client.id,
            error=error,
            detail=description,
        )
        return True

    if not context.db.write(finish):
        raise BadRequestPage("request_gone", "answered meanwhile")
    return _error(context, _to(waiting.asked), error, description)


def allow(context: Context, waiting: Waiting, signed_in: SignedIn) -> bool:
    """The person said yes to exactly what waits. The next `resume` answers the client."""
    wanted = consents.wanted(waiting.asked, issuer=context.issuer)

    def note(conn: Connection) -> bool:
        noted = parked.note_consent(conn, waiting.parked, signed_in.account_id)
        if noted:
            consents.give(conn, signed_in, client_id=waiting.client.id, wanted=wanted)
        return noted

    return context.db.write(note)


def deny(context: Context, waiting: Waiting, signed_in: SignedIn) -> Answer:
    """The person said no (RFC 6749 §4.1.2.1)."""
    return end(context, waiting, signed_in, "access_denied", "the person did not allow it", denied=True)


def choose_account(context: Context, waiting: Waiting, signed_in: SignedIn) -> bool:
    """The person goes on as who they are signed in as."""
    return context.db.write(lambda conn: parked.select_account(conn, waiting.parked, signed_in.account_id))


def decline(context: Context, waiting: Waiting, signed_in: SignedIn) -> bool:
    """The person goes no higher for this request. The next `resume` tells the client the truth, or that it is not enough."""

    def note(conn: Connection) -> bool:
        noted = parked.note_decline(conn, waiting.parked, signed_in.account_id)
        if noted:
            audit.record(
                conn,
                Event.STEP_DECLINED,
                actor=signed_in.account_id,
                subject=signed_in.person_id,
                client=waiting.client.id,
                account=signed_in.account_id,
            )
        return noted

    return context.db.write(note)


def _next(
    context: Context, asked: Asked, client: Client, progress: Progress, signed_in: SignedIn | None
) -> Prompt | None:
    needed = consents.is_needed(client, asked)
    remembered = False
    if needed and signed_in is not None and consents.may_be_remembered(client, asked):
        with context.db.read() as conn:
            remembered = _remembers(context, conn, asked, signed_in)
    return prompts.next_prompt(
        asked,
        progress,
        signed_in,
        sub=subjects.sub_for(context.keyring, client, signed_in.subject_id) if signed_in else None,
        min_acr=client.min_acr,
        consent=prompts.Consent(needed=needed, remembered=remembered),
        now=clock.now(),
    )


def _grant(context: Context, asked: Asked, client: Client, signed_in: SignedIn, *, waiting: Waiting | None) -> Answer:
    drafted = authorizations.draft(context.keyring, client, asked, signed_in)

    def issue(conn: Connection) -> bool:
        # The session may have ended since it was seen, and what it grants for offline use would outlive that (R87).
        if not sessions.hold(conn, signed_in.session_id):
            return False
        # A consent may have been withdrawn since it was seen (R120); whoever allowed this request a moment ago has one.
        if consents.is_needed(client, asked) and not _remembers(context, conn, asked, signed_in):
            return False
        if waiting is not None and not parked.claim_done(conn, waiting.parked):
            return False
        authorizations.keep(conn, drafted)
        return True

    if not context.db.write(issue):
        raise BadRequestPage("request_gone", "answered meanwhile")
    return _answer(context, _to(asked), {"code": drafted.code})


def _remembers(context: Context, conn: Connection, asked: Asked, signed_in: SignedIn) -> bool:
    return consents.remembers(
        conn,
        account_id=signed_in.account_id,
        person_id=signed_in.person_id,
        client_id=asked.client_id,
        wanted=consents.wanted(asked, issuer=context.issuer),
    )


def _told(context: Context, asked: Asked, prompt: Prompt) -> Answer:
    error, description = prompts.ERRORS[prompt]
    log.info("authorization request refused", error=error, detail=prompt.value, client=asked.client_id)
    return _error(context, _to(asked), error, description)


@dataclass(frozen=True, slots=True)
class _To:
    """Where an answer goes, and how it gets there."""

    redirect_uri: str
    state: str | None
    mode: str


def _to(asked: Asked) -> _To:
    return _To(asked.redirect_uri, asked.state, asked.response_mode)


def _error(context: Context, to: _To, error: str, description: str) -> Answer:
    return _answer(context, to, {"error": error, "error_description": description})


def _answer(context: Context, to: _To, members: dict[str, str]) -> Answer:
    """Errors too carry `state` and `iss`, so that a client knows which request and which server it hears (RFC 9207, R114)."""
    if to.state is not None:
        members["state"] = to.state
    members["iss"] = context.issuer
    if to.mode == "fragment":
        return Answer(with_fragment(to.redirect_uri, members))
    if to.mode == "form_post":
        # Only the refusal of a state that no form can carry comes here with such a state.
        return Answer(to.redirect_uri, {name: value for name, value in members.items() if request.is_text(value)})
    return Answer(with_parameters(to.redirect_uri, members))


def _hinted_sub(context: Context, hint: str, client: Client) -> str | None:
    claims = hints.open_id_token(context.keys.now(), hint, issuer=context.issuer)
    return str(claims["sub"]) if claims is not None and claims["aud"] == client.id else None
