"""What an event of the help desk sets off here: what we kept of its ticket is forgotten, in every process.

An event is a hint and no source: nothing of it is believed but that it is time to read again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from portal import logs
from portal.database import Databases, Unit
from portal.errors import DatabaseAway, HelpdeskBanned, HelpdeskBusy
from portal.helpdesk.forgetting import forget
from portal.model import Event, EventKind
from portal.store import inbox
from portal.store.inbox import Arrived

log = logging.getLogger(__name__)

OnCreated = Callable[[int], Awaitable[None]]
"""Called with the id of a new ticket, maybe more than once; what it raises makes the event come again."""

LEASE_SECONDS = 120
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 5, 3600


async def step(databases: Databases, on_created: OnCreated | None = None) -> bool:
    """Take one event; whether there was one. An event that fails is tried again later, and the others go on."""
    arrived = await databases.run(inbox.claim, LEASE_SECONDS)
    if arrived is None:
        return False
    logs.about(f"in:{arrived.id}")
    try:
        await databases.run(_forget, arrived.event)
        if on_created and arrived.event.kind == EventKind.TICKET_CREATED:
            await on_created(arrived.event.ticket_id)
    except DatabaseAway:
        raise  # nothing can be written down now; the lease runs out, and somebody takes it again
    except Exception as error:
        await _failed(databases, arrived, error)
    else:
        await databases.run(inbox.finish, arrived)
        log.info(
            "inbox %d: %s of ticket %d done at attempt %d",
            arrived.id,
            arrived.event.kind,
            arrived.event.ticket_id,
            arrived.claim.attempts,
        )
    return True


def _forget(unit: Unit, event: Event) -> None:
    forget(unit, event.ticket_id, event.contact_id)


async def _failed(databases: Databases, arrived: Arrived, error: Exception) -> None:
    nobody_was_asked = isinstance(error, HelpdeskBanned | HelpdeskBusy)
    seconds = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** (arrived.claim.attempts - 1))
    reason = type(error).__name__
    await databases.run(inbox.fail, arrived, reason, seconds, count=not nobody_was_asked)
    log.warning(
        "inbox %d: %s of ticket %d failed at attempt %d",
        arrived.id,
        arrived.event.kind,
        arrived.event.ticket_id,
        arrived.claim.attempts,
        exc_info=error,
    )
