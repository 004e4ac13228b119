"""A change of status counts once, whatever tells of it: the webhook, or the sweep in its place, or both, or a message."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.database import Databases
from portal.helpdesk.client import Client
from portal.model import EventKind, Status, Ticket
from portal.service import sweep
from portal.service.rules import Effect, Rule, Rules
from portal.store import inbox
from portal.store.sweeps import Told
from tests.service.test_effects import Shop
from tests.stage import ANNA, stage

CLOSED = frozenset({Status.CLOSED})
SECONDS = 10.0
RULES = Rules((Rule(EventKind.STATUS_CHANGED, frozenset({Effect.MAIL_MANAGER}), statuses=CLOSED),))


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Shop]:
    with stage(database_url, tmp_path, request.param) as made:
        shop = Shop(made)
        shop.rules = RULES
        shop.clock = itertools.count(1)  # type: ignore[attr-defined]
        yield shop


def swept(shop: Shop, ticket: int) -> None:
    """What the sweep makes of a change of this ticket that no event has told of."""
    shop.stage.databases.run_here(inbox.put, sweep._event(read(shop, ticket), Told(None, False, True), sweep.LONG_AGO))


def read(shop: Shop, ticket: int) -> Ticket:
    async def reads() -> Ticket:
        client = Client(shop.settings, Databases(shop.settings.database_url.get_secret_value()))
        try:
            return await client.get_ticket(ticket)
        finally:
            await client.close()

    return asyncio.run(reads())


def later(shop: Shop, ticket: int) -> None:
    """The ticket's own clock goes on, whatever the stage's says."""
    found = shop.stage.state.tickets[ticket]
    found.updated = max(found.updated, found.created + SECONDS * next(shop.clock))  # type: ignore[attr-defined]


def set_status(shop: Shop, ticket: int, status: str) -> None:
    shop.stage.tell("operator/status", ticket_id=ticket, status=status)
    later(shop, ticket)


WAYS = {
    "the webhook": ["status"],
    "the webhook, twice": ["status", "later", "status"],
    "the sweep": ["sweep"],
    "the sweep, and the webhook too late": ["sweep", "status"],
    "the sweep, and the webhook after more has happened": ["sweep", "later", "status"],
    "the webhook before the sweep": ["status", "later", "sweep"],
    "a message, which was acted upon first": ["message", "status"],
}


@pytest.mark.parametrize("way", WAYS)
def test_a_ticket_that_was_closed_is_told_of_once(shop: Shop, way: str) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.rings("ticket.created", ticket)
    shop.work()
    assert shop.jobs() == []
    set_status(shop, ticket, "closed")
    happens(shop, ticket, WAYS[way])
    assert shop.jobs() == [("mail.manager", "waiting")]
    set_status(shop, ticket, "open")
    happens(shop, ticket, ["sweep"])
    assert len(shop.jobs()) == 1, "the rule is about closed ones"
    set_status(shop, ticket, "closed")
    happens(shop, ticket, WAYS[way])
    assert len(shop.jobs()) == 2, "and again when it is closed again"


@pytest.mark.parametrize("way", ["the webhook", "a message, which was acted upon first"])
def test_the_first_that_is_heard_of_a_ticket_may_be_that_it_was_closed(shop: Shop, way: str) -> None:
    ticket = shop.stage.ticket(ANNA)
    set_status(shop, ticket, "closed")
    happens(shop, ticket, WAYS[way])
    assert shop.jobs() == [("mail.manager", "waiting")]


def test_a_change_that_is_none_of_the_status_sets_nothing_off(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    set_status(shop, ticket, "closed")
    happens(shop, ticket, ["created", "later", "sweep", "later", "message"])
    assert shop.jobs() == []


def happens(shop: Shop, ticket: int, way: list[str]) -> None:
    for one in way:
        if one == "sweep":
            swept(shop, ticket)
        elif one == "later":
            later(shop, ticket)
        else:
            shop.rings(
                {"status": "ticket.status_changed", "message": "message.created"}.get(one, "ticket.created"), ticket
            )
        shop.work()
