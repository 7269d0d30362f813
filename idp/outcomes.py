"""How an expected "no" is said: returned, never raised, so that what was counted or revoked stays written."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Reason(StrEnum):
    """Why not. The values go to the audit log and to `data-error`; `web/messages.py` has the words for people."""

    WRONG_CREDENTIALS = "wrong_credentials"
    TOO_MANY_TRIES = "too_many_tries"
    TRIES_USED_UP = "tries_used_up"
    NOT_MATCHED = "not_matched"
    WRONG_CODE = "wrong_code"
    CODE_DEAD = "code_dead"
    CODE_USED = "code_used"
    CLOCK_OFF = "clock_off"
    FACTOR_STOPPED = "factor_stopped"
    WRONG_PASSKEY = "wrong_passkey"
    UNKNOWN_PASSKEY = "unknown_passkey"
    TOO_MANY = "too_many"
    NAME_NOT_ALLOWED = "name_not_allowed"
    WOULD_FALL = "would_fall"
    JOURNEY_GONE = "journey_gone"
    WRONG_STEP = "wrong_step"
    ALREADY_DONE = "already_done"
    USERNAME_TAKEN = "username_taken"
    USERNAME_NOT_ALLOWED = "username_not_allowed"
    PASSWORD_TOO_SHORT = "password_too_short"
    PASSWORD_TOO_LONG = "password_too_long"
    PASSWORD_COMMON = "password_common"
    PASSWORD_BREACHED = "password_breached"
    PASSWORD_SAME = "password_same"
    ACCOUNT_NOT_ACTIVE = "account_not_active"
    ANSWERS_WRONG = "answers_wrong"
    OUT_OF_TIME = "out_of_time"
    STOPPED = "stopped"
    NO_QUESTIONS = "no_questions"
    NOT_YET = "not_yet"
    NOT_VOUCHED = "not_vouched"
    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    REPLAYED = "replayed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Refused:
    """An expected "no". `retry_after` is set where waiting helps."""

    reason: Reason
    retry_after: timedelta | None = None
