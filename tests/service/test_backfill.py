"""Everybody whom the shop has already is told of: once, within the budget's lane, from where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from portal.helpdesk.client import Client
from portal.service.backfill import Backfill, Busy, Done, Estimate, Outcome
from portal.service.outbound import Outbound
from portal.store import backfills, lanes
from portal.store.lanes import Lane
from tests.service.test_outbound import RENDER, Shop, shop
from tests.stage import ANNA, BORIS, EMAILS, stage

__all__ = ["shop"]


def customers(shop: Shop, number: int, first: int = 100) -> None:
    rows = ", ".join(
        f"({user}, 'c{user}', '', 'Y', 'c{user}@shop.example', 'Customer {user}', NOW())"
        for user in range(first, first + number)
    )
    shop.execute(f"INSERT INTO b_user (ID, LOGIN, PASSWORD, ACTIVE, EMAIL, NAME, DATE_REGISTER) VALUES {rows}")


async def _backfill(
    shop: Shop, tell: Callable[[Done], None], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, **settings: Any
) -> None:
    wanted = shop.stage.settings_with(hde_rate=6000, **settings)
    client = Client(wanted, shop.stage.databases)
    outbound = Outbound(wanted, shop.stage.databases, client, RENDER)
    try:
        await Backfill(wanted, shop.stage.databases, outbound, sleep).run(tell)
    finally:
        await client.close()


def backfill(shop: Shop, **more: Any) -> list[Done]:
    shop.stage.tell("limit", per_minute=100_000)
    done: list[Done] = []
    asyncio.run(_backfill(shop, done.append, **more))
    return done


def estimate(shop: Shop, **settings: Any) -> Estimate:
    wanted = shop.stage.settings_with(**settings)
    client = Client(wanted, shop.stage.databases)
    outbound = Outbound(wanted, shop.stage.databases, client, RENDER)
    found = shop.stage.databases.read_here(Backfill(wanted, shop.stage.databases, outbound).estimate)
    asyncio.run(client.close())
    return found


def fingerprint(shop: Shop) -> str:
    tables = [row[0] for row in shop.execute("SHOW TABLES")]
    return repr([(table, shop.execute(f"SELECT * FROM {table}")) for table in tables])


def test_everybody_is_told_of_with_his_orders_and_twice_writes_nothing(shop: Shop) -> None:
    customers(shop, 5)
    shop.order(1)
    before = estimate(shop)
    done = backfill(shop)
    assert [one.user_id for one in done] == [ANNA, BORIS, *range(100, 105)]
    assert {one.outcome for one in done} == {Outcome.TOLD}
    assert "A-1" in shop.person().fields["bitrix_orders"]
    assert shop.person("c104@shop.example").fields["bitrix_user_id"] == "104"
    assert shop.states() == ["done"] * 7
    assert before.calls == shop.stage.calls()
    writes, calls = len(shop.writes()), shop.stage.calls()
    again = estimate(shop)
    assert [one.outcome for one in backfill(shop)] == [Outcome.TOLD] * 7
    assert len(shop.writes()) == writes and shop.stage.calls() - calls == again.calls
