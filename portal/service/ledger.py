"""What doing a row of the ledger would come to, told to a person before he says so; nothing is done here.

A kind without a describer is told by its name. Whoever adds a kind of job adds its line to DESCRIBERS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from portal.database import Unit
from portal.model import EventKind
from portal.service.effects import CRM_TASK, MANAGER_MAIL
from portal.service.outbound import CONTACT, GONE, ORDER
from portal.service.outcomes import NOTE
from portal.service.sight import PROOF_MAIL
from portal.service.widget import ADOPT
from portal.service.writing import CLOSE, REOPEN, REPLY, REQUEST
from portal.store.ledger import Entry

Describer = Callable[[Unit, Entry], list[str]]
"""Tells each effect in a line that goes on after "would"; reads, and writes nothing. No customer's words are in it."""


OVER = ("done", "skipped", "stale")


def describe(unit: Unit, entry: Entry) -> list[str]:
    """The effects of doing this row now, one a line: `send the message of customer 7 to ticket 10482 (…)`.

    None for a row that has come to a good end, as it is not done again.
    """
    if entry.state in OVER:
        return []
    describer = DESCRIBERS.get(entry.kind)
    return describer(unit, entry) if describer else [f"do {entry.kind} once more"]


def _reply(_unit: Unit, entry: Entry) -> list[str]:
    return [f"send the message of customer {entry.user_id} to ticket {entry.ticket_id}{_read_back(entry)}"]


def _request(_unit: Unit, entry: Entry) -> list[str]:
    about = f" about order {entry.payload['order'][1]}" if entry.payload.get("order") else ""
    return [f"open the request of customer {entry.user_id}{about}{_read_back(entry)}"]


def _note(_unit: Unit, entry: Entry) -> list[str]:
    return [f"add an internal note to ticket {entry.ticket_id}"]


def _adopt(_unit: Unit, entry: Entry) -> list[str]:
    return [f"read ticket {entry.ticket_id}, and note whose it is when it carries a widget token"]


def _proof(_unit: Unit, entry: Entry) -> list[str]:
    return [f"send customer {entry.user_id} the letter that proves his address, with a new link"]


def _event(_unit: Unit, entry: Entry) -> list[str]:
    return [f"forget the copies of ticket {entry.ticket_id}, read it again, and act upon what is new in it"]


def _turn(_unit: Unit, entry: Entry) -> list[str]:
    return [f"{'close' if entry.kind == CLOSE else 'open again'} ticket {entry.ticket_id}, unless it is so already"]


def _manager(_unit: Unit, entry: Entry) -> list[str]:
    return [f"send the manager a letter about ticket {entry.ticket_id}"]


def _task(_unit: Unit, entry: Entry) -> list[str]:
    return [f"make a task in Bitrix24 about ticket {entry.ticket_id}{_read_back(entry)}"]


def _customer(_unit: Unit, entry: Entry) -> list[str]:
    return [f"tell the help desk what customer {entry.payload['user']} and his orders are like now"]


def _gone(_unit: Unit, entry: Entry) -> list[str]:
    return [f"take back from the help desk what it was told of customer {entry.payload['user']}, who is deleted"]


def _read_back(entry: Entry) -> str:
    """A call that may have had its effect went out before: delivery.py looks for it."""
    return ", if it is not there already (read back first)" if entry.sent_at else ""


DESCRIBERS: Mapping[str, Describer] = {
    REPLY: _reply,
    REQUEST: _request,
    CLOSE: _turn,
    REOPEN: _turn,
    NOTE: _note,
    ADOPT: _adopt,
    PROOF_MAIL: _proof,
    MANAGER_MAIL: _manager,
    CRM_TASK: _task,
    CONTACT: _customer,
    ORDER: _customer,
    GONE: _gone,
    **dict.fromkeys(EventKind, _event),
}
