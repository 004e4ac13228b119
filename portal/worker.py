"""The loops: which step, how often. A step returns whether there was work; one log line for each that did something."""

from __future__ import annotations

import asyncio
import logging
import smtplib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic

from portal import logs, mail
from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.crm import Crm
from portal.database import Databases
from portal.errors import DatabaseAway
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.pulse import Due, Pulse, Step
from portal.service import attempts, inbound, letters, outbound, rules, shop_changes, ticket_order_notes
from portal.service.crm_tasks import CrmTasks
from portal.service.delivery import CHORES, WRITTEN, Deliverer
from portal.service.effects import CRM_TASK, MANAGER_MAIL, Effects
from portal.service.exporting import Exporter
from portal.service.holding import held
from portal.service.inbound import Bell
from portal.service.indexer import Indexer
from portal.service.outbound import Outbound
from portal.service.renewal import Renewer
from portal.service.shop_changes import ShopChanges
from portal.service.sight import PROOF_MAIL
from portal.service.sweep import Sweeper
from portal.service.ticket_order_notes import TicketOrderNotes
from portal.service.traces import PACE, Traces
from portal.store import (
    cursors,
    dues,
    erasing,
    exports,
    figures,
    inbox,
    index_wants,
    lanes,
    limits,
    outbox,
    panel,
    shop_seen,
    snapshots,
    tickets,
    turns,
)
from portal.store.lanes import Lane
from portal.store.outbox import Job
from portal.tokens import Tokens

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.5
AWAY_SECONDS = 2.0
LEASE_SECONDS = 300
"""Longer than any one letter may take: mail.TIMEOUT_SECONDS a step, of which a session has ten or so."""

DELIVERIES_AT_ONCE = 4
"""A help desk that takes twenty seconds for one message does not hold up everybody's."""

EVENTS_AT_ONCE = 2
PUSHES_AT_ONCE = 2
"""What the shop tells of customers; nobody waits for it."""

DELIVERY_LEASE_SECONDS = 60
"""Renewed while it takes longer; so long a message waits after its worker was killed."""

SWEEP_SECONDS = 3600

INDEX_SECONDS = 5
"""How often it is asked whether somebody looks for what has not been read."""

BEAT_SECONDS = 10
"""How often the loop says that it is there; /readyz waits for a multiple of it."""

FIRST_RETRY_SECONDS = 15
LAST_RETRY_SECONDS = 3600


async def run(steps: Sequence[Step]) -> None:
    """Take every step for ever, side by side: a mail server that is slow holds up no answer to the help desk.

    When it is cancelled, it ends with the last of them, not with the first: what they give back needs the database,
    which is closed next.
    """
    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(_repeat(step))


async def _repeat(step: Step) -> None:
    """One step, at once again while it finds work. A step that fails is told and taken again."""
    while True:
        if not await _take(step):
            await (step.pulse.rest() if isinstance(step, Due) else asyncio.sleep(IDLE_SECONDS))


async def _take(step: Step) -> bool:
    logs.about(logs.NONE)
    try:
        return await step()
    except DatabaseAway as error:
        log.warning("worker: the database does not answer: %s", error)
    except Exception:
        # A defect in one step must not end the others; it is told each time, and the job's attempts run out.
        log.exception("worker: a step failed")
    await asyncio.sleep(AWAY_SECONDS)
    return False


def steps(  # noqa: PLR0917  # what it stands on
    settings: Settings,
    databases: Databases,
    client: Client,
    tokens: Tokens,
    render: letters.Render,
    shape: Shape,
    crm: Crm | None,
) -> list[Step]:
    """What this shop's worker does; a feature whose settings are missing has no step."""
    letter = partial(_send_mail, settings, databases, tokens, render)
    deliver = Deliverer(settings, databases, client, tokens, render).deliver
    push = partial(_deliver, databases, outbound.KINDS, Outbound(settings, databases, client, render).push)
    notes = TicketOrderNotes(settings, databases, client, render)
    about = partial(_deliver, databases, ticket_order_notes.KINDS, notes.tell)
    cache = Cache(client, databases, settings.cache_seconds)
    bell = Bell(client, databases, Effects(settings, shape, rules.of(settings)), cache)
    event = partial(inbound.step, databases, bell)
    shop = ShopChanges(settings, databases)
    renewer = Renewer(databases, cache)
    make = Exporter(settings, databases, client, shape, render).make
    archive = partial(_deliver, databases, [exports.KIND], make)
    pulse = Pulse(databases, {**shop_changes.PACES, PACE: [PACE]})
    return [
        *([Due(pulse, [*_LETTERS], letter)] if settings.mail else []),
        *[Due(pulse, WRITTEN, partial(_deliver, databases, WRITTEN, deliver))] * DELIVERIES_AT_ONCE,
        Due(pulse, CHORES, partial(_deliver, databases, CHORES, deliver)),
        *[Due(pulse, outbound.KINDS, _in(Lane.OUTBOX, push))] * PUSHES_AT_ONCE,
        Due(pulse, ticket_order_notes.KINDS, _in(Lane.OUTBOX, about)),
        Due(pulse, [dues.UNHEARD], partial(inbound.hear, databases)),
        *[Due(pulse, [dues.EVENT], _in(Lane.REREAD, event))] * EVENTS_AT_ONCE,
        Due(pulse, [dues.COPY], _in(Lane.REREAD, renewer.step)),
        Due(pulse, [exports.KIND], _in(Lane.BACKFILL, archive)),
        _in(Lane.SWEEP, Sweeper(settings, databases, client).step),
        *([Due(pulse, [CRM_TASK], _tasks(settings, databases, crm, render))] if crm else []),
        Due(pulse, [dues.SHOP], shop.told),
        Due(pulse, ["shop-new"], shop.new),
        Due(pulse, ["shop-walk"], shop.changed),
        Due(pulse, [PACE], Traces(databases).step),
        _every(INDEX_SECONDS, _in(Lane.BACKFILL, Indexer(databases, cache).step)),
        _every(SWEEP_SECONDS, partial(_sweep, databases)),
        _every(BEAT_SECONDS, partial(_beat, databases)),
    ]


