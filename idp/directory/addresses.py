"""Which address of record speaks for a person: one held long enough, set by themself, and held for nobody else.

A fresh address, or one that somebody else put on file, may be an impostor's; a shared one reaches the family as well.
"""

from datetime import date, timedelta

from idp.directory.records import ChangedBy, Facts, Postal

HELD_FOR = timedelta(days=30)
"""How long the authority must have held an address before it counts."""

MOST_EMAILS = 5
"""E-mail addresses in one record at the most (`records.Facts.emails`)."""


def settled_emails(facts: Facts, today: date) -> list[str]:
    """The e-mail addresses that count if nobody else has them, in the order of the record."""
    return [
        email.address
        for email in facts.emails
        if today - email.since >= HELD_FOR and email.changed_by is ChangedBy.SELF
    ]


def settled_posts(facts: Facts, today: date) -> list[Postal]:
    """The postal addresses that count, the newest first. One that others share counts too, with a notice and a wait."""
    held = [post for post in facts.postal if today - post.since >= HELD_FOR and post.changed_by is ChangedBy.SELF]
    return sorted(held, key=lambda post: post.since, reverse=True)
