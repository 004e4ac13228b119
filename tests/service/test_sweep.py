"""The sweep finds what webhooks missed, at a constant price, through bans, restarts and a help desk that lies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.model import TicketPage
from portal.sandbox.helpdesk import State
from portal.service import inbound, sweep
from portal.service.feed import Feed
from portal.service.live import Streams
from portal.service.renewal import Renewer
from portal.service.sweep import GRACE_SECONDS, Sweeper
from portal.store import inbox, snapshots, sweeps
from tests.helpdesk.conftest import Desk, FreeBudget, Play, databases, play, run, served
from tests.helpdesk.test_cache import soon

__all__ = ["databases", "play", "served"]


class Clock:
    """The sweep's own clock; nobody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(sweep, "monotonic", made)
    return made


class Works:
    """A worker's sweep, and what is kept by it."""

    def __init__(self, play: Play, clock: Clock, *, webhook: bool = True) -> None:
        self.play, self.clock = play, clock
        self.databases = play.databases
        settings = Desk(play.dialect).settings
        secrets = (SecretStr("a-secret-of-the-webhook"),) if webhook else ()
        self.settings = settings.model_copy(update={"webhook_secrets": secrets})

    def sweeper(self, client: Client) -> Sweeper:
        return Sweeper(self.settings, self.databases, client)

    async def round(self, sweeper: Sweeper, seconds: float = sweep.EVERY_SECONDS) -> None:
        self.clock.later(seconds)
        assert not await sweeper.step()

    def run(self, story: Callable[[Client], Awaitable[None]]) -> None:
        async def with_client() -> None:
            client = self.play.client(budget=FreeBudget())
            try:
                await story(client)
            finally:
                await client.close()

        run(with_client())

    def rows(self) -> list[tuple[str, int]]:
        query = text("SELECT kind, ticket_id FROM custom_hde_inbox ORDER BY id")
        found = self.databases.read_here(lambda unit: list(unit.state.execute(query)))
        return [(bytes(kind).decode(), ticket) for kind, ticket in found]

    def cursor(self, name: bytes) -> bytes | None:
        query = text("SELECT value FROM custom_hde_cursor WHERE name = :name")
        return self.databases.read_here(lambda unit: unit.state.execute(query, {"name": name}).scalar())

    def letter(self, number: int = 1, subject: str = "Где посылка?") -> int:
        told = self.play.tell("customer/email", email=f"c{number}@shop.example", subject=subject, text="Hello")
        return int(told["ticket_id"])


@pytest.fixture
def works(play: Play, clock: Clock) -> Works:
    return Works(play, clock)


def aged(state: State, seconds: float) -> None:
    """Everything in the help desk happened that much earlier."""
    with state.lock:
        for ticket in state.tickets.values():
            ticket.created -= seconds
            ticket.updated -= seconds


def test_with_webhooks_silent_the_sweep_finds_all_of_1000_changed_tickets(works: Works) -> None:
    old = [works.letter(number) for number in range(500)]
    aged(works.play.state, 7200)

    async def story(client: Client) -> None:
        sweeper = works.sweeper(client)
        await works.round(sweeper)
        assert works.rows() == [], "what was before the first round is nobody's business"
        for ticket in old:
            works.play.tell("operator/reply", ticket_id=ticket, text="Answer")
        new = [works.letter(number) for number in range(500)]
        await works.round(sweeper)
        assert works.rows() == [], "their events may be on their way"
        await works.round(sweeper, GRACE_SECONDS)
        assert sorted(works.rows()) == sorted(
            [("message.created", ticket) for ticket in old] + [("ticket.created", ticket) for ticket in new]
        )
        assert works.cursor(sweeps.REPAIRS) == b"1000"
        await works.round(sweeper)
        await works.round(sweeper, GRACE_SECONDS)
        assert len(works.rows()) == 1000, "and each is told once"

    works.run(story)


def test_what_an_event_tells_of_within_the_grace_is_no_repair(works: Works) -> None:
    async def story(client: Client) -> None:
        sweeper = works.sweeper(client)
        await works.round(sweeper)
        ticket = works.letter()
        await works.round(sweeper)
        told = inbox.Event("ticket.created", ticket, None, None, datetime.now(UTC), b"b:1")
        assert await works.databases.run(inbox.put, told)
        await works.round(sweeper, GRACE_SECONDS)
        assert works.rows() == [("ticket.created", ticket)]
        assert works.cursor(sweeps.REPAIRS) is None

    works.run(story)


def test_without_a_webhook_the_sweep_tells_at_once(play: Play, clock: Clock) -> None:
    works = Works(play, clock, webhook=False)

    async def story(client: Client) -> None:
        sweeper = works.sweeper(client)
        await works.round(sweeper)
        ticket = works.letter()
        await works.round(sweeper)
        assert works.rows() == [("ticket.created", ticket)]

    works.run(story)


