"""What operations see: figures of the tables, and whether the portal is ready and why not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from portal import worker
from portal.app import create_app
from portal.database import Databases
from portal.model import Event
from portal.store import figures, inbox, outbox, slots
from tests.conftest import MariaDB
from tests.stage import ANNA, Stage, stage

SAMPLE = re.compile(r'portal_[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"\})? -?[0-9.e+-]+')


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        yield made


def scrape(client: TestClient[Any]) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    told = [line for line in lines if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in told), told
    assert len(lines) == len(set(lines)), "a figure told twice is refused by Prometheus"
    names = [re.split(r"[{ ]", line)[0] for line in told]
    assert all(f"# TYPE {name} gauge" in lines for name in names)
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in told)}


def test_an_empty_ledger_tells_noughts_and_nothing_that_never_was(shop: Stage) -> None:
    with shop.client() as client:
        seen = scrape(client)
    assert seen['portal_inbox_events{state="dead"}'] == seen['portal_outbox_jobs{state="aside"}'] == 0
    assert seen['portal_oldest_unfinished_seconds{table="inbox"}'] == 0
    assert (seen["portal_budget_calls"], seen["portal_budget_calls_allowed"]) == (0, 60)
    assert (seen["portal_ban_active"], seen["portal_ban_seconds"]) == (0, 0)
    assert seen["portal_sweep_repairs"] == 0, "nothing to draw a line from, before the first one"
    assert not [name for name in seen if "sweep_age" in name or "beat" in name or "done{" in name]


def test_rows_are_counted_by_state_effects_by_kind_and_the_oldest_is_told(shop: Stage) -> None:
    for number in range(3):
        shop.databases.run_here(outbox.put, "desk.reply", {}, ANNA)
        shop.databases.run_here(inbox.put, Event("message.created", 41, None, None, None, f"b:{number}".encode()))
    shop.databases.run_here(inbox.put, Event('evil"}\n\\', 41, None, None, None, b"b:evil"))
    shop.execute("UPDATE custom_hde_outbox SET state = 'done' WHERE id = 1")
    shop.execute("UPDATE custom_hde_outbox SET state = 'done', kind = 'a\"b\\\\' WHERE id = 2")
    shop.execute(
        "UPDATE custom_hde_outbox SET state = 'running', created_at = UTC_TIMESTAMP(6) - INTERVAL 90 SECOND WHERE id = 3"
    )
    shop.execute("UPDATE custom_hde_inbox SET state = 'dead', created_at = '2000-01-01' WHERE id = 1")
    with shop.client() as client:
        seen = scrape(client)
    assert seen['portal_inbox_events{state="waiting"}'] == 2 and seen['portal_inbox_events{state="skipped"}'] == 1
    assert seen['portal_inbox_events{state="dead"}'] == seen['portal_outbox_jobs{state="running"}'] == 1
    assert seen['portal_outbox_done{kind="desk.reply"}'] == seen['portal_outbox_done{kind="a\\"b\\\\"}'] == 1
    assert 90 <= seen['portal_oldest_unfinished_seconds{table="outbox"}'] < 150
    assert seen['portal_oldest_unfinished_seconds{table="inbox"}'] < 60, "the dead one waits for nothing"


def test_the_budget_and_a_ban_are_told_and_their_end(shop: Stage) -> None:
    shop.databases.run_here(slots.fill, 60)
    for _ in range(3):
        shop.databases.run_here(slots.take, 60, 75.0)
    shop.databases.run_here(slots.allow, 40)
    shop.databases.run_here(slots.ban, 1200)
    with shop.client() as client:
        seen = scrape(client)
        assert (seen["portal_budget_calls"], seen["portal_budget_calls_allowed"], seen["portal_ban_active"]) == (
            3,
            40,
            1,
        )
        assert 1100 < seen["portal_ban_seconds"] <= 1200
        shop.execute("UPDATE custom_hde_cursor SET until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE name = 'hde_ban'")
        shop.execute("UPDATE custom_hde_api_slot SET free_at = UTC_TIMESTAMP(6)")
        seen = scrape(client)
        assert (seen["portal_budget_calls"], seen["portal_ban_active"], seen["portal_ban_seconds"]) == (0, 0, 0)


def test_the_sweep_is_told_once_there_was_one(shop: Stage) -> None:
    for name, value in (("sweep:watermark", "2026-11-25T08:00:00"), ("sweep:repairs", "12")):
        shop.execute(
            f"INSERT INTO custom_hde_cursor (name, value, updated_at) VALUES ('{name}', '{value}', UTC_TIMESTAMP(6) - INTERVAL 20 SECOND)"
        )
    with shop.client() as client:
        seen = scrape(client)
    assert 20 <= seen["portal_sweep_age_seconds"] < 60 and seen["portal_sweep_repairs"] == 12


def test_no_figure_names_anybody(shop: Stage) -> None:
    shop.databases.run_here(outbox.put, "desk.reply", {"text": "canary"}, ANNA, queue="canary", once="canary")
    shop.databases.run_here(inbox.put, Event("canary", 41, None, None, None, b"canary"))
    with shop.client() as client:
        assert "canary" not in client.get("/metrics").text


def ready(client: TestClient[Any]) -> tuple[int, str]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json().get("why", "")


def test_ready_is_who_has_a_worker_here_or_elsewhere(shop: Stage) -> None:
    with shop.client() as client:
        assert ready(client) == (503, "no worker has ever been seen: run `portal worker`")
        shop.databases.run_here(figures.beat)
        assert ready(client) == (200, "")
        assert 0 <= scrape(client)["portal_worker_beat_age_seconds"] < 60
        shop.execute(
            "UPDATE custom_hde_cursor SET updated_at = UTC_TIMESTAMP(6) - INTERVAL 300 SECOND WHERE name = 'worker:beat'"
        )
        status, why = ready(client)
        assert status == 503 and re.fullmatch(r"no worker has been seen for 30\d s", why)
        assert client.get("/healthz").status_code == 200


def test_the_worker_of_this_process_is_seen(shop: Stage) -> None:
    with TestClient(create_app(shop.settings)) as client:
        for _ in range(100):
            if client.get("/readyz").status_code == 200:
                break
        assert ready(client) == (200, "")


def test_a_worker_says_so_again_and_again(shop: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.01)
    beats = []
    monkeypatch.setattr(figures, "beat", lambda unit: beats.append(1))

    async def moment() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(worker.run([worker._every(0.05, lambda: worker._beat(shop.databases))]), 1)

    asyncio.run(moment())
    assert len(beats) > 3


def test_missing_tables_are_told(shop: Stage) -> None:
    with shop.client() as client:
        shop.execute("DROP TABLE custom_hde_cursor")
        assert ready(client) == (503, "our tables are not there: run `portal migrate`")


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    folder.mkdir()
    server = MariaDB(folder)
    server.start()
    server.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
    (tmp_path / "sessions").mkdir()
    try:
        with stage(server.url("shop"), tmp_path / "sessions") as shop, shop.client() as client:
            shop.databases.run_here(figures.beat)
            assert (client.get("/metrics").status_code, ready(client)[0]) == (200, 200), "the control"
            server.kill()
            assert client.get("/metrics").status_code == 503
            assert ready(client) == (503, "the database does not answer")
    finally:
        server.kill()


def test_one_statement_asks_for_everything(shop: Stage) -> None:
    asked = []
    database = Databases(shop.settings.database_url.get_secret_value())

    def look(unit: Any) -> None:
        execute = unit.state.execute
        unit.state.execute = lambda *told: asked.append(1) or execute(*told)
        figures.look(unit, 60)

    database.read_here(look)
    database.close()
    assert asked == [1]
