"""What the client writes, in both dialects over a real socket: whose it is, what was done, and what nobody can know.

The effects are counted in the sandbox's own journal, never by what the client was told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from portal.database import Databases
from portal.errors import (
    DatabaseAway,
    HelpdeskBanned,
    HelpdeskBusy,
    HelpdeskError,
    HelpdeskGarbled,
    HelpdeskMissing,
    HelpdeskRefused,
    HelpdeskUnauthorized,
    HelpdeskUnreachable,
    HelpdeskUnsure,
)
from portal.helpdesk import wire
from portal.helpdesk.budget import LAG_SECONDS, Budget
from portal.helpdesk.call import Call
from portal.helpdesk.client import Client
from portal.model import Contact, Ticket, Upload
from portal.sandbox.helpdesk import acts
from portal.store import slots
from portal.store.slots import Slot
from tests.helpdesk.conftest import Desk, Play, run

ANNA = "anna@shop.example"
HTML = "<p>Где посылка?</p>"
PNG = Upload("фото.png", "image/png", b"\x89PNG\r\n--\r\n" + bytes(range(256)))
TEXT = Upload("a.txt", "text/plain", b"")

MESSAGES = r"/tickets/\d+/(messages|posts)/?$"


async def posted(client: Client, ticket: Ticket, html: str, files: Sequence[Upload]) -> int:
    return await client.post_message(ticket, html, await client.enclose(files))


async def opened(client: Client, contact: Contact, subject: str, html: str, files: Sequence[Upload]) -> Ticket:
    return await client.open_ticket(contact, subject, html, await client.enclose(files))


def use(play: Play, work: Callable[[Client], Awaitable[Any]], **settings: Any) -> Any:
    """What `work` gives for a client of its own."""

    async def whole() -> Any:
        client = play.client(**settings)
        try:
            return await work(client)
        finally:
            await client.close()

    return run(whole())


def annas(play: Play) -> Ticket:
    """A ticket of Anna's, with an answer."""
    number = play.tell("customer/email", email=ANNA, name="Анна", subject="s", text="t")["ticket_id"]
    play.tell("operator/reply", ticket_id=number, text="a")
    return use(play, lambda client: client.get_ticket(number))  # type: ignore[no-any-return]


def anna(play: Play) -> Contact:
    play.tell("customer/email", email=ANNA, name="Анна", subject="s", text="t")
    return use(play, lambda client: client.find_contacts(ANNA))[0]  # type: ignore[no-any-return]


def effects(play: Play, kind: str) -> list[int]:
    return play.state.journal.effects(kind)


# Contacts


def test_a_contact_is_made_once_and_found_ever_after(play: Play) -> None:
    made = use(play, lambda client: client.ensure_contact(" New@Shop.Example ", "Новый"))
    again = use(play, lambda client: client.ensure_contact("new@shop.example", "Кто-то другой"))
    assert (made.id, made.email, made.name) == (again.id, "new@shop.example", "Новый")
    assert effects(play, "contact") == [made.id]


def test_who_is_there_already_keeps_his_data(play: Play) -> None:
    known = anna(play)
    before = play.state.people[known.id].updated
    assert use(play, lambda client: client.ensure_contact(ANNA, "Mallory")) == known
    assert (play.state.people[known.id].name, play.state.people[known.id].updated) == ("Анна", before)
    assert effects(play, "contact") + effects(play, "contact_changed") == []


def test_the_positive_control_v1s_own_upsert_overwrites(play: Play) -> None:
    if play.dialect != "v1":
        pytest.skip("v2 refuses an address it has")
    known = anna(play)
    use(play, lambda client: client._wire.call(client._dialect.create_contact(ANNA, "Mallory", "", {})))
    assert play.state.people[known.id].name == "Mallory"


def test_of_several_the_oldest_who_is_no_member_of_staff(play: Play) -> None:
    if play.dialect == "v2":
        acts.add_contact(play.state, ANNA, "Иван", staff=True)
    first, _second = (acts.add_contact(play.state, ANNA, name) for name in ("Анна", "Аня"))
    found = use(play, lambda client: client.ensure_contact(ANNA, "Анна"))
    assert (found.id, found.is_staff) == (first.id, False)


