"""custom_hde_receipt, and what goes of a customer who stays one when he has the copies deleted: table by table.

Of every table of ours it is said here whether it goes (GOES) or why it stays (STAYS); a test finds a table of which
nothing is said. The copies of the help desk, which are kept by its ids, go by helpdesk/forgetting.py. An account that
is deleted in the shop loses more: store/forgetting_user.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, text

from portal.database import Unit
from portal.store import exports

SNAPSHOTS = "copies"

GOES: Mapping[str, str] = {
    "custom_hde_snapshot": SNAPSHOTS,
    "custom_hde_ticket": SNAPSHOTS,
    "custom_hde_index_want": SNAPSHOTS,
    "custom_hde_turn": SNAPSHOTS,
    "custom_hde_visit": "seen",
    "custom_hde_outbox": "delivered",
    "custom_hde_blob": "delivered",
    "custom_hde_profile": "profile",
    "custom_hde_rating": "ratings",
    "custom_hde_export": "exports",
    "custom_hde_export_part": "exports",
}
"""Under which count of the receipt a table's rows are told. Of the outbox goes what is delivered, with its
files; of ratings their words."""

STAYS: Mapping[str, str] = {
    "custom_hde_user_map": "proof",
    "custom_hde_ticket_owner": "proof",
    "custom_hde_outbox": "under_way",
    "custom_hde_blob": "under_way",
    "custom_hde_order_ticket": "orders",
    "custom_hde_order_word": "orders",
    "custom_hde_word": "support",
    "custom_hde_said": "support",
    "custom_hde_panel_audit": "support",
    "custom_hde_panel_handle": "support",
    "custom_hde_trace": "shop",
    "custom_hde_pushed": "shop",
    "custom_hde_shop_seen": "shop",
    "custom_hde_shop_event": "shop",
    "custom_hde_inbox": "numbers",
    "custom_hde_rating": "numbers",
    "custom_hde_cursor": "numbers",
    "custom_hde_api_slot": "numbers",
    "custom_hde_receipt": "numbers",
}
"""For which reason of the receipt a table stays (templates/requests/erase.html has the words)."""

WORDS_OF_HIS = ("desk.reply", "desk.request", "desk.close", "desk.reopen", "desk.note", "mail.proof")
"""Kinds of jobs that hold what he wrote, or his address."""

WORDS_OF_EVENTS = ("mail.manager", "crm.task")
"""Kinds that tell others of what he wrote. That they were done is left, without the words: an event that is told twice
would have its letter twice. Jobs of other kinds hold numbers alone."""

KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Receipt:
    """What went, by the names of GOES, and when (UTC); `under_way`: his messages that have not arrived and are kept."""

    erased_at: datetime
    counts: Mapping[str, int]


def tickets_of(unit: Unit, user_id: int) -> list[int]:
    """The tickets that he opened with us, has looked at, or wrote in from here."""
    return [int(one) for one in unit.state.execute(_TICKETS, {"user": user_id}).scalars()]


def erase(unit: Unit, user_id: int) -> dict[str, int]:
    """Delete what goes of him, but for the help desk's copies; how many of each, by the names of GOES."""
    told = {"user": user_id, "kinds": [kind.encode() for kind in WORDS_OF_HIS]}
    jobs = [int(one) for one in unit.state.execute(_OVER, told).scalars()]
    if jobs:
        unit.state.execute(_BLOBS, {"jobs": jobs})
        unit.state.execute(_DELIVERED, {"jobs": jobs})
    unit.state.execute(_EMPTIED, {"user": user_id, "kinds": [kind.encode() for kind in WORDS_OF_EVENTS]})
    return {
        "seen": int(unit.state.execute(_SEEN, {"user": user_id}).rowcount),
        "delivered": len(jobs),
        "profile": int(unit.state.execute(_PROFILE, {"user": user_id}).rowcount),
        "ratings": int(unit.state.execute(_RATINGS, {"user": user_id}).rowcount),
        "exports": exports.drop(unit, user_id),
        "under_way": int(unit.state.execute(_UNDER_WAY, told).scalar_one()),
    }


def write(unit: Unit, user_id: int, counts: Mapping[str, int]) -> None:
    """The receipt of what went just now, in place of the one before."""
    unit.state.execute(_WRITE, {"user": user_id, "counts": json.dumps(dict(counts)).encode()})


def receipt(unit: Unit, user_id: int) -> Receipt | None:
    """His last receipt; None when there is none, or it is older than KEPT_DAYS."""
    row = unit.state.execute(_READ, {"user": user_id, "days": KEPT_DAYS}).one_or_none()
    return Receipt(row[0].replace(tzinfo=UTC), json.loads(row[1])) if row else None


def sweep(unit: Unit) -> int:
    """Forget old receipts; how many went."""
    return int(unit.state.execute(_SWEEP, {"days": KEPT_DAYS}).rowcount)


_TICKETS = text(
    "SELECT ticket_id FROM custom_hde_ticket_owner WHERE user_id = :user "
    "UNION SELECT ticket_id FROM custom_hde_visit WHERE user_id = :user AND ticket_id <> 0 "
    "UNION SELECT ticket_id FROM custom_hde_outbox WHERE user_id = :user AND ticket_id IS NOT NULL ORDER BY ticket_id"
)
# What a queue has made tells our messages from others while one of it is on its way (service/readback.py).
_OVER = text(
    "SELECT o.id FROM custom_hde_outbox o WHERE o.user_id = :user AND o.kind IN :kinds "
    "AND o.state IN ('done', 'discarded') AND (o.queue = '' OR NOT EXISTS (SELECT 1 FROM custom_hde_outbox e "
    "WHERE e.queue = o.queue AND e.state IN ('waiting', 'running')))"
).bindparams(bindparam("kinds", expanding=True))
_BLOBS = text("DELETE FROM custom_hde_blob WHERE job_id IN :jobs").bindparams(bindparam("jobs", expanding=True))
_EMPTIED = text(
    "UPDATE custom_hde_outbox SET payload = '{}' "
    "WHERE user_id = :user AND kind IN :kinds AND state IN ('done', 'discarded')"
).bindparams(bindparam("kinds", expanding=True))
_DELIVERED = text("DELETE FROM custom_hde_outbox WHERE id IN :jobs").bindparams(bindparam("jobs", expanding=True))
_UNDER_WAY = text("SELECT COUNT(*) FROM custom_hde_outbox WHERE user_id = :user AND kind IN :kinds").bindparams(
    bindparam("kinds", expanding=True)
)
_SEEN = text("DELETE FROM custom_hde_visit WHERE user_id = :user")
_PROFILE = text("DELETE FROM custom_hde_profile WHERE user_id = :user")
_RATINGS = text("UPDATE custom_hde_rating SET words = '' WHERE user_id = :user AND words <> ''")
_WRITE = text(
    "INSERT INTO custom_hde_receipt (user_id, erased_at, counts) VALUES (:user, UTC_TIMESTAMP(6), :counts) "
    "ON DUPLICATE KEY UPDATE erased_at = VALUES(erased_at), counts = VALUES(counts)"
)
_READ = text(
    "SELECT erased_at, counts FROM custom_hde_receipt "
    "WHERE user_id = :user AND erased_at > UTC_TIMESTAMP(6) - INTERVAL :days DAY"
)
_SWEEP = text("DELETE FROM custom_hde_receipt WHERE erased_at < UTC_TIMESTAMP(6) - INTERVAL :days DAY")
