"""custom_hde_ticket: what a customer's list is filtered, sorted and searched by. It grants nothing.

A row is fed by whatever copies are kept (helpdesk/indexing.py), and goes on saying the newest that was known of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, text

from portal.database import Unit

KEPT_DAYS = 90
SWEPT_AT_ONCE = 1000
NOTHING = 0
"""No ticket and no contact has this id."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """A row. `words` and `said` are None where only a list tells of the ticket: what was read before stays."""

    ticket_id: int
    contact_id: int
    email: bytes
    status: bytes
    channel: bytes
    created_at: datetime
    active_at: datetime
    updated_at: datetime
    body: bytes
    head: bytes
    words: bytes | None = None
    said: bytes | None = None


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose tickets are looked at: those of the contacts that carry `email` or no address, and `own` ones as long as
    their requester is the contact that stands beside each.
    """

    contacts: Collection[int]
    email: str
    own: Mapping[int, int]


class Sort(StrEnum):
    """What a list is sorted by."""

    ACTIVITY = "activity"
    CREATED = "created"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Word:
    """One word that is looked for, folded, and the tickets that have it elsewhere (in an order)."""

    text: str
    elsewhere: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked for: all of it together. `statuses` and `tickets`: None for any."""

    statuses: Collection[str] | None = None
    channel: str | None = None
    since: datetime | None = None
    tickets: Collection[int] | None = None
    words: Sequence[Word] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are by status, how many of all match the terms, and of how many the messages are known."""

    by_status: Mapping[str, int]
    matching: int
    read: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_status.values())


@dataclass(frozen=True, slots=True)
class Found:
    """A ticket that matches: its body as it was put, and what people read of its messages."""

    body: bytes
    said: str


def put(unit: Unit, rows: Sequence[Indexed]) -> None:
    """Keep what is known of these tickets now, in one statement; what is known of them as of a later change stays."""
    if rows:
        unit.state.execute(_PUT, [_told(row) for row in sorted(rows, key=lambda row: row.ticket_id)])


def count(unit: Unit, whose: Whose, terms: Terms) -> Counts:
    """What there is of his, in one query."""
    match, told = _terms(terms)
    statement = text(
        f"SELECT status, COUNT(*), COALESCE(SUM({match}), 0), SUM(words IS NOT NULL) "  # noqa: S608  # pieces of ours
        f"FROM custom_hde_ticket WHERE {_SIGHT} GROUP BY status"
    )
    rows = unit.state.execute(_expanding(statement, told), {**_whose(whose), **told}).all()
    return Counts(
        {status.decode(): int(number) for status, number, _, _ in rows},
        sum(int(matching) for _, _, matching, _ in rows),
        sum(int(read) for _, _, _, read in rows),
    )


def find(unit: Unit, whose: Whose, terms: Terms, *, sort: Sort, limit: int, offset: int) -> list[Found]:
    """One page of what matches."""
    match, told = _terms(terms)
    said = "said" if terms.words else "NULL"
    statement = text(
        f"SELECT body, {said} FROM custom_hde_ticket WHERE {_SIGHT} AND {match} "  # noqa: S608  # pieces of ours
        f"ORDER BY {_ORDER[sort]} LIMIT :limit OFFSET :offset"
    )
    told |= {"limit": limit, "offset": offset}
    rows = unit.state.execute(_expanding(statement, told), {**_whose(whose), **told})
    return [Found(bytes(body), bytes(said or b"").decode()) for body, said in rows]


def body_of(unit: Unit, ticket_id: int) -> bytes | None:
    """The ticket as it was put last, None where nothing is known of it."""
    found = unit.state.execute(_BODY_OF, {"ticket": ticket_id}).scalar()
    return bytes(found) if found else None


def unread_of(unit: Unit, contact_id: int, newest: int) -> int | None:
    """The newest ticket of this contact whose messages have not been read, among so many newest ones."""
    found = unit.state.execute(_UNREAD_OF, {"contact": contact_id, "newest": newest}).scalar()
    return int(found) if found else None


def has_no_words(unit: Unit, ticket_id: int) -> None:
    """There is nothing to be read of this ticket."""
    unit.state.execute(_NO_WORDS, {"ticket": ticket_id})


def ids_of(unit: Unit, contact_ids: Sequence[int]) -> list[int]:
    """All tickets of these contacts that we know of."""
    if not contact_ids:
        return []
    return [int(one) for one in unit.state.execute(_IDS_OF, {"contacts": list(contact_ids)}).scalars()]


def contacts_of(unit: Unit, ticket_ids: Sequence[int]) -> dict[int, int]:
    """The requester of each of these tickets that we know of: contact by ticket."""
    if not ticket_ids:
        return {}
    rows = unit.state.execute(_CONTACTS_OF, {"tickets": list(ticket_ids)})
    return {int(ticket): int(contact) for ticket, contact in rows}


def belongs(unit: Unit, ticket_id: int, contact_id: int) -> None:
    """The ticket's requester is this contact: what is known of it as another's goes, until somebody reads it again."""
    unit.state.execute(_BELONGS, {"ticket": ticket_id, "contact": contact_id})


def erase(unit: Unit, contact_ids: Sequence[int], ticket_ids: Sequence[int]) -> int:
    """Delete all of these contacts, and these tickets; how many rows."""
    told = {"contacts": list(contact_ids) or [NOTHING], "tickets": list(ticket_ids) or [NOTHING]}
    return int(unit.state.execute(_ERASE, told).rowcount)


def sweep(unit: Unit) -> int:
    """Delete what no copy has told of for KEPT_DAYS; at most SWEPT_AT_ONCE rows, and returns how many."""
    return int(unit.state.execute(_SWEEP, {"days": KEPT_DAYS, "limit": SWEPT_AT_ONCE}).rowcount)


