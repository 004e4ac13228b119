"""What an event of the help desk sets off: our copies of its ticket are forgotten, and the shop is told (effects.py).

An event is a bell and no source: nothing of it is believed but that it is time to read its ticket again. What we kept
is forgotten at once and apart from all else, so that news waits for no call.
"""

from __future__ import annotations

import logging
import random
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from functools import partial

from portal import logs
from portal.database import Databases, Unit
from portal.errors import DatabaseAway, HelpdeskBanned, HelpdeskMissing, HelpdeskUnauthorized
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.helpdesk.forgetting import forget
from portal.model import Event, EventKind, Message
from portal.service import attempts
from portal.service.effects import Effects, News, Outcome, Outdated, last_acted
from portal.service.holding import ended_with_us, held
from portal.service.outcomes import NotOurs
from portal.service.readback import MARKER
from portal.service.rereading import AWAY, Rereader
from portal.service.widget import ADOPT
from portal.service.writing import REPLY, REQUEST
from portal.store import cursors, inbox, links, outbox
from portal.store.inbox import DONE, STALE, Arrived

log = logging.getLogger(__name__)

LEASE_SECONDS = 120
"""Renewed while it takes longer."""

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 5, 3600
LONGEST_WAIT_SECONDS = 120.0
"""A help desk that is away is asked again so soon for each event."""

ALIKE = (EventKind.MESSAGE_CREATED, EventKind.STATUS_CHANGED)
"""What may come in thousands for one ticket (a loop of two mail robots): one look is as good as one for each."""

LOOKS = 3
"""Times that a ticket is read at once for one event, when others act upon it meanwhile."""

KINDS = (REPLY, REQUEST)


class Bell:
    """Reads a ticket again when an event says that something has happened to it, and sets off what that sets off."""

    def __init__(self, client: Client, databases: Databases, effects: Effects, cache: Cache | None = None) -> None:
        self._client = client
        self._databases = databases
        self._effects = effects
        self._tickets = Rereader(client, databases, effects, cache)
        self._cache = cache

    async def answer(self, arrived: Arrived) -> None:
        """Act upon the event, which ends with that."""
        try:
            async with ended_with_us(self._cache) if self._cache else nullcontext():
                outcome = await self._acted(arrived)
        except NotOurs:
            log.warning("inbox %d: another worker has it now", arrived.id)
            return
        log.info(
            "inbox %d: %s of ticket %d is %s: %d fields, %d mails, %d tasks",
            arrived.id,
            arrived.event.kind,
            arrived.event.ticket_id,
            STALE if outcome.stale else DONE,
            len(outcome.fields),
            outcome.mails,
            outcome.tasks,
        )

    async def rehearse(self, event: Event) -> Outcome:
        """What acting upon this event would set off now; nothing is written. Raises HelpdeskError."""
        try:
            await self._databases.run(self._act_and_undo, await self._look(event))
        except _Undo as undone:
            return undone.outcome
        raise AssertionError("unreachable")

    async def _acted(self, arrived: Arrived) -> Outcome:
        for _ in range(LOOKS):
            with suppress(Outdated):
                news = await self._look(arrived.event, arrived.id)
                return await self._databases.run(self._act, arrived, news)
        raise Outdated

    async def _look(self, event: Event, event_id: int | None = None) -> News:
        as_of, heard_at, read_at = await self._databases.run(_before_reading, event.ticket_id, event_id)
        # What is older than the event, or than what others have acted upon, is of no use to it.
        since = max(heard_at, as_of or heard_at) if heard_at else None
        try:
            read = await self._tickets.read(event, read_at, since)
            ticket, messages, read_at = read.ticket, read.messages, read.read_at
            stranger = None
            if await self._databases.read(self._effects.asks_for_the_stranger, ticket):
                with suppress(HelpdeskMissing):  # the contact is gone, and its ticket is not
                    stranger = await self._client.get_contact(ticket.requester_id)
        except HelpdeskMissing:
            return News(event, None, as_of=as_of, read_at=read_at)
        message = _about(event, messages)
        first = message.id == messages[0].id if message else None
        ours = await self._databases.read(_is_ours, event, message, first)
        said = tuple(one for one in reversed(messages) if not one.from_staff or (first and one is message))
        return News(event, ticket, message, said, first, ours, stranger, as_of, read_at)

    def _act(self, unit: Unit, arrived: Arrived, news: News) -> Outcome:
        outcome = self._effects.apply(unit, news)
        if not inbox.finish(unit, arrived, STALE if outcome.stale else DONE, outcome.seen):
            raise NotOurs
        if arrived.event.kind in ALIKE and news.read_at and not self._effects.asks_for_each_message(arrived.event):
            inbox.finish_alike(unit, arrived, news.read_at)
        return outcome

    def _act_and_undo(self, unit: Unit, news: News) -> None:
        raise _Undo(self._effects.apply(unit, news))


