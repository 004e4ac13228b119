"""`portal backfill`: what a person sees of it; the work itself is in tests/service/test_backfill.py."""

from __future__ import annotations

import os
import signal

import pytest
from click.testing import CliRunner, Result

from portal.cli import main
from portal.cli_backfill import duration
from portal.service.outbound import Outbound
from portal.store import backfills
from portal.store.outbox import Job
from tests.service.test_backfill import customers, fingerprint
from tests.service.test_outbound import Shop, shop

__all__ = ["shop"]


@pytest.fixture(autouse=True)
def settings(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.stage.tell("limit", per_minute=100_000)
    monkeypatch.setattr("portal.cli_backfill.load", lambda _kind: shop.stage.settings_with(hde_rate=6000))


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["backfill", *args])


def test_a_dry_run_tells_what_it_would_take_and_writes_nothing(shop: Shop) -> None:
    customers(shop, 4)
    shop.execute("UPDATE b_user SET EMAIL = '' WHERE ID = 100")
    shop.execute("UPDATE b_user SET EMAIL = 'c102@shop.example' WHERE ID = 101")
    before = fingerprint(shop)
    result = run("--dry-run")
    calls = 3 * 3 + 2 + (shop.stage.settings.dialect == "v2")
    assert result.exit_code == 0 and result.output.splitlines() == [
        "6 accounts: 3 customers with an address of their own, 2 with one that several have, 1 without one or switched off",
        f"about {calls} calls of the help desk, 1 min at 5600 a minute",
        "nothing was written, and the help desk was asked nothing",
    ]
    assert fingerprint(shop) == before and shop.stage.calls() == 0
    assert run().exit_code == 0 and fingerprint(shop) != before, "the positive control"


def test_the_run_tells_how_it_ended(shop: Shop) -> None:
    customers(shop, 3)
    shop.breaks("status", 1, value=422, method="POST")
    result = run()
    assert result.exit_code == 0 and "done: 4 accounts seen to, 0 skipped, 1 refused" in result.output
    assert "5/5" in result.output and "account " in result.output


def test_ctrl_c_tells_where_it_stopped_and_the_next_goes_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    customers(shop, 8)
    push, pushed = Outbound.push, 0

    async def interrupted(self: Outbound, job: Job) -> None:
        nonlocal pushed
        pushed += 1
        if pushed == 5:
            os.kill(os.getpid(), signal.SIGINT)
        await push(self, job)

    monkeypatch.setattr(Outbound, "push", interrupted)
    result = run()
    assert result.exit_code == 130
    assert "stopped after account 101; `portal backfill` goes on from there" in result.output
    assert set(shop.states()) <= {"done", "waiting"}, "no job is left in anybody's hands"
    shop.execute("UPDATE custom_hde_outbox SET run_at = UTC_TIMESTAMP(6) WHERE state = 'waiting'")
    again = run()
    assert again.output.startswith("goes on after account 101\n6 accounts") and again.exit_code == 0
    assert "done: 6 accounts seen to" in again.output
    assert set(shop.states()) == {"done"}


def test_another_that_is_under_way_is_told(shop: Shop) -> None:
    shop.stage.databases.run_here(backfills.hold, b"another", 60)
    result = run()
    assert result.exit_code == 1 and "another backfill is under way" in result.output and shop.stage.calls() == 0


@pytest.mark.parametrize(
    ("seconds", "told"), [(1, "1 min"), (60, "1 min"), (61, "2 min"), (3600, "1 h 0 min"), (12_000, "3 h 20 min")]
)
def test_a_duration_is_told_in_minutes(seconds: float, told: str) -> None:
    assert duration(seconds) == told
