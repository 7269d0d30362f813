"""The forms of a registration: what may be typed, and what is said when it was typed otherwise.

Every field has a longest length and may come once: what is sent twice is refused rather than half read.
"""

import re
import unicodedata
from datetime import date

from flask import request
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from wtforms import Field, HiddenField, PasswordField, RadioField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the published types
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, Optional, ValidationError

from idp import clock
from idp.ports import Claimed, IdKind
from idp.proofing.policy import Delivery
from idp.web.forms import Form

_OLDEST_YEAR = 1880
_DIGITS = {IdKind.SSN: 9, IdKind.DOD_ID: 10}
_BETWEEN_DIGITS = re.compile(r"[\s.\-\u2010-\u2015]+")
_NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]",
    re.ASCII,
)
_LONGEST_EMAIL = 254
_TOO_LONG = _("This is too long.")
_BORN = _("Enter your date of birth: month, day and year.")
_NOT_A_DATE = _("Enter a real date of birth, such as 2 14 1985.")
_LATER = _("Your date of birth must be in the past.")


def _strip(value: str | None) -> str:
    return (value or "").strip()


def _plain(_form: Form, field: Field) -> None:
    """Letters and signs, none that control a terminal or a line of a mail."""
    if any(unicodedata.category(character).startswith("C") for character in field.data or ""):
        raise ValidationError(str(_("Use letters, spaces, dashes and apostrophes.")))


class OnceForm(Form):
    """A form whose fields may each come once."""

    def validate(self, extra_validators: dict[str, list[object]] | None = None) -> bool:
        """As usual, and no field was sent twice."""
        sound: bool = super().validate(extra_validators)
        for field in self:
            if len(request.form.getlist(field.name)) > 1 and field.name != "csrf_token":
                _refuse(_("This was sent more than once. Please fill it in again."), field)
                sound = False
        return sound


class StepForm(OnceForm):
    """A form of one step. `version` is the journey's as the page showed it, so that a second click is known as one."""

    version = HiddenField()


class StartForm(OnceForm):
    """Which level somebody would like."""

    level = RadioField(
        _("Which account do you want?"),
        choices=[
            SelectChoice("basic", _("Basic (Level 1)")),
            SelectChoice("premium", _("Premium (Level 2): identity verified, free")),
        ],
        default="basic",
        validate_choice=False,
        validators=[
            InputRequired(_("Choose Basic or Premium.")),
            AnyOf(("basic", "premium"), message=_("Choose Basic or Premium.")),
        ],
    )
    request = HiddenField()


