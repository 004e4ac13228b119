"""A ticket is read once for its event and for the pages that show it; never from a copy that is older than the event."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from portal.bitrix import tables
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.model import Event, EventKind
from portal.service import inbound, rules
from portal.service.effects import Effects
from portal.service.inbound import Bell
from portal.service.renewal import Renewer
from portal.store import inbox, snapshots
from tests.service.test_effects import DUE
from tests.stage import ANNA, PREFIX, Stage, stage


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, request.param) as made:
        made.prove(ANNA)
        yield made


def seen(shop: Stage) -> int:
    """A ticket whose list and conversation are kept, as she has looked at both."""
    ticket = shop.ticket(ANNA)
    with shop.client(ANNA) as anna:
        anna.get(f"{PREFIX}/")
        anna.get(f"{PREFIX}/{ticket}")
    return ticket


def rings(shop: Stage, ticket: int) -> None:
    """An event that does not say which message it is about: what is found is written down."""
    event = Event(EventKind.MESSAGE_CREATED, ticket, None, None, None, f"b:{shop.calls()}".encode())
    shop.databases.run_here(inbox.put, event)


def work(shop: Stage, *, shared: bool, before: str = "DO 0") -> int:
    """Hear of the events, act upon them, renew what they made old; how many calls that took."""
    calls = shop.calls()

    async def works() -> None:
        client = Client(shop.settings, shop.databases)
        cache = Cache(client, shop.databases, 60)
        shape = shop.databases.read_here(tables.inspect)
        effects = Effects(shop.settings, shape, rules.of(shop.settings))
        bell = Bell(client, shop.databases, effects, cache if shared else None)
        await inbound.hear(shop.databases)
        shop.execute(before)
        shop.execute(DUE)
        while await inbound.step(shop.databases, bell):
            pass
        renewer = Renewer(shop.databases, cache)
        await asyncio.sleep(snapshots.BURST_SECONDS)
        while await renewer.step():
            pass
        await cache.close()
        await client.close()

    asyncio.run(works())
    return shop.calls() - calls


def test_an_event_costs_what_the_pages_cost_anyway(shop: Stage) -> None:
    taken = []
    for shared in (False, True):
        ticket = seen(shop)
        shop.tell("operator/reply", ticket_id=ticket, text="On its way")
        rings(shop, ticket)
        taken.append(work(shop, shared=shared))
        with shop.client(ANNA) as anna:
            calls = shop.calls()
            assert "On its way" in anna.get(f"{PREFIX}/{ticket}").text and shop.calls() == calls
    assert shop.execute("SELECT DISTINCT state FROM custom_hde_inbox") == [(b"done",)]
    assert taken[0] - taken[1] == 2 and taken[1] <= 3 + (shop.settings.dialect == "v2"), taken


@pytest.mark.parametrize(
    "before",
    [
        "UPDATE custom_hde_inbox SET heard_at = NULL",
        "UPDATE custom_hde_snapshot SET fetched_at = fetched_at - INTERVAL 15 DAY",
        "UPDATE custom_hde_snapshot SET body = CONCAT(body, REPEAT(' ', 30000)) WHERE kind = 'conversation'",
        "DELETE FROM custom_hde_snapshot",
    ],
    ids=["not heard yet", "nobody looks at it", "long", "not kept"],
)
def test_elsewhere_the_help_desk_is_asked(shop: Stage, before: str) -> None:
    ticket = seen(shop)
    message = shop.tell("operator/reply", ticket_id=ticket, text="On its way")["message_id"]
    rings(shop, ticket)
    work(shop, shared=True, before=before)
    ((state, of),) = shop.execute("SELECT state, message_id FROM custom_hde_inbox")
    assert (state, of) == (b"done", message)


def test_a_copy_that_is_older_than_the_event_tells_it_nothing(shop: Stage) -> None:
    """The copy is called fresh, as if nobody had heard: what the event says is found all the same."""
    ticket = seen(shop)
    message = shop.tell("operator/reply", ticket_id=ticket, text="On its way")["message_id"]
    rings(shop, ticket)
    work(shop, shared=True, before="UPDATE custom_hde_snapshot SET forgotten_at = NULL")
    assert shop.execute("SELECT state, message_id FROM custom_hde_inbox") == [(b"done", message)]


def test_who_ends_while_it_reads_leaves_no_call_under_way(shop: Stage) -> None:
    """The database is closed next: what is under way then would fail with a traceback."""
    ticket = seen(shop)
    rings(shop, ticket)
    shop.tell("faults", kind="stall", value="5")

    async def ends() -> None:
        client = Client(shop.settings, shop.databases)
        cache = Cache(client, shop.databases, 60)
        effects = Effects(shop.settings, shop.databases.read_here(tables.inspect), rules.of(shop.settings))
        await inbound.hear(shop.databases)
        working = asyncio.create_task(inbound.step(shop.databases, Bell(client, shop.databases, effects, cache)))
        while not cache._flights:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        assert not cache._flights
        await client.close()

    asyncio.run(ends())
