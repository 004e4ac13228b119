"""The client and its budget against the sandbox's help desk: both dialects over real HTTP, with its faults and bans."""

from __future__ import annotations

import asyncio
import base64
import time

import pytest
from sqlalchemy import text

from portal.database import Databases
from portal.errors import HelpdeskBanned, HelpdeskError, HelpdeskGarbled, HelpdeskMissing, HelpdeskUnreachable
from portal.helpdesk.client import Client
from portal.sandbox.helpdesk import seed_demo
from tests.helpdesk.conftest import FreeBudget, Play, run

ANNA = "anna@shop.example"
PNG = b"\x89PNG\r\n" + bytes(range(256))


def test_the_demo_reads_whole_in_both_dialects(play: Play) -> None:
    seed_demo(play.state)
    notes = [m.html for t in play.state.tickets.values() for m in t.messages if m.internal]
    assert notes

    async def read() -> None:
        reader = play.client()
        (anna,) = await reader.find_contacts(ANNA)
        listed = await reader.list_tickets(anna.id, 1)
        assert listed.total == len(listed.tickets) == 12
        for ticket in listed.tickets:
            assert await reader.get_ticket(ticket.id) == ticket
            messages = await reader.list_messages(ticket)
            expected = [m for m in play.state.tickets[ticket.id].messages if not m.internal]
            assert [m.id for m in messages] == [m.id for m in expected]
            assert [m.from_staff for m in messages] == [m.author_id != anna.id for m in expected]
            assert [m.html for m in messages] == [m.html for m in expected]
            assert all(abs(m.created_at.timestamp() - e.created) < 1 for m, e in zip(messages, expected, strict=True))
        with pytest.raises(HelpdeskMissing):
            await reader.get_ticket(999_999)
        await reader.close()

    run(read())


def test_a_file_arrives_as_it_was_sent(play: Play) -> None:
    told = {"name": "фото.png", "type": "image/png", "base64": base64.b64encode(PNG).decode()}
    number = play.tell("customer/email", email=ANNA, subject="s", text="t", files=[told])["ticket_id"]

    async def read() -> None:
        reader = play.client()
        (message,) = await reader.list_messages(await reader.get_ticket(number))
        (file,) = message.files
        assert file.name == "фото.png"
        async with reader.open_file(file) as stream:
            assert (stream.size, b"".join([chunk async for chunk in stream.chunks()])) == (len(PNG), PNG)
        await reader.close()

    run(read())


def test_ignored_filters_show_nobody_elses_rows(play: Play) -> None:
    annas = play.tell("customer/email", email=ANNA, subject="mine", text="t")
    play.tell("customer/email", email="boris@shop.example", subject="his", text="t")
    play.tell("quirks", ignore_filters=True)

    async def read() -> None:
        reader = play.client()
        assert [found.email for found in await reader.find_contacts(ANNA)] == [ANNA]
        assert [found.id for found in (await reader.list_tickets(annas["user_id"], 1)).tickets] == [annas["ticket_id"]]
        await reader.close()

    run(read())
    assert len(play.state.listed_tickets()) == 2, "the control: there were others' rows to be had"


@pytest.mark.parametrize(
    ("kind", "error"),
    [("html", HelpdeskGarbled), ("half", HelpdeskGarbled), ("empty", HelpdeskGarbled), ("redirect", HelpdeskGarbled),
     ("types", HelpdeskGarbled), ("status", HelpdeskUnreachable), ("drop", HelpdeskUnreachable),
     ("cut", HelpdeskUnreachable)],
)  # fmt: skip
def test_every_fault_is_an_error_of_ours_and_over_when_it_is_mended(
    play: Play, kind: str, error: type[HelpdeskError]
) -> None:
    number = play.tell("customer/email", email=ANNA, subject="s", text="t")["ticket_id"]

    async def read() -> None:
        reader = play.client()
        assert await reader.get_ticket(number)
        play.tell("faults", kind=kind)
        with pytest.raises(error):
            await reader.get_ticket(number)
        play.tell("mend")
        assert await reader.get_ticket(number)
        await reader.close()

    run(read())


def test_300_pages_and_a_wrong_content_type_cost_a_call_or_two(play: Play) -> None:
    number = play.tell("customer/email", email=ANNA, subject="s", text="t")["ticket_id"]
    play.tell("faults", kind="pages")
    play.tell("faults", kind="content_type", value="text/plain")

    async def read() -> None:
        reader = play.client()
        ticket = await reader.get_ticket(number)
        before = play.calls()
        assert len(await reader.list_messages(ticket)) == 1
        assert play.calls() - before == 2
        await reader.close()

    run(read())


@pytest.mark.parametrize("form", ["", "401", "403", "429", "429-retry-after"])
def test_a_ban_in_any_form_stops_every_process_for_its_length(play: Play, database_url: str, form: str) -> None:
    number = play.tell("customer/email", email=ANNA, subject="s", text="t")["ticket_id"]
    play.tell("limit", ban_form=form, ban=300)

    async def read() -> None:
        other = Databases(database_url)
        first, second = play.client(), play.client(other)
        for reader in (first, second, first):
            with pytest.raises(HelpdeskBanned) as told:
                await reader.get_ticket(number)
        length = told.value.until.timestamp() - time.time()
        assert 200 < length <= 1201
        assert play.calls() == 1, "one call found out"
        play.tell("limit", lift=True)
        end = text("UPDATE custom_hde_cursor SET until = UTC_TIMESTAMP(6) WHERE name = 'hde_ban'")
        await other.run(lambda unit: unit.state.execute(end).rowcount)
        assert await second.get_ticket(number) == await first.get_ticket(number)
        await first.close(), await second.close()
        other.close()

    run(read())


def test_four_processes_that_stall_and_hurry_are_never_banned(play: Play, database_url: str) -> None:
    number = play.tell("customer/email", email=ANNA, subject="s", text="t")["ticket_id"]
    play.tell("limit", per_minute=6, window=1.0)
    before = play.state.limit.bans
    for _ in range(6):
        play.tell("faults", kind="stall", value="0.8", count=1)
        play.tell("faults", kind="drop", count=1)

    async def rush() -> None:
        apart = [Databases(database_url) for _ in range(4)]
        readers = [play.client(one, 6, 1.0) for one in apart]
        end = time.monotonic() + 4

        async def caller(reader: Client) -> None:
            while time.monotonic() < end:
                try:
                    await reader.get_ticket(number)
                except HelpdeskError:
                    await asyncio.sleep(0.05)

        await asyncio.gather(*(caller(reader) for reader in readers for _ in range(3)))
        for reader in readers:
            await reader.close()
        for one in apart:
            one.close()

    run(rush())
    assert play.state.limit.bans == before
    assert play.calls() > 12
    assert play.state.journal.busiest(1.0) <= 6


def test_the_positive_control_without_the_budget_the_account_is_locked_out(play: Play) -> None:
    number = play.tell("customer/email", email=ANNA, subject="s", text="t")["ticket_id"]
    play.tell("limit", per_minute=6, window=1.0)
    before = play.state.limit.bans

    async def rush() -> None:
        reader = play.client(budget=FreeBudget())
        await asyncio.gather(*(reader.get_ticket(number) for _ in range(20)), return_exceptions=True)
        await reader.close()

    run(rush())
    assert play.state.limit.bans > before
