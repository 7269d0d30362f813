"""The account pages: who one is here, what one says about oneself, and where one is signed in."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from wtforms import SelectField, StringField
from wtforms.validators import Optional

from idp.accounts import accounts, addresses, profile
from idp.accounts.accounts import Account
from idp.credentials import ceremonies, passkeys, passwords, recovery_codes, session_list, totp
from idp.journeys import upgrade_overview
from idp.web import keeping, messages
from idp.web import sessions as session_pages
from idp.web.forms import Form
from idp.web.pages import redirect_to, render, services, the_signed_in
from idp.web.routes import Access, Csrf, Pages
from idp.web.upgrade_pages import parts_of

pages = Pages("account")
_NO_POST = Csrf.none("nothing can be posted")


class ProfileForm(Form):
    """The claims that a person may type, by their OIDC names (OIDC Core §5.1). `profile.check` judges them."""

    given_name = StringField(_("First name"), validators=[Optional()])
    middle_name = StringField(_("Middle name"), validators=[Optional()])
    family_name = StringField(_("Last name"), validators=[Optional()])
    name = StringField(_("Full name"), validators=[Optional()])
    nickname = StringField(_("Nickname"), validators=[Optional()])
    preferred_username = StringField(_("Name to show on other sites"), validators=[Optional()])
    birthdate = StringField(_("Date of birth"), validators=[Optional()])
    gender = StringField(_("Gender"), validators=[Optional()])
    locale = StringField(_("Language"), validators=[Optional()])
    zoneinfo = SelectField(_("Time zone"), validators=[Optional()], validate_choice=False)
    profile = StringField(_("Your page"), validators=[Optional()])
    picture = StringField(_("Address of a picture of you"), validators=[Optional()])
    website = StringField(_("Website"), validators=[Optional()])
    phone_number = StringField(_("Phone"), validators=[Optional()])
    address = StringField(_("Mailing address"), validators=[Optional()])


@pages.route("/account", access=Access.SIGNED_IN, csrf=_NO_POST)
def show() -> ResponseReturnValue:
    """Who one is here."""
    me = the_signed_in()
    with services().db.read() as conn:
        account = _own(accounts.find_account(conn, me.account_id))
        emails = addresses.list_emails(conn, services().keyring, me.account_id)
        live = session_list.list_live(conn, services().keyring, me.account_id)
        said = profile.read(conn, services().keyring, me.account_id)
        app = totp.find(conn, me.account_id)
        password = passwords.find_password(conn, me.account_id)
        codes_left = recovery_codes.count_left(conn, me.account_id)
        keys = passkeys.list_own(conn, services().keyring, me.account_id)
        premium = upgrade_overview.overview(conn, services().settings.policy, me.account_id)
    done = _DONE.get(request.args.get("done", ""))
    return render(
        "account/show.html",
        me=me,
        account=account,
        emails=emails,
        live=live,
        said=said,
        app=app,
        password=password,
        codes_left=codes_left,
        passkeys=keys,
        # The browser hears which passkeys still count, and may forget the others (WebAuthn L3 §5.1.10).
        passkey_owner=passkeys.user_handle(me.account_id),
        credential_ids=" ".join(one.credential_id for one in keys),
        rp_id=ceremonies.site_of(services().settings).rp_id,
        codes_few=codes_left <= recovery_codes.FEW,
        premium_wanted=account.wanted_level > account.level,
        premium_missing=[words for words, there in parts_of(premium) if not there],
        notices=[("success", str(done))] if done else [],
    )


@pages.route("/account/profile", methods=("GET", "POST"), access=Access.SIGNED_IN, csrf=Csrf.FORM, keeps=True)
def edit_profile() -> ResponseReturnValue:
    """What one says about oneself."""
    me = the_signed_in()
    form = ProfileForm()
    form.zoneinfo.choices = [("", _("None")), *((zone, zone.replace("_", " ")) for zone in profile.zones())]
    keyring = services().keyring
    if request.method != "POST":
        with services().db.read() as conn:
            held = profile.read(conn, keyring, me.account_id)
        kept = keeping.find(me)
        for name in profile.NAMES:
            form[name].data = kept.get(name, held.get(name, ""))
        return render("account/profile.html", form=form, kept=bool(kept))
    sound = form.validate()
    typed = {name: form[name].data or "" for name in profile.NAMES}
    faults = profile.check(typed, username=me.username)
    for name, fault in faults.items():
        form[name].errors = [messages.wrong(fault)]
    if faults or not sound:
        return render("account/profile.html", form=form, status=422)
    changed = services().db.write(
        lambda conn: profile.save(conn, keyring, account_id=me.account_id, person_id=me.person_id, typed=typed)
    )
    return keeping.forget(me, redirect_to("/account?done=profile" if changed else "/account?done=nothing"))


_DONE = {
    "password": _("Your password was changed. You are signed out everywhere else."),
    "profile": _("Your profile was saved."),
    "nothing": _("You changed nothing, so your profile is as it was."),
    **session_pages.DONE,
    "passkey_name": _("Your passkey has its new name."),
    "factor_removed": _("It was removed. It opens nothing here any more."),
}


def _own(account: Account | None) -> Account:
    if account is None:
        raise LookupError("a live session without its account")
    return account
