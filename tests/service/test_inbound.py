"""What an event sets off: copies are forgotten, in every process, and a fetch under way is not taken for fresh."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from portal import worker
from portal.database import Databases
from portal.errors import DatabaseAway, HelpdeskBanned, HelpdeskGarbled, HelpdeskUnauthorized
from portal.helpdesk.cache import Cache
from portal.model import Event
from portal.service import feed, inbound
from portal.service.feed import Feed
from portal.service.live import Streams
from portal.store import inbox, snapshots
from tests.conftest import MariaDB
from tests.helpdesk.conftest import databases, run
from tests.helpdesk.test_cache import ANNA, TICKET, Counted, opened, said, soon

__all__ = ["databases"]

BORIS = 42
WAIT_SECONDS = 10


@pytest.fixture
def desk() -> Iterator[Counted]:
    return Counted()  # type: ignore[return-value]


def event(number: int = 1, kind: str = "message.created", ticket: int = TICKET.id, contact: int | None = ANNA) -> Event:
    return Event(kind, ticket, contact, None, None, f"b:{number}".encode())


def put(databases: Databases, *events: Event) -> None:
    for one in events:
        assert databases.run_here(inbox.put, one)


def states(databases: Databases) -> list[tuple[str, int, str]]:
    query = text("SELECT state, attempts, reason FROM custom_hde_inbox ORDER BY id")
    rows = databases.read_here(lambda unit: list(unit.state.execute(query)))
    return [(bytes(state).decode(), attempts, reason) for state, attempts, reason in rows]


def make_due(databases: Databases) -> None:
    query = text("UPDATE custom_hde_inbox SET run_at = UTC_TIMESTAMP(6)")
    databases.run_here(lambda unit: unit.state.execute(query).rowcount)


async def hear(*feeds: Feed) -> None:
    for one in feeds:
        await one.hear()


def test_an_event_makes_every_process_read_again(desk: Counted, databases: Databases) -> None:
    async def story() -> None:
        caches = [opened(desk, databases) for _ in range(2)]
        feeds = [Feed(databases, cache, Streams()) for cache in caches]
        for cache in caches:
            await cache.conversation(10, soon())
            await cache.tickets(ANNA, 1, soon())
            await cache.tickets(ANNA, 2, soon())
        assert desk.calls == 3
        desk.messages += (said(3, True),)
        put(databases, event())
        await hear(*feeds)
        assert len((await caches[0].conversation(10, soon())).value.messages) == 2, "the positive control: not yet"
        assert await inbound.hear(databases)
        await hear(*feeds)
        for cache in caches:
            assert len((await cache.conversation(10, soon())).value.messages) == 3
            await cache.tickets(ANNA, 1, soon())
            await cache.tickets(ANNA, 2, soon())
        assert desk.calls == 6, "one call each for both of them"
        await hear(*feeds)
        await caches[1].conversation(10, soon())
        assert desk.calls == 6, "what is heard of twice drops nothing that is newer"
        assert not await inbound.hear(databases)

    run(story())
    assert states(databases) == [("waiting", 0, "")], "its ticket has not been read yet"


def test_other_peoples_copies_stay(desk: Counted, databases: Databases) -> None:
    async def story() -> None:
        cache = opened(desk, databases)
        for contact in (4, ANNA, 411):
            await cache.tickets(contact, 1, soon())
        await cache.conversation(11, soon())
        before = desk.calls
        put(databases, event())
        await inbound.hear(databases)
        await hear(Feed(databases, cache, Streams()))
        for contact in (4, 411):
            await cache.tickets(contact, 1, soon())
        await cache.conversation(11, soon())
        assert desk.calls == before
        await cache.tickets(ANNA, 1, soon())
        assert desk.calls == before + 1

    run(story())


@pytest.mark.parametrize("told", [None, BORIS])
def test_the_lists_of_the_requester_we_know_go_too(desk: Counted, databases: Databases, told: int | None) -> None:
    """The event does not say whose the ticket is, or says whose it has become: it was in Anna's list."""

    async def story() -> None:
        cache = opened(desk, databases)
        await cache.tickets(ANNA, 1, soon())
        await cache.conversation(10, soon())
        put(databases, event(contact=told))
        await inbound.hear(databases)
        await hear(Feed(databases, cache, Streams()))
        before = desk.calls
        await cache.tickets(ANNA, 1, soon())
        assert desk.calls == before + 1

    run(story())


