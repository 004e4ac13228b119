"""Permits: how often somebody may ask, counted over all processes and written down a lease at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from portal.database import Databases
from portal.errors import TooOften
from portal.service.permits import Pace, Permits
from portal.store.migrate import migrate

PACE = Pace(allowed=60, seconds=600, lease=12)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    made = Databases(database_url)
    migrate(made)
    yield made
    made.close()


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    """A process has one."""
    with asyncio.Runner() as runner:
        yield runner


async def asked(permits: Permits, name: str, times: int) -> int:
    """How many of so many questions at once are let in."""

    async def one() -> bool:
        try:
            await permits.spend(name, PACE)
        except TooOften as error:
            assert 1 <= error.retry_after <= PACE.seconds + 1
            return False
        return True

    return sum(await asyncio.gather(*(one() for _ in range(times))))


def counters(databases: Databases) -> list[tuple[bytes, bytes]]:
    statement = "SELECT name, value FROM custom_hde_cursor WHERE name LIKE 'limit:%%' ORDER BY name"
    return databases.read_here(lambda unit: [tuple(row) for row in unit.state.exec_driver_sql(statement)])


def end_the_time(databases: Databases) -> None:
    databases.run_here(
        lambda unit: unit.state.exec_driver_sql(
            "UPDATE custom_hde_cursor SET until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND"
        )
    )


def test_three_processes_let_in_together_what_one_may(databases: Databases, loop: asyncio.Runner) -> None:
    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(asked(Permits(databases), "orders:7", 100) for _ in range(3)))

    let_in = loop.run(all_of_them())
    assert sum(let_in) == PACE.allowed
    assert [int(value) for _, value in counters(databases)] == [PACE.allowed], "a refusal counts nothing"


def test_each_process_by_itself_would_let_in_three_times_as_many(databases: Databases, loop: asyncio.Runner) -> None:
    """The positive control: a counter of each one's own."""

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(asked(Permits(databases), f"orders:{n}", 100) for n in range(3)))

    assert sum(loop.run(all_of_them())) == 3 * PACE.allowed


def test_a_lease_costs_one_write_and_a_refusal_that_is_known_none(
    databases: Databases, loop: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []
    run = databases.run

    async def counted(work: object, *args: object) -> object:
        writes.append(args)
        return await run(work, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(databases, "run", counted)
    permits = Permits(databases)
    assert loop.run(asked(permits, "orders:7", PACE.lease)) == PACE.lease and len(writes) == 1
    assert loop.run(asked(permits, "orders:7", 1000)) == PACE.allowed - PACE.lease
    assert len(writes) == PACE.allowed / PACE.lease + 1, "the last of them is the refusal"


def test_one_who_asks_too_often_does_not_hinder_another(databases: Databases, loop: asyncio.Runner) -> None:
    permits = Permits(databases)
    assert loop.run(asked(permits, "orders:7", 100)) == PACE.allowed
    assert loop.run(asked(permits, "orders:8", 1)) == 1


def test_the_time_over_he_may_ask_again_and_old_permits_are_worth_nothing(
    databases: Databases, loop: asyncio.Runner
) -> None:
    clock = Clock()
    permits, other = Permits(databases, clock), Permits(databases, clock)
    assert loop.run(asked(other, "orders:7", 1)) == 1
    assert loop.run(asked(permits, "orders:7", 100)) == PACE.allowed - PACE.lease
    clock.now += PACE.seconds + 2
    end_the_time(databases)
    assert loop.run(asked(permits, "orders:7", 100)) == PACE.allowed
    assert loop.run(asked(other, "orders:7", 1)) == 0, "the eleven left of its first lease have lapsed"