def test_a_change_reaches_pages_within_a_round_and_they_call_nobody(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "BURST_SECONDS", 0.0)
    ticket = works.letter()
    contact = works.play.state.tickets[ticket].user_id

    async def story(client: Client) -> None:
        sweeper, cache = works.sweeper(client), Cache(client, works.databases, 60)
        renewer, feed = (
            Renewer(works.databases, Cache(client, works.databases, 60)),
            Feed(works.databases, cache, Streams()),
        )
        await works.round(sweeper)
        await cache.tickets(contact, 1, soon())
        await cache.conversation(ticket, soon())
        make_old(cache)
        works.play.tell("operator/reply", ticket_id=ticket, text="Answer")
        await works.round(sweeper)
        while await renewer.step():
            pass
        await feed.hear()
        before = works.play.calls()
        conversation = (await cache.conversation(ticket, soon())).value
        assert [message.from_staff for message in conversation.messages] == [False, True]
        assert (await cache.tickets(contact, 1, soon())).value.tickets[0].last_reply_at is not None
        assert works.play.calls() == before

    works.run(story)


def make_old(cache: Cache) -> None:
    """Everything in this memory is past its minute."""
    for kept in cache._memory.values():
        kept.until = 0.0


def past(works: Works, seconds: float) -> None:
    """That much time has passed for what is kept: copies and the sweep's own rows."""
    for statement in (
        "UPDATE custom_hde_snapshot SET fetched_at = fetched_at - INTERVAL :s SECOND",
        "UPDATE custom_hde_cursor SET updated_at = updated_at - INTERVAL :s SECOND WHERE name = 'sweep:healthy_since'",
    ):
        works.databases.run_here(lambda unit, said=statement: unit.state.execute(text(said), {"s": seconds}).rowcount)


@pytest.mark.parametrize(("age", "calls"), [(14, 0), (16, 1)], ids=["healthy", "late: the positive control"])
def test_an_old_copy_is_fresh_while_the_sweep_is_healthy(works: Works, age: float, calls: int) -> None:
    ticket = works.letter()
    contact = works.play.state.tickets[ticket].user_id

    async def story(client: Client) -> None:
        sweeper, cache = works.sweeper(client), Cache(client, works.databases, 60)
        other = Cache(client, works.databases, 60)
        await works.round(sweeper)
        await cache.tickets(contact, 1, soon())
        await cache.contacts("c1@shop.example", soon())
        past(works, age)
        for one in (cache, other):
            await Feed(works.databases, one, Streams()).hear()
        works.databases.run_here(
            lambda unit: (
                unit.state.execute(
                    text(
                        "UPDATE custom_hde_cursor SET value = '2000-01-01T00:00:00+00:00' WHERE name = 'sweep:healthy_since'"
                    )
                ).rowcount
            )
        )
        for one in (cache, other):
            await Feed(works.databases, one, Streams()).hear()
        past(works, 700)
        make_old(cache)
        before = works.play.calls()
        await cache.tickets(contact, 1, soon())
        await other.tickets(contact, 1, soon())
        assert works.play.calls() - before == calls, "in this memory, and in that of another process"
        before = works.play.calls()
        await cache.contacts("c1@shop.example", soon())
        assert works.play.calls() - before == 1, "whose an address is, the sweep does not see"

    works.run(story)


def test_a_copy_from_before_the_sweep_is_not_covered_by_it(works: Works) -> None:
    ticket = works.letter()
    contact = works.play.state.tickets[ticket].user_id

    async def story(client: Client) -> None:
        cache = Cache(client, works.databases, 60)
        await cache.tickets(contact, 1, soon())
        await works.round(works.sweeper(client))
        await Feed(works.databases, cache, Streams()).hear()
        make_old(cache)
        past(works, 70)
        before = works.play.calls()
        await cache.tickets(contact, 1, soon())
        assert works.play.calls() - before == 1

    works.run(story)


@pytest.mark.parametrize("customers", [10, 300])
def test_its_calls_do_not_grow_with_the_customers(works: Works, customers: int) -> None:
    tickets = [works.letter(number) for number in range(customers)]
    contacts = [works.play.state.tickets[ticket].user_id for ticket in tickets]
    aged(works.play.state, 7200)
    works.letter(1000)
    aged(works.play.state, 1200)

    async def story(client: Client) -> None:
        sweeper, cache = works.sweeper(client), Cache(client, works.databases, 60)
        feed = Feed(works.databases, cache, Streams())
        await works.round(sweeper)
        for contact in contacts:
            await cache.tickets(contact, 1, soon())
        before = works.play.calls()
        for _minute in range(5):
            for _round in range(6):
                await works.round(sweeper)
            make_old(cache)
            await feed.hear()
            for contact in contacts:
                await cache.tickets(contact, 1, soon())
        assert works.play.calls() - before == 30, "six a minute, whoever reads"

    works.run(story)