def test_a_fetch_that_began_before_the_event_is_fetched_again_for_whoever_waits(
    desk: Counted, databases: Databases
) -> None:
    async def story() -> None:
        cache, other = opened(desk, databases), opened(desk, databases)
        fetched = asyncio.Event()
        old = desk.messages

        async def slow_messages(_ticket: object) -> tuple[object, ...]:
            seen = desk.messages
            if seen is old:
                fetched.set()
                await asyncio.sleep(0.3)
            return seen

        desk.list_messages = slow_messages  # type: ignore[method-assign, assignment]
        reading = asyncio.create_task(cache.conversation(10, soon()))
        await fetched.wait()
        desk.messages += (said(3, True),)
        put(databases, event())
        await inbound.hear(databases)
        assert len((await reading).value.messages) == 3
        assert len((await other.conversation(10, soon())).value.messages) == 3
        assert len((await cache.conversation(10, soon())).value.messages) == 3
        assert desk.calls == 2

    run(story())


def test_a_storm_of_events_does_not_make_one_reader_fetch_for_ever(desk: Counted, databases: Databases) -> None:
    async def story() -> None:
        cache = opened(desk, databases)
        answer = desk._answer

        async def and_again(value: object) -> object:
            databases.run_here(snapshots.forget, "conversation", "10")
            return await answer(value)

        desk._answer = and_again  # type: ignore[method-assign, assignment]
        await cache.conversation(10, soon())
        assert desk.calls == 3
        await cache.conversation(10, soon())
        assert desk.calls == 6, "and what was forgotten is not kept as fresh"

    run(story())


def test_what_another_process_looked_at_before_the_event_is_not_kept_after_it(
    desk: Counted, databases: Databases
) -> None:
    """The look at the row, then the event and its news, and only then the memory: the news must come again."""

    async def story() -> None:
        await opened(desk, databases).conversation(10, soon())
        cache = opened(desk, databases)
        news = Feed(databases, cache, Streams())
        keep = cache._keep

        def late(kind: object, key: str, copy: object, *rest: object) -> object:
            databases.run_here(snapshots.forget, "conversation", key)
            for gone in databases.read_here(snapshots.forgotten, 10):
                cache.forget(gone)
            news._heard_at = time.monotonic()
            return keep(kind, key, copy, *rest)  # type: ignore[arg-type]

        cache._keep = late  # type: ignore[method-assign, assignment]
        await cache.conversation(10, soon())
        cache._keep = keep  # type: ignore[method-assign]
        desk.messages += (said(3, True),)
        await news.hear()
        assert len((await cache.conversation(10, soon())).value.messages) == 3

    run(story())


def test_within_two_seconds_by_the_worker_and_two_feeds(desk: Counted, databases: Databases, database_url: str) -> None:
    """The loops as they run in two web processes and a worker: the next load shows the new message."""

    async def story() -> None:
        others = [Databases(database_url) for _ in range(2)]
        caches = [opened(desk, one) for one in others]
        loops = [asyncio.create_task(Feed(*pair, Streams()).run()) for pair in zip(others, caches, strict=True)]
        loops.append(asyncio.create_task(worker.run([lambda: inbound.hear(databases)])))
        for cache in caches:
            await cache.conversation(10, soon())
        for number in range(3, 6):
            desk.messages += (said(number, True),)
            await asyncio.to_thread(put, databases, event(number))
            began = time.monotonic()
            for cache in caches:
                while len((await cache.conversation(10, soon())).value.messages) < number:
                    assert time.monotonic() - began < 2
                    await asyncio.sleep(0.05)
        for loop in loops:
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop
        for one in others:
            one.close()

    run(story())


