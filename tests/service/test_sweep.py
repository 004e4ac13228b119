"""The sweep finds what webhooks missed, at a constant price, through bans, restarts and a help desk that lies."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from portal.database import Databases
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.sandbox.helpdesk import State
from portal.service import inbound, sweep
from portal.service.feed import Feed
from portal.service.renewal import Renewer
from portal.service.sweep import GRACE_SECONDS, Sweeper
from portal.store import inbox, sweeps
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
