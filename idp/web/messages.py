"""The words for reasons. The domain says why in one word; here that word becomes a sentence for people."""

from datetime import timedelta
from math import ceil

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from idp.accounts.accounts import State
from idp.accounts.profile import Wrong
from idp.credentials.passwords import LONGEST, SHORTEST_ALONE, SHORTEST_WITH_SECOND_FACTOR
from idp.credentials.second_factor import Factor
from idp.outcomes import Reason, Refused


def _too_short(least: int) -> LazyString:
    return _(
        "This password is too short. Use %(least)s characters or more. A few words in a row are easy to remember.",
        least=least,
    )


_SENTENCES: dict[Reason, LazyString] = {
    Reason.WRONG_CREDENTIALS: _("The username or the password is not right. Please check both and try again."),
    Reason.TOO_MANY_TRIES: _("There were too many tries. Please wait a while and try again."),
    Reason.TRIES_USED_UP: _(
        "There were too many tries with this number, so we stopped them to protect its owner. The service center can open it "
        "again. Have your ID card ready."
    ),
    Reason.NOT_MATCHED: _("We could not match what you entered. Please check it against your ID card and try again."),
    Reason.WRONG_CODE: _("This code is not right. Please check it and try again."),
    Reason.CODE_DEAD: _("This code does not work any more. Please ask for a new one."),
    Reason.CODE_USED: _(
        "This code was used already. Each code works once. Please wait for the next one, or use another."
    ),
    Reason.CLOCK_OFF: _(
        "This code was right some minutes ago or will be right in some minutes: the clock of your phone is off. Set your "
        "phone to get its time from the network by itself. Then type the code that it shows."
    ),
    Reason.FACTOR_STOPPED: _(
        "Codes from your app are switched off, because there were too many wrong ones. Use a recovery code."
    ),
    Reason.WRONG_PASSKEY: _("This passkey could not be checked. Please try again, or sign in another way."),
    Reason.UNKNOWN_PASSKEY: _(
        "This passkey belongs to no account here. It may have been removed. Sign in another way."
    ),
    Reason.TOO_MANY: _("You have as many as one account may have. Remove one that you do not use any more."),
    Reason.NAME_NOT_ALLOWED: _("Enter a name of 1 to 60 letters, numbers and signs, such as “My phone”."),
    Reason.WOULD_FALL: _("Without this your account would fall to Basic. Check the box if that is what you want."),
    Reason.JOURNEY_GONE: _("This page has run out of time. Please start again."),
    Reason.WRONG_STEP: _("This step is not open right now. Please go on from the page that we show you."),
    Reason.ALREADY_DONE: _("This was already done. There is nothing more to do here."),
    Reason.USERNAME_TAKEN: _("This username is taken. Please choose another one."),
    Reason.USERNAME_NOT_ALLOWED: _(
        "Use 3 to 64 letters, numbers, dots, dashes or underscores. Start and end with a letter or a number. "
        "Do not use a Social Security number, a DoD ID number or a phone number."
    ),
    Reason.PASSWORD_TOO_SHORT: _too_short(SHORTEST_ALONE),
    Reason.PASSWORD_TOO_LONG: _("This password is too long. Use %(most)s characters or fewer.", most=LONGEST),
    Reason.PASSWORD_COMMON: _(
        "This password is easy to guess, because many people use it or because it is made of your username or the name "
        "of this service. Please choose another one."
    ),
    Reason.PASSWORD_BREACHED: _(
        "This password was stolen from another site, so thieves try it. Please choose another one, and change it "
        "everywhere you use it."
    ),
    Reason.PASSWORD_SAME: _("This is the password that you have now. Please choose another one."),
    Reason.ACCOUNT_NOT_ACTIVE: _("This account cannot be used right now."),
    Reason.ANSWERS_WRONG: _("Not all answers were right."),
    Reason.OUT_OF_TIME: _("The time for this has run out."),
    Reason.STOPPED: _("You stopped this."),
    Reason.NO_QUESTIONS: _("There are no questions about you to ask. Please choose another way."),
    Reason.NOT_VOUCHED: _(
        "DEERS cannot confirm your record right now. Please ask a DEERS or ID card office, then the service center."
    ),
    Reason.NOT_YET: _("This works only later. Please try again then."),
    Reason.NOT_FOUND: _("We could not find that."),
    Reason.NOT_ALLOWED: _("You may not do that."),
    Reason.REPLAYED: _("This was already used. Please start again."),
    Reason.EXPIRED: _("This has run out of time. Please start again."),
}