class _Undo(Exception):
    """Leaves a unit of work without a trace."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


async def hear(databases: Databases) -> bool:
    """Forget what was kept of the tickets that new events name; whether there were any. Nobody is asked."""
    return await databases.run(_hear) > 0


async def step(databases: Databases, bell: Bell) -> bool:
    """Act upon one event; whether there was one. An event that fails is tried again later, and the others go on."""
    arrived = await databases.run(inbox.claim, LEASE_SECONDS)
    if arrived is None:
        return False
    logs.about(f"in:{arrived.id}")
    if arrived.claim.left < 0:
        log.error("inbox %d: %s is dead: its worker died at every attempt", arrived.id, arrived.event.kind)
        await databases.run(inbox.bury, arrived, "its worker died at every attempt")
        return True
    try:
        prolong = partial(inbox.prolong, arrived=arrived, lease_seconds=LEASE_SECONDS)
        async with held(databases, prolong, LEASE_SECONDS):
            await bell.answer(arrived)
    except DatabaseAway:
        raise  # nothing can be written down now; the lease runs out, and somebody takes it again
    except Exception as error:
        await _failed(databases, arrived, error)
    return True


def _before_reading(
    unit: Unit, ticket_id: int, event_id: int | None
) -> tuple[datetime | None, datetime | None, datetime]:
    """When somebody acted upon the ticket last; when what the event makes old was forgotten, None where that is to
    come; and the clock that events are dated by.
    """
    acted = last_acted(inbox.applied(unit, ticket_id))  # which locks the event, and waits for whoever hears of it
    return acted, inbox.heard_at(unit, event_id) if event_id else None, cursors.now(unit)


def _hear(unit: Unit) -> int:
    news = inbox.unheard(unit)
    # By ticket, as the sweep does: two who lock the same copies come one after the other.
    for event_id, event in sorted(news, key=lambda one: one[1].ticket_id):
        if not inbox.heard(unit, event_id):
            continue  # another worker was faster
        forget(unit, event.ticket_id, event.contact_id)
        if event.kind == EventKind.TICKET_CREATED:
            outbox.put(unit, ADOPT, {}, None, ticket_id=event.ticket_id)
    return len(news)


def _about(event: Event, messages: tuple[Message, ...]) -> Message | None:
    """The message that the event is about: of a new ticket the first, and the last where it names none."""
    if event.kind == EventKind.TICKET_CREATED:
        return next(iter(messages), None)
    if event.message_id is None:
        return next(reversed(messages), None)
    return next((message for message in messages if message.id == event.message_id), None)


def _is_ours(unit: Unit, event: Event, message: Message | None, first: bool | None) -> bool:
    """Whether the message went out from here: by its id once that is known, by its marker before.

    A marker alone may be a quotation: it counts while its job is under way, and in the first message of a ticket that
    was opened here.
    """
    if event.kind != EventKind.MESSAGE_CREATED:
        return False  # a request that was opened here is as new to the shop as any other
    message_id = message.id if message else event.message_id
    if message_id is not None and message_id in outbox.results(unit, f"ticket:{event.ticket_id}"):
        return True
    marks = MARKER.findall(message.html) if message else []
    if not marks:
        return False
    return bool(first and links.owner(unit, event.ticket_id)) or outbox.under_way(unit, KINDS, marks)


async def _failed(databases: Databases, arrived: Arrived, error: Exception) -> None:
    """Later again. A help desk that is away, or has locked us out, costs no attempt: no event dies of that."""
    away = isinstance(error, AWAY)
    seconds = (
        _until_asked_again(arrived, error)
        if away
        else attempts.back_off(arrived.claim.attempts, FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)
    )
    await databases.run(inbox.fail, arrived, type(error).__name__, seconds, count=not away)
    log.log(
        logging.INFO if away else logging.WARNING,
        "inbox %d: %s of ticket %d failed at attempt %d: %s",
        arrived.id,
        arrived.event.kind,
        arrived.event.ticket_id,
        arrived.claim.attempts,
        type(error).__name__,
        exc_info=None if away else error,
    )


def _until_asked_again(arrived: Arrived, error: Exception) -> float:
    """Seconds: when a ban is over, or somebody may have mended the key; else the sooner the younger the event is."""
    now = datetime.now(UTC)
    if isinstance(error, HelpdeskBanned):
        return max(1.0, (error.until - now).total_seconds()) + random.uniform(0, 5)  # noqa: S311  # no secret
    if isinstance(error, HelpdeskUnauthorized):
        return attempts.LONGEST_WAIT_FOR_A_KEY * _jitter()
    age = (now - arrived.created_at).total_seconds()
    return min(LONGEST_WAIT_SECONDS, max(FIRST_RETRY_SECONDS, age / 10)) * _jitter()


def _jitter() -> float:
    return random.uniform(0.75, 1.25)  # noqa: S311  # no secret is made of it
