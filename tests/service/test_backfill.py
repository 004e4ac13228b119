"""Everybody whom the shop has already is told of: once, within the budget's lane, from where it stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from portal.helpdesk.budget import Budget
from portal.helpdesk.client import Client
from portal.helpdesk.contacts import Card
from portal.model import Contact
from portal.service.backfill import Backfill, Busy, Done, Estimate, Outcome
from portal.service.outbound import KINDS, Outbound
from portal.store import backfills, lanes, outbox
from portal.store.lanes import Lane
from tests.service.test_outbound import RENDER, Shop, shop, shop_v2
from tests.stage import ANNA, BORIS

__all__ = ["shop", "shop_v2"]


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


@pytest.mark.parametrize("order_push", ["note", "both"])
def test_notes_about_people_are_foreseen_too(shop: Shop, order_push: str) -> None:
    customers(shop, 3)
    shop.order(1)
    before = estimate(shop, order_push=order_push)
    backfill(shop, order_push=order_push)
    assert before.calls == shop.stage.calls()
    calls, again = shop.stage.calls(), estimate(shop, order_push=order_push)
    backfill(shop, order_push=order_push)
    assert again.calls == shop.stage.calls() - calls


class Clock:
    """Calls that arrive as the budget lets them, in a time that nobody waits for."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.ends: list[float] = []

    def call(self) -> None:
        """The sliding minute of the lane's own slots, paced; a call takes 0.4 s, and two are made side by side."""
        assert lanes.current() is Lane.BACKFILL
        slots, _ = lanes.pace(Lane.BACKFILL, self.rate)
        free = self.ends[-slots] + 60 if len(self.ends) >= slots else 0.0
        paced = self.ends[-1] + 60 / slots if self.ends else 0.0
        self.ends.append(max(free, paced))


class FakeDesk:
    """What Outbound asks of a client, at the price in calls that the real one pays."""

    notes_contacts = False

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.cards: dict[int, Card] = {}
        self.ids: dict[str, int] = {}

    async def get_card(self, contact_id: int, _names: object) -> Card:
        self.clock.call()
        return self.cards[contact_id]

    async def ensure_card(self, email: str, name: str, phone: str, fields: dict[str, str]) -> Card:
        self.clock.call()
        if email not in self.ids:
            self.clock.call()
            self.ids[email] = len(self.ids) + 1
            contact = Contact(id=self.ids[email], email=email, name=name, phone=phone)
            self.cards[contact.id] = Card(contact, dict(fields))
        return await self.get_card(self.ids[email], ())

    async def update_contact(self, contact: Contact, *, name: str, phone: str, fields: dict[str, str]) -> None:
        if name or phone or fields:
            self.clock.call()

    async def find_contacts(self, email: str) -> tuple[Contact, ...]:
        self.clock.call()
        return (self.cards[self.ids[email]].contact,) if email in self.ids else ()


def test_the_estimate_for_ten_thousand_is_right_within_a_fifth(shop_v2: Shop) -> None:
    shop = shop_v2
    for first in range(100, 10_100, 1000):
        customers(shop, 1000, first)
    shop.execute("UPDATE b_user SET EMAIL = '' WHERE ID % 10 = 1 AND ID >= 100")
    shop.execute("UPDATE b_user SET ACTIVE = 'N' WHERE ID % 10 = 2 AND ID >= 100")
    shop.execute("UPDATE b_user SET EMAIL = 'family@shop.example' WHERE ID BETWEEN 100 AND 190")
    clock = Clock(shop.stage.settings.hde_rate)
    outbound = Outbound(shop.stage.settings, shop.stage.databases, FakeDesk(clock), RENDER)  # type: ignore[arg-type]
    work = Backfill(shop.stage.settings, shop.stage.databases, outbound)
    foreseen = shop.stage.databases.read_here(work.estimate)
    done: list[Done] = []
    asyncio.run(work.run(done.append))
    assert len(done) == foreseen.accounts == 10_002
    assert len(clock.ends) == pytest.approx(foreseen.calls, rel=0.2)
    assert clock.ends[-1] == pytest.approx(foreseen.seconds, rel=0.2)
    assert foreseen.seconds > 3600, "the positive control: it is hours, and nobody has waited"


def test_the_rate_that_is_printed_is_what_the_real_budget_lets_through(shop_v2: Shop) -> None:
    budget = Budget(shop_v2.stage.databases, 60, 1.0, window=3.0)
    made: list[float] = []

    async def call() -> None:
        with lanes.lane(Lane.BACKFILL):
            while True:
                async with budget.slot(20):
                    made.append(time.monotonic())

    async def three_windows() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(9), asyncio.TaskGroup() as group:
                group.create_task(call())
                group.create_task(call())

    began = time.monotonic()
    asyncio.run(three_windows())
    late = [at for at in made if at > began + 3]
    assert len(made) - len(late) == pytest.approx(lanes.pace(Lane.BACKFILL, 60)[0] / 2, rel=0.2), "it begins slowly"
    assert len(late) == pytest.approx(2 * lanes.pace(Lane.BACKFILL, 60)[0], rel=0.2)


