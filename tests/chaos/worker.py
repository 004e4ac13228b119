"""`python -m tests.chaos.worker [DEFENCE…]`: `portal worker` that waits seconds where it would wait minutes.

A process that is killed leaves leases behind and calls whose answer nobody heard; what is waited for then is shortened,
and nothing else. A DEFENCE that is named is taken out: the loop must see what happens without it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from portal import logs, worker
from portal.app import run_worker_alone
from portal.config import Settings
from portal.database import Databases, Unit
from portal.environment import load
from portal.service import attempts, crm_tasks, delivery, inbound
from portal.store import outbox
from portal.store.outbox import Job

LEASE_SECONDS = 3.0
SETTLE_SECONDS = 4.0
"""Longer than the neighbours of the loop need for an effect, by far."""

LEISURE_SECONDS = 0.6


def hurry() -> None:
    worker.LEASE_SECONDS = worker.DELIVERY_LEASE_SECONDS = inbound.LEASE_SECONDS = LEASE_SECONDS
    worker.FIRST_RETRY_SECONDS = attempts.FIRST_RETRY_SECONDS = inbound.FIRST_RETRY_SECONDS = 1
    delivery.LOOK_SECONDS = crm_tasks.LOOK_SECONDS = crm_tasks.AWAY_SECONDS = 1.0
    worker.Deliverer = partial(delivery.Deliverer, settle_seconds=SETTLE_SECONDS)
    worker.CrmTasks = partial(crm_tasks.CrmTasks, settle_seconds=SETTLE_SECONDS)


def without_notice() -> None:
    """A call goes out, and nobody has written that down before: it is repeated without a look."""

    def unsaid(_unit: Unit, _job: Job) -> bool:
        return True

    outbox.sending = unsaid


def without_end() -> None:
    """A job is done as soon as somebody begins it: at most once, instead of exactly once. And he takes his time."""
    claim = outbox.claim

    def done_already(unit: Unit, *told: object) -> Job | None:
        job = claim(unit, *told)
        if job is not None:
            outbox.finish(unit, job)
        return job

    @asynccontextmanager
    async def at_leisure(_databases: Databases, _job: Job) -> AsyncIterator[None]:
        await asyncio.sleep(LEISURE_SECONDS)
        yield

    outbox.claim = done_already
    worker._held = at_leisure
    without_notice()


DEFENCES = {"notice": without_notice, "end": without_end}


if __name__ == "__main__":
    logs.start()
    hurry()
    for defence in sys.argv[1:]:
        DEFENCES[defence]()
    asyncio.run(run_worker_alone(load(Settings)))
