"""The demo's crib: what a person who plays one of the invented people needs to know, and the app that they may not have."""

import pyotp
from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from wtforms import StringField
from wtforms.validators import DataRequired, Regexp

from idp import clock
from idp.adapters import fake_kbv
from idp.directory import cast
from idp.web.forms import Form
from idp.web.pages import render
from idp.web.routes import Access, Csrf, Pages

pages = Pages("crib")


class AppForm(Form):
    """The secret that a page of the provider shows beside its picture."""

    secret = StringField(
        _("Secret"),
        filters=[lambda typed: "".join((typed or "").split()).upper()],
        validators=[
            DataRequired(_("Enter the secret.")),
            Regexp(r"[A-Z2-7]{24,64}\Z", message=_("A secret has letters, and numbers from 2 to 7.")),
        ],
    )


@pages.route("/demo/questions", access=Access.DEMO, csrf=Csrf.none("nothing can be posted"))
def questions() -> ResponseReturnValue:
    """The right answers to the stand-in vendor's questions, for everybody of the cast."""
    people = [
        (f"{one.given_name} {one.family_name}", [(text, right) for text, right, _ in fake_kbv.history(one.ssn).asked])
        for one in cast.people(clock.now().date())
        if one.ssn is not None
    ]
    return render("crib/questions.html", people=people)


@pages.route("/demo/app", methods=("GET", "POST"), access=Access.DEMO, csrf=Csrf.FORM)
def app() -> ResponseReturnValue:
    """An app that makes sign-in codes, for who has none at hand. It keeps nothing."""
    form = AppForm()
    sound = request.method == "POST" and form.validate()
    moment = clock.now()
    return render(
        "crib/app.html",
        status=200 if sound or request.method != "POST" else 422,
        form=form,
        code=pyotp.TOTP(form.secret.data or "").at(moment) if sound else "",
        seconds=30 - clock.epoch(moment) % 30,
    )