class IdentityForm(StepForm):
    """Who somebody says they are. The number is never sent back to the page (R78)."""

    given_name = StringField(
        _("First name"),
        filters=[_strip],
        validators=[DataRequired(_("Enter your first name.")), Length(max=80, message=_TOO_LONG), _plain],
    )
    family_name = StringField(
        _("Last name"),
        filters=[_strip],
        validators=[DataRequired(_("Enter your last name.")), Length(max=80, message=_TOO_LONG), _plain],
    )
    birth_month = StringField(_("Month"), filters=[_strip], validators=[DataRequired(_BORN)])
    birth_day = StringField(_("Day"), filters=[_strip], validators=[DataRequired(_BORN)])
    birth_year = StringField(_("Year"), filters=[_strip], validators=[DataRequired(_BORN)])
    id_kind = RadioField(
        _("Which number do you want to give?"),
        choices=[
            SelectChoice(IdKind.SSN.value, _("Social Security number")),
            SelectChoice(IdKind.DOD_ID.value, _("DoD ID number")),
        ],
        validate_choice=False,
        validators=[
            InputRequired(_("Choose which number you give.")),
            AnyOf([kind.value for kind in IdKind], message=_("Choose which number you give.")),
        ],
    )
    id_number = StringField(
        _("Your number"),
        filters=[_strip],
        validators=[DataRequired(_("Enter your number.")), Length(max=40, message=_TOO_LONG)],
    )

    def validate(self, extra_validators: dict[str, list[object]] | None = None) -> bool:
        """As usual; the three parts make a day of the past, and the number has the digits of its kind."""
        sound = super().validate(extra_validators)
        parts = (self.birth_month, self.birth_day, self.birth_year)
        if not any(part.errors for part in parts) and (wrong := self._wrong_date()) is not None:
            _refuse(wrong, *parts)
            sound = False
        if not self.id_kind.errors and not self.id_number.errors and not self._is_number():
            _refuse(
                _("A Social Security number has 9 digits. You can leave out the dashes.")
                if self.id_kind.data == IdKind.SSN.value
                else _("A DoD ID number has 10 digits. It is on the back or front of your ID card."),
                self.id_number,
            )
            sound = False
        return sound

    @property
    def claimed(self) -> Claimed:
        """What was said, once the form is sound."""
        return Claimed(
            given_name=self.given_name.data or "",
            family_name=self.family_name.data or "",
            born=self._born(),
            id_kind=IdKind(self.id_kind.data),
            id_number=self._bare_number(),
        )

    def _born(self) -> date:
        parts = [part.data or "" for part in (self.birth_year, self.birth_month, self.birth_day)]
        if not all(_NUMBER.fullmatch(part) for part in parts):
            raise ValueError("not numbers")
        year, month, day = map(int, parts)
        return date(year, month, day)

    def _wrong_date(self) -> LazyString | None:
        try:
            born = self._born()
        except ValueError:
            return _NOT_A_DATE
        if born > clock.now().date():
            return _LATER
        return _NOT_A_DATE if born.year < _OLDEST_YEAR else None

    def _bare_number(self) -> str:
        return _BETWEEN_DIGITS.sub("", self.id_number.data or "")

    def _is_number(self) -> bool:
        bare = self._bare_number()
        return bare.isascii() and bare.isdigit() and len(bare) == _DIGITS[IdKind(self.id_kind.data)]


class DeliveryForm(StepForm):
    """How the code should come. Which ways there are depends on the policy."""

    delivery = RadioField(
        _("How do you want to get your code?"),
        validate_choice=False,
        validators=[InputRequired(_("Choose how you want to get your code."))],
    )
    email = StringField(
        _("Email address"), filters=[_strip], validators=[Optional(), Length(max=_LONGEST_EMAIL, message=_TOO_LONG)]
    )

    def offer(self, ways: dict[Delivery, LazyString], *, typed: bool) -> None:
        """Show these ways; `typed` when a mailed code goes where the person says."""
        self.delivery.choices = [SelectChoice(way.value, words) for way, words in ways.items()]
        self._offered = frozenset(way.value for way in ways)
        self._typed = typed
        if not typed:
            del self.email

    def validate(self, extra_validators: dict[str, list[object]] | None = None) -> bool:
        """As usual; the way is one of those offered, and a mailed code has somewhere to go."""
        sound = super().validate(extra_validators)
        if not self.delivery.errors and self.delivery.data not in self._offered:
            _refuse(_("Choose how you want to get your code."), self.delivery)
            return False
        if self._typed and self.delivery.data == Delivery.EMAIL.value and not self.email.errors:
            if not self.email.data:
                _refuse(_("Enter the email address for your code."), self.email)
                sound = False
            elif not _EMAIL.fullmatch(self.email.data):
                _refuse(_("Enter an email address such as name@example.com."), self.email)
                sound = False
        return sound


class ShownCodeForm(Form):
    """The page that shows a code: nothing to fill in, one button to go on."""


class CodeForm(OnceForm):
    """The code as it is typed: any case, with or without its dash."""

    activation_code = StringField(
        _("Activation code"),
        filters=[_strip],
        validators=[DataRequired(_("Enter your code.")), Length(max=64, message=_("This code is too long."))],
    )


class AccountForm(StepForm):
    """The username and password of the new account. `accounts` and `passwords` judge them."""

    new_username = StringField(
        _("Username"),
        filters=[_strip],
        validators=[DataRequired(_("Choose a username.")), Length(max=256, message=_TOO_LONG)],
    )
    new_password = PasswordField(_("Password"), validators=[InputRequired(_("Choose a password."))])


def _refuse(words: LazyString, *fields: Field) -> None:
    for field in fields:
        field.errors = [*field.errors, words]
