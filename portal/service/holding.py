"""What the worker holds while it is at work, and gives back however that ends.

A claim is kept for as long as what was claimed takes, and no longer than a lease after its worker was killed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from portal.database import Databases, Unit
from portal.errors import DatabaseAway
from portal.helpdesk.cache import Cache

log = logging.getLogger(__name__)


@asynccontextmanager
async def ended_with_us(cache: Cache) -> AsyncIterator[None]:
    """For a step of the worker: when it is cancelled in the block, renewals end: the database is closed next."""
    try:
        yield
    except asyncio.CancelledError:
        await cache.close()
        raise


@asynccontextmanager
async def held(databases: Databases, prolong: Callable[[Unit], bool], lease_seconds: float) -> AsyncIterator[None]:
    """Say so three times a lease, while the block is under way. `prolong` tells whether the claim is ours still.

    When it is not, the block goes on: whatever it ends is fenced, and finds that out.
    """

    async def say_so() -> None:
        while True:
            await asyncio.sleep(lease_seconds / 3)
            try:
                if not await databases.run(prolong):
                    return
            except DatabaseAway:
                pass  # told by the work itself, which needs the database, too
            except Exception:
                # A renewal that ended here would give the work to a second worker while the first is at it.
                log.exception("a claim was not prolonged")

    saying = asyncio.create_task(say_so())
    try:
        yield
    finally:
        saying.cancel()
