"""A ticket gets its owner after its event was acted upon: the order's field says so all the same, and once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from portal.database import Unit
from portal.model import OrderChoice
from portal.service import orders, widget
from portal.store import inbox, links
from tests.service import test_delivery, test_effects
from tests.service.test_widget import TOKENS, adopt, through_the_widget
from tests.stage import ANNA, stage

ORDER, NUMBER = 1007, "A-1007"
ELSEWHERE = "anna@else.example"


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[test_effects.Shop]:
    with stage(database_url, tmp_path, request.param) as made:
        shop = test_effects.Shop(made)
        shop.order(ORDER, ANNA, NUMBER)
        yield shop


def says(shop: test_effects.Shop, ticket: int) -> str:
    return f"{shop.stage.state.tickets[ticket].number} open"


@pytest.mark.parametrize("late", [True, False], ids=["after its event", "before its event"])
def test_a_ticket_that_carries_a_token_reaches_the_field_of_the_order_it_names(
    shop: test_effects.Shop, *, late: bool
) -> None:
    ticket = through_the_widget(shop.stage, widget.mint(TOKENS, ANNA), ELSEWHERE, f"Where is {NUMBER}?")
    if late:
        shop.rings("ticket.created", ticket)
        shop.work()
        assert shop.field(ORDER) is None, "nobody knows whose it is"
    adopt(shop.stage, ticket)
    if not late:
        assert shop.states() == [], "its own event is still to come, and is enough"
        shop.rings("ticket.created", ticket)
    jobs = shop.jobs()
    shop.work()
    assert shop.field(ORDER) == says(shop, ticket)
    assert not late or shop.jobs() == jobs, "the manager hears of it once"
    assert shop.states() == ["done"] * (1 + late)


def test_a_request_whose_answer_was_lost_reaches_the_field_of_its_order(shop: test_effects.Shop) -> None:
    """The help desk told of it, and it was acted upon, before we knew that it was ours."""
    writer = test_delivery.Shop(shop.stage)
    writer.breaks("drop")
    writer.request(order=OrderChoice(ORDER, NUMBER, datetime.now(UTC), Decimal(100), "RUB"))
    asyncio.run(writer._work({}, rounds=1))
    ticket = max(shop.stage.state.tickets)
    shop.rings("ticket.created", ticket)
    shop.work()
    assert shop.field(ORDER) is None and links_of(shop) == []
    writer.work()
    shop.work()
    assert links_of(shop) == [(ticket, ANNA)] and shop.field(ORDER) == says(shop, ticket)
    assert [kind for kind, _ in shop.jobs()].count("mail.manager") == 1


@pytest.mark.parametrize("defence", [True, False], ids=["defence", "control"])
def test_who_acts_upon_a_ticket_while_it_gets_its_owner_knows_him(
    shop: test_effects.Shop, monkeypatch: pytest.MonkeyPatch, *, defence: bool
) -> None:
    """No event is there when the owner is written down, and one is acted upon before that is committed."""
    if not defence:
        monkeypatch.setattr(orders.links, "present_owner", links.owner)
    ticket = through_the_widget(shop.stage, widget.mint(TOKENS, ANNA), ELSEWHERE, f"Where is {NUMBER}?")
    contact = shop.stage.state.tickets[ticket].user_id
    looked, acts = threading.Event(), threading.Event()

    def owns(unit: Unit) -> None:
        links.own(unit, ticket, ANNA, contact, "widget")
        inbox.tell_whose(unit, ticket, contact)
        looked.set()
        acts.wait(10)

    owning = threading.Thread(target=shop.stage.databases.run_here, args=(owns,))
    owning.start()
    looked.wait(10)
    shop.rings("ticket.created", ticket)
    threading.Timer(1.0, acts.set).start()
    shop.work()
    owning.join()
    assert shop.field(ORDER) == (says(shop, ticket) if defence else None)


def links_of(shop: test_effects.Shop) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in shop.stage.execute("SELECT ticket_id, user_id FROM custom_hde_ticket_owner")]
