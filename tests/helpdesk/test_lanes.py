"""Who goes first, and that nobody starves; what others use up of the account's calls makes us yield.

The window is short here; everything else is what production runs.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from sqlalchemy import text

from portal.database import Databases
from portal.errors import HelpdeskBusy
from portal.helpdesk import budget
from portal.helpdesk.budget import Budget
from portal.store import lanes, slots
from portal.store.lanes import Lane, share
from portal.store.slots import Refused, Slot
from tests.helpdesk.conftest import run
from tests.helpdesk.test_budget import processes

__all__ = ["processes"]

RATE, WINDOW, WINDOWS = 60, 6.0, 3


def take(databases: Databases, lane: Lane, rate: int = RATE) -> bool:
    return isinstance(databases.run_here(slots.take, rate, 60.0, lane), Slot)


def take_all(databases: Databases, lane: Lane, rate: int = RATE) -> int:
    """How many slots this lane gets when it takes all that it may."""
    taken = 0
    while take(databases, lane, rate):
        taken += 1
    return taken


def nobody_waits(databases: Databases) -> None:
    databases.run_here(
        lambda unit: unit.state.execute(text("DELETE FROM custom_hde_cursor WHERE name = 'hde_wanted'")).rowcount
    )


@pytest.fixture
def filled(databases: Databases) -> Databases:
    databases.run_here(slots.fill, RATE)
    return databases


def test_a_lane_is_told_by_the_block_and_inherited_by_its_tasks() -> None:
    async def told() -> list[Lane]:
        async def asked() -> Lane:
            return lanes.current()

        with lanes.lane(Lane.SWEEP):
            task = asyncio.create_task(asked())
        return [await task, lanes.current()]

    assert run(told()) == [Lane.SWEEP, Lane.CUSTOMER]


@pytest.mark.parametrize("rate", [*range(1, 130), 300, 6000])
def test_shares_fit_and_leave_nine_tenths_to_whoever_is_alone(rate: int) -> None:
    parts = [share(lane, rate) for lane in Lane]
    assert parts[0].shared[1] - parts[0].shared[0] >= 0.9 * rate
    for lane, part in zip(Lane, parts, strict=True):
        assert 0 <= part.shared[0] < part.shared[1] <= rate, f"{lane!r} can always call"
        assert 0 <= part.kept[0] <= part.kept[1] <= rate
        assert rate - lanes.spare(lane, rate) >= 0.9 * rate
    lower = [set(range(*part.kept)) for part in parts[1:]]
    assert not lower[0] & set(range(*parts[0].shared)), "what is kept from customers"
    if rate >= 4 * lanes.KEPT:
        assert all(lower) and sum(map(len, lower)) == len(set().union(*lower)), "each has its own"


@pytest.mark.parametrize("lane", list(Lane))
def test_a_lane_alone_uses_nine_tenths(filled: Databases, lane: Lane) -> None:
    assert take_all(filled, lane) >= 0.9 * RATE


@pytest.mark.parametrize("lane", [Lane.OUTBOX, Lane.SWEEP, Lane.BACKFILL])
def test_a_lower_lane_leaves_slots_to_customers(filled: Databases, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(20):
        assert take(filled, Lane.CUSTOMER)
    take_all(filled, lane)
    nobody_waits(filled)
    assert take_all(filled, Lane.CUSTOMER) == lanes.spare(lane, RATE, 20) == 5
    filled.run_here(
        lambda unit: unit.state.execute(text("UPDATE custom_hde_api_slot SET free_at = '2000-01-01'")).rowcount
    )
    nobody_waits(filled)
    monkeypatch.setattr(slots, "spare", lambda *_: 0)
    take_all(filled, lane)
    nobody_waits(filled)
    assert take_all(filled, Lane.CUSTOMER) == 0, "the positive control"


@pytest.mark.parametrize("lane", list(Lane)[1:])
def test_customers_at_full_pressure_starve_nobody(filled: Databases, lane: Lane) -> None:
    assert take_all(filled, Lane.CUSTOMER) >= 0.9 * RATE
    assert take(filled, lane), "one is kept for it"


def test_while_a_customer_waits_later_lanes_leave_the_shared_slots_alone(filled: Databases) -> None:
    while take(filled, Lane.CUSTOMER):
        pass
    query = text("UPDATE custom_hde_api_slot SET free_at = UTC_TIMESTAMP(6) WHERE id BETWEEN 20 AND 29")
    filled.run_here(lambda unit: unit.state.execute(query).rowcount)
    assert take_all(filled, Lane.OUTBOX) == 1, "the one that is kept for it"
    nobody_waits(filled)
    assert take_all(filled, Lane.OUTBOX) == 7, "the positive control: nobody waits any more, and some are left free"


async def customers_beside_a_backfill(processes: list[Databases]) -> tuple[list[float], Counter[Lane]]:
    """Two processes serve customers, who want half of the budget; one backfills as fast as it may. Their waits."""
    got: Counter[Lane] = Counter()
    waits: list[float] = []
    budgets = [Budget(one, RATE, 1.0, WINDOW) for one in processes]
    end = time.monotonic() + WINDOWS * WINDOW

    async def backfill() -> None:
        with lanes.lane(Lane.BACKFILL):
            while time.monotonic() < end:
                try:
                    async with budgets[2].slot(1.0):
                        got[Lane.BACKFILL] += 1
                except HelpdeskBusy:
                    continue

    async def customer(by: Budget) -> None:
        began = time.monotonic()
        async with by.slot(20.0):
            got[Lane.CUSTOMER] += 1
        waits.append(time.monotonic() - began)

    others = [asyncio.create_task(backfill()) for _ in range(4)]
    acts = []
    while time.monotonic() < end:
        acts.append(asyncio.create_task(customer(budgets[len(acts) % 2])))
        await asyncio.sleep(WINDOW / RATE * 2)
    await asyncio.gather(*acts, *others)
    return sorted(waits), got


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """As short as the minute is."""
    monkeypatch.setattr(budget, "POLL_SECONDS", (0.02, 0.05))


LONGEST = 3.0 * WINDOW / 60 + 2 * 0.05
"""3 s of a minute, and two polls."""


def p95(waits: list[float]) -> float:
    return waits[int(len(waits) * 0.95)]


@pytest.mark.usefixtures("quick_polls")
def test_a_customer_waits_no_3_seconds_while_a_backfill_takes_all_it_can(processes: list[Databases]) -> None:
    waits, got = run(customers_beside_a_backfill(processes))
    used = sum(got.values()) / (RATE * WINDOWS)
    print(f"p95 {p95(waits):.2f} s of {len(waits)}, {dict(got)}, {used:.0%} used")
    assert p95(waits) <= LONGEST
    assert used >= 0.9 and got[Lane.BACKFILL] >= WINDOWS


@pytest.mark.usefixtures("quick_polls")
def test_the_positive_control_in_one_lane_with_the_backfill_customers_wait(
    processes: list[Databases], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "current", lambda: Lane.CUSTOMER)
    waits, _got = run(customers_beside_a_backfill(processes))
    print(f"p95 {p95(waits):.2f} s")
    assert p95(waits) > LONGEST


def test_a_foreign_integration_that_eats_the_quota_makes_lower_lanes_yield(filled: Databases) -> None:
    async def told(remaining: int) -> None:
        ours = Budget(filled, RATE, 1.0, 60.0)
        async with ours.slot(0) as slot:
            await ours.answered(slot, 300, remaining)

    run(told(31))
    assert take(filled, Lane.BACKFILL), "the positive control: there is enough for all"
    run(told(30))
    for lane in list(Lane)[1:]:
        assert not take(filled, lane)
    assert take(filled, Lane.CUSTOMER)
    query = text("UPDATE custom_hde_cursor SET until = UTC_TIMESTAMP(6) WHERE name = 'hde_yield'")
    filled.run_here(lambda unit: unit.state.execute(query).rowcount)
    nobody_waits(filled)
    assert take(filled, Lane.BACKFILL), "the minute is over"


def test_what_we_have_used_up_ourselves_makes_nobody_yield(filled: Databases) -> None:
    async def used() -> None:
        ours = Budget(filled, RATE, 1.0, 60.0)
        for number in range(55):
            async with ours.slot(0) as slot:
                await ours.answered(slot, RATE, RATE - number - 1)

    run(used())
    nobody_waits(filled)
    assert take(filled, Lane.SWEEP)


def test_refused_is_told_apart_from_banned(filled: Databases) -> None:
    take_all(filled, Lane.CUSTOMER)
    assert filled.run_here(slots.take, RATE, 60.0, Lane.CUSTOMER) == Refused(None)
