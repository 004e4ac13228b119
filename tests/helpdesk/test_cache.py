"""One call for many readers, in one process and over several; old copies on bad days. A real database, a counted desk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from portal.database import Databases
from portal.errors import (
    DatabaseAway,
    HelpdeskError,
    HelpdeskGarbled,
    HelpdeskMissing,
    HelpdeskPending,
    HelpdeskUnreachable,
)
from portal.helpdesk import cache
from portal.helpdesk.cache import Cache
from portal.model import Channel, Contact, Conversation, Copy, Message, Status, Ticket, TicketPage
from portal.store import snapshots
from tests.helpdesk.conftest import run

ANNA = 41
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
TICKET = Ticket(
    10, "10482", "Где посылка?", Status.IN_PROGRESS, "open", ANNA, "anna@shop.example", Channel.EMAIL, NOW, NOW
)


def said(number: int, staff: bool) -> Message:
    return Message(number, 1 if staff else ANNA, "", staff, f"<p>{number}</p>", NOW + timedelta(hours=number))


class Counted:
    """Plays the client: answers from its fields, fails with `error`, takes `delay` seconds; counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.delay = 0.0
        self.error: HelpdeskError | None = None
        self.ticket = TICKET
        self.messages: tuple[Message, ...] = (said(1, False), said(2, True))

    async def _answer(self, value: Any) -> Any:
        self.calls += 1
        await asyncio.sleep(self.delay)
        if self.error:
            raise self.error
        return value

    async def find_contacts(self, email: str) -> tuple[Contact, ...]:
        return await self._answer((Contact(ANNA, email, "Anna"),))  # type: ignore[no-any-return]

    async def list_tickets(self, contact_id: int, page: int) -> TicketPage:
        return await self._answer(TicketPage((self.ticket,), page, 1, 1))  # type: ignore[no-any-return]

    async def get_ticket(self, ticket_id: int) -> Ticket:
        return await self._answer(self.ticket)  # type: ignore[no-any-return]

    async def list_messages(self, ticket: Ticket) -> tuple[Message, ...]:
        return self.messages


@pytest.fixture
def desk() -> Counted:
    return Counted()


def opened(desk: Counted, databases: Databases, seconds: int = 60) -> Cache:
    return Cache(desk, databases, seconds)  # type: ignore[arg-type]


