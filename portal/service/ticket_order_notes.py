"""The ticket is told which orders of the shop it is about: an internal note, whenever that has changed.

Notes of a ticket cannot be taken back, so that each change is one more, and the last one counts. No answer shows notes
again, so that nothing can be read back: one whose answer was lost is written again, at least once.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

from portal.bitrix.orders import ADMIN_PATH
from portal.config import Settings
from portal.database import Databases, Unit
from portal.errors import HelpdeskError, HelpdeskMissing, HelpdeskUnsure
from portal.helpdesk.client import Client
from portal.service import attempts
from portal.service.letters import Render
from portal.service.ticket_orders import TICKET_ORDERS
from portal.store import cursors, order_tickets, outbox
from portal.store.order_tickets import CHOSEN, LINKED, Row
from portal.store.outbox import Job

log = logging.getLogger(__name__)

KINDS = (TICKET_ORDERS,)

LONGEST_WAIT_SECONDS = 600.0
"""A help desk that is away is asked again so soon; nobody waits for it."""


class TicketOrderNotes:
    """Tells of one ticket at a time: what is linked when the job is done, not when it was put."""

    def __init__(self, settings: Settings, databases: Databases, client: Client, render: Render) -> None:
        self._settings = settings
        self._databases = databases
        self._client = client
        self._render = render

    async def tell(self, job: Job) -> None:
        """Write the note, unless it stands there already, or say when to try again. Raises DatabaseAway."""
        ticket_id = int(job.payload["ticket"])
        if job.claim.left < 0:
            await self._end(job, "its worker died at every attempt")
            return
        try:
            await self._tell(ticket_id)
        except HelpdeskMissing:
            await self._end(job, "there is no such ticket")
        except HelpdeskUnsure as error:
            await attempts.counted(self._databases, job, error)
        except HelpdeskError as error:
            await attempts.again(self._databases, job, error, LONGEST_WAIT_SECONDS)
        else:
            await self._databases.run(outbox.finish, job)
            log.info("outbox %d: %s of request %d at attempt %d", job.id, job.kind, ticket_id, job.attempts)

    async def _tell(self, ticket_id: int) -> None:
        linked, last = await self._databases.read(_linked, ticket_id)
        told = hashlib.sha256(",".join(str(row.order_id) for row in linked).encode()).hexdigest() if linked else ""
        is_told_by_the_form = not last and all(row.evidence == CHOSEN for row in linked)
        if told == last or is_told_by_the_form:
            return
        await self._client.add_note(ticket_id, self._text(linked))
        await self._databases.run(cursors.put, _cursor(ticket_id), told)

    def _text(self, linked: Sequence[Row]) -> str:
        orders = [(row.number, self._settings.public_url + ADMIN_PATH.format(row.order_id)) for row in linked]
        return self._render("desk/about.html", self._settings.locale, {"orders": orders}).strip()

    async def _end(self, job: Job, reason: str) -> None:
        log.warning("outbox %d: %s cannot be told: %s", job.id, job.kind, reason)
        await self._databases.run(outbox.fail, job, reason, None)


def _linked(unit: Unit, ticket_id: int) -> tuple[list[Row], str]:
    """The orders that the ticket is about, and what it was told last."""
    known = order_tickets.rows(unit, ticket_id)
    return [row for row in known if row.state == LINKED], cursors.get(unit, _cursor(ticket_id))


def _cursor(ticket_id: int) -> str:
    return f"{cursors.TICKETS}{ticket_id}"
