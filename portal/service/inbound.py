"""What an event of the help desk sets off here: what we kept of its ticket is forgotten, in every process.

An event is a hint and no source: nothing of it is believed but that it is time to read again. Nobody is asked here, so
that news waits for nothing; what needs the help desk becomes a job of the outbox.
"""

from __future__ import annotations

import logging

from portal.database import Databases, Unit
from portal.helpdesk.forgetting import forget
from portal.model import EventKind
from portal.service.widget import ADOPT
from portal.store import inbox, outbox
from portal.store.inbox import Arrived

log = logging.getLogger(__name__)

LEASE_SECONDS = 60


async def step(databases: Databases) -> bool:
    """Take one event; whether there was one."""
    arrived = await databases.run(inbox.claim, LEASE_SECONDS)
    if arrived is None:
        return False
    if arrived.claim.left < 0:
        log.error("inbox %d: %s is dead: its worker died at every attempt", arrived.id, arrived.event.kind)
        await databases.run(inbox.bury, arrived, "its worker died at every attempt")
    else:
        await databases.run(_apply, arrived)
    return True


def _apply(unit: Unit, arrived: Arrived) -> None:
    event = arrived.event
    if not inbox.finish(unit, arrived):
        return  # another worker has it, and does it
    forget(unit, event.ticket_id, event.contact_id)
    if event.kind == EventKind.TICKET_CREATED:
        outbox.put(unit, ADOPT, {}, None, ticket_id=event.ticket_id)
