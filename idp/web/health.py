"""Whether this process lives, and whether it can do its work. No detail: that is for `idp doctor` (R104)."""

from flask import Response, jsonify
from sqlalchemy import text

from idp.web.pages import services
from idp.web.routes import Access, Csrf, Pages

pages = Pages("health")
_NO_POST = Csrf.none("nothing can be posted")


@pages.route("/healthz", access=Access.MACHINE, csrf=_NO_POST)
def alive() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@pages.route("/readyz", access=Access.MACHINE, csrf=_NO_POST)
def ready() -> Response:
    """The database answers too; the fault handler says 503 when it does not."""
    with services().db.read() as conn:
        conn.execute(text("SELECT 1"))
    return jsonify({"status": "ok"})
