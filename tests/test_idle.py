"""A worker that has nothing to do asks the database seldom, and is at it at once when something comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from portal import worker
from portal.bitrix import tables
from portal.database import Databases, Unit
from portal.helpdesk.client import Client
from portal.pulse import LONGEST_SECONDS, Due, Pulse
from portal.store import dues, outbox, paces
from portal.tokens import Tokens
from tests.service.test_outbound import RENDER
from tests.stage import Stage, stage

SETTLED_SECONDS, MEASURED_SECONDS = 4.0, 6.0
FIRST, EACH_MORE = 27.0, 12.0
"""Queries a second: of one worker with what is looked for in the shop by all together, and of each further one. They
are 23 and 8 to 10 on a quiet machine; a loop that asks twice a second by itself adds 4 (a claim and its unit of work)."""


def questions(made: Stage) -> int:
    return int(made.execute("SHOW GLOBAL STATUS LIKE 'Questions'")[0][1])


@asynccontextmanager
async def at_work(made: Stage) -> AsyncIterator[None]:
    """A worker of its own process, as far as the database sees."""
    databases = Databases(made.settings.database_url.get_secret_value())
    client = Client(made.settings, databases)
    shape, tokens = await databases.read(tables.inspect), Tokens(["a-key-for-tests-only"])
    steps = worker.steps(made.settings, databases, client, tokens, RENDER, shape, None)
    working = asyncio.create_task(worker.run(steps))
    try:
        yield
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        await client.close()
        databases.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_idle_worker_asks_seldom(database_url: str, tmp_path: Path, workers: int) -> None:
    """It was 107 a second with eighteen loops that each asked twice a second."""
    with stage(database_url, tmp_path, "v2") as made:

        async def idles() -> float:
            async with AsyncExitStack() as stack:
                for _ in range(workers):
                    await stack.enter_async_context(at_work(made))
                await asyncio.sleep(SETTLED_SECONDS)
                asked = questions(made)
                await asyncio.sleep(MEASURED_SECONDS)
                return (questions(made) - asked) / MEASURED_SECONDS

        queries = asyncio.run(idles())
        print(f"idle: {workers} workers, {queries:.1f} queries/s")
        assert queries <= FIRST + EACH_MORE * (workers - 1)


@pytest.mark.parametrize("rung", [True, False], ids=["this process put it", "another process put it"])
def test_after_a_long_silence_it_is_at_it_at_once(database_url: str, tmp_path: Path, *, rung: bool) -> None:
    with stage(database_url, tmp_path, "v2") as made:

        async def story() -> float:
            databases = Databases(database_url)
            taken = asyncio.Event()

            async def step() -> bool:
                taken.set()
                return False

            pulse = Pulse(databases, {})
            working = asyncio.create_task(worker.run([Due(pulse, ["desk.note"], step)]))
            await asyncio.sleep(3 * LONGEST_SECONDS)
            assert not taken.is_set()
            began = time.monotonic()
            (databases if rung else made.databases).run_here(outbox.put, "desk.note", {}, None)
            async with asyncio.timeout(10):
                await taken.wait()
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            databases.close()
            return time.monotonic() - began

        assert asyncio.run(story()) < (0.2 if rung else LONGEST_SECONDS + 0.3)


def test_what_goes_by_the_clock_is_due_when_its_time_has_come_and_not_before(database_url: str, tmp_path: Path) -> None:
    """Some topics have the name of their one cursor."""
    with stage(database_url, tmp_path, "v2") as made:
        topics = {"shop-traces": ["shop-traces"], "shop-new": ["shop-new:user", "shop-new:order"]}

        def due() -> frozenset[str]:
            return made.databases.read_here(dues.look, [], topics)

        assert due() == {*topics}, "there has been none yet"
        for cursor in ("shop-traces", "shop-new:user", "shop-new:order"):
            made.databases.run_here(paces.begin, cursor, 60)
        assert due() == frozenset()
        made.execute("UPDATE custom_hde_cursor SET until = until - INTERVAL 1 HOUR WHERE name LIKE 'shop-%s'")
        assert due() == {"shop-traces"}


@pytest.mark.parametrize(
    ("kind", "index"),
    [("shop.contact", True), ("desk.reply", True), ("desk.reply", False)],
    ids=["thousands wait", "none waits", "the control"],
)
def test_neither_a_look_nor_a_claim_reads_what_waits_of_other_kinds(
    database_url: str, tmp_path: Path, kind: str, *, index: bool
) -> None:
    """Rows that the server has touched: an index by time alone would have it read all 3,000."""
    with stage(database_url, tmp_path, "v2") as made:
        made.execute(
            "INSERT INTO custom_hde_outbox (kind, payload, queue, run_at, created_at) "
            "SELECT 'shop.contact', '{}', CONCAT('q', seq), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) FROM seq_1_to_3000"
        )
        if not index:
            made.execute("ALTER TABLE custom_hde_outbox DROP KEY ix_kind")
        made.execute("ANALYZE TABLE custom_hde_outbox")

        def touched(unit: Unit) -> int:
            unit.state.execute(text("FLUSH STATUS"))
            assert (kind in dues.look(unit, ["desk.note", kind], {})) == (kind == "shop.contact")
            if kind == "desk.reply":
                assert outbox.claim(unit, [kind, "desk.note"], 60) is None
            return sum(int(row[1]) for row in unit.state.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'")))

        assert (made.databases.run_here(touched) < 100) is index
