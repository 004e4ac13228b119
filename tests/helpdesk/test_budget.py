"""Never more than N calls in any sliding window, counted where they arrive; bans that stop everybody.

The window is a second or so here instead of a minute; everything else is what production runs.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from portal.database import Databases, Unit
from portal.errors import DatabaseAway, HelpdeskBanned, HelpdeskBusy
from portal.helpdesk import budget as budget_module
from portal.helpdesk.budget import Budget
from portal.store import slots
from portal.store.lanes import Lane
from portal.store.slots import Refused, Slot
from tests.helpdesk.conftest import run

RATE = 5
WINDOW = 1.0
SECONDS = 5.0


def busiest(arrivals: list[float]) -> int:
    """The most arrivals in any sliding window."""
    arrivals = sorted(arrivals)
    return max(sum(start <= at < start + WINDOW for at in arrivals) for start in arrivals)


@pytest.fixture
def processes(databases: Databases, database_url: str) -> Iterator[list[Databases]]:
    """Four processes, as far as the budget can tell: they share the database and nothing else."""
    others = [Databases(database_url) for _ in range(3)]
    yield [databases, *others]
    for other in others:
        other.close()


async def saturate(take: list[Callable[[], AbstractAsyncContextManager[object]]]) -> list[float]:
    """Every process calls as fast as it may; the network delays a call, the help desk stalls it. Gives the arrivals."""
    arrivals: list[float] = []
    end = time.monotonic() + SECONDS
    dice = random.Random(7)

    async def caller(slot: Callable[[], AbstractAsyncContextManager[object]]) -> None:
        while time.monotonic() < end:
            try:
                async with slot():
                    await asyncio.sleep(dice.choice((0.0, 0.01, 0.9)))
                    arrivals.append(time.monotonic())
                    await asyncio.sleep(dice.choice((0.0, 0.01, 0.05)))
            except HelpdeskBusy:
                continue

    await asyncio.gather(*(caller(slot) for slot in take for _ in range(4)))
    return arrivals


def test_four_processes_at_full_pressure_never_exceed_the_budget(processes: list[Databases]) -> None:
    budgets = [Budget(one, RATE, 2.0, WINDOW) for one in processes]
    arrivals = run(saturate([lambda budget=budget: budget.slot(1.0) for budget in budgets]))  # type: ignore[misc]
    assert busiest(arrivals) <= RATE
    assert len(arrivals) > RATE * 2, "and it is used"


def test_the_positive_control_slots_that_are_free_a_window_after_the_start_exceed_it(
    processes: list[Databases],
) -> None:
    budgets = [Budget(one, RATE, 2.0, WINDOW) for one in processes]

    @asynccontextmanager
    async def naive(budget: Budget, databases: Databases) -> AsyncIterator[object]:
        slot = await budget._take(1.0)
        await databases.run(slots.release, slot, WINDOW)
        yield slot

    pairs = list(zip(budgets, processes, strict=True))
    arrivals = run(saturate([lambda pair=pair: naive(*pair) for pair in pairs]))  # type: ignore[misc]
    assert busiest(arrivals) > RATE


def test_who_dies_in_mid_call_takes_his_slot_along_until_it_must_have_ended(databases: Databases) -> None:
    async def dies() -> None:
        budget = Budget(databases, 1, 0.3, 0.3)
        budget._hold = 0.6  # without the allowance for a busy process
        await budget._take(0)
        began = time.monotonic()
        with pytest.raises(HelpdeskBusy):
            await budget._take(0.2)
        await budget._take(2)
        assert 0.5 <= time.monotonic() - began < 2

    run(dies())


def test_a_call_that_may_take_longer_keeps_its_slot_for_longer(databases: Databases) -> None:
    async def taken() -> list[float]:
        budget = Budget(databases, 3, 20.0, 60.0)
        await budget._take(0), await budget._take(0, 220.0)
        return await databases.read(
            lambda unit: [
                float(row[0])
                for row in unit.state.execute(
                    text(
                        "SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), free_at) / 1000000 "
                        "FROM custom_hde_api_slot WHERE free_at > UTC_TIMESTAMP(6) ORDER BY free_at"
                    )
                )
            ]
        )

    usual, longer = run(taken())
    assert 80 < usual <= 85 and 300 < longer <= 305


def test_a_database_that_goes_away_in_mid_call_leaves_the_slot_taken_and_the_answer_whole(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_told: object) -> None:
        raise DatabaseAway("gone")

    async def call() -> None:
        budget = Budget(databases, 1, 60.0, 60.0)
        async with budget.slot(0) as slot:
            monkeypatch.setattr(slots, "release", gone)
            monkeypatch.setattr(slots, "allow", gone)
            await budget.answered(slot, 5)
        with pytest.raises(HelpdeskBusy):
            await budget._take(0)

    run(call())


def test_who_comes_back_late_does_not_free_a_slot_that_is_anothers(databases: Databases) -> None:
    databases.run_here(slots.fill, 1)
    late = databases.run_here(slots.take, 1, 60.0)
    databases.run_here(lambda unit: unit.state.execute(text("UPDATE custom_hde_api_slot SET free_at = '2000-01-01'")))
    assert isinstance(databases.run_here(slots.take, 1, 60.0), Slot)
    assert isinstance(late, Slot)
    databases.run_here(slots.release, late, 0.0)
    assert databases.run_here(slots.take, 1, 60.0) == Refused(None)


def test_a_page_that_is_cancelled_gives_its_slot_back(databases: Databases) -> None:
    async def cancelled() -> None:
        budget = Budget(databases, 1, 60.0, 0.1)

        async def call() -> None:
            async with budget.slot(0):
                await asyncio.sleep(60)

        task = asyncio.create_task(call())
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with budget.slot(2):
            pass

    run(cancelled())


def test_no_connection_is_held_during_the_call(databases: Databases) -> None:
    async def many() -> None:
        budget = Budget(databases, 50, 60.0, 0.1)
        started = asyncio.Barrier(31)

        async def call() -> None:
            async with budget.slot(5):
                await started.wait()

        tasks = [asyncio.create_task(call()) for _ in range(30)]
        async with asyncio.timeout(20):
            await started.wait()  # 30 calls under way, with a pool of 8
            await databases.read(lambda unit: unit.state.execute(text("SELECT 1")).scalar())
            await asyncio.gather(*tasks)

    run(many())


def test_when_the_help_desk_allows_fewer_every_process_takes_fewer_until_it_allows_more(
    processes: list[Databases],
) -> None:
    async def told() -> None:
        first, second = (Budget(one, 10, 1.0, 60.0) for one in processes[:2])
        async with first.slot(0) as slot:
            await first.answered(slot, 3)
        for _ in range(2):
            async with second.slot(0):
                pass
        with pytest.raises(HelpdeskBusy):
            await second._take(0)
        await second.answered(slot, 300)
        for _ in range(7):
            async with first.slot(0):
                pass
        with pytest.raises(HelpdeskBusy):
            await first._take(0)

    run(told())


# Bans


def test_a_ban_stops_every_process_at_once(processes: list[Databases]) -> None:
    async def banned() -> None:
        first, second = (Budget(one, 10, 1.0, 60.0) for one in processes[:2])
        async with first.slot(0):
            error = await first.banned(1200)
        assert 1190 < (error.until - datetime.now(UTC)).total_seconds() <= 1201
        for budget in (first, second):
            with pytest.raises(HelpdeskBanned):
                async with budget.slot(0):
                    raise AssertionError("a call during a ban")
        full = Budget(processes[2], 1, 1.0, 60.0)
        with pytest.raises(HelpdeskBanned):  # a slot that is taken as well does not hide the ban
            await full._take(0)

    run(banned())


def end_of_ban(databases: Databases) -> None:
    databases.run_here(
        lambda unit: unit.state.execute(
            text("UPDATE custom_hde_cursor SET until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE name = 'hde_ban'")
        )
    )


def test_after_a_ban_one_probe_goes_first_and_its_success_opens_for_all(processes: list[Databases]) -> None:
    async def after() -> None:
        budgets = [Budget(one, 40, 1.0, 60.0) for one in processes]
        await budgets[0].banned(1200)
        end_of_ban(processes[0])
        asking = (budget._take(10) for budget in budgets for _ in range(5))
        tries = await asyncio.gather(*asking, return_exceptions=True)
        probes = [found for found in tries if isinstance(found, Slot)]
        assert len(probes) == 1 and probes[0].probe
        assert sum(isinstance(found, HelpdeskBanned) for found in tries) == 19
        await budgets[0].answered(probes[0], None)
        assert not (await budgets[3]._take(0)).probe

    run(after())


def test_a_probe_that_is_banned_again_stops_everybody_again(databases: Databases) -> None:
    async def again() -> None:
        budget = Budget(databases, 10, 1.0, 60.0)
        await budget.banned(1200)
        end_of_ban(databases)
        async with budget.slot(0):
            await budget.banned(1200)
        with pytest.raises(HelpdeskBanned) as told:
            await budget._take(0)
        assert (told.value.until - datetime.now(UTC)).total_seconds() > 1100

    run(again())


def test_a_probe_that_finds_no_slot_does_not_put_off_the_end_of_the_ban(databases: Databases) -> None:
    async def full() -> None:
        budget = Budget(databases, 1, 60.0, 0.2)
        slot = await budget._take(0)
        await budget.banned(1200)
        end_of_ban(databases)
        with pytest.raises(HelpdeskBusy):
            await budget._take(0)
        await databases.run(slots.release, slot, 0.0)
        assert (await budget._take(1)).probe

    run(full())


def test_losers_of_the_race_for_the_probe_keep_no_slot(databases: Databases) -> None:
    def slowly(unit: Unit) -> Slot | Refused:
        taken = slots.take(unit, 4, 60.0)
        time.sleep(0.4)  # so that the others have looked before this one is committed
        return taken

    async def race() -> list[Slot | Refused]:
        return await asyncio.gather(*(databases.run(slowly) for _ in range(3)))

    databases.run_here(slots.fill, 4)
    databases.run_here(slots.ban, 1200.0)
    end_of_ban(databases)
    found = run(race())
    assert [one.probe for one in found if isinstance(one, Slot)] == [True]
    query = text("SELECT COUNT(*) FROM custom_hde_api_slot WHERE free_at > UTC_TIMESTAMP(6)")
    assert databases.read_here(lambda unit: unit.state.execute(query).scalar()) == 1


def length_of_ban(told: HelpdeskBanned) -> float:
    return (told.until - datetime.now(UTC)).total_seconds()


def test_a_short_ban_does_not_cut_a_long_one_but_a_probe_knows_better(databases: Databases) -> None:
    async def bans() -> None:
        budget = Budget(databases, 10, 60.0, 60.0)
        await budget.banned(1200)
        assert length_of_ban(await budget.banned(5)) > 1100, "a call that was under way when the ban fell"
        end_of_ban(databases)
        async with budget.slot(0) as probe:
            assert probe.probe
            assert length_of_ban(await budget.banned(5)) <= 6

    run(bans())


# Processes that are slow themselves


def slow_once(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The next take of a slot is committed, and heard of late."""
    take, late = slots.take, [seconds]

    def slow(unit: Unit, rate: int, hold_seconds: float, lane: Lane) -> Slot | Refused:
        taken = take(unit, rate, hold_seconds, lane)
        unit.commit()
        time.sleep(late.pop() if late else 0)
        return taken

    monkeypatch.setattr(slots, "take", slow)


def test_who_is_cancelled_while_he_takes_a_slot_leaves_none_taken(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled() -> None:
        budget = Budget(databases, 1, 60.0, 60.0)
        await databases.run(slots.fill, 1)
        slow_once(monkeypatch, 0.5)
        task = asyncio.create_task(budget._take(0))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await budget._take(0)

    run(cancelled())


def test_who_is_cancelled_while_the_database_goes_away_is_cancelled_all_the_same(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object) -> None:
        time.sleep(0.4)
        raise DatabaseAway("away")

    async def cancelled() -> None:
        budget = Budget(databases, 1, 60.0, 60.0)
        await databases.run(slots.fill, 1)
        monkeypatch.setattr(slots, "take", away)
        task = asyncio.create_task(budget._take(0))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancelled())


def test_a_process_that_was_suspended_does_not_call_with_the_slot_it_had(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget_module, "LAG_SECONDS", 0.4)
    slow_once(monkeypatch, 0.6)

    async def suspended() -> None:
        budget = Budget(databases, 1, 60.0, 60.0)
        with pytest.raises(HelpdeskBusy):
            await budget._take(0)
        await budget._take(0)

    run(suspended())