def test_a_member_of_staff_is_never_written_for(play: Play) -> None:
    if play.dialect != "v2":
        pytest.skip("v1 does not tell who is staff")
    acts.add_contact(play.state, "ivan@shop.example", "Иван", staff=True)
    with pytest.raises(HelpdeskRefused):
        use(play, lambda client: client.ensure_contact("ivan@shop.example", "Иван"))
    assert effects(play, "contact") == []


@pytest.mark.parametrize("kind", ["drop", "late_status", "html", "half", "empty", "types", "cut"])
def test_a_contact_whose_answer_is_lost_is_found_and_not_made_again(play: Play, kind: str) -> None:
    play.tell("faults", kind=kind, method="POST", count=1)
    made = use(play, lambda client: client.ensure_contact("new@shop.example", "Новый"))
    assert effects(play, "contact") == [made.id]


def test_a_contact_that_was_lost_before_it_was_made_may_be_asked_for_again(play: Play) -> None:
    play.tell("faults", kind="status", value=503, method="POST", count=1)
    with pytest.raises(HelpdeskUnreachable):
        use(play, lambda client: client.ensure_contact("new@shop.example", "Новый"))
    made = use(play, lambda client: client.ensure_contact("new@shop.example", "Новый"))
    assert effects(play, "contact") == [made.id]


def test_two_who_make_the_same_contact_at_once_get_one(play: Play) -> None:
    async def both(client: Client) -> list[Contact]:
        return await asyncio.gather(*(client.ensure_contact("new@shop.example", "Новый") for _ in range(2)))

    first, second = use(play, both)
    assert first == second and effects(play, "contact") == [first.id]


def test_a_search_that_finds_everybody_and_does_not_end_makes_nobody(play: Play) -> None:
    for number in range(400):
        acts.add_contact(play.state, f"n{number}@post.example", "N")
    play.tell("quirks", ignore_filters=True)
    with pytest.raises(HelpdeskGarbled):
        use(play, lambda client: client.ensure_contact("n200@post.example", "Mallory"))
    assert effects(play, "contact") + effects(play, "contact_changed") == []


def test_a_new_contact_is_not_written_to_by_the_help_desk(play: Play) -> None:
    if play.dialect != "v2":
        pytest.skip("v1 has no such switch")
    call = use(play, _dialect).create_contact("a@b.example", "A", "", {})
    assert call.form["notifications"] == "0"


async def _dialect(client: Client) -> Any:
    return client._dialect


# Tickets and messages


def test_a_request_is_its_contacts_with_text_and_files(play: Play) -> None:
    contact = anna(play)
    ticket = use(play, lambda client: opened(client, contact, "Где?", HTML, [PNG, TEXT]))
    made = play.state.tickets[ticket.id]
    assert (made.user_id, made.subject, ticket.requester_id) == (contact.id, "Где?", contact.id)
    assert [(m.author_id, m.html, m.internal) for m in made.messages] == [(contact.id, HTML, False)]
    files = [play.state.files[number] for number in made.messages[0].files]
    assert [(file.name, file.type, file.content) for file in files] == [
        (PNG.name, PNG.type, PNG.content), (TEXT.name, TEXT.type, b""),
    ]  # fmt: skip
    assert effects(play, "ticket") == [ticket.id]


def test_a_reply_is_the_requesters_and_its_id_is_told(play: Play) -> None:
    ticket = annas(play)
    number = use(play, lambda client: posted(client, ticket, HTML, [PNG]))
    last = play.state.tickets[ticket.id].messages[-1]
    assert (last.id, last.author_id, last.html, last.internal) == (number, ticket.requester_id, HTML, False)
    assert play.state.files[last.files[0]].content == PNG.content
    (*_, read) = use(play, lambda client: client.newest_messages(ticket))
    assert (read.id, read.author_id, read.from_staff, read.html) == (number, ticket.requester_id, False, HTML)


def test_a_note_is_for_the_staff_only(play: Play) -> None:
    ticket = annas(play)
    number = use(play, lambda client: client.add_note(ticket.id, "<p>тс-с</p>"))
    last = play.state.tickets[ticket.id].messages[-1]
    assert (last.id, last.html, last.internal) == (number, "<p>тс-с</p>", True)
    assert number not in [message.id for message in use(play, lambda client: client.newest_messages(ticket))]


