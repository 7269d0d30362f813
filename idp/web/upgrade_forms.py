"""The forms of an upgrade. What DEERS is asked with is the registration's form: the same facts, judged the same way."""

from collections.abc import Iterable

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the published types
from wtforms.validators import InputRequired

from idp.web.registration_forms import StepForm


class ChoiceOfFew(StepForm):
    """A form of one question with a few answers; which there are depends on the person."""

    field_name = ""

    def offer(self, choices: Iterable[tuple[str, str | LazyString]]) -> None:
        """Show these answers, and take none but these."""
        self[self.field_name].choices = [SelectChoice(value, words) for value, words in choices]

    def validate(self, extra_validators: dict[str, list[object]] | None = None) -> bool:
        """As usual; the answer is one of those offered."""
        sound = super().validate(extra_validators)
        field = self[self.field_name]
        if sound and field.data not in {choice.value for choice in field.choices}:
            field.errors = [*field.errors, _("Choose one of the answers.")]
            return False
        return sound


class WayForm(ChoiceOfFew):
    """How to go on: by what the code comes, with or without questions before it."""

    field_name = "delivery"
    delivery = RadioField(
        _("How do you want to show who you are?"),
        validate_choice=False,
        validators=[InputRequired(_("Choose one way."))],
    )


class QuestionForm(ChoiceOfFew):
    """One question of a vendor. `answer` is the place of the chosen option, never its words."""

    field_name = "answer"
    answer = RadioField("", validate_choice=False, validators=[InputRequired(_("Choose one of the answers."))])


class AddressForm(ChoiceOfFew):
    """Which address of record the code goes to."""

    field_name = "address"
    address = RadioField(
        _("Where should the code go?"), validate_choice=False, validators=[InputRequired(_("Choose one address."))]
    )


class GoForm(StepForm):
    """A page with nothing to fill in, and a button to go on."""
