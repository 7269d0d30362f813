"""The demo's mailbox: what the mail catcher caught, newest first. In production this page is not there."""

from flask import abort
from flask.typing import ResponseReturnValue

from idp.adapters.fake import CaughtMail, read_mailbox
from idp.web.pages import render, services
from idp.web.routes import Access, Csrf, Pages

pages = Pages("mailbox")
_NO_POST = Csrf.none("nothing can be posted")


@pages.route("/demo/mailbox", access=Access.DEMO, csrf=_NO_POST)
def list_mails() -> ResponseReturnValue:
    """Every mail of the demo."""
    return render("mailbox/list.html", mails=read_mailbox(services().settings.mailbox))


@pages.route("/demo/mailbox/<name>", access=Access.DEMO, csrf=_NO_POST)
def show_mail(name: str) -> ResponseReturnValue:
    """One mail, as text."""
    found: list[CaughtMail] = [mail for mail in read_mailbox(services().settings.mailbox) if mail.name == name]
    if not found:
        abort(404)
    return render("mailbox/mail.html", mail=found[0])
