"""When an account of the shop is deleted: what we have of it, and that it goes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from portal.database import Unit
from portal.store.limits import MARK


@dataclass(frozen=True, slots=True)
class Left:
    """What his account was linked to, by id, when it went."""

    contacts: list[int]
    tickets: list[int]
    emails: list[str]


def forget(unit: Unit, user_id: int) -> Left:
    """Delete his links, own tickets, orders' tickets, profile, visits, ratings, traces, counters, what he takes away,
    whom the help desk was told he is, all his jobs with their files, and whatever operators have said of his account.

    A message of his that is running ends without being ours any more (store/queue.py), and so leaves nothing behind.
    """
    told = {"user": user_id}
    left = Left(
        [int(contact) for contact in unit.state.execute(_CONTACTS, told).scalars()],
        [int(ticket) for ticket in unit.state.execute(_TICKETS, told).scalars()],
        [email.decode("utf-8", "replace") for email in unit.state.execute(_EMAILS, told).scalars()],
    )
    for statement in _FORGET:
        unit.state.execute(statement, told)
    unit.state.execute(_COUNTERS, {name: f"{MARK}{name}:%:{user_id}" for name in _COUNTED})
    return left


def known_after(unit: Unit, after: int, limit: int) -> list[int]:
    """The next accounts after this id of which we have something, in the order of their ids."""
    return [int(user) for user in unit.state.execute(_KNOWN, {"after": after, "limit": limit}).scalars()]


_TABLES = (
    "custom_hde_user_map",
    "custom_hde_ticket_owner",
    "custom_hde_order_ticket",
    "custom_hde_order_word",
    "custom_hde_profile",
    "custom_hde_pushed",
    "custom_hde_visit",
    "custom_hde_rating",
    "custom_hde_outbox",
    "custom_hde_export",
    "custom_hde_receipt",
)
_CONTACTS = text(
    "SELECT contact_id FROM custom_hde_user_map WHERE user_id = :user AND contact_id <> 0 "
    "UNION SELECT contact_id FROM custom_hde_profile WHERE user_id = :user "
    "UNION SELECT contact_id FROM custom_hde_pushed WHERE user_id = :user AND contact_id IS NOT NULL "
    "ORDER BY contact_id"
)
_EMAILS = text(
    "SELECT email FROM custom_hde_user_map WHERE user_id = :user "
    "UNION SELECT email FROM custom_hde_profile WHERE user_id = :user"
)
_TICKETS = text(
    "SELECT ticket_id FROM custom_hde_ticket_owner WHERE user_id = :user "
    # A ticket that only names an order of his is another's.
    "UNION SELECT ticket_id FROM custom_hde_order_ticket WHERE user_id = :user "
    "AND (state = 'linked' OR evidence = 'portal') "
    "UNION SELECT ticket_id FROM custom_hde_outbox WHERE user_id = :user AND ticket_id IS NOT NULL ORDER BY ticket_id"
)
_FORGET = (
    text("DELETE FROM custom_hde_blob WHERE job_id IN (SELECT id FROM custom_hde_outbox WHERE user_id = :user)"),
    # What is being told of him right now is let end: that he is gone is told after it, in the same queue.
    text(
        "DELETE FROM custom_hde_outbox WHERE user_id = :user "
        "AND NOT (state = 'running' AND kind IN ('shop.contact', 'shop.order'))"
    ),
    # After the job that makes it: whoever is at it adds nothing any more.
    text(
        "DELETE FROM custom_hde_export_part WHERE export_id IN (SELECT id FROM custom_hde_export WHERE user_id = :user)"
    ),
    *(
        text(f"DELETE FROM {table} WHERE user_id = :user")  # noqa: S608  # names of ours
        for table in _TABLES
        if table != "custom_hde_outbox"
    ),
    text("DELETE FROM custom_hde_trace WHERE user_id = :user"),
    *(
        text(f"DELETE FROM {table} WHERE {end}_kind = 'account' AND {end}_id = :user")  # noqa: S608  # names of ours
        for table in ("custom_hde_said", "custom_hde_word")
        for end in ("a", "b")
    ),
)
_COUNTED = ("post", "file", "ask", "act", "take", "takes", "erase")
_COUNTERS = text(
    "DELETE FROM custom_hde_cursor WHERE " + " OR ".join(f"name LIKE :{name}" for name in _COUNTED)  # noqa: S608
)
_KNOWN_IN = "(SELECT DISTINCT user_id FROM TABLE_ WHERE user_id > :after ORDER BY user_id LIMIT :limit)"
_SAID_OF = (
    "(SELECT DISTINCT END_id FROM custom_hde_word WHERE END_kind = 'account' AND END_id > :after "
    "ORDER BY END_id LIMIT :limit)"
)
# Traces are of every account there is, and are cleared by their own walk (service/traces.py).
_KNOWN = text(
    " UNION ".join(
        [_KNOWN_IN.replace("TABLE_", table) for table in _TABLES] + [_SAID_OF.replace("END", end) for end in ("a", "b")]
    )
    + " ORDER BY user_id LIMIT :limit"
)
