"""A claim is kept for as long as what was claimed takes, and no longer than a lease after its worker was killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from portal.database import Databases, Unit
from portal.errors import DatabaseAway


@asynccontextmanager
async def held(databases: Databases, prolong: Callable[[Unit], object], lease_seconds: float) -> AsyncIterator[None]:
    """Say so three times a lease, while the block is under way."""

    async def say_so() -> None:
        while True:
            await asyncio.sleep(lease_seconds / 3)
            with suppress(DatabaseAway):  # told by the work itself, which needs the database, too
                await databases.run(prolong)

    saying = asyncio.create_task(say_so())
    try:
        yield
    finally:
        saying.cancel()