def soon(seconds: float = 3.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def sql(databases: Databases, statement: str) -> None:
    databases.run_here(lambda unit: unit.state.execute(text(statement)))


def age(databases: Databases, seconds: int) -> None:
    sql(databases, f"UPDATE custom_hde_snapshot SET fetched_at = fetched_at - INTERVAL {seconds} SECOND")


def test_100_readers_at_once_cause_one_call(desk: Counted, databases: Databases) -> None:
    desk.delay = 0.05

    async def storm() -> list[Copy[TicketPage]]:
        one = opened(desk, databases)
        return await asyncio.gather(*(one.tickets(ANNA, 1, soon(10)) for _ in range(100)))

    copies = run(storm())
    assert desk.calls == 1
    assert len({copy.version for copy in copies}) == 1 and not any(copy.stale for copy in copies)


def test_the_positive_control_readers_of_different_things_cause_a_call_each(
    desk: Counted, databases: Databases
) -> None:
    async def read() -> None:
        one = opened(desk, databases)
        await asyncio.gather(*(one.tickets(contact, 1, soon(10)) for contact in range(1, 6)))

    run(read())
    assert desk.calls == 5


def test_four_processes_with_25_readers_each_cause_one_call(
    desk: Counted, databases: Databases, database_url: str
) -> None:
    desk.delay = 0.2

    async def storm() -> set[str]:
        others = [Databases(database_url) for _ in range(3)]
        caches = [opened(desk, one) for one in (databases, *others)]
        copies = await asyncio.gather(*(one.tickets(ANNA, 1, soon(10)) for one in caches for _ in range(25)))
        for other in others:
            other.close()
        return {copy.version for copy in copies}

    assert len(run(storm())) == 1
    assert desk.calls == 1


def test_what_another_process_fetched_a_moment_ago_is_not_fetched_again(desk: Counted, databases: Databases) -> None:
    async def read() -> None:
        first = await opened(desk, databases).conversation(10, soon())
        second = await opened(desk, databases).conversation(10, soon())
        assert second.value == first.value and second.version == first.version
        assert abs(second.fetched_at - first.fetched_at) < timedelta(seconds=1)

    run(read())
    assert desk.calls == 1


def test_a_copy_is_renewed_after_its_time_and_keeps_its_version_when_nothing_changed(
    desk: Counted, databases: Databases
) -> None:
    async def read(after: Callable[[], object] = lambda: None) -> Copy[Conversation]:
        after()
        return await opened(desk, databases).conversation(10, soon())

    first = run(read())
    age(databases, 59)
    run(read())
    assert desk.calls == 1
    age(databases, 61)
    again = run(read())
    assert desk.calls == 2 and again.version == first.version and again.fetched_at >= first.fetched_at
    age(databases, 61)
    desk.messages += (said(3, False),)
    assert run(read()).version != first.version


def test_memory_holds_a_copy_for_its_time_and_no_longer(desk: Counted, databases: Databases) -> None:
    async def read() -> None:
        one = opened(desk, databases, 1)
        await one.tickets(ANNA, 1, soon()), await one.tickets(ANNA, 1, soon())
        assert desk.calls == 1
        await asyncio.sleep(1.1)
        await one.tickets(ANNA, 1, soon())
        assert desk.calls == 2

    run(read())


@pytest.mark.parametrize("error", [HelpdeskUnreachable("503"), HelpdeskGarbled("html")])
def test_when_the_help_desk_fails_the_last_good_copy_is_shown_with_its_age(
    desk: Counted, databases: Databases, error: HelpdeskError
) -> None:
    async def read() -> Copy[Conversation]:
        return await opened(desk, databases).conversation(10, soon())

    good = run(read())
    age(databases, 7200)
    desk.error = error
    old = run(read())
    assert old.stale and old.value == good.value
    assert timedelta(hours=2) <= good.fetched_at - old.fetched_at < timedelta(hours=2, seconds=1)
    desk.error = None
    assert not run(read()).stale


@pytest.mark.parametrize(
    ("error", "hurried"),
    [(HelpdeskGarbled("an object that makes no sense"), False), (HelpdeskUnreachable("503"), True)],
)
def test_one_thing_that_is_broken_hurries_nobody_who_wants_another(
    desk: Counted, databases: Databases, error: HelpdeskError, hurried: bool
) -> None:
    async def read() -> bool:
        await opened(desk, databases).tickets(ANNA, 1, soon())
        age(databases, 100)
        one = opened(desk, databases)
        desk.error = error
        with pytest.raises(type(error)):
            await one.conversation(10, soon())
        desk.error, desk.delay = None, cache.HURRIED_SECONDS * 2
        return (await one.tickets(ANNA, 1, soon())).stale

    assert run(read()) is hurried


def test_when_the_help_desk_is_slow_the_copy_is_shown_in_time_and_the_answer_is_not_lost(
    desk: Counted, databases: Databases
) -> None:
    async def read() -> None:
        await opened(desk, databases).tickets(ANNA, 1, soon())
        age(databases, 100)
        desk.delay = 0.6
        one = opened(desk, databases)
        began = time.monotonic()
        assert (await one.tickets(ANNA, 1, soon(0.3))).stale
        assert time.monotonic() - began < 0.55
        await asyncio.sleep(0.8)
        assert not (await one.tickets(ANNA, 1, soon(0.3))).stale
        assert desk.calls == 2

    run(read())


def test_with_nothing_to_show_it_says_so_in_time_and_fetches_on(desk: Counted, databases: Databases) -> None:
    desk.delay = 0.5

    async def read() -> None:
        one = opened(desk, databases)
        for _ in range(3):
            with pytest.raises(HelpdeskPending):
                await one.tickets(ANNA, 1, soon(0.1))
        await asyncio.sleep(0.6)
        assert (await one.tickets(ANNA, 1, soon(1))).value.tickets
        assert desk.calls == 1

    run(read())


def test_with_nothing_to_show_a_failure_is_told_and_not_repeated_by_every_reader(
    desk: Counted, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "RETRY_SECONDS", 0.2)
    desk.error = HelpdeskUnreachable("503")

    async def read() -> None:
        one = opened(desk, databases)
        for _ in range(20):
            with pytest.raises(HelpdeskUnreachable):
                await one.tickets(ANNA, 1, soon())
            await asyncio.sleep(0.002)
        assert desk.calls == 1
        desk.error = None
        await asyncio.sleep(0.3)
        assert (await one.tickets(ANNA, 1, soon())).value.tickets

    run(read())


def test_a_page_that_is_left_does_not_stop_the_fetch(desk: Counted, databases: Databases) -> None:
    desk.delay = 0.2

    async def read() -> None:
        one = opened(desk, databases)
        page = asyncio.create_task(one.tickets(ANNA, 1, soon()))
        await asyncio.sleep(0.1)
        page.cancel()
        assert (await one.tickets(ANNA, 1, soon())).value.tickets
        assert desk.calls == 1

    run(read())


def test_a_missing_ticket_is_remembered_by_every_process(desk: Counted, databases: Databases) -> None:
    desk.error = HelpdeskMissing("no")

    async def read() -> None:
        for one in [opened(desk, databases)] * 3 + [opened(desk, databases)]:
            with pytest.raises(HelpdeskMissing):
                await one.conversation(99, soon())

    run(read())
    assert desk.calls == 1
    age(databases, 61)
    desk.error = None
    assert run(_conversation(desk, databases)).value.ticket == replace(
        TICKET, status=Status.WAITING, last_reply_at=said(2, True).created_at
    )


async def _conversation(desk: Counted, databases: Databases) -> Copy[Conversation]:
    return await opened(desk, databases).conversation(10, soon())


def test_a_ticket_that_is_gone_is_not_shown_from_its_copy(desk: Counted, databases: Databases) -> None:
    run(_conversation(desk, databases))
    age(databases, 61)
    desk.error = HelpdeskMissing("deleted")
    with pytest.raises(HelpdeskMissing):
        run(_conversation(desk, databases))


@pytest.mark.parametrize("body", ["CONCAT('0', SUBSTRING(body, 2))", "'1{}'", "'1[1,2'", "''", "x'ff00'"])
def test_a_copy_that_cannot_be_read_counts_as_absent(desk: Counted, databases: Databases, body: str) -> None:
    run(_conversation(desk, databases))
    sql(databases, f"UPDATE custom_hde_snapshot SET body = {body}")
    assert run(_conversation(desk, databases)).value.messages
    assert desk.calls == 2


def test_a_renewer_that_died_is_replaced_after_his_lease(desk: Counted, databases: Databases) -> None:
    sql(databases, "INSERT INTO custom_hde_snapshot (kind, id, holder, lease_until) "
        "VALUES ('conversation', '10', 'dead', UTC_TIMESTAMP(6) - INTERVAL 1 SECOND)")  # fmt: skip
    assert run(_conversation(desk, databases)).value.messages
    assert desk.calls == 1


def test_a_database_that_is_away_is_told_but_memory_still_answers(desk: Counted, databases: Databases) -> None:
    async def read() -> None:
        one = opened(desk, databases)
        await one.tickets(ANNA, 1, soon())
        sql(databases, "RENAME TABLE custom_hde_snapshot TO away")

        async def away(*_args: object, **_kwargs: object) -> None:
            raise DatabaseAway("gone")

        databases.read = away  # type: ignore[method-assign, assignment]
        assert (await one.tickets(ANNA, 1, soon())).value.tickets
        with pytest.raises(DatabaseAway):
            await one.tickets(ANNA, 2, soon())

    run(read())


def test_on_a_bad_day_only_the_first_page_waits(desk: Counted, databases: Databases) -> None:
    async def read() -> None:
        one = opened(desk, databases)
        for page in (1, 2):
            await one.tickets(ANNA, page, soon())
        age(databases, 100)
        desk.delay = 60
        one = opened(desk, databases)
        assert (await one.tickets(ANNA, 1, soon(0.5))).stale
        began = time.monotonic()
        for page in (1, 2, 1, 2):
            assert (await one.tickets(ANNA, page, soon(30))).stale
        assert time.monotonic() - began < 10, "four waits of a patient page would be two minutes"
        with pytest.raises(HelpdeskPending):
            await one.tickets(ANNA, 3, soon(0.5))  # nothing to show: it still waits its time
        assert time.monotonic() - began > cache.HURRIED_SECONDS

    run(read())


def test_after_a_bad_day_pages_are_patient_again(desk: Counted, databases: Databases) -> None:
    async def read() -> None:
        one = opened(desk, databases)
        await one.tickets(ANNA, 1, soon())
        age(databases, 100)
        one = opened(desk, databases)
        desk.delay = 0.6
        assert (await one.tickets(ANNA, 1, soon(0.2))).stale
        await asyncio.sleep(1.5)  # the answer has come: no doubt any more
        age(databases, 100)
        one._memory.clear()
        assert not (await one.tickets(ANNA, 1, soon(10))).stale

    run(read())


def test_a_renewal_longer_than_its_lease_is_not_begun_twice(
    desk: Counted, databases: Databases, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LEASE_SECONDS", 1.5)
    desk.delay = 4

    async def read() -> None:
        apart = Databases(database_url)
        both = (opened(desk, databases), opened(desk, apart))
        copies = await asyncio.gather(*(one.tickets(ANNA, 1, soon(30)) for one in both))
        assert copies[0].version == copies[1].version
        apart.close()

    run(read())
    assert desk.calls == 1


def test_a_conversation_too_large_to_keep_is_shown_and_not_kept(
    desk: Counted, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LARGEST_COPY", 100)

    async def read() -> None:
        one = opened(desk, databases)
        for _ in range(2):
            assert (await one.conversation(10, soon())).value.messages
        assert desk.calls == 2
        assert await databases.read(snapshots.load, "conversation", "10") is None

    run(read())


def test_a_help_desk_that_stalls_leaves_the_threads_to_others(desk: Counted, databases: Databases) -> None:
    desk.delay = 60

    async def read() -> None:
        one = opened(desk, databases)
        pages = [asyncio.create_task(one.tickets(contact, 1, soon(30))) for contact in range(1, 41)]
        async with asyncio.timeout(20):
            while desk.calls < 40:
                await asyncio.sleep(0.05)
        began = time.monotonic()
        for _ in range(20):
            await databases.read(lambda unit: unit.state.execute(text("SELECT 1")).scalar())
        assert time.monotonic() - began < 5, "20 reads, and 40 calls under way with 8 threads"
        for page in pages:
            page.cancel()
        await asyncio.gather(*pages, return_exceptions=True)

    run(read())


# Whose turn it is


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ((said(1, False),), Status.RECEIVED),
        ((said(1, False), said(2, True)), Status.WAITING),
        ((said(1, False), said(2, True), said(3, False)), Status.IN_PROGRESS),
        ((said(1, True),), Status.WAITING),
        ((), Status.IN_PROGRESS),
    ],
)
def test_the_last_word_says_whose_turn_it_is(
    desk: Counted, databases: Databases, messages: tuple[Message, ...], status: Status
) -> None:
    desk.messages = messages
    assert run(_conversation(desk, databases)).value.ticket.status is status


@pytest.mark.parametrize("status", [Status.CLOSED, Status.OTHER])
def test_what_is_closed_or_unknown_to_us_stays_so(desk: Counted, databases: Databases, status: Status) -> None:
    desk.ticket = replace(TICKET, status=status)
    found = run(_conversation(desk, databases)).value.ticket
    assert (found.status, found.last_reply_at) == (status, said(2, True).created_at)


def listed(desk: Counted, databases: Databases) -> Ticket:
    async def read() -> Copy[TicketPage]:
        return await opened(desk, databases).tickets(ANNA, 1, soon())

    return run(read()).value.tickets[0]


def test_the_list_knows_what_the_kept_conversation_knows(desk: Counted, databases: Databases) -> None:
    run(_conversation(desk, databases))
    found = listed(desk, databases)
    assert (found.status, found.last_reply_at) == (Status.WAITING, said(2, True).created_at)


def test_but_not_of_a_ticket_that_has_changed_since(desk: Counted, databases: Databases) -> None:
    run(_conversation(desk, databases))
    desk.ticket = replace(TICKET, updated_at=NOW + timedelta(days=1))
    found = listed(desk, databases)
    assert (found.status, found.last_reply_at) == (Status.IN_PROGRESS, None)


def test_a_list_that_lags_behind_is_corrected_by_a_newer_copy(desk: Counted, databases: Databases) -> None:
    desk.ticket = replace(TICKET, status=Status.CLOSED, closed=True, updated_at=NOW + timedelta(hours=1))
    run(_conversation(desk, databases))
    desk.ticket = TICKET
    found = listed(desk, databases)
    assert found.status is Status.CLOSED and found.closed