class Stop(Exception):
    """As if the process died here."""


def test_it_goes_on_where_it_stopped_and_makes_nobody_twice(shop: Shop) -> None:
    customers(shop, 8)
    told: list[Done] = []

    def stop(done: Done) -> None:
        told.append(done)
        if len(told) == 4:
            raise Stop

    with pytest.raises(Stop):
        asyncio.run(_backfill(shop, stop))
    assert shop.stage.databases.run_here(backfills.after) == 101
    left = estimate(shop)
    assert (left.after, left.accounts, left.customers) == (101, 6, 6)
    assert [one.user_id for one in backfill(shop)] == [*range(102, 108)]
    emails = [one.email for one in shop.stage.state.people.values()]
    assert all(emails.count(f"c{user}@shop.example") == 1 for user in range(100, 108))
    assert shop.stage.databases.run_here(backfills.after) == 0, "the next one begins anew"


def test_two_at_once_refuse_each_other_until_one_is_dead(shop_v2: Shop) -> None:
    assert shop_v2.stage.databases.run_here(backfills.hold, b"another", 60)
    with pytest.raises(Busy):
        backfill(shop_v2)
    assert shop_v2.stage.calls() == 0 and shop_v2.states() == []
    shop_v2.execute("UPDATE custom_hde_cursor SET until = UTC_TIMESTAMP(6) WHERE name = 'backfill:lease'")
    assert len(backfill(shop_v2)) == 2
    assert not shop_v2.stage.databases.run_here(backfills.keep, b"another", 5), "who comes back late changes nothing"
    assert shop_v2.execute("SELECT name FROM custom_hde_cursor WHERE name LIKE 'backfill:%'") == []


def test_its_calls_are_made_in_its_lane(shop: Shop) -> None:
    backfill(shop)
    assert shop.execute("SELECT DISTINCT LEFT(holder, 1) FROM custom_hde_api_slot WHERE holder <> ''") == [(b"4",)]


def test_a_ban_is_waited_for(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.stage.tell("limit", ban=600)
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        shop.stage.tell("mend")
        shop.execute("DELETE FROM custom_hde_cursor WHERE name = 'hde_ban'")
        shop.execute("UPDATE custom_hde_outbox SET run_at = UTC_TIMESTAMP(6) WHERE state = 'waiting'")

    done: list[Done] = []
    asyncio.run(_backfill(shop, done.append, sleep))
    assert any("locked out until" in text and "backfill" in text for text in caplog.messages)
    assert naps and {one.outcome for one in done} == {Outcome.TOLD}
    assert shop.person() and shop.states() == ["done", "done"]


def test_who_is_refused_is_told_and_holds_up_nobody(shop_v2: Shop) -> None:
    customers(shop_v2, 4)
    shop_v2.breaks("status", 1, value=422, method="POST")
    done = backfill(shop_v2)
    refused = [one for one in done if one.outcome is Outcome.REFUSED]
    assert len(done) == 6 and len(refused) == 1 and refused[0].reason
    assert sorted(shop_v2.states()) == ["done"] * 5 + ["waiting"], "a worker tries it again"
    shop_v2.execute("UPDATE custom_hde_outbox SET run_at = UTC_TIMESTAMP(6)")
    assert {one.outcome for one in backfill(shop_v2)} == {Outcome.TOLD}


def test_who_has_no_address_or_is_switched_off_is_skipped(shop: Shop) -> None:
    shop.execute(f"UPDATE b_user SET EMAIL = '' WHERE ID = {ANNA}")
    shop.execute(f"UPDATE b_user SET ACTIVE = 'N' WHERE ID = {BORIS}")
    assert [one.outcome for one in backfill(shop)] == [Outcome.SKIPPED] * 2
    assert shop.stage.calls() == 0 and shop.states() == []


def test_a_job_that_a_worker_has_is_waited_for_and_not_done_twice(shop_v2: Shop) -> None:
    shop_v2.happened()
    held = shop_v2.stage.databases.run_here(outbox.claim, KINDS, 60)
    assert held is not None

    async def sleep(_seconds: float) -> None:
        shop_v2.execute(f"UPDATE custom_hde_outbox SET state = 'done', holder = NULL WHERE id = {held.id}")

    done: list[Done] = []
    asyncio.run(_backfill(shop_v2, done.append, sleep))
    assert len(done) == 2 and set(shop_v2.states()) == {"done"}