_WRONG: dict[Wrong, LazyString] = {
    Wrong.TOO_LONG: _("This is too long."),
    Wrong.NOT_TEXT: _("Use letters, numbers and common signs only."),
    Wrong.NOT_AN_ADDRESS: _("Enter a web address that starts with https://"),
    Wrong.NOT_A_DATE: _("Enter a real date that is not in the future."),
    Wrong.NOT_A_ZONE: _("Choose a time zone from the list."),
    Wrong.NOT_A_LOCALE: _("Enter a language such as en-US or es."),
    Wrong.NOT_A_PHONE: _("Enter a phone number that starts with + and the country code, such as +1 555 555 0100."),
    Wrong.IS_USERNAME: _("Choose another name. The username that you sign in with is never shown to other sites."),
}

_STRENGTHS = (
    _("Very weak. It is guessed at once."),
    _("Weak. It is easy to guess. Add a few words."),
    _("Fair. A longer one is safer."),
    _("Good."),
    _("Strong."),
)

_STATES: dict[State, LazyString] = {
    State.SUSPENDED: _("Your account is paused because there were too many wrong tries or a sign of misuse."),
    State.LOCKED: _(
        "Your account is locked. We lock an account to protect it: when somebody tells us “This was not me” with a link "
        "from our emails, or when the service center sees a reason to."
    ),
    State.INACTIVE: _("Your account is switched off because it was not used for a long time."),
    State.IDENTITY_CONFLICT: _(
        "Something about your record in DEERS is not clear. Until it is put right, your account is held."
    ),
    State.DECEASED: _(
        "Our records say that the owner of this account has died. If this is a mistake, we can correct it."
    ),
    State.CLOSED: _("This account was closed. You can register again."),
}


def sentence(reason: Reason) -> LazyString:
    """What happened and what to do, in one or two short sentences."""
    return _SENTENCES[reason]


def password(reason: Reason, *, alone: bool) -> LazyString:
    """Why a new password is refused; `alone` where no second factor stands beside it."""
    if reason is Reason.PASSWORD_TOO_SHORT and not alone:
        return _too_short(SHORTEST_WITH_SECOND_FACTOR)
    return sentence(reason)


def strength(score: int) -> LazyString:
    """How strong an allowed password looks, of 0 to 4."""
    return _STRENGTHS[score]


def busy() -> LazyString:
    """Nothing was checked, because too many wait already."""
    return _("Many people are signing in right now. Please try again in a few seconds.")


def refusal(refused: Refused) -> str:
    """The sentence for a refusal; where waiting helps, how long."""
    if refused.retry_after is None:
        return str(sentence(refused.reason))
    return str(
        gettext("There were too many tries. Please wait %(time)s and try again.", time=in_words(refused.retry_after))
    )


_STOPPED: dict[Factor, LazyString] = {
    Factor.TOTP: _SENTENCES[Reason.FACTOR_STOPPED],
    Factor.PASSKEY: _("This passkey is switched off, because it failed too often. Use another way, then add it again."),
    Factor.RECOVERY_CODE: _("Recovery codes are switched off, because there were too many wrong ones."),
}


def stopped(factor: Factor) -> str:
    """That too many failures stopped this factor, and what to use instead."""
    return str(_STOPPED[factor])


def wrong(fault: Wrong) -> LazyString:
    """What is wrong with one part of a profile."""
    return _WRONG[fault]


def state(state: State) -> LazyString:
    """Why an account cannot be used, told to its owner alone, after the right password (R23)."""
    return _STATES[state]


def in_words(span: timedelta) -> str:
    """A waiting time, rounded up to what a person counts in."""
    seconds = max(1, ceil(span.total_seconds()))
    if seconds < 60:
        return str(ngettext("%(num)s second", "%(num)s seconds", seconds))
    minutes = ceil(seconds / 60)
    if minutes < 60:
        return str(ngettext("%(num)s minute", "%(num)s minutes", minutes))
    hours = ceil(minutes / 60)
    if hours < 48:
        return str(ngettext("%(num)s hour", "%(num)s hours", hours))
    return str(ngettext("%(num)s day", "%(num)s days", ceil(hours / 24)))
