"""What the client writes, in both dialects over a real socket: whose it is, what was done, and what nobody can know.

The effects are counted in the sandbox's own journal, never by what the client was told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from portal.errors import (
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
from portal.helpdesk.client import Client
from portal.model import Contact, Ticket, Upload
from portal.sandbox.helpdesk import acts
from tests.helpdesk.conftest import Play, run

ANNA = "anna@shop.example"
HTML = "<p>Где посылка?</p>"
PNG = Upload("фото.png", "image/png", b"\x89PNG\r\n--\r\n" + bytes(range(256)))
TEXT = Upload("a.txt", "text/plain", b"")

MESSAGES = r"/tickets/\d+/(messages|posts)/?$"


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
    use(play, lambda client: client._wire.call(client._dialect.create_contact(ANNA, "Mallory")))
    assert play.state.people[known.id].name == "Mallory"


def test_of_several_the_oldest_who_is_no_member_of_staff(play: Play) -> None:
    ivan = acts.add_contact(play.state, ANNA, "Иван", staff=True)
    first, second = (acts.add_contact(play.state, ANNA, name) for name in ("Анна", "Аня"))
    found = use(play, lambda client: client.ensure_contact(ANNA, "Анна"))
    if play.dialect == "v2":
        assert found.id == first.id
    assert second.id > first.id > ivan.id


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
    call = use(play, _dialect).create_contact("a@b.example", "A")
    assert call.form["notifications"] == "0"


async def _dialect(client: Client) -> Any:
    return client._dialect


# Tickets and messages


def test_a_request_is_its_contacts_with_text_and_files(play: Play) -> None:
    contact = anna(play)
    ticket = use(play, lambda client: client.open_ticket(contact, "Где?", HTML, [PNG, TEXT]))
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
    number = use(play, lambda client: client.post_message(ticket, HTML, [PNG]))
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
        use(play, lambda client: client.post_message(ticket, HTML, []))
    play.tell("operator/status", ticket_id=ticket.id, status="open")
    play.state.tickets[ticket.id].locked = True
    with pytest.raises(HelpdeskRefused):
        use(play, lambda client: client.post_message(ticket, HTML, []))
    assert effects(play, "message") == []


def test_an_object_in_a_map_under_its_id_is_understood(play: Play) -> None:
    ticket = annas(play)
    play.tell("quirks", keyed_objects=True)

    async def work(client: Client) -> None:
        made = await client.ensure_contact("new@shop.example", "Новый")
        opened = await client.open_ticket(made, "s", HTML, [])
        assert (await client.get_ticket(opened.id)).requester_id == made.id
        assert await client.post_message(ticket, HTML, []) and await client.add_note(ticket.id, HTML)
        await client.reopen(ticket.id)

    use(play, work)


def test_a_visitor_of_the_chat_keeps_his_id(play: Play) -> None:
    ids = [use(play, lambda client, who=who: client.visitor_id(who, "")) for who in (ANNA, f" {ANNA.upper()}", "b@c.d")]
    assert ids == [None] * 3 if play.dialect == "v1" else ids[0] == ids[1] != ids[2]


# What nobody can know


WRITES: dict[str, Callable[[Client, Ticket], Awaitable[Any]]] = {
    "ticket": lambda client, of: client.open_ticket(Contact(of.requester_id, ANNA, ""), "s", HTML, []),
    "message": lambda client, of: client.post_message(of, HTML, []),
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
