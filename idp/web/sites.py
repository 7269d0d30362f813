"""The sites that a person shares with: what each was allowed, and the way to stop it (R120)."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _

from idp.oidc import consents
from idp.web.claim_words import allowed
from idp.web.pages import redirect_to, render, services, the_signed_in
from idp.web.routes import Access, Csrf, Pages

pages = Pages("sites")

_DONE = {
    "stopped": _("You no longer share with this site. It cannot get anything about you until you allow it again."),
    "nothing": _("There was nothing left to stop. You did not share with this site any more."),
}


@pages.route("/account/sites", access=Access.SIGNED_IN, csrf=Csrf.none("nothing can be posted"))
def show() -> ResponseReturnValue:
    """Every site, with what it was allowed and when."""
    with services().db.read() as conn:
        sites = consents.list_sites(conn, the_signed_in().account_id)
    done = _DONE.get(request.args.get("done", ""))
    return render(
        "sites/list.html",
        sites=[(site, allowed(site.scopes, site.claims)) for site in sites],
        notices=[("success", str(done))] if done else [],
    )


@pages.route("/account/sites/stop", methods=("POST",), access=Access.SIGNED_IN, csrf=Csrf.FORM)
def stop() -> ResponseReturnValue:
    """Take a consent back; what the site got dies with it."""
    me = the_signed_in()
    chosen = request.form.get("client_id", "")
    known = chosen.isascii() and chosen.isprintable() and len(chosen) <= 200
    done = known and services().db.write(lambda conn: consents.withdraw(conn, me, chosen))
    return redirect_to("/account/sites?done=stopped" if done else "/account/sites?done=nothing")