def test_a_closed_ticket_is_opened_again(play: Play) -> None:
    ticket = annas(play)
    play.tell("operator/status", ticket_id=ticket.id, status="closed")

    async def work(client: Client) -> Ticket:
        await client.reopen(ticket.id)
        await client.reopen(ticket.id)
        return await client.get_ticket(ticket.id)

    assert not use(play, work).closed


def test_a_closed_or_locked_ticket_refuses_and_nothing_is_done(play: Play) -> None:
    if play.dialect != "v2":
        pytest.skip("v1 opens it again")
    ticket = annas(play)
    play.tell("operator/status", ticket_id=ticket.id, status="closed")
    with pytest.raises(HelpdeskRefused):
        use(play, lambda client: client.post_message(ticket, HTML))
    play.tell("operator/status", ticket_id=ticket.id, status="open")
    play.state.tickets[ticket.id].locked = True
    with pytest.raises(HelpdeskRefused):
        use(play, lambda client: client.post_message(ticket, HTML))
    assert effects(play, "message") == []


def test_an_object_in_a_map_under_its_id_is_understood(play: Play) -> None:
    ticket = annas(play)
    play.tell("quirks", keyed_objects=True)

    async def work(client: Client) -> None:
        made = await client.ensure_contact("new@shop.example", "Новый")
        opened = await client.open_ticket(made, "s", HTML)
        assert (await client.get_ticket(opened.id)).requester_id == made.id
        assert await client.post_message(ticket, HTML) and await client.add_note(ticket.id, HTML)
        await client.reopen(ticket.id)

    use(play, work)


def test_a_visitor_of_the_chat_keeps_his_id(play: Play) -> None:
    ids = [use(play, lambda client, who=who: client.visitor_id(who, "")) for who in (ANNA, f" {ANNA.upper()}", "b@c.d")]
    assert ids == [None] * 3 if play.dialect == "v1" else ids[0] == ids[1] != ids[2]


# What nobody can know


WRITES: dict[str, Callable[[Client, Ticket], Awaitable[Any]]] = {
    "ticket": lambda client, of: client.open_ticket(Contact(of.requester_id, ANNA, ""), "s", HTML),
    "message": lambda client, of: client.post_message(of, HTML),
    "note": lambda client, of: client.add_note(of.id, HTML),
}


@pytest.mark.parametrize("what", WRITES)
@pytest.mark.parametrize(
    ("kind", "value"),
    [("drop", ""), ("late_status", "500"), ("late_status", "502"), ("html", ""), ("half", ""), ("empty", ""),
     ("cut", ""), ("types", ""), ("late_status", "302")],
)  # fmt: skip
def test_a_write_whose_answer_is_lost_was_done_once_and_is_unsure(play: Play, what: str, kind: str, value: str) -> None:
    ticket = annas(play)
    play.tell("faults", kind=kind, value=value, method="POST", count=1)
    with pytest.raises(HelpdeskUnsure):
        use(play, lambda client: WRITES[what](client, ticket))
    assert len(effects(play, what)) == 1, "done, and not repeated"


def test_the_positive_control_who_repeats_a_write_whose_answer_is_lost_does_it_twice(play: Play) -> None:
    ticket = annas(play)
    play.tell("faults", kind="drop", method="POST", count=1)

    async def stubborn(client: Client) -> int:
        try:
            return await client.post_message(ticket, HTML)
        except HelpdeskUnsure:
            return await client.post_message(ticket, HTML)

    use(play, stubborn)
    assert len(effects(play, "message")) == 2


@pytest.mark.parametrize("what", WRITES)
def test_a_5xx_may_have_done_nothing_and_is_unsure_all_the_same(play: Play, what: str) -> None:
    ticket = annas(play)
    play.tell("faults", kind="status", value=503, method="POST")
    with pytest.raises(HelpdeskUnsure):
        use(play, lambda client: WRITES[what](client, ticket))
    assert effects(play, what) == []