def test_a_feed_that_missed_a_while_hears_all_of_it(
    desk: Counted, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        cache = opened(desk, databases)
        await cache.conversation(10, soon())
        news = Feed(databases, cache, Streams())
        monkeypatch.setattr(feed, "OVERLAP_SECONDS", 0.1)
        put(databases, event())
        await inbound.hear(databases)
        await asyncio.sleep(0.5)
        await news.hear()
        await cache.conversation(10, soon())
        assert desk.calls == 2

    run(story())


def test_the_feed_goes_on_while_the_database_is_away_and_tells_it_once(
    databases: Databases, desk: Counted, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    monkeypatch.setattr(feed, "EVERY_SECONDS", 0.02)

    async def story() -> None:
        cache = opened(desk, databases)
        await cache.conversation(10, soon())
        loop = asyncio.create_task(Feed(databases, cache, Streams()).run())
        await asyncio.sleep(0.1)
        await asyncio.to_thread(mariadb.kill)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(mariadb.start)
        databases.run_here(snapshots.forget, "conversation", "10")
        end = time.monotonic() + WAIT_SECONDS
        while ("conversation", "10") in cache._memory:
            assert time.monotonic() < end
            await asyncio.sleep(0.02)
        loop.cancel()

    run(story())
    assert caplog.text.count("feed: the database does not answer") == 1


class Rings:
    """A bell that reads no ticket: it writes down what it was told of, and ends the event or fails with `error`."""

    def __init__(self, databases: Databases, error: Exception | None = None, bad: int = TICKET.id) -> None:
        self.told: list[int] = []
        self._databases, self._error, self._bad = databases, error, bad

    async def answer(self, arrived: inbox.Arrived) -> None:
        self.told.append(arrived.event.ticket_id)
        if self._error and arrived.event.ticket_id == self._bad:
            raise self._error
        await self._databases.run(inbox.finish, arrived)


def adoptions(databases: Databases) -> list[int]:
    query = text("SELECT ticket_id FROM custom_hde_outbox WHERE kind = 'desk.adopt' ORDER BY id")
    return [row[0] for row in databases.read_here(lambda unit: unit.state.execute(query).all())]


async def all_of(databases: Databases, bell: Rings) -> None:
    while await inbound.step(databases, bell):  # type: ignore[arg-type]
        pass


def test_a_new_ticket_is_looked_at_by_a_job_of_its_own_and_nothing_waits_for_it(databases: Databases) -> None:
    put(databases, event(1, "ticket.created"), event(2), event(3, "ticket.status_changed"))
    assert run(inbound.hear(databases)) and not run(inbound.hear(databases))
    assert adoptions(databases) == [TICKET.id]


def test_an_event_that_ended_before_it_was_heard_is_heard_all_the_same(databases: Databases) -> None:
    """The two loops know nothing of each other, and the help desk may be the faster one."""
    put(databases, event(1, "ticket.created"))
    run(all_of(databases, Rings(databases)))
    assert states(databases) == [("done", 1, "")] and adoptions(databases) == []
    assert run(inbound.hear(databases))
    assert adoptions(databases) == [TICKET.id]


def test_two_who_hear_at_once_hear_each_event_once(databases: Databases) -> None:
    put(databases, *(event(number, "ticket.created", ticket=number) for number in range(1, 21)))

    async def both() -> None:
        await asyncio.gather(*(inbound.hear(databases) for _ in range(4)))

    run(both())
    assert sorted(adoptions(databases)) == list(range(1, 21))


def test_a_poisonous_event_ends_dead_and_the_others_go_on(
    databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    bell = Rings(databases, HelpdeskGarbled("a canary's words"))
    put(databases, event(1), event(2, ticket=11))

    async def work() -> None:
        for _ in range(inbox.MAX_ATTEMPTS + 3):
            await all_of(databases, bell)
            make_due(databases)

    run(work())
    assert states(databases) == [("dead", 10, "HelpdeskGarbled"), ("done", 1, "")]
    assert bell.told.count(11) == 1
    assert caplog.text.count("failed at attempt") == 10


def test_a_help_desk_that_is_away_costs_no_attempt_and_a_ban_is_waited_for(databases: Databases) -> None:
    put(databases, event(1))
    run(all_of(databases, Rings(databases, HelpdeskBanned(datetime.now(UTC) + timedelta(minutes=20)))))
    assert states(databases) == [("waiting", 0, "HelpdeskBanned")]
    query = text("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), run_at) FROM custom_hde_inbox")
    assert 1190 < databases.read_here(lambda unit: unit.state.execute(query).scalar_one()) < 1210


def test_a_wrong_key_is_asked_for_again_in_ten_minutes_and_costs_no_attempt(databases: Databases) -> None:
    put(databases, event(1))
    run(all_of(databases, Rings(databases, HelpdeskUnauthorized("a wrong key"))))
    assert states(databases) == [("waiting", 0, "HelpdeskUnauthorized")]
    query = text("SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), run_at) FROM custom_hde_inbox")
    assert 440 < databases.read_here(lambda unit: unit.state.execute(query).scalar_one()) < 760


def test_an_event_is_kept_for_as_long_as_it_takes(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "LEASE_SECONDS", 1)
    put(databases, event(1))

    class Slow(Rings):
        async def answer(self, arrived: inbox.Arrived) -> None:
            await asyncio.sleep(2)
            assert await databases.run(inbox.claim, 1) is None
            await super().answer(arrived)

    run(all_of(databases, Slow(databases)))
    assert states(databases) == [("done", 1, "")]


def test_a_database_that_goes_away_in_the_middle_leaves_the_event_to_whoever_comes_next(databases: Databases) -> None:
    put(databases, event(1))
    with pytest.raises(DatabaseAway):
        run(all_of(databases, Rings(databases, DatabaseAway("in the middle"))))
    assert states(databases) == [("running", 1, "")]
    query = text("UPDATE custom_hde_inbox SET lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")
    databases.run_here(lambda unit: unit.state.execute(query).rowcount)
    run(all_of(databases, Rings(databases)))
    assert states(databases) == [("done", 2, "")]


def test_an_event_that_kills_its_worker_ends_dead_and_the_others_go_on(
    databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    put(databases, event(1), event(2, ticket=11))

    async def work() -> None:
        query = text("UPDATE custom_hde_inbox SET lease_until = NOW() - INTERVAL 1 DAY WHERE state = 'running'")
        for _ in range(inbox.MAX_ATTEMPTS):
            assert await databases.run(inbox.claim, 0)
            await databases.run(lambda unit: unit.state.execute(query).rowcount)
        await all_of(databases, Rings(databases))

    run(work())
    assert states(databases) == [("dead", 11, "its worker died at every attempt"), ("done", 1, "")]
    assert "inbox 1" in caplog.text


def test_two_workers_do_an_event_once(databases: Databases) -> None:
    put(databases, *(event(number, ticket=number) for number in range(1, 21)))
    bell = Rings(databases)

    async def both() -> None:
        await asyncio.gather(*(all_of(databases, bell) for _ in range(3)))

    run(both())
    assert sorted(bell.told) == list(range(1, 21))


def test_an_event_that_cannot_be_told_from_a_later_one_is_done_again(databases: Databases) -> None:
    vague = Event("message.created", 10, None, None, None, b"m:vague", is_vague=True)
    for event_ in (vague, event(2)):
        put(databases, event_)
    run(all_of(databases, Rings(databases)))
    assert [state for state, *_ in states(databases)] == ["done", "done"]
    assert not databases.run_here(inbox.put, vague)
    assert not databases.run_here(inbox.put, event(2))
    assert [state for state, *_ in states(databases)] == ["waiting", "done"]
    assert run(inbound.hear(databases)), "and what it makes old is forgotten again"


def test_the_cache_stands_without_a_feed(desk: Counted, databases: Databases) -> None:
    """The positive control of the two seconds: nobody tells, and the old copy stays for its minute."""

    async def story() -> None:
        cache: Cache = opened(desk, databases)
        await cache.conversation(10, soon())
        desk.messages += (said(3, True),)
        put(databases, event())
        await inbound.hear(databases)
        assert len((await cache.conversation(10, soon())).value.messages) == 2

    run(story())
