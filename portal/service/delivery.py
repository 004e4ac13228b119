"""What customers wrote is delivered: once, in order, whatever the help desk does meanwhile.

That a call goes out is written down before it does. An answer that is lost is looked for in the help desk before
anything is repeated (readback.py); who cannot be sure sends nothing, and tells a person.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from portal.config import Settings
from portal.database import Databases
from portal.errors import (
    HelpdeskError,
    HelpdeskGarbled,
    HelpdeskMissing,
    HelpdeskRefused,
    HelpdeskUnauthorized,
    HelpdeskUnsure,
)
from portal.helpdesk.client import Client
from portal.helpdesk.writes import NOTHING, Enclosed
from portal.model import Contact, Ticket
from portal.service import attempts, outcomes
from portal.service.attempts import REFUSALS
from portal.service.letters import Render
from portal.service.outcomes import NOTE, NotOurs
from portal.service.readback import Sent, Trace, bare, look_for
from portal.service.widget import ADOPT, adopt
from portal.service.writing import CLOSE, KINDS, REOPEN, REPLY, REQUEST
from portal.store import lanes, links, outbox
from portal.store.lanes import Lane
from portal.store.outbox import Job
from portal.tokens import Tokens

log = logging.getLogger(__name__)

LANES = {NOTE: Lane.OUTBOX, ADOPT: Lane.REREAD} | dict.fromkeys(KINDS, Lane.CUSTOMER)
"""Who waits for it: a customer for what he wrote; for a note to support nobody does, and a ticket that was opened in
the widget is read as after any other news of it."""

WRITTEN = tuple(kind for kind, lane in LANES.items() if lane is Lane.CUSTOMER)
CHORES = tuple(kind for kind in LANES if kind not in WRITTEN)
"""Done apart from what customers wrote: one that waits for its turn must not hold a message up."""

SETTLE_SECONDS = 150.0
"""A call whose answer was lost may still have its effect so much later; before that nothing is sent again."""

LOOK_SECONDS = 5.0
LOST_ANSWERS = 4
"""A help desk that loses every answer and does nothing is not asked for ever."""

WITH_FILES_AT_ONCE = 2
"""Each may hold 100 MB."""

LONGEST_WAIT_SECONDS = 30.0
"""A help desk that is away is asked again so soon: a customer waits for it."""

CANDIDATES = 5
"""New tickets of the same subject that are looked into for a request whose answer was lost."""

T = TypeVar("T")


class NotThereYet(HelpdeskError):
    """Its answer was lost, and it does not show; it may yet."""


class Impossible(Exception):
    """There is no way to deliver it."""


class Unsure(Exception):
    """It may have been delivered; nobody can say. `ticket_id` is where it may be."""

    def __init__(self, ticket_id: int) -> None:
        super().__init__("its answer was lost, and the help desk shows something that may be it")
        self.ticket_id = ticket_id


class Deliverer:
    """Delivers one claimed job at a time; any number of calls may run side by side."""

    def __init__(
        self,
        settings: Settings,
        databases: Databases,
        client: Client,
        tokens: Tokens,
        render: Render,
        *,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._settings = settings
        self._databases = databases
        self._client = client
        self._tokens = tokens
        self._render = render
        self._settle_seconds = settle_seconds
        self._by_kind = {REPLY: self._reply, REQUEST: self._request, NOTE: self._note, ADOPT: self._adopt}
        self._by_kind |= {CLOSE: self._turn, REOPEN: self._turn}
        self._with_files = asyncio.Semaphore(WITH_FILES_AT_ONCE)

    async def deliver(self, job: Job) -> None:
        """Deliver it, or say when to try again; what cannot be delivered is told to support. Raises DatabaseAway."""
        try:
            if job.claim.left < 0:
                raise Impossible("its worker died at every attempt")
            with lanes.lane(LANES[job.kind]):
                await self._by_kind[job.kind](job)
        except NotOurs:
            log.warning("outbox %d: %s has another worker now", job.id, job.kind)
        except Unsure as error:
            log.error("outbox %d: %s set aside: %s", job.id, job.kind, error)
            await self._databases.run(outcomes.set_aside, job, error.ticket_id, str(error))
        except (Impossible, HelpdeskMissing) as error:
            await self._give_up(job, f"{type(error).__name__}: {error}")
        except NotThereYet as error:
            await attempts.later(self._databases, job, error, LOOK_SECONDS)
        except HelpdeskUnsure as error:
            log.warning("outbox %d: the answer to %s is lost: %s", job.id, job.kind, error)
            await self._databases.run(outbox.fail, job, str(error), LOOK_SECONDS)
        except HelpdeskError as error:
            if job.kind in CHORES and isinstance(error, HelpdeskGarbled):
                # One ticket that makes no sense may never do so, and each look costs a call; no customer waits for it.
                await attempts.counted(self._databases, job, error)
                return
            is_believed = job.claim.left <= 0 or (job.attempts >= REFUSALS and job.kind in WRITTEN)
            if attempts.is_refusal(error) and is_believed:
                await self._give_up(job, f"refused: {error}")
            else:
                await attempts.again(self._databases, job, error, LONGEST_WAIT_SECONDS)

    async def _give_up(self, job: Job, reason: str) -> None:
        log.error("outbox %d: %s cannot be delivered: %s", job.id, job.kind, reason)
        await self._databases.run(outcomes.give_up, job, reason)

    async def _reply(self, job: Job) -> None:
        ticket = await self._client.get_ticket(_ticket_id(job))
        payload = job.payload
        if ticket.requester_id != payload["contact"]:
            raise Unsure(ticket.id) if job.sent_at else Impossible("the ticket has another requester now")
        if job.sent_at:
            messages = await self._client.newest_messages(ticket)
            known = await self._databases.read(outbox.results, f"ticket:{ticket.id}")
            trace = look_for(_sent(job, ticket.requester_id, job.sent_at), messages, known)
            if await self._has_arrived(job, ticket, trace):
                return
        is_open = not ticket.closed or await self._reopen(ticket)
        body = self._html(payload)
        try:
            message_id = await self._send(job, lambda enclosed: self._client.post_message(ticket, body, enclosed))
        except HelpdeskUnauthorized:
            raise
        except HelpdeskRefused:
            if is_open:
                raise
            await self._databases.run(outcomes.follow_up, job, ticket)
            log.info("outbox %d: request %d stays closed; what was written becomes a new one", job.id, ticket.id)
            return
        await self._databases.run(outcomes.finish_reply, job, ticket, message_id)
        log.info("outbox %d: %s delivered at attempt %d", job.id, job.kind, job.attempts)

    async def _has_arrived(self, job: Job, ticket: Ticket, trace: Trace) -> bool:
        """Whether it is there. Raises Unsure, and NotThereYet while it may still come."""
        if trace.doubtful:
            raise Unsure(ticket.id)
        if trace.certain:
            await self._databases.run(outcomes.finish_reply, job, ticket, trace.certain.id)
            log.info("outbox %d: %s had arrived, though its answer was lost", job.id, job.kind)
            return True
        await self._must_be_gone(job)
        return False

    async def _must_be_gone(self, job: Job) -> None:
        """Raises NotThereYet while it may still come, Impossible when it did not and will not be tried again."""
        if job.sent_age < self._settle_seconds:
            raise NotThereYet("not there yet")
        if job.attempts > LOST_ANSWERS:
            await self._databases.run(outbox.not_sent, job)
            raise Impossible("the help desk loses every answer, and it is not there")

    async def _reopen(self, ticket: Ticket) -> bool:
        """Before the message: a help desk that takes none for a closed ticket takes it then. False when it refuses."""
        try:
            await self._client.reopen(ticket.id)
        except HelpdeskRefused as error:
            log.warning("request %d is not opened again by a reply: %s", ticket.id, error)
            return False
        return True

    async def _request(self, job: Job) -> None:
        payload = job.payload
        if "contact" in payload:
            contact = await self._client.get_contact(payload["contact"])
        elif payload["email"]:
            contact = await self._client.ensure_contact(payload["email"], payload["name"])
        else:
            raise Impossible("the account has no address")
        if job.sent_at and (there := await self._find_request(job, contact, job.sent_at)):
            await self._finish_request(job, contact, there)
            return
        subject, body = payload["subject"], self._html(payload)
        ticket = await self._send(job, lambda enclosed: self._client.open_ticket(contact, subject, body, enclosed))
        await self._finish_request(job, contact, ticket)

    async def _find_request(self, job: Job, contact: Contact, sent_at: datetime) -> Ticket | None:
        """The ticket that the lost call made. Raises Unsure, and NotThereYet while it may still come."""
        page = await self._client.list_tickets(contact.id, 1)
        alike = [ticket for ticket in page.tickets if bare(ticket.subject) == bare(job.payload["subject"])]
        for ticket in sorted(alike, key=lambda ticket: ticket.id, reverse=True)[:CANDIDATES]:
            if await self._databases.read(links.owner, ticket.id) is not None:
                continue  # another job has made it
            messages = await self._client.newest_messages(ticket)
            trace = look_for(_sent(job, contact.id, sent_at), messages, ())
            if trace.certain:
                return ticket
            if trace.doubtful:
                raise Unsure(ticket.id)
        await self._must_be_gone(job)
        return None

    async def _finish_request(self, job: Job, contact: Contact, ticket: Ticket) -> None:
        if job.user_id is None:
            raise Impossible("it names no writer")
        await self._databases.run(outcomes.finish_request, job, job.user_id, contact.id, ticket.id)
        log.info("outbox %d: %s became request %d at attempt %d", job.id, job.kind, ticket.id, job.attempts)

    async def _turn(self, job: Job) -> None:
        """Closed, or open again; a ticket that is so already is left as it is, whoever has done it."""
        ticket = await self._client.get_ticket(_ticket_id(job))
        if ticket.requester_id != job.payload["contact"]:
            raise Impossible("the ticket has another requester now")
        if ticket.closed != (job.kind == CLOSE):
            await (self._client.close_ticket if job.kind == CLOSE else self._client.reopen)(ticket.id)
        await self._databases.run(outcomes.finish_turn, job, ticket)
        log.info("outbox %d: %s of request %d at attempt %d", job.id, job.kind, ticket.id, job.attempts)

    async def _note(self, job: Job) -> None:
        """At least once: a note that stands there twice harms nobody, one that is missing may."""
        shop = urlsplit(self._settings.public_url).hostname
        context = {"order": None, "follows": None, "text": "", "files": [], "reason": "", "shop": shop, **job.payload}
        await self._client.add_note(_ticket_id(job), self._render("desk/note.html", self._settings.locale, context))
        await self._databases.run(outbox.finish, job)
        log.info("outbox %d: %s added to request %s at attempt %d", job.id, job.kind, job.ticket_id, job.attempts)

    async def _adopt(self, job: Job) -> None:
        await adopt(self._client, self._databases, self._tokens, _ticket_id(job))
        await self._databases.run(outbox.finish, job)

    async def _send(self, job: Job, call: Callable[[Enclosed], Awaitable[T]]) -> T:
        """The call that must not be repeated, after its files, which may be."""
        if not job.payload["files"]:
            return await self._send_once(job, lambda: call(NOTHING))
        async with self._with_files:
            enclosed = await self._client.enclose(await self._databases.read(outcomes.files_of, job))
            return await self._send_once(job, lambda: call(enclosed))

    async def _send_once(self, job: Job, call: Callable[[], Awaitable[T]]) -> T:
        """Written down before it goes out, and again if it surely did nothing."""
        if not await self._databases.run(outbox.sending, job):
            raise NotOurs
        try:
            return await call()
        except HelpdeskUnsure:
            # It may have taken minutes: what it is waited for begins now.
            await self._databases.run(outbox.sending, job)
            raise
        except HelpdeskError:
            await self._databases.run(outbox.not_sent, job)
            raise

    def _html(self, payload: Mapping[str, Any]) -> str:
        context = {"mark": payload["mark"], "text": payload["text"]}
        return self._render("desk/message.html", self._settings.locale, context)


def _ticket_id(job: Job) -> int:
    if job.ticket_id is None:
        raise Impossible("it names no ticket")
    return job.ticket_id


def _sent(job: Job, author_id: int, at: datetime) -> Sent:
    return Sent(job.payload["mark"], job.payload["text"], author_id, at)
