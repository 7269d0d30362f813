"""The demo's mailbox: what the mail catcher caught and which letters wait to be printed. In production it is not there."""

from flask import Response, abort
from flask.typing import ResponseReturnValue

from idp.adapters.fake import CaughtMail, read_mailbox
from idp.adapters.letters import read_letters
from idp.web.pages import render, services
from idp.web.routes import Access, Csrf, Pages

pages = Pages("mailbox")
_NO_POST = Csrf.none("nothing can be posted")


@pages.route("/demo/mailbox", access=Access.DEMO, csrf=_NO_POST)
def list_mails() -> ResponseReturnValue:
    """Every mail and letter of the demo."""
    settings = services().settings
    return render(
        "mailbox/list.html",
        mails=read_mailbox(settings.mailbox),
        letters=read_letters(settings.letters) if settings.letters else [],
    )


@pages.route("/demo/letters/<name>.pdf", access=Access.DEMO, csrf=_NO_POST)
def show_letter(name: str) -> ResponseReturnValue:
    """One letter, as the print shop gets it."""
    folder = services().settings.letters
    if folder is None or name not in {letter.name for letter in read_letters(folder)}:
        abort(404)
    return Response((folder / f"{name}.pdf").read_bytes(), mimetype="application/pdf")


@pages.route("/demo/mailbox/<name>", access=Access.DEMO, csrf=_NO_POST)
def show_mail(name: str) -> ResponseReturnValue:
    """One mail, as text."""
    found: list[CaughtMail] = [mail for mail in read_mailbox(services().settings.mailbox) if mail.name == name]
    if not found:
        abort(404)
    return render("mailbox/mail.html", mail=found[0])
