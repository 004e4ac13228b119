"""A message that was put aside or is dead is taken up again: it arrives once, however often it is replayed."""

from __future__ import annotations

import asyncio

import pytest

from portal.service import writing
from portal.service.writing import Delivery
from portal.store import ledger
from portal.store.ledger import EntryId, Outcome
from tests.service.test_delivery import Paper, Shop, shop
from tests.stage import ANNA

__all__ = ["shop"]


def state(shop: Shop, job: int) -> str:
    found = shop.stage.databases.read_here(ledger.entry, EntryId("out", job))
    assert found
    return found.state


def replay(shop: Shop, job: int) -> Outcome:
    return shop.stage.databases.run_here(ledger.replay, EntryId("out", job)).outcome


def lose_every_answer(shop: Shop) -> tuple[int, int]:
    """A reply that arrived though its answer was lost, and was put aside before anybody looked; (ticket, job)."""
    ticket = shop.stage.ticket(ANNA)
    job = shop.reply(ticket, "only once", Paper("a.txt", b"abc"))
    shop.breaks("drop")
    asyncio.run(shop._work({}, 1))
    assert shop.count(ticket, "only once") == 1
    shop.stage.execute("UPDATE custom_hde_outbox SET state = 'aside', finished_at = UTC_TIMESTAMP(6)")
    return ticket, job


def test_what_had_arrived_is_found_and_not_sent_again(shop: Shop) -> None:
    ticket, job = lose_every_answer(shop)
    for _ in range(3):
        replay(shop, job)
        shop.work()
    assert (shop.count(ticket, "only once"), state(shop, job)) == (1, "done")


def test_without_its_trace_it_would_be_sent_twice(shop: Shop) -> None:
    """The control: what `replay` must not forget."""
    ticket, job = lose_every_answer(shop)
    replay(shop, job)
    shop.stage.execute("UPDATE custom_hde_outbox SET sent_at = NULL")
    shop.work()
    assert shop.count(ticket, "only once") == 2


def test_what_is_dead_is_delivered_with_its_files_when_it_is_replayed(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    job = shop.reply(ticket, "at last", Paper("a.txt", b"abc"))
    shop.breaks("status", None, value=422)
    shop.work()
    assert (state(shop, job), shop.count(ticket, "at last"), shop.delivery(job)) == ("dead", 0, Delivery.FAILED)
    shop.stage.tell("mend")
    assert replay(shop, job) is Outcome.DONE
    assert shop.delivery(job) is Delivery.SENDING
    shop.work()
    assert replay(shop, job) is Outcome.ALREADY
    shop.work()
    assert (state(shop, job), shop.count(ticket, "at last"), shop.delivery(job)) == ("done", 1, Delivery.SENT)
    (message,) = [one for one in shop.ticket(ticket).messages if "at last" in one.html and not one.internal]
    assert [shop.stage.state.files[number].content for number in message.files] == [b"abc"]


def test_what_is_discarded_is_not_sent_and_its_writer_is_not_left_waiting(shop: Shop) -> None:
    job = shop.request("never")
    shop.stage.databases.run_here(ledger.discard, EntryId("out", job), "by Boris")
    shop.work()
    assert shop.stage.state.tickets == {}
    told = shop.stage.databases.read_here(writing.request_of, ANNA, job)
    assert told and told.delivery is Delivery.FAILED


@pytest.mark.parametrize("state_", ["dead", "aside"])
def test_the_jobs_behind_it_wait_for_it_again(shop: Shop, state_: str) -> None:
    ticket = shop.stage.ticket(ANNA)
    first, second = shop.reply(ticket, "first"), shop.reply(ticket, "second")
    shop.stage.execute(f"UPDATE custom_hde_outbox SET state = '{state_}' WHERE id = {first}")
    replay(shop, first)
    shop.work()
    texts = [text for text in shop.texts(ticket) if "first" in text or "second" in text]
    assert ["first" in text for text in texts] == [True, False] and state(shop, second) == "done"
