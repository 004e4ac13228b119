"""The loop: a step that fails ends neither the loop nor the other steps."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from portal import worker
from portal.errors import DatabaseAway


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


def test_a_rare_step_is_taken_at_once_and_until_it_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [True, True, False, True]

    async def sweeps() -> bool:
        return left.pop(0)

    run_for_a_moment(worker._every(3600, sweeps), monkeypatch=monkeypatch)
    assert left == [True]
