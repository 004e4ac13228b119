"""What a customer writes here: kept first, in one transaction, and delivered by the worker (delivery.py).

Whether a ticket is his is decided before, by requests.py; whether an order is his, by orders.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from portal.database import Unit
from portal.errors import TooOften
from portal.model import OrderChoice
from portal.service.sight import Person, Sight
from portal.store import blobs, limits, outbox, written_jobs
from portal.store.outbox import Kept
from portal.store.written_jobs import Record

REPLY, REQUEST = "desk.reply", "desk.request"
CLOSE, REOPEN = "desk.close", "desk.reopen"
"""What he does with a request beside writing (acting.py); shown like what he wrote, until the copy knows."""

KINDS = (REPLY, REQUEST, CLOSE, REOPEN)

MAX_TEXT = 20_000
MAX_SUBJECT = 200
"""Characters."""
MAX_FILES = 10
MAX_FILE_BYTES = 10 * 2**20

POSTS = ((20, 600), (200, 86400))
"""Messages and requests an account may send: (how many, in how many seconds)."""
FILES = ((60, 600), (300, 86400))
"""Files an account may send, in the same way: in one dialect each of them is a call of its own."""

WAITING_BYTES = 300 * 2**20
"""Of one account's files that wait to be sent; beyond that the help desk must come back first."""
RETRY_SECONDS = 600

SETTLED_SECONDS = 600
"""A message that was delivered is shown from here for so long, if the help desk's copy still lacks it."""
FAILED_DAYS = 14


class Problem(StrEnum):
    """Why a draft is not sent; the page says what to do about it."""

    NO_TEXT = "no_text"
    LONG_TEXT = "long_text"
    NO_SUBJECT = "no_subject"
    LONG_SUBJECT = "long_subject"
    MANY_FILES = "many_files"
    BIG_FILE = "big_file"
    EMPTY_FILE = "empty_file"
    NOT_HIS_ORDER = "not_his_order"


class Incoming(Protocol):
    """A file as it came: a name made safe, a type, a size in bytes, and its content, read as often as asked."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def size(self) -> int: ...
    def chunks(self, size: int) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """What the form held. `order` is an order's number, "" for none; `once` names the form it came from."""

    text: str
    once: str
    subject: str = ""
    order: str = ""
    files: Sequence[Incoming] = ()


class Delivery(StrEnum):
    """What has become of a message."""

    SENDING = "sending"
    SENT = "sent"
    UNSURE = "unsure"
    """It may have arrived or not; support has been told."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file of a message that waits; `size` in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Written:
    """A message or, without a ticket, a request that the help desk's copy may not show yet. `text` is plain.

    `act`: close or reopen where it is that and no message, else "".
    `ticket_id`: the ticket it is in, None for a request that has not been made yet. `result_id`: the message it became.
    """

    id: int
    is_request: bool
    ticket_id: int | None
    result_id: int | None
    subject: str
    text: str
    order: str
    files: tuple[Enclosed, ...]
    delivery: Delivery
    written_at: datetime
    finished_at: datetime | None
    act: str = ""


def problems(draft: Draft, *, is_request: bool) -> list[Problem]:
    """Everything that is wrong with a draft, in the order of the form; empty when it can be sent."""
    found = []
    if is_request and not draft.subject.strip():
        found.append(Problem.NO_SUBJECT)
    if is_request and len(draft.subject) > MAX_SUBJECT:
        found.append(Problem.LONG_SUBJECT)
    if not draft.text.strip():
        found.append(Problem.NO_TEXT)
    if len(draft.text) > MAX_TEXT:
        found.append(Problem.LONG_TEXT)
    if len(draft.files) > MAX_FILES:
        found.append(Problem.MANY_FILES)
    if any(file.size > MAX_FILE_BYTES for file in draft.files):
        found.append(Problem.BIG_FILE)
    if any(file.size == 0 for file in draft.files):
        found.append(Problem.EMPTY_FILE)
    return found


def reply(unit: Unit, person: Person, ticket_id: int, contact_id: int, draft: Draft) -> Kept:
    """Keep a message for a ticket of his; `contact_id` is its requester now. Raises TooOften.

    `new` is False when the same form has been kept before: sent twice by an impatient finger, it is one message.
    """
    payload = {**_payload(draft), "contact": contact_id, "proven": person.sight is Sight.PROVEN}
    return _keep(unit, person, REPLY, payload, draft, queue=f"ticket:{ticket_id}", ticket_id=ticket_id)


def open_request(unit: Unit, person: Person, draft: Draft, order: OrderChoice | None) -> Kept:
    """Keep a new request of his, about one of his orders or none. Raises TooOften."""
    who = person.customer
    payload = {
        **_payload(draft),
        "subject": " ".join(draft.subject.split()),
        "email": who.email,
        "name": who.name,
        "proven": person.sight is Sight.PROVEN,
        "order": [order.id, order.number] if order else None,
    }
    return _keep(unit, person, REQUEST, payload, draft, queue=f"new:{who.id}")


def is_kept(unit: Unit, person: Person, draft: Draft) -> bool:
    """Whether the very form has been kept already."""
    return written_jobs.has_put(unit, _once(person, draft))


def written(unit: Unit, user_id: int) -> list[Written]:
    """What he wrote here that may not be in the help desk's copies yet, or could not be delivered; oldest first."""
    rows = written_jobs.of(unit, user_id, KINDS, settled_seconds=SETTLED_SECONDS, failed_days=FAILED_DAYS)
    return [_written(row) for row in rows]


