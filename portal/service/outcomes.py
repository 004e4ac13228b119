"""How a delivery ends, each in one transaction: what is written down about the job, its ticket and its owner.

Every one of them raises NotOurs, and changes nothing, when the job has another worker meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from portal.database import Unit
from portal.helpdesk.forgetting import forget
from portal.model import Ticket, Upload
from portal.service.writing import REPLY, REQUEST
from portal.store import blobs, inbox, links, order_tickets, outbox
from portal.store.outbox import Job

log = logging.getLogger(__name__)

NOTE = "desk.note"
OWN = "portal"
"""The evidence for a ticket that was opened here."""


class NotOurs(Exception):
    """The lease ran out, and another worker has the job."""


def files_of(unit: Unit, job: Job) -> list[Upload]:
    """The job's files, whole."""
    named = enumerate(job.payload["files"])
    return [Upload(name, kind, blobs.read(unit, job.id, number)) for number, (name, kind, _size) in named]


def _must(is_ours: bool) -> None:
    if not is_ours:
        raise NotOurs


def finish_reply(unit: Unit, job: Job, ticket: Ticket, message_id: int) -> None:
    """The reply is this message now."""
    _must(outbox.finish(unit, job, result_id=message_id))
    forget(unit, ticket.id, ticket.requester_id)


def finish_turn(unit: Unit, job: Job, ticket: Ticket) -> None:
    """The ticket is closed, or open again."""
    _must(outbox.finish(unit, job))
    forget(unit, ticket.id, ticket.requester_id)


def finish_request(unit: Unit, job: Job, user: int, contact_id: int, ticket_id: int) -> None:
    """The request is this ticket now, and the account's own from the moment it is known."""
    payload = job.payload
    _must(outbox.finish(unit, job, ticket_id=ticket_id))
    forget(unit, ticket_id, contact_id)
    if not links.own(unit, ticket_id, user, contact_id, OWN):
        log.error("outbox %d: request %d is another account's own already", job.id, ticket_id)
    if payload["order"]:
        order_id, number = payload["order"]
        order_tickets.put(unit, order_id, ticket_id, user, number, OWN)
    inbox.tell_whose(unit, ticket_id, contact_id)
    if payload["order"] or payload.get("follows") or not payload["proven"]:
        told = {
            "about": "opened",
            "user": user,
            "email": payload["email"],
            "proven": payload["proven"],
            "order": payload["order"] and payload["order"][1],
            "follows": payload.get("follows"),
        }
        _put_note(unit, job, ticket_id, told)


def follow_up(unit: Unit, job: Job, ticket: Ticket) -> None:
    """The reply goes on as a request of its own, with its files."""
    payload = {
        **job.payload,
        "subject": f"Re: {ticket.subject}",
        "email": ticket.requester_email,
        "name": "",
        "order": None,
        "follows": ticket.number,
    }
    _must(outbox.become(unit, job, REQUEST, payload, f"new:{job.user_id}"))


def set_aside(unit: Unit, job: Job, ticket_id: int, reason: str) -> None:
    """Nobody can say whether it has arrived: support is told in the ticket where it may be."""
    _must(outbox.put_aside(unit, job, reason))
    _put_note(unit, job, ticket_id, {"about": "unsure", **_told(job.payload)})


def give_up(unit: Unit, job: Job, reason: str) -> None:
    """It is not tried again. A reply is told to support as a note, which may go where it could not."""
    about = "unsure" if outbox.is_sent(unit, job) else "failed"
    _must(outbox.fail(unit, job, reason, None))
    if job.kind == REPLY and job.ticket_id:
        _put_note(unit, job, job.ticket_id, {"about": about, **_told(job.payload)})


def _told(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": payload["text"], "files": [name for name, _kind, _size in payload["files"]]}


def _put_note(unit: Unit, job: Job, ticket_id: int, told: Mapping[str, Any]) -> None:
    outbox.put(unit, NOTE, told, job.user_id, queue=f"note:{ticket_id}", ticket_id=ticket_id)
