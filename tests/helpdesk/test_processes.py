"""The budget over real processes, some of which are killed in mid call: what arrives is counted by the help desk."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections import Counter

from portal.database import Databases
from portal.errors import HelpdeskError
from portal.helpdesk.budget import Budget
from portal.helpdesk.client import Client
from portal.sandbox.helpdesk import State, running
from portal.sandbox.helpdesk.director import direct
from portal.store import lanes
from portal.store.lanes import Lane
from tests.helpdesk.conftest import Desk

RATE, WINDOW, CALL_SECONDS, SECONDS = 8, 1.0, 1.5, 14.0
LANES_RATE = 24


def call_as_fast_as_allowed(database_url: str, address: str, seconds: float, rate: int, lane: Lane) -> None:
    """One process; four callers of one lane, who now and then walk away in the middle."""

    async def work() -> None:
        settings = Desk("v1").settings.model_copy(update={"hde_url": f"{address}/api/v1"})
        databases = Databases(database_url)
        client = Client(settings, databases, budget=Budget(databases, rate, CALL_SECONDS, WINDOW))
        end = time.monotonic() + seconds
        dice = random.Random()

        async def caller() -> None:
            while time.monotonic() < end:
                try:
                    async with asyncio.timeout(dice.choice((0.3, 5, 5, 5))):
                        with lanes.lane(lane):
                            await client.list_tickets(lane + 1, 1)
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
        told = (database_url, address, SECONDS, RATE, Lane.CUSTOMER)
        crowd = [spawn.Process(target=call_as_fast_as_allowed, args=told) for _ in range(3)]
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


def test_four_processes_of_four_lanes_stay_within_the_budget_and_none_starves(
    databases: Databases, database_url: str
) -> None:
    state = State(token="canary-key-of-the-portal")
    direct(state, "limit", {"per_minute": 100_000, "window": 60})
    spawn = multiprocessing.get_context("spawn")
    crowd_of = (Lane.CUSTOMER, Lane.OUTBOX, Lane.SWEEP, Lane.BACKFILL)
    with running(state) as address:
        told = [(database_url, address, SECONDS, LANES_RATE, lane) for lane in crowd_of]
        crowd = [spawn.Process(target=call_as_fast_as_allowed, args=one) for one in told]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join(60)
            one.kill()
    calls = Counter(entry.query for entry in state.journal.entries)
    print(f"busiest {state.journal.busiest(WINDOW)} of {LANES_RATE}, {dict(calls)}")
    assert state.journal.busiest(WINDOW) <= LANES_RATE
    by_lane = [sum(n for query, n in calls.items() if f"user_id={lane + 1}&" in query) for lane in crowd_of]
    assert min(by_lane) >= 3 and by_lane[0] == max(by_lane)