@pytest.mark.parametrize("what", WRITES)
def test_a_write_that_is_given_up_may_be_done_later(play: Play, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = annas(play)
    monkeypatch.setattr(wire, "WRITE_SECONDS", 0.3)
    play.tell("faults", kind="stall", value="0.8", method="POST", count=1)

    async def work(client: Client) -> None:
        with pytest.raises(HelpdeskUnsure):
            await WRITES[what](client, ticket)
        assert effects(play, what) == []
        for _ in range(100):
            if effects(play, what):
                break
            await asyncio.sleep(0.05)

    use(play, work)
    assert len(effects(play, what)) == 1


@pytest.mark.parametrize("what", WRITES)
@pytest.mark.parametrize(("status", "error"), [
    (400, HelpdeskRefused), (413, HelpdeskRefused), (422, HelpdeskRefused), (404, HelpdeskMissing),
    (401, HelpdeskUnauthorized), (403, HelpdeskUnauthorized), (429, HelpdeskBanned),
])  # fmt: skip
def test_a_refusal_is_certain(play: Play, what: str, status: int, error: type[HelpdeskError]) -> None:
    ticket = annas(play)
    play.tell("faults", kind="status", value=status, method="POST")
    with pytest.raises(HelpdeskError) as told:
        use(play, lambda client: WRITES[what](client, ticket))
    assert type(told.value) is error
    assert effects(play, what) == []


@pytest.mark.parametrize("what", WRITES)
def test_a_ban_that_stands_lets_nothing_out(play: Play, what: str) -> None:
    ticket = annas(play)
    play.tell("limit", ban=300)

    async def twice(client: Client) -> None:
        for _ in range(2):
            with pytest.raises(HelpdeskBanned):
                await WRITES[what](client, ticket)

    before = play.calls()
    use(play, twice)
    assert (play.calls() - before, effects(play, what)) == (1, [])


@pytest.mark.parametrize("what", WRITES)
def test_what_never_went_out_is_no_riddle(play: Play, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = annas(play)
    monkeypatch.setattr(wire, "SLOT_WAIT_SECONDS", 0.1)

    async def nobody_there(client: Client) -> None:
        client._wire._base = "http://127.0.0.1:9/api"
        for _ in range(5):  # refused at the door, and then by the breaker
            with pytest.raises(HelpdeskUnreachable):
                await WRITES[what](client, ticket)

    async def no_slot(client: Client) -> None:
        with pytest.raises(HelpdeskBusy):
            await WRITES[what](client, ticket)

    use(play, nobody_there)
    taken = text("UPDATE custom_hde_api_slot SET free_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR")
    play.databases.run_here(lambda unit: unit.state.execute(taken).rowcount)
    use(play, no_slot)
    assert effects(play, what) == []


@pytest.mark.parametrize("what", WRITES)
def test_a_refusal_told_under_200_is_a_refusal(play: Play, what: str) -> None:
    ticket = annas(play)
    play.tell("quirks", errors_on_200=True)
    gone = Ticket(999_999, "", "", ticket.status, "", 999_999, "", ticket.channel, ticket.created_at, ticket.updated_at)
    with pytest.raises(HelpdeskRefused if what == "ticket" else HelpdeskMissing):
        use(play, lambda client: WRITES[what](client, gone))
    assert effects(play, what) == []


class Flaky:
    """A database that goes away as soon as a call has been made."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    async def run(self, work: Callable[..., Any], *told: Any) -> Any:
        if work in (slots.release, slots.allow):
            raise DatabaseAway("gone")
        return await self._databases.run(work, *told)


class Naive(Budget):
    """Lets the error of giving a slot back take the place of what the call has brought."""

    async def _release(self, slot: Slot) -> None:
        await self._databases.run(slots.release, slot, self._window)


@pytest.mark.parametrize("what", WRITES)
def test_a_database_that_goes_away_after_the_call_does_not_hide_what_was_done(play: Play, what: str) -> None:
    ticket = annas(play)
    flaky: Any = Flaky(play.databases)
    assert use(play, lambda client: WRITES[what](client, ticket), budget=Budget(flaky, 100, wire.CALL_SECONDS))
    assert len(effects(play, what)) == 1


def test_the_positive_control_a_naive_budget_would_have_it_done_twice(play: Play) -> None:
    ticket = annas(play)
    flaky: Any = Flaky(play.databases)
    with pytest.raises(DatabaseAway):
        use(play, lambda client: client.post_message(ticket, HTML), budget=Naive(flaky, 100, wire.CALL_SECONDS))
    assert len(effects(play, "message")) == 1


@pytest.mark.parametrize("what", WRITES)
def test_a_connection_that_was_closed_meanwhile_costs_no_write_its_answer(play: Play, what: str) -> None:
    """A server in between that answers once a connection, and hangs up on whoever uses it again."""
    ticket = annas(play)
    port = int(play.address.rpartition(":")[2])

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside_reader, inside = await asyncio.open_connection("127.0.0.1", port)
        inside.write(await reader.read(2**16))
        writer.write(await inside_reader.read(2**16))
        await reader.read(1)
        for end in (inside, writer):
            end.close()

    async def work(client: Client) -> None:
        server = await asyncio.start_server(once, "127.0.0.1", 0)
        async with server:
            client._wire._base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/{play.dialect}"
            await client.get_contact(ticket.requester_id)
            assert await WRITES[what](client, ticket)
            await client.get_contact(ticket.requester_id)
            client._wire._writing, mine = client._wire._reading, client._wire._writing
            with pytest.raises(HelpdeskUnsure):  # the control
                await WRITES[what](client, ticket)
            client._wire._writing = mine

    use(play, work)


# Reading back


@pytest.mark.parametrize("others", [0, 24, 25, 26, 60])
def test_what_was_written_is_read_back_however_long_the_thread(play: Play, others: int) -> None:
    ticket = annas(play)
    for number in range(others):
        play.tell("customer/email", email=ANNA, ticket_id=ticket.id, text=str(number))
    play.tell("faults", kind="drop", method="POST", count=1)

    async def work(client: Client) -> list[int]:
        with pytest.raises(HelpdeskUnsure):
            await client.post_message(ticket, HTML)
        play.tell("operator/reply", ticket_id=ticket.id, text="in between")
        return [message.id for message in await client.newest_messages(ticket) if message.html == HTML]

    assert use(play, work) == effects(play, "message")


def test_a_thread_that_cannot_be_read_is_not_taken_for_one_that_lacks_it(play: Play) -> None:
    ticket = annas(play)
    play.tell("faults", kind="types", path=MESSAGES)

    async def work(client: Client) -> None:
        assert await client.list_messages(ticket) == (), "the control: a reader's page leaves such rows out"
        with pytest.raises(HelpdeskGarbled):
            await client.newest_messages(ticket)

    use(play, work)


def test_a_mark_in_a_class_may_be_gone_and_the_text_is_not(play: Play) -> None:
    ticket = annas(play)
    for strips in (False, True):
        play.tell("quirks", strip_marks=strips)
        marked = '<p class="m7">ok</p>'
        use(play, lambda client, html=marked: client.post_message(ticket, html))
        (*_, last) = use(play, lambda client: client.newest_messages(ticket))
        assert ("m7" in last.html, "ok" in last.html) == (not strips, True)


# Files


NAMES = [
    "a\r\nContent-Type: text/html\r\n\r\nb",
    'a"; name="text',
    "\u202egpj.exe",
    "../../x",
    "",
    "\ud800",
    "a\x00b",
    "ы" * 300,
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_file_gets_out_of_its_header(play: Play, name: str) -> None:
    ticket = annas(play)
    file = Upload(name, "image/png\r\nX-Evil: 1\r\n\r\nevil", PNG.content)
    number = use(play, lambda client: posted(client, ticket, HTML, [file, TEXT]))
    message = next(one for one in play.state.tickets[ticket.id].messages if one.id == number)
    first, second = (play.state.files[one] for one in message.files)
    assert (message.html, message.author_id) == (HTML, ticket.requester_id)
    assert (first.content, first.type) == (PNG.content, "application/octet-stream")
    assert (second.name, second.content) == (TEXT.name, b"")
    assert first.name and "\r" not in first.name and "\n" not in first.name and len(first.name) <= 300


def test_too_large_a_file_is_refused_and_nothing_is_written(play: Play) -> None:
    ticket = annas(play)
    play.tell("quirks", upload_limit=1000)
    with pytest.raises(HelpdeskRefused):
        use(play, lambda client: posted(client, ticket, HTML, [TEXT, Upload("a", "", b"x" * 1001)]))
    assert effects(play, "message") == []


@pytest.mark.parametrize(("reads_on", "error"), [(True, HelpdeskRefused), (False, HelpdeskUnsure)])
def test_a_refusal_in_mid_upload_is_heard_if_the_server_lets_us(
    v2: Desk, reads_on: bool, error: type[HelpdeskError]
) -> None:
    """nginx reads on for a while, so that its 413 arrives; a server that just closes leaves nothing but an error."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        while reads_on and await reader.read(2**20):
            pass
        writer.close()

    async def work() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            over = wire.Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "", v2.budget)  # type: ignore[arg-type]
            with pytest.raises(error):
                await over.call(Call("/", method="POST", files=[("a", Upload("a", "", b"x" * 2**24))], once=True))
            await over.close()

    run(work())


@pytest.mark.parametrize(("kind", "error"), [("drop", HelpdeskUnreachable), ("html", HelpdeskGarbled)])
def test_a_file_whose_answer_is_lost_left_no_message_behind(play: Play, kind: str, error: type[HelpdeskError]) -> None:
    if play.dialect != "v1":
        pytest.skip("v2's files go with their message")
    ticket = annas(play)
    play.tell("faults", kind=kind, path="/files$", count=1)
    with pytest.raises(error):
        use(play, lambda client: posted(client, ticket, HTML, [PNG]))
    assert (len(effects(play, "file")), effects(play, "message")) == (1, [])
    use(play, lambda client: posted(client, ticket, HTML, [PNG]))
    assert (len(effects(play, "file")), len(effects(play, "message"))) == (2, 1)


def test_ten_large_files_arrive_and_hold_their_slots_for_as_long_as_they_may_take(play: Play) -> None:
    ticket = annas(play)
    files = [Upload(f"{n}.bin", "application/zip", bytes([n]) * 10 * 2**20) for n in range(10)]
    held: list[float] = []

    class Watched(Budget):
        async def _take(self, wait: float, longer: float = 0.0) -> Slot:
            held.append(self._hold + longer)
            return await super()._take(wait, longer)

    budget = Watched(play.databases, 100, wire.CALL_SECONDS)
    number = use(play, lambda client: posted(client, ticket, HTML, files), budget=budget)
    message = next(one for one in play.state.tickets[ticket.id].messages if one.id == number)
    assert [play.state.files[one].content for one in message.files] == [file.content for file in files]
    upload, plain = (seconds + 60 + LAG_SECONDS for seconds in (wire.UPLOAD_SECONDS, wire.WRITE_SECONDS))
    assert held == ([upload] * 10 + [plain] if play.dialect == "v1" else [upload])


def test_nothing_of_what_was_written_is_in_an_error_or_the_log(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    ticket = annas(play)
    secret = "canary"
    with caplog.at_level(logging.DEBUG):
        for kind in ("late_status", "html", "types", "drop"):
            play.tell("faults", kind=kind, method="POST", path=MESSAGES, count=1)
            with pytest.raises(HelpdeskUnsure) as told:
                use(play, lambda client: posted(client, ticket, secret, [Upload(secret, "", b"canary")]))
            assert secret not in str(told.value) + repr(told.value.__cause__)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("portal")]
    assert secret not in "".join(ours) and "demo-token" not in caplog.text


def test_files_that_have_gone_do_not_go_again_until_they_are_a_messages(play: Play) -> None:
    """A job whose uploads are interrupted goes on where it stopped; the same file later is another one."""
    if play.dialect != "v1":
        pytest.skip("files go with their message there")
    ticket, before = annas(play), len(play.state.files)

    async def story(client: Client) -> None:
        play.tell("faults", kind="status", value=503, path="/files", count=1)
        with pytest.raises(HelpdeskUnreachable):
            await client.enclose([PNG, TEXT])
        first = await client.enclose([PNG, TEXT])
        assert (await client.enclose([PNG, TEXT])).ids == first.ids
        assert len(play.state.files) == before + 2
        await client.post_message(ticket, HTML, first)
        assert not set((await client.enclose([PNG])).ids) & set(first.ids)

    use(play, story)


def test_an_older_ticket_is_no_new_one(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A help desk that merges what is alike gives its own older ticket: it may be anybody's with that address."""

    async def story(client: Client) -> None:
        contact = await client.ensure_contact(ANNA, "Anna")
        made = await client.open_ticket(contact, "s", HTML)
        older = play.state.tickets[made.id]
        older.created -= 3600
        monkeypatch.setattr(acts, "open_ticket", lambda *_, **__: older)
        with pytest.raises(HelpdeskUnsure):
            await client.open_ticket(contact, "s", HTML)

    use(play, story)
