"""What an event would set off if it was taken up now: its ticket is read, the effects are worked out, nothing is kept.

It needs all the settings, as it asks the help desk: a call or two of the budget.
"""

from __future__ import annotations

import asyncio

from portal.bitrix import tables
from portal.config import Settings
from portal.database import Databases
from portal.helpdesk.client import Client
from portal.model import Event
from portal.service import rules
from portal.service.effects import Effects, Outcome
from portal.service.inbound import Bell


def rehearse(settings: Settings, databases: Databases, event: Event) -> str:
    """`order 1007: field A→B, 1 mail, 0 tasks`. Raises HelpdeskError, and WrongSettings for rules that are none."""
    return told(asyncio.run(_outcome(settings, databases, event)))


async def _outcome(settings: Settings, databases: Databases, event: Event) -> Outcome:
    effects = Effects(settings, await databases.read(tables.inspect), rules.of(settings))
    client = Client(settings, databases)
    try:
        return await Bell(client, databases, effects).rehearse(event)
    finally:
        await client.close()


def told(outcome: Outcome) -> str:
    """The outcome in a line."""
    fields = [f"order {one.order}: field {one.before or '(empty)'}→{one.after or '(empty)'}" for one in outcome.fields]
    return ", ".join((*fields, _many(outcome.mails, "mail"), _many(outcome.tasks, "task")))


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