def test_a_list_that_is_behind_its_tickets_is_found_out(works: Works) -> None:
    """An event comes at once, the list is fetched at once, and lacks the ticket: the sweep sees it later."""
    first = works.letter()
    contact = works.play.state.tickets[first].user_id

    async def story(client: Client) -> None:
        sweeper, cache = works.sweeper(client), Cache(client, works.databases, 60)
        await works.round(sweeper)
        quirks = works.play.state.quirks
        quirks.list_lag = 1000.0
        assert works.play.state.listed_tickets()
        second = works.letter()
        told = inbox.Event("ticket.created", second, contact, None, datetime.now(UTC), b"b:1")
        assert await works.databases.run(inbox.put, told)
        assert await inbound.hear(works.databases)
        assert len((await cache.tickets(contact, 1, soon())).value.tickets) == 1, "the positive control"
        quirks.list_lag = 0.0
        await works.round(sweeper)
        await Feed(works.databases, cache, Streams()).hear()
        assert len((await cache.tickets(contact, 1, soon())).value.tickets) == 2

    works.run(story)


def test_a_change_that_the_list_shows_late_is_within_the_overlap(works: Works) -> None:
    async def story(client: Client) -> None:
        sweeper = works.sweeper(client)
        works.letter(1)
        await works.round(sweeper)
        late = works.letter(2)
        with works.play.state.lock:
            works.play.state.tickets[late].updated -= 500
        for _ in range(sweep.WIDE_ROUNDS):
            await works.round(sweeper)
        await works.round(sweeper, GRACE_SECONDS)
        assert [ticket for _, ticket in works.rows()] == [late]

    works.run(story)


def test_a_ban_in_mid_sweep_loses_nothing(works: Works) -> None:
    async def story(client: Client) -> None:
        sweeper = works.sweeper(client)
        works.letter(1)
        await works.round(sweeper)
        marked = works.cursor(sweeps.WATERMARK)
        changed = [works.letter(number) for number in range(2, 102)]
        calls = works.play.calls()
        works.play.tell("limit", per_minute=calls + 2, window=60, ban_seconds=1200, ban_form="429")
        await works.round(sweeper)
        assert works.cursor(sweeps.WATERMARK) == marked and works.rows() == []
        works.play.tell("limit", per_minute=1000, window=60)
        works.play.state.limit.lift()
        await works.round(sweeper, GRACE_SECONDS)
        await works.round(sweeper, GRACE_SECONDS)
        assert sorted(ticket for _, ticket in works.rows()) == changed

    works.run(story)


def test_after_a_restart_it_goes_on_from_the_watermark(works: Works) -> None:
    async def story(client: Client) -> None:
        first = works.sweeper(client)
        works.letter(1)
        aged(works.play.state, 1200)
        await works.round(first)
        changed = [works.letter(number) for number in range(2, 62)]
        await works.round(first)
        let_lease_run_out(works)
        second = works.sweeper(client)
        await works.round(second, 1200)
        assert works.rows() == [], "what the first had waited for is waited for anew"
        await works.round(second, GRACE_SECONDS)
        assert sorted(ticket for _, ticket in works.rows()) == changed

    works.run(story)


def let_lease_run_out(works: Works) -> None:
    query = text("UPDATE custom_hde_cursor SET until = UTC_TIMESTAMP(6) WHERE name = 'sweep:lease'")
    works.databases.run_here(lambda unit: unit.state.execute(query).rowcount)


def test_of_two_workers_one_sweeps_until_he_is_silent(works: Works) -> None:
    async def story(client: Client) -> None:
        one, other = works.sweeper(client), works.sweeper(client)
        works.letter()
        before = works.play.calls()
        for _ in range(3):
            works.clock.later(sweep.EVERY_SECONDS)
            await one.step(), await other.step()
        rounds = works.play.calls() - before
        assert rounds in (3, 4), "three rounds, and the names of the statuses once"
        let_lease_run_out(works)
        works.clock.later(sweep.EVERY_SECONDS)
        await other.step(), await one.step()
        assert works.play.calls() - before == rounds + 1

    works.run(story)


def test_who_was_overtaken_in_mid_round_moves_no_watermark(works: Works) -> None:
    async def story(client: Client) -> None:
        holder = b"one"
        begun = await works.databases.run(sweeps.begin, holder, 30)
        assert begun
        let_lease_run_out(works)
        assert await works.databases.run(sweeps.begin, b"other", 30)
        finish = works.databases.run
        assert not await finish(sweeps.finish, holder, begun.at, begun.at, whole=True)
        assert works.cursor(sweeps.WATERMARK) is None and works.cursor(sweeps.HEALTHY) is None

    works.run(story)


