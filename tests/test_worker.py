"""The loop: a step that fails ends neither the loop nor the other steps."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from portal import worker
from portal.database import Databases
from portal.errors import DatabaseAway
from portal.store import outbox
from portal.store.migrate import migrate


def run_for_a_moment(*steps: worker.Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.001)
    monkeypatch.setattr(worker, "AWAY_SECONDS", 0.001)

    async def moment() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(worker.run(steps), 0.1)

    asyncio.run(moment())


@pytest.mark.parametrize("error", [DatabaseAway("away"), ValueError("a defect")])
def test_a_step_that_fails_ends_neither_the_loop_nor_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    taken = []

    async def fails() -> bool:
        raise error

    async def works() -> bool:
        taken.append(1)
        return False

    run_for_a_moment(fails, works, monkeypatch=monkeypatch)
    assert len(taken) > 1
    assert "worker:" in caplog.text


def test_a_cancelled_worker_ends_with_its_last_step_not_its_first() -> None:
    """What a step gives back needs the database, which is closed as soon as the worker has ended."""
    ended = []

    async def at_once() -> bool:
        await asyncio.sleep(60)
        return False

    async def slowly() -> bool:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.1)
            ended.append(1)
        return False

    async def cancelled() -> None:
        running = asyncio.create_task(worker.run([at_once, slowly]))
        await asyncio.sleep(0.05)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert ended == [1]

    asyncio.run(cancelled())


def test_a_claim_is_kept_for_as_long_as_its_delivery_takes(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    databases = Databases(database_url)
    migrate(databases)
    databases.run_here(outbox.put, "desk.note", {}, None)
    monkeypatch.setattr(worker, "DELIVERY_LEASE_SECONDS", 1)

    class Slow:
        async def deliver(self, _job: outbox.Job) -> None:
            await asyncio.sleep(2)
            assert databases.run_here(outbox.claim, ["desk.note"], 1) is None

    assert asyncio.run(worker._deliver(databases, ["desk.note"], Slow().deliver))
    databases.close()


def test_a_rare_step_is_taken_at_once_and_until_it_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [True, True, False, True]

    async def sweeps() -> bool:
        return left.pop(0)

    run_for_a_moment(worker._every(3600, sweeps), monkeypatch=monkeypatch)
    assert left == [True]
