"""The client against recorded answers of both dialects, and against a help desk on a bad day."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from portal.errors import HelpdeskBanned, HelpdeskGarbled, HelpdeskMissing, HelpdeskRefused, HelpdeskUnreachable
from portal.helpdesk import breaker, reads, wire
from portal.helpdesk.client import Client
from portal.model import Channel, Status, Ticket
from tests.helpdesk.conftest import KEY, Desk, run, sample

ANNA, BORIS = 41, 42


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 20, hour, minute, tzinfo=UTC)


def ticket() -> Ticket:
    return Ticket(
        10, "10", "", Status.IN_PROGRESS, "", ANNA, "", Channel.EMAIL, at(7), at(7), owner_id=1, owner_name="Иван"
    )


def page_of(rows: list[Any], **pagination: Any) -> dict[str, Any]:
    return {"data": rows, "pagination": {"total": len(rows), "total_pages": 1, **pagination}}


# v2, the vendor's


def test_v2_tickets_come_as_a_map_with_the_accounts_names(v2: Desk) -> None:
    v2.answer("/tickets/", sample("v2_tickets"))
    found = run(v2.client().list_tickets(ANNA, 1))
    first, second = found.tickets
    assert (found.page, found.pages, found.total) == (1, 1, 2)
    assert (first.id, first.number, first.subject, first.status) == (
        10,
        "IQV-84398",
        "Где посылка?",
        Status.IN_PROGRESS,
    )
    assert (first.channel, first.requester_email, first.owner_name) == (Channel.EMAIL, "anna@shop.example", "Иван")
    assert first.created_at == datetime(2026, 11, 20, 14, 5, 19, tzinfo=UTC)
    assert (second.id, second.subject, second.status, second.status_name) == (9, "", Status.OTHER, "At the courier")
    assert second.created_at == datetime(2026, 11, 18, 21, 30, tzinfo=UTC)
    assert first.last_reply_at is None and first.updated_at > first.created_at, "a change is no reply"
    query = v2.asked[-1].url.params
    assert query["user_list"] == str(ANNA) and query["order_by"] == "date_updated{desc}"


def test_v2_no_tickets_are_an_empty_list(v2: Desk) -> None:
    v2.answer(
        "/tickets/", {"data": [], "pagination": {"total": "0", "per_page": 30, "current_page": 1, "total_pages": 0}}
    )
    assert run(v2.client().list_tickets(ANNA, 1)).tickets == ()


def test_v2_statuses_are_asked_once_and_may_be_withheld(v2: Desk) -> None:
    v2.answer("/tickets/", sample("v2_tickets"))

    async def twice() -> None:
        reader = v2.client()
        await reader.list_tickets(ANNA, 1), await reader.list_tickets(ANNA, 2)

    run(twice())
    assert v2.paths().count("/statuses/") == 1
    v2.answer("/statuses/", b"{}", 403)
    assert [found.status_name for found in run(v2.client().list_tickets(ANNA, 1)).tickets] == ["process", "20"]


def test_v2_statuses_that_fail_cost_their_names_and_one_question(v2: Desk) -> None:
    v2.answer("/tickets/", sample("v2_tickets"))
    v2.answer("/statuses/", b"", 500)

    async def twice() -> None:
        reader = v2.client()
        for _ in range(2):
            assert len((await reader.list_tickets(ANNA, 1)).tickets) == 2

    run(twice())
    assert v2.paths().count("/statuses/") == 1


def test_v2_posts_tell_their_authors_by_comparison_and_one_question(v2: Desk) -> None:
    v2.answer("/tickets/10/posts/", sample("v2_posts"))
    v2.answer("/users/77", sample("v2_user_array"))
    asked, answered, colleague = run(v2.client().list_messages(ticket()))
    assert (asked.from_staff, asked.created_at, asked.html) == (False, at(7), "<p>Где?</p>")
    assert (answered.from_staff, answered.author_name, answered.created_at) == (True, "Иван", at(9))
    assert (colleague.from_staff, colleague.author_name) == (True, "Пётр")
    assert v2.paths() == ["/tickets/10/posts/", "/users/77"]
    (file,) = asked.files
    assert (file.name, file.url, file.type) == ("чек.gif", "https://help.example/ru/file/download/f8bb", "gif")
    assert len(file.id) == 16 and "f8bb" not in file.id


def test_v2_comments_are_never_asked_for_and_never_decoded(v2: Desk) -> None:
    v2.answer("/tickets/10/posts/", sample("v2_posts"))
    messages = run(v2.client().list_messages(ticket()))
    assert "canary" in sample("v2_posts").decode()
    assert "canary" not in str(messages) and not any("comments" in path for path in v2.paths())


def test_v2_a_stranger_in_the_thread_is_never_the_customer_himself(v2: Desk) -> None:
    rows = [{"id": n, "user_id": 100 + n, "text": "x", "date_created": "10:00:00 20.11.2026"} for n in range(1, 9)]
    v2.answer("/tickets/10/posts/", page_of(rows))
    for n in range(1, 9):
        person = {"id": 100 + n, "name": f"Client {n}", "email": "", "group": {"type": "user"}}
        v2.answer(f"/users/{100 + n}", {"data": person})
    messages = run(v2.client().list_messages(ticket()))
    assert all(message.from_staff for message in messages)
    assert len(v2.paths()) == 1 + reads.PEOPLE_A_CONVERSATION


def test_v2_an_author_who_is_gone_is_asked_about_once(v2: Desk) -> None:
    v2.answer("/tickets/10/posts/", sample("v2_posts"))

    async def twice() -> None:
        reader = v2.client()
        await reader.list_messages(ticket()), await reader.list_messages(ticket())

    run(twice())
    assert v2.paths().count("/users/77") == 1


def test_v2_search_is_fuzzy_and_only_the_very_address_counts(v2: Desk) -> None:
    v2.answer("/users/", sample("v2_users"))
    (found,) = run(v2.client().find_contacts("anna@shop.example"))
    assert (found.id, found.name, found.email, found.is_staff) == (41, "Анна Б.", "anna@shop.example", False)


def test_v2_the_api_key_of_a_user_is_kept_nowhere(v2: Desk, caplog: pytest.LogCaptureFixture) -> None:
    v2.answer("/users/", sample("v2_users"))
    with caplog.at_level(logging.DEBUG):
        found = run(v2.client().find_contacts("anna@shop.example"))
    assert b"canary" in sample("v2_users")
    assert "canary" not in msgspec.json.encode(found).decode() + caplog.text


def test_v2_credentials_are_basic_and_v1s_are_bearer(v1: Desk, v2: Desk) -> None:
    for desk in (v1, v2):
        with pytest.raises(HelpdeskMissing):
            run(desk.client().get_contact(1))
    basic = base64.b64encode(f"integration@helpdesk.example:{KEY}".encode()).decode()
    assert v2.asked[0].headers["authorization"] == f"Basic {basic}"
    assert v1.asked[0].headers["authorization"] == f"Bearer {KEY}"


# v1, the document's


def test_v1_statuses_and_channels_are_said_in_our_words(v1: Desk) -> None:
    v1.answer("/tickets", sample("v1_tickets"))
    tickets = run(v1.client().list_tickets(ANNA, 1)).tickets
    assert [found.status for found in tickets] == [
        Status.IN_PROGRESS, Status.WAITING, Status.RECEIVED, Status.CLOSED, Status.OTHER,
    ]  # fmt: skip
    assert [found.channel for found in tickets[:4]] == [Channel.EMAIL, Channel.PHONE, Channel.SITE, Channel.OTHER]
    assert tickets[0].number == "10482" and tickets[1].number == "9"
    assert tickets[3].closed and tickets[4].status_name == "frozen"


def test_v1_internal_messages_are_dropped_whatever_they_call_it(v1: Desk) -> None:
    v1.answer("/tickets/10/messages", sample("v1_messages"))
    messages = run(v1.client().list_messages(ticket()))
    assert [message.id for message in messages] == [1, 4, 5]
    assert "canary" in sample("v1_messages").decode() and "canary" not in str(messages)
    assert [message.from_staff for message in messages] == [False, True, True], "Kolya is not Anna"
    assert (messages[0].files[0].id, messages[0].files[0].size) == ("5", 1_200_000)


def test_v1_a_message_that_says_nothing_of_its_readers_is_shown_to_none(v1: Desk) -> None:
    row = {"id": 1, "author": {"id": ANNA, "type": "user"}, "body": "canary", "created_at": "2026-11-20T10:00:00Z"}
    shown: list[Any] = []
    for internal in (
        {},
        {"internal": None},
        {"internal": {}},
        {"internal": []},
        {"internal": "no"},
        {"internal": False},
    ):
        v1.answer("/tickets/10/messages", page_of([{**row, **internal}]))
        shown.append(len(run(v1.client().list_messages(ticket()))))
    assert shown == [0, 0, 0, 0, 0, 1]


# Whose rows


@pytest.mark.parametrize("owners", [(ANNA, ANNA, ANNA), (ANNA, BORIS, ANNA), (BORIS, BORIS, BORIS)])
def test_rows_of_others_are_dropped_and_told(
    v1: Desk, caplog: pytest.LogCaptureFixture, owners: tuple[int, ...]
) -> None:
    row = json.loads(sample("v1_tickets"))["data"][0]
    rows = [{**row, "id": n, "user_id": owner, "subject": "secret"} for n, owner in enumerate(owners, 1)]
    v1.answer("/tickets", page_of(rows, total=9000, total_pages=300))
    with caplog.at_level(logging.ERROR):
        found = run(v1.client().list_tickets(ANNA, 1))
    assert {found.requester_id for found in found.tickets} <= {ANNA}
    assert len(found.tickets) == owners.count(ANNA)
    assert bool(caplog.records) == (BORIS in owners)
    assert "secret" not in caplog.text
    assert BORIS not in owners or found.total == owners.count(ANNA), "a count over everybody tells about everybody"


def test_another_ticket_than_the_one_asked_for_is_refused(v2: Desk) -> None:
    v2.answer("/tickets/11", sample("v2_ticket"))
    with pytest.raises(HelpdeskGarbled):
        run(v2.client().get_ticket(11))


# Bad days


@pytest.mark.parametrize(
    "body", [b"", b"<!doctype html>", b'{"data": [{"id"', b'{"data": "text"}', b"null", b'{"data": 7}', b'{"rows": []}'],
)  # fmt: skip
def test_garbage_is_told_as_garbage(v1: Desk, body: bytes) -> None:
    v1.answer("/tickets", body)
    with pytest.raises(HelpdeskGarbled):
        run(v1.client().list_tickets(ANNA, 1))


def test_values_of_wrong_types_cost_their_rows_only(v1: Desk) -> None:
    good = json.loads(sample("v1_tickets"))["data"][0]
    wrong: list[Any] = [
        dict.fromkeys(good, spoilt) for spoilt in ([], {}, "n/a", None, True, 1e308, -1, "\ud800", 10**40)
    ]
    v1.answer("/tickets", page_of([*wrong, good, {**good, "id": 11, "subject": {"x": 1}, "status": [], "channel": 7}]))
    found = run(v1.client().list_tickets(ANNA, 1)).tickets
    assert [made.id for made in found] == [10, 11]
    assert msgspec.json.encode(found)


def test_of_300_pages_the_newest_are_read(v1: Desk) -> None:
    def full(request: httpx.Request) -> httpx.Response:
        first = int(request.url.params["page"]) * 10
        rows = [
            {"id": n, "author": {}, "body": "x", "internal": False, "created_at": "2026-11-20T10:00:00Z"}
            for n in range(first, first + 10)
        ]
        return httpx.Response(200, json=page_of(rows, total=3000, total_pages=300))

    v1.answers["/tickets/10/messages"] = full
    messages = run(v1.client().list_messages(ticket()))
    assert [message.id for message in messages] == list(range((301 - reads.MESSAGE_PAGES) * 10, 301 * 10))
    assert len(v1.asked) == 1 + reads.MESSAGE_PAGES


def test_pages_that_repeat_themselves_are_not_read_on(v1: Desk) -> None:
    body = json.loads(sample("v1_messages"))
    v1.answer("/tickets/10/messages", {**body, "pagination": {"total": 9000, "total_pages": 300}})
    assert [message.id for message in run(v1.client().list_messages(ticket()))] == [1, 4, 5]
    assert len(v1.asked) == 2


def test_of_an_endless_conversation_the_newest_is_kept(v1: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "CONVERSATION_CHARACTERS", 30)
    v1.answer("/tickets/10/messages", sample("v1_messages"))
    assert [message.id for message in run(v1.client().list_messages(ticket()))] == [4, 5]


def test_an_answer_that_does_not_end_is_cut(v1: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ANSWER", 1000)
    v1.answer("/tickets", b'{"data": []}' + b" " * 2000)
    with pytest.raises(HelpdeskGarbled):
        run(v1.client().list_tickets(ANNA, 1))
    v1.answer("/tickets", b'{"data": []}')
    assert run(v1.client().list_tickets(ANNA, 1)).tickets == ()


def test_a_redirect_is_not_followed(v1: Desk) -> None:
    v1.answer("/tickets", b"", 302, location="https://elsewhere.example/")
    with pytest.raises(HelpdeskGarbled):
        run(v1.client().list_tickets(ANNA, 1))
    assert len(v1.asked) == 1


def test_a_connection_that_was_hung_up_is_tried_once_more_with_a_slot_of_its_own(v1: Desk) -> None:
    left = [httpx.RemoteProtocolError("gone")]
    v1.answers["/tickets"] = lambda _: left.pop() if left else httpx.Response(200, content=sample("v1_tickets"))
    assert run(v1.client().list_tickets(ANNA, 1)).tickets
    assert len(v1.asked) == v1.budget.taken == 2
    v1.answers["/tickets"] = httpx.RemoteProtocolError("gone")
    with pytest.raises(HelpdeskUnreachable):
        run(v1.client().list_tickets(ANNA, 1))
    assert len(v1.asked) == v1.budget.taken == 4


@pytest.mark.parametrize("error", [httpx.ConnectError("no"), httpx.ReadTimeout("slow"), httpx.ReadError("reset")])
def test_other_failures_are_not_tried_again(v1: Desk, error: Exception) -> None:
    v1.answers["/tickets"] = error
    with pytest.raises(HelpdeskUnreachable):
        run(v1.client().list_tickets(ANNA, 1))
    assert len(v1.asked) == v1.budget.taken == 1 and v1.budget.open == 0


def test_an_answer_that_drips_is_cut_and_gives_its_slot_back(v1: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CALL_SECONDS", 0.05)

    class Drip(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            while True:
                yield b" "
                await asyncio.sleep(0.01)

    v1.answers["/tickets"] = lambda _: httpx.Response(200, stream=Drip())
    began = time.monotonic()
    with pytest.raises(HelpdeskUnreachable):
        run(v1.client().list_tickets(ANNA, 1))
    assert v1.budget.open == 0 and time.monotonic() - began < 2


def test_a_ban_is_told_to_everybody_and_a_refusal_is_not(v2: Desk) -> None:
    v2.answer("/users/1", sample("v2_ban"), 401)
    with pytest.raises(HelpdeskBanned):
        run(v2.client().get_contact(1))
    v2.answer("/users/1", sample("v2_wrong_key"), 401)
    with pytest.raises(HelpdeskRefused):
        run(v2.client().get_contact(1))
    assert v2.budget.bans == [1200]


def test_after_three_failures_nobody_is_asked_for_a_moment_then_one_probe(
    v1: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(breaker.time, "monotonic", lambda: clock[0])
    v1.answer("/users/1", b"", 503)

    async def ask(reader: Client, times: int) -> None:
        for _ in range(times):
            with pytest.raises(HelpdeskUnreachable):
                await reader.get_contact(1)

    async def bad_day() -> None:
        reader = v1.client()
        await ask(reader, 10)
        assert len(v1.asked) == v1.budget.taken == breaker.FAILURES
        clock[0] += breaker.OPEN_SECONDS + 1
        await ask(reader, 5)
        assert len(v1.asked) == breaker.FAILURES + 1, "one probe"
        clock[0] += breaker.OPEN_SECONDS + 1
        v1.answer("/users/1", {"data": {"id": 1, "email": "a@b.example"}})
        assert (await reader.get_contact(1)).id == (await reader.get_contact(1)).id == 1

    run(bad_day())


def test_one_thing_that_stays_broken_is_no_help_desk_that_is_away(v1: Desk) -> None:
    v1.answer("/users/1", b'{"data": {"id": 1, "na')
    v1.answer("/users/7", {"data": {"id": 7, "email": "a@b.example"}})

    async def ask() -> None:
        reader = v1.client()
        for _ in range(10):
            with pytest.raises(HelpdeskGarbled):
                await reader.get_contact(1)
        assert (await reader.get_contact(7)).id == 7

    run(ask())
    assert len(v1.asked) == 11


def test_several_things_that_are_broken_are(v1: Desk) -> None:
    async def ask() -> None:
        reader = v1.client()
        for number in range(1, 10):
            v1.answer(f"/users/{number}", b"<h1>Technical works</h1>")
            with pytest.raises((HelpdeskGarbled, HelpdeskUnreachable)):
                await reader.get_contact(number)

    run(ask())
    assert len(v1.asked) == breaker.FAILURES


def test_who_queued_while_it_stopped_answering_does_not_call(v1: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CALLS_AT_ONCE", 1)
    v1.answer("/users/1", b"", 503)

    async def crowd() -> None:
        reader = v1.client()
        await asyncio.gather(*(reader.get_contact(1) for _ in range(20)), return_exceptions=True)

    run(crowd())
    assert len(v1.asked) == v1.budget.taken == breaker.FAILURES


def test_nobody_queues_behind_a_help_desk_that_does_not_answer(v1: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CALLS_AT_ONCE", 1)

    async def queue() -> None:
        reader = v1.client()
        for _ in range(breaker.FAILURES):
            reader._wire._breaker.failed()
        async with reader._wire._at_once, asyncio.timeout(1):
            with pytest.raises(HelpdeskUnreachable):
                await reader.get_contact(1)

    run(queue())
    assert v1.asked == []


def test_refusals_and_missing_things_do_not_trip_the_breaker(v1: Desk) -> None:
    async def ask() -> None:
        reader = v1.client()
        for _ in range(10):
            with pytest.raises(HelpdeskMissing):
                await reader.get_contact(1)

    run(ask())
    assert len(v1.asked) == 10


def test_no_error_carries_the_key_or_what_the_help_desk_said(v2: Desk, caplog: pytest.LogCaptureFixture) -> None:
    v2.answer("/tickets/", b"canary text of a customer")
    with caplog.at_level(logging.DEBUG), pytest.raises(HelpdeskGarbled) as told:
        run(v2.client().list_tickets(ANNA, 1))
    assert "canary" not in caplog.text + str(told.value) + repr(told.value.__cause__)