def _told(row: Indexed) -> dict[str, Any]:
    # Our own clock, as the driver makes one statement of many rows of parameters alone; it decides what is swept.
    told = asdict(row) | {"kept_at": datetime.now(UTC)}
    return {
        key: at.astimezone(UTC).replace(tzinfo=None) if isinstance(at, datetime) else at for key, at in told.items()
    }


def _whose(whose: Whose) -> dict[str, Any]:
    own = [pair for pair in whose.own.items() if pair[1] not in whose.contacts]
    return {
        "contacts": list(whose.contacts) or [NOTHING],
        "emails": [b"", whose.email.encode()],
        "all": sorted({*whose.contacts, *(contact for _, contact in own)}) or [NOTHING],
        "own": own or [(NOTHING, NOTHING)],
    }


def _terms(terms: Terms) -> tuple[str, dict[str, Any]]:
    """A condition made of constant pieces, and its parameters."""
    pieces, told = ["1 = 1"], dict[str, Any]()
    if terms.statuses is not None:
        pieces.append("status IN :statuses")
        told["statuses"] = [status.encode() for status in terms.statuses] or [b""]
    if terms.channel is not None:
        pieces.append("channel = :channel")
        told["channel"] = terms.channel.encode()
    if terms.since is not None:
        pieces.append("active_at >= :since")
        told["since"] = terms.since.astimezone(UTC).replace(tzinfo=None)
    if terms.tickets is not None:
        pieces.append("ticket_id IN :tickets")
        told["tickets"] = list(terms.tickets) or [NOTHING]
    for place, word in enumerate(terms.words):
        like, elsewhere = f"like_{place}", f"there_{place}"
        pieces.append(f"(head LIKE :{like} OR COALESCE(words, '') LIKE :{like} OR ticket_id IN :{elsewhere})")
        told[like] = _LIKE.format(_escaped(word.text)).encode()
        told[elsewhere] = list(word.elsewhere) or [NOTHING]
    return f"({' AND '.join(pieces)})", told


def _expanding(statement: Any, told: Mapping[str, Any]) -> Any:
    lists = [name for name, value in told.items() if isinstance(value, list)]
    return statement.bindparams(
        *(bindparam(name, expanding=True) for name in (*lists, "contacts", "emails", "all", "own"))
    )


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_LIKE = "%{}%"
_SIGHT = "contact_id IN :all AND (contact_id IN :contacts AND email IN :emails OR (ticket_id, contact_id) IN :own)"
_ORDER = {
    Sort.ACTIVITY: "active_at DESC, ticket_id DESC",
    Sort.CREATED: "created_at DESC, ticket_id DESC",
    # As a customer sorts them: what waits for him, what is under way, what is over.
    Sort.STATE: "FIELD(status, 'waiting', 'received', 'in_progress', 'other', 'closed'), active_at DESC, "
    "ticket_id DESC",
}
_NEWER = "VALUES(updated_at) >= updated_at"
# Assignments are evaluated from left to right: updated_at comes last, as the others look at it.
_PUT = text(
    "INSERT INTO custom_hde_ticket (ticket_id, contact_id, email, status, channel, created_at, active_at, updated_at, "
    "kept_at, body, head, words, said) "
    "VALUES (:ticket_id, :contact_id, :email, :status, :channel, :created_at, :active_at, :updated_at, "
    ":kept_at, :body, :head, :words, :said) ON DUPLICATE KEY UPDATE kept_at = VALUES(kept_at), "
    + ", ".join(
        f"{name} = IF({_NEWER}, VALUES({name}), {name})"
        for name in ("contact_id", "email", "status", "channel", "created_at", "active_at", "body", "head")
    )
    + ", "
    + ", ".join(
        f"{name} = IF({_NEWER}, COALESCE(VALUES({name}), {name}), COALESCE({name}, VALUES({name})))"
        for name in ("words", "said")
    )
    + ", updated_at = GREATEST(updated_at, VALUES(updated_at))"
)
_BODY_OF = text("SELECT body FROM custom_hde_ticket WHERE ticket_id = :ticket")
_UNREAD_OF = text(
    "SELECT ticket_id FROM (SELECT ticket_id, words IS NULL AS unread, active_at FROM custom_hde_ticket "
    "WHERE contact_id = :contact ORDER BY active_at DESC LIMIT :newest) some WHERE unread "
    "ORDER BY active_at DESC LIMIT 1"
)
_NO_WORDS = text(
    "UPDATE custom_hde_ticket SET words = COALESCE(words, ''), said = COALESCE(said, '') WHERE ticket_id = :ticket"
)
_IDS_OF = text("SELECT ticket_id FROM custom_hde_ticket WHERE contact_id IN :contacts").bindparams(
    bindparam("contacts", expanding=True)
)
_CONTACTS_OF = text("SELECT ticket_id, contact_id FROM custom_hde_ticket WHERE ticket_id IN :tickets").bindparams(
    bindparam("tickets", expanding=True)
)
_BELONGS = text("DELETE FROM custom_hde_ticket WHERE ticket_id = :ticket AND contact_id <> :contact")
_ERASE = text("DELETE FROM custom_hde_ticket WHERE contact_id IN :contacts OR ticket_id IN :tickets").bindparams(
    bindparam("contacts", expanding=True), bindparam("tickets", expanding=True)
)
_SWEEP = text("DELETE FROM custom_hde_ticket WHERE kept_at < UTC_TIMESTAMP(6) - INTERVAL :days DAY LIMIT :limit")