def request_of(unit: Unit, user_id: int, job_id: int) -> Written | None:
    """One request of his by the number it was kept under, whatever has become of it."""
    row = written_jobs.one_of(unit, user_id, job_id)
    return _written(row) if row and row.kind == REQUEST else None


def _payload(draft: Draft) -> dict[str, Any]:
    return {
        "text": draft.text.strip().replace("\r\n", "\n").replace("\r", "\n"),
        # Tells our message from another of the same words, when an answer of the help desk was lost.
        "mark": secrets.token_hex(8),
        "files": [[file.name, file.type, file.size] for file in draft.files],
    }


def _once(person: Person, draft: Draft) -> str:
    return f"{person.customer.id}:{draft.once}"


def _keep(
    unit: Unit,
    person: Person,
    kind: str,
    payload: dict[str, Any],
    draft: Draft,
    *,
    queue: str,
    ticket_id: int | None = None,
) -> Kept:
    user = person.customer.id
    kept = outbox.put(unit, kind, payload, user, queue=queue, ticket_id=ticket_id, once=_once(person, draft))
    if not kept.new:
        return kept
    if draft.files and blobs.waiting_bytes(unit, user) + sum(file.size for file in draft.files) > WAITING_BYTES:
        raise TooOften(RETRY_SECONDS)
    for name, times, bounds in (("post", 1, POSTS), ("file", len(draft.files), FILES)):
        for allowed, seconds in bounds:
            if times and (wait := limits.hit(unit, f"{name}:{seconds}:{user}", allowed, seconds, times=times)):
                raise TooOften(wait)
    for number, file in enumerate(draft.files):
        blobs.put(unit, kept.id, number, file.chunks(blobs.CHUNK))
    return kept


_DELIVERY = {"done": Delivery.SENT, "aside": Delivery.UNSURE, "dead": Delivery.FAILED, "discarded": Delivery.FAILED}


def _written(row: Record) -> Written:
    payload = row.payload
    order = payload.get("order")
    return Written(
        id=row.id,
        is_request=row.kind == REQUEST,
        ticket_id=row.ticket_id,
        result_id=row.result_id,
        subject=payload.get("subject", ""),
        text=payload["text"],
        order=order[1] if order else "",
        files=tuple(Enclosed(name, size) for name, _type, size in payload["files"]),
        delivery=_DELIVERY.get(row.state, Delivery.SENDING),
        written_at=row.created_at.replace(tzinfo=UTC),
        finished_at=row.finished_at.replace(tzinfo=UTC) if row.finished_at else None,
        act={CLOSE: "close", REOPEN: "reopen"}.get(row.kind, ""),
    )