def crm_of(settings: Settings) -> Crm | None:
    """The shop's Bitrix24, to be closed at the end; None when there is none."""
    address = settings.crm_webhook_url.get_secret_value()
    return Crm(address, settings.crm_responsible_id) if address else None


def _tasks(settings: Settings, databases: Databases, crm: Crm, render: letters.Render) -> Step:
    return partial(_make_task, databases, CrmTasks(settings, databases, crm, render))


def _in(lane: Lane, step: Step) -> Step:
    """The step, whose calls of the help desk are made in this lane."""

    async def taken() -> bool:
        with lanes.lane(lane):
            return await step()

    return taken


def _every(seconds: float, step: Step) -> Step:
    """The step at once, and again `seconds` after it last found nothing to do."""
    due = 0.0

    async def when_due() -> bool:
        nonlocal due
        if monotonic() < due:
            return False
        worked = await step()
        if not worked:
            due = monotonic() + seconds
        return worked

    return when_due


async def _beat(databases: Databases) -> bool:
    """Say that a worker is at work."""
    await databases.run(figures.beat)
    return False


async def _sweep(databases: Databases) -> bool:
    """Forget what nobody needs any more, a bounded number of rows at a time."""
    gone = 0
    for sweep in _SWEEPS:
        gone += await databases.run(sweep)
    if gone:
        log.info("worker: %d old rows swept", gone)
    return gone > 0


async def _deliver(databases: Databases, kinds: Sequence[str], deliver: Callable[[Job], Awaitable[None]]) -> bool:
    """One message or request of a customer, or what the shop knows of him."""
    job = await databases.run(outbox.claim, kinds, DELIVERY_LEASE_SECONDS)
    if job is None:
        return False
    async with _held(databases, job):
        await deliver(job)
    return True


async def _make_task(databases: Databases, tasks: CrmTasks) -> bool:
    """One task for Bitrix24."""
    job = await databases.run(outbox.claim, [CRM_TASK], DELIVERY_LEASE_SECONDS)
    if job is None:
        return False
    async with _held(databases, job):
        await tasks.make(job)
    return True


@asynccontextmanager
async def _held(databases: Databases, job: Job) -> AsyncIterator[None]:
    """Keep the claim for as long as the block takes."""
    logs.about(f"out:{job.id}")
    prolong = partial(outbox.prolong, job=job, lease_seconds=DELIVERY_LEASE_SECONDS)
    async with held(databases, prolong, DELIVERY_LEASE_SECONDS):
        yield


async def _send_mail(settings: Settings, databases: Databases, tokens: Tokens, render: letters.Render) -> bool:
    """One letter of the outbox."""
    job = await databases.run(outbox.claim, [*_LETTERS], LEASE_SECONDS)
    if job is None:
        return False
    logs.about(f"out:{job.id}")
    if job.claim.left < 0:
        await _failed(databases, job, TimeoutError(), None)
        return True
    try:
        message = _LETTERS[job.kind](settings, tokens, render, job.id, job.payload)
        await asyncio.to_thread(mail.send, settings.smtp_url.get_secret_value(), message)
    except letters.Undeliverable as error:
        await _failed(databases, job, error, None)
    except (OSError, smtplib.SMTPException) as error:
        retry_in = attempts.back_off(job.attempts, FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)
        await _failed(databases, job, error, None if _is_final(error) else retry_in)
    else:
        await databases.run(outbox.finish, job)
        log.info("outbox %d: %s sent at attempt %d", job.id, job.kind, job.attempts)
    return True


_SWEEPS = (
    outbox.sweep,
    inbox.sweep,
    limits.sweep,
    cursors.sweep,
    snapshots.sweep,
    shop_seen.sweep,
    panel.sweep,
    tickets.sweep,
    index_wants.sweep,
    turns.sweep,
    exports.sweep,
    erasing.sweep,
)
_LETTERS = {PROOF_MAIL: letters.proof, MANAGER_MAIL: letters.manager}


def _is_final(error: Exception) -> bool:
    """Whether the server has refused the address for good; a 4xx is greylisting, or a mailbox that is full today."""
    return isinstance(error, smtplib.SMTPRecipientsRefused) and all(
        code >= 500 for code, _ in error.recipients.values()
    )


async def _failed(databases: Databases, job: Job, error: Exception, retry_in: float | None) -> None:
    # The error's text may quote an address or the server's words about it; its kind says enough.
    reason = f"{type(error).__name__} {getattr(error, 'smtp_code', '')}".strip()
    await databases.run(outbox.fail, job, reason, retry_in)
    log.warning("outbox %d: %s failed at attempt %d: %s", job.id, job.kind, job.attempts, reason)