def test_filters_that_are_ignored_cost_a_page_and_bring_nothing_old(works: Works) -> None:
    for number in range(200):
        works.letter(number)
    aged(works.play.state, 7200)
    works.letter(400)
    aged(works.play.state, 60)
    works.play.state.quirks.ignore_filters = True

    async def story(client: Client) -> None:
        sweeper = works.sweeper(client)
        await works.round(sweeper)
        new = works.letter(500)
        before = works.play.calls()
        await works.round(sweeper)
        assert works.play.calls() - before == 1
        await works.round(sweeper, GRACE_SECONDS)
        assert [ticket for _, ticket in works.rows()] == [new]

    works.run(story)


def test_what_changes_while_the_pages_are_read_is_not_lost(works: Works) -> None:
    async def story(client: Client) -> None:
        sweeper = works.sweeper(client)
        works.letter(1)
        await works.round(sweeper)
        changed = [works.letter(number) for number in range(2, 92)]
        read = client.changed_since

        async def shifting(moment: datetime | None, page: int) -> TicketPage:
            found = await read(moment, page)
            works.play.tell("operator/reply", ticket_id=changed[10 * page], text="Answer")
            changed.append(works.letter(1000 + page))
            return found

        client.changed_since = shifting  # type: ignore[method-assign]
        await works.round(sweeper)
        client.changed_since = read  # type: ignore[method-assign]
        await works.round(sweeper, GRACE_SECONDS)
        await works.round(sweeper, GRACE_SECONDS)
        assert {ticket for _, ticket in works.rows()} == set(changed)

    works.run(story)


def test_around_a_change_of_the_clock_it_looks_back_further() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert sweep.overlap(berlin, datetime(2026, 7, 1, 12, tzinfo=UTC), wide=False) == sweep.OVERLAP
    assert sweep.overlap(berlin, datetime(2026, 10, 25, 0, 59, tzinfo=UTC), wide=False) == sweep.CLOCK_CHANGE


def test_a_silent_webhook_is_warned_of_once_with_its_likely_cause(
    works: Works, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(client: Client) -> None:
        sweeper = works.sweeper(client)
        await works.round(sweeper)
        for number in range(3):
            works.letter(number)
            await works.round(sweeper)
            await works.round(sweeper, GRACE_SECONDS)

    works.run(story)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len([one for one in told if "3xx" in one]) == 1


@pytest.mark.parametrize("play", ["v2"], indirect=True)  # v1 tells parts of seconds
def test_what_changes_again_in_the_same_second_is_looked_at_again(works: Works) -> None:
    ticket = works.letter()
    aged(works.play.state, 60)

    async def story(client: Client) -> None:
        sweeper, cache = works.sweeper(client), Cache(client, works.databases, 60)
        feed = Feed(works.databases, cache, Streams())
        await works.round(sweeper)
        works.play.tell("operator/reply", ticket_id=ticket, text="One")
        second = works.play.state.tickets[ticket].updated
        await works.round(sweeper)
        await cache.conversation(ticket, soon())
        works.play.tell("operator/reply", ticket_id=ticket, text="Two")
        works.play.state.tickets[ticket].updated = second
        await works.round(sweeper)
        await feed.hear()
        assert len((await cache.conversation(ticket, soon())).value.messages) == 3

    works.run(story)


@pytest.mark.parametrize("news_first", [True, False], ids=["swept first", "listed first"])
def test_a_ticket_that_is_given_to_somebody_else_leaves_the_list_it_was_in(works: Works, news_first: bool) -> None:
    """Nobody has opened it, so no conversation tells whose it was."""
    ticket, other = works.letter(1), works.letter(2)
    people = works.play.state.tickets
    anna, boris = people[ticket].user_id, people[other].user_id
    aged(works.play.state, 1200)

    async def story(client: Client) -> None:
        sweeper, cache = works.sweeper(client), Cache(client, works.databases, 60)
        feed = Feed(works.databases, cache, Streams())
        await works.round(sweeper)
        await feed.hear()
        assert len((await cache.tickets(anna, 1, soon())).value.tickets) == 1
        works.play.tell("operator/move", ticket_id=ticket, user_id=boris)
        make_old(cache)
        if news_first:
            await works.round(sweeper)
        else:
            assert len((await cache.tickets(boris, 1, soon())).value.tickets) == 2
        await feed.hear()
        assert (await cache.tickets(anna, 1, soon())).value.tickets == ()
        assert len((await cache.tickets(boris, 1, soon())).value.tickets) == 2

    works.run(story)
