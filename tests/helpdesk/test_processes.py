"""The budget over real processes, some of which are killed in mid call: what arrives is counted by the help desk."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time

from portal.database import Databases
from portal.errors import HelpdeskError
from portal.helpdesk.budget import Budget
from portal.helpdesk.client import Client
from portal.sandbox.helpdesk import State, running
from portal.sandbox.helpdesk.director import direct
from tests.helpdesk.conftest import Desk

RATE, WINDOW, CALL_SECONDS, SECONDS = 8, 1.0, 1.5, 14.0


def call_as_fast_as_allowed(database_url: str, address: str, seconds: float) -> None:
    """One process; four callers, who now and then walk away in the middle."""

    async def work() -> None:
        settings = Desk("v1").settings.model_copy(update={"hde_url": f"{address}/api/v1"})
        databases = Databases(database_url)
        client = Client(settings, databases, budget=Budget(databases, RATE, CALL_SECONDS, WINDOW))
        end = time.monotonic() + seconds
        dice = random.Random()

        async def caller() -> None:
            while time.monotonic() < end:
                try:
                    async with asyncio.timeout(dice.choice((0.3, 5, 5, 5))):
                        await client.list_tickets(1, 1)
                except (HelpdeskError, TimeoutError):
                    await asyncio.sleep(0.02)

        await asyncio.gather(*(caller() for _ in range(4)))
        await client.close()
        databases.close()

    asyncio.run(work())


def test_processes_that_stall_walk_away_and_are_killed_stay_within_the_budget(
    databases: Databases, database_url: str
) -> None:
    state = State(token="canary-key-of-the-portal")
    direct(state, "limit", {"per_minute": 100_000, "window": 60})
    for _ in range(12):
        direct(state, "faults", {"kind": "stall", "value": "0.9", "count": 1})
    spawn = multiprocessing.get_context("spawn")
    with running(state) as address:
        crowd = [spawn.Process(target=call_as_fast_as_allowed, args=(database_url, address, SECONDS)) for _ in range(3)]
        for one in crowd:
            one.start()
        deadline = time.monotonic() + 60
        while len(state.journal.entries) < 2 * RATE and time.monotonic() < deadline:
            time.sleep(0.05)
        crowd[0].kill()
        for one in crowd:
            one.join(60)
            one.kill()
    calls = len(state.journal.entries)
    print(f"busiest {state.journal.busiest(WINDOW)} of {RATE}, {calls} calls")
    assert calls > 3 * RATE, "and the others went on"
    assert state.journal.busiest(WINDOW) <= RATE
