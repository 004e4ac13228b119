"""What a customer wrote arrives once, in order, whatever the help desk does meanwhile; judged by what the desk holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from portal.app import _letters
from portal.errors import HelpdeskError
from portal.helpdesk.client import Client
from portal.model import Customer, OrderChoice
from portal.service import writing
from portal.service.delivery import LANES, Deliverer
from portal.service.outcomes import NOTE
from portal.service.sight import Person, Sight
from portal.service.widget import ADOPT
from portal.service.writing import Delivery, Draft, Written
from portal.store import links, outbox, slots
from portal.store.lanes import Lane
from portal.tokens import Tokens
from tests.stage import ANNA, EMAILS, Stage, stage
from tests.web.states import make_pages

TOKENS = Tokens(["a-key-for-tests-only"])
CUSTOMER = Customer(ANNA, "anna", EMAILS[ANNA], "Anna")
PROVEN, UNPROVEN = Person(CUSTOMER, Sight.PROVEN), Person(CUSTOMER, Sight.UNPROVEN)
WRITES = r"/(messages|posts/?|tickets/?)$"


class Shop:
    """The stage, and a worker that is taken by hand."""

    def __init__(self, made: Stage) -> None:
        self.stage = made
        self.settle_seconds = 0.0
        self.written = 0

    def reply(self, ticket_id: int, text: str, *files: Paper) -> int:
        contact = self.ticket(ticket_id).user_id
        return self._keep(writing.reply, PROVEN, ticket_id, contact, self._draft(text, files))

    def loses_the_answer(self, ticket_id: int, text: str) -> int:
        """A reply that arrives and whose answer is lost; it is due to be looked for."""
        self.breaks("drop")
        job = self.reply(ticket_id, text)
        asyncio.run(self._work({}, rounds=1))
        assert self.count(ticket_id, text) == 1
        return job

    def request(
        self, text: str = "Hello", *files: Paper, person: Person = PROVEN, order: OrderChoice | None = None
    ) -> int:
        return self._keep(writing.open_request, person, self._draft(text, files, subject="Where is it?"), order)

    def _draft(self, text: str, files: Sequence[Paper], **more: str) -> Draft:
        self.written += 1
        return Draft(text, f"form-{self.written}", files=files, **more)

    def _keep(self, work: Any, *args: Any) -> int:
        return int(self.stage.databases.run_here(work, *args).id)

    def work(self, **settings: object) -> None:
        """Deliver whatever there is, as if every wait was over, until nothing is due or nothing moves any more."""
        asyncio.run(self._work(settings))

    async def _work(self, settings: dict[str, object], rounds: int = 12) -> None:
        client = Client(self.stage.settings_with(**settings), self.stage.databases)
        deliverer = Deliverer(
            self.stage.settings,
            self.stage.databases,
            client,
            TOKENS,
            _letters(make_pages()[0]),
            settle_seconds=self.settle_seconds,
        )
        for _ in range(rounds):
            self.stage.execute("UPDATE custom_hde_outbox SET run_at = UTC_TIMESTAMP(6) WHERE state = 'waiting'")
            job = self.stage.databases.run_here(outbox.claim, [*LANES], 60)
            if job is None:
                break
            await deliverer.deliver(job)
        await client.close()

    def ticket(self, ticket_id: int) -> Any:
        return self.stage.state.tickets[ticket_id]

    def texts(self, ticket_id: int, *, internal: bool = False) -> list[str]:
        return [m.html for m in self.ticket(ticket_id).messages if m.internal is internal]

    def count(self, ticket_id: int, words: str) -> int:
        return sum(words in text for text in self.texts(ticket_id))

    def seen(self) -> list[Written]:
        return self.stage.databases.read_here(writing.written, ANNA)

    def delivery(self, job_id: int) -> Delivery:
        return next(one.delivery for one in self.seen() if one.id == job_id)

    def breaks(self, kind: str, count: int | None = 1, **more: object) -> None:
        self.stage.tell("faults", kind=kind, method="POST", path=WRITES, count=count, **more)


class Paper:
    """A file as it came."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self.type, self.size, self._content = name, "text/plain", len(content), content

    def chunks(self, size: int) -> Iterator[bytes]:
        for at in range(0, len(self._content), size):
            yield self._content[at : at + size]


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Shop]:
    with stage(database_url, tmp_path, request.param) as made:
        yield Shop(made)


def test_a_reply_arrives_in_the_customers_name_with_its_files_and_no_markup_of_his(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    big = bytes(range(256)) * 2500
    job = shop.reply(ticket, "<b>1 < 2</b>\nsecond line", Paper("receipt.txt", big), Paper("second.txt", b"x"))
    shop.work()
    message = shop.ticket(ticket).messages[-1]
    assert message.author_id == shop.ticket(ticket).user_id
    assert "&lt;b&gt;1 &lt; 2&lt;/b&gt;<br" in message.html and "second line" in message.html
    files = [shop.stage.state.files[number] for number in message.files]
    assert [(file.name, file.content) for file in files] == [("receipt.txt", big), ("second.txt", b"x")]
    (one,) = shop.seen()
    assert (one.id, one.delivery, one.result_id) == (job, Delivery.SENT, message.id)
    assert shop.stage.execute("SELECT COUNT(*) FROM custom_hde_blob") == [(0,)]


def test_a_request_becomes_a_ticket_of_this_account(shop: Shop) -> None:
    shop.request("Where is my parcel?", Paper("a.txt", b"abc"))
    shop.work()
    (ticket,) = shop.stage.state.tickets.values()
    person = shop.stage.state.people[ticket.user_id]
    assert (person.email, ticket.subject, len(ticket.messages)) == (EMAILS[ANNA], "Where is it?", 1)
    assert shop.stage.databases.read_here(links.of, ANNA).tickets == {ticket.id: person.id}
    assert shop.texts(ticket.id, internal=True) == []


def test_the_operator_is_told_when_the_address_is_not_proven_and_which_order_it_is_about(shop: Shop) -> None:
    order = OrderChoice(1007, "A-1007", *(None,) * 3)  # type: ignore[arg-type]
    shop.request(person=UNPROVEN, order=order)
    shop.work()
    (ticket,) = shop.stage.state.tickets.values()
    (note,) = shop.texts(ticket.id, internal=True)
    assert EMAILS[ANNA] in note and "A-1007" in note
    told = shop.stage.execute("SELECT order_id, ticket_id, user_id FROM custom_hde_order_ticket")
    assert told == [(1007, ticket.id, ANNA)]


@pytest.mark.parametrize("kind", ["drop", "cut", "html", "half", "empty"])
def test_an_answer_that_is_lost_is_found_and_nothing_is_sent_twice(shop: Shop, kind: str) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.breaks(kind)
    job = shop.reply(ticket, "just once")
    shop.work()
    assert shop.count(ticket, "just once") == 1
    assert shop.delivery(job) is Delivery.SENT


@pytest.mark.parametrize("kind", ["drop", "half"])
def test_a_request_whose_answer_is_lost_is_found_and_still_belongs_to_its_writer(shop: Shop, kind: str) -> None:
    shop.breaks(kind)
    shop.request("just once")
    shop.work()
    (ticket,) = shop.stage.state.tickets
    assert list(shop.stage.databases.read_here(links.of, ANNA).tickets) == [ticket]


def test_what_did_not_arrive_is_sent_when_it_cannot_come_any_more(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.settle_seconds = 3600
    shop.breaks("status", value=502)
    job = shop.reply(ticket, "just once")
    shop.work()
    assert (shop.count(ticket, "just once"), shop.delivery(job)) == (0, Delivery.SENDING)
    shop.settle_seconds = 0
    shop.work()
    assert (shop.count(ticket, "just once"), shop.delivery(job)) == (1, Delivery.SENT)


@pytest.mark.parametrize("words", ["just once", "see portal-shop.example, portal-0123"])
def test_without_the_marker_it_is_set_aside_told_to_support_and_never_sent_twice(shop: Shop, words: str) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.stage.tell("quirks", strip_marks=True)
    shop.breaks("drop")
    job = shop.reply(ticket, words, Paper("a.txt", b"abc"))
    shop.work()
    assert shop.count(ticket, words) == 1
    assert shop.delivery(job) is Delivery.UNSURE
    (note,) = shop.texts(ticket, internal=True)
    assert words in note and "a.txt" in note


@pytest.mark.parametrize("strip", [False, True], ids=["marks kept", "marks stripped"])
def test_a_second_honest_request_is_no_repeat(shop: Shop, *, strip: bool) -> None:
    shop.stage.tell("quirks", strip_marks=strip)
    shop.request("the same")
    shop.work()
    shop.breaks("status", value=500)
    second = shop.request("the same")
    shop.work()
    assert len(shop.stage.state.tickets) == 2
    assert shop.delivery(second) is Delivery.SENT


@pytest.mark.parametrize("then", ["missing", "refused", "moved", "dead worker"])
def test_what_may_have_arrived_is_never_called_not_sent(shop: Shop, then: str) -> None:
    """It would be written again."""
    ticket = shop.stage.ticket(ANNA)
    job = shop.loses_the_answer(ticket, "just once")
    if then == "moved":
        shop.stage.tell("operator/move", ticket_id=ticket, email="boris@shop.example")
    elif then == "dead worker":
        shop.stage.execute("UPDATE custom_hde_outbox SET attempts = 10")
    else:
        shop.stage.tell("faults", kind="status", value={"missing": 404, "refused": 422}[then], method="GET")
    shop.work()
    assert shop.delivery(job) is Delivery.UNSURE
    assert shop.count(ticket, "just once") == 1


@pytest.mark.parametrize("strip", [False, True], ids=["marks kept", "marks stripped"])
def test_a_second_honest_ok_is_no_repeat_and_is_not_dropped(shop: Shop, *, strip: bool) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.stage.tell("quirks", strip_marks=strip)
    shop.reply(ticket, "ok")
    shop.work()
    shop.breaks("status", value=500)
    second = shop.reply(ticket, "ok")
    shop.work()
    assert shop.count(ticket, "ok") == 2
    assert shop.delivery(second) is Delivery.SENT


def test_what_was_written_while_the_help_desk_was_away_arrives_in_order(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.stage.tell("faults", kind="status", value=503)
    for word in ("first", "second", "third"):
        shop.reply(ticket, word)
    shop.work()
    assert [one.delivery for one in shop.seen()] == [Delivery.SENDING] * 3
    shop.stage.tell("mend")
    shop.work()
    found = [word for text in shop.texts(ticket) for word in ("first", "second", "third") if word in text]
    assert found == ["first", "second", "third"]


def test_a_ban_costs_nothing_but_time(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    job = shop.reply(ticket, "patience")
    shop.stage.tell("limit", ban=600)
    shop.work()
    assert shop.delivery(job) is Delivery.SENDING
    query = "SELECT attempts, TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), run_at) FROM custom_hde_outbox"
    ((attempts, wait),) = shop.stage.execute(query)
    assert attempts == 0 and 1190 < wait < 1210
    shop.stage.tell("mend")
    shop.stage.execute("DELETE FROM custom_hde_cursor WHERE name = 'hde_ban'")
    shop.work()
    assert shop.count(ticket, "patience") == 1


def test_a_wrong_key_kills_no_message(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    job = shop.reply(ticket, "patience")
    shop.work(hde_token=SecretStr("wrong"), hde_api_key=SecretStr("wrong"))
    assert shop.delivery(job) is Delivery.SENDING
    shop.work()
    assert shop.count(ticket, "patience") == 1


def test_a_reply_opens_a_closed_ticket_again(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.stage.tell("operator/status", ticket_id=ticket, status="closed")
    shop.reply(ticket, "one more thing")
    shop.work()
    assert shop.count(ticket, "one more thing") == 1
    assert shop.ticket(ticket).status != "closed"


@pytest.mark.parametrize("person", [PROVEN, UNPROVEN], ids=["proven", "unproven"])
def test_a_closed_ticket_that_takes_nothing_is_followed_by_a_new_one_with_the_files(shop: Shop, person: Person) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.stage.tell("operator/status", ticket_id=ticket, status="closed")
    for method in ("PUT", "PATCH"):
        shop.stage.tell("faults", kind="status", value=403, method=method)
    if shop.stage.settings.dialect == "v1":
        shop.breaks("status", value=400)
    contact = shop.ticket(ticket).user_id
    draft = shop._draft("one more thing", [Paper("a.txt", b"abc")])
    job = shop._keep(writing.reply, person, ticket, contact, draft)
    shop.work()
    (new,) = set(shop.stage.state.tickets) - {ticket}
    assert shop.ticket(new).subject == "Re: Where is my parcel?"
    assert shop.count(new, "one more thing") == 1 and len(shop.ticket(new).messages[0].files) == 1
    assert new in shop.stage.databases.read_here(links.of, ANNA).tickets
    note = shop.texts(new, internal=True)[0]
    assert shop.ticket(ticket).number in note and ("не подтвердил" in note) is (person is UNPROVEN)
    (one,) = shop.seen()
    assert (one.id, one.is_request, one.ticket_id, one.delivery) == (job, True, new, Delivery.SENT)


def test_a_ticket_given_to_somebody_else_meanwhile_gets_no_message_in_his_name(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    job = shop.reply(ticket, "my secret")
    shop.stage.tell("operator/move", ticket_id=ticket, email="boris@shop.example")
    shop.work()
    assert shop.count(ticket, "my secret") == 0
    assert shop.delivery(job) is Delivery.FAILED


def test_a_help_desk_that_keeps_saying_no_is_believed(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.breaks("status", None, value=422)
    job = shop.reply(ticket, "no way")
    shop.work()
    assert shop.delivery(job) is Delivery.FAILED
    shop.stage.tell("mend")
    shop.work()
    assert "no way" in shop.texts(ticket, internal=True)[0]


def test_a_worker_that_dies_in_mid_call_loses_and_repeats_nothing(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.breaks("drip", value=30)
    job = shop.reply(ticket, "just once")

    async def dies() -> None:
        working = asyncio.create_task(shop._work({}))
        while shop.count(ticket, "just once") == 0:
            await asyncio.sleep(0.01)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working

    asyncio.run(dies())
    shop.stage.execute("UPDATE custom_hde_outbox SET lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")
    shop.work()
    assert shop.count(ticket, "just once") == 1
    assert shop.delivery(job) is Delivery.SENT


def test_a_help_desk_that_loses_every_answer_and_does_nothing_is_not_asked_for_ever(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.breaks("status", None, value=502)
    job = shop.reply(ticket, "just once")
    shop.work()
    assert shop.delivery(job) is Delivery.FAILED
    shop.stage.tell("mend")
    shop.work()
    assert "just once" in shop.texts(ticket, internal=True)[0]
    assert shop.count(ticket, "just once") == 0


def test_how_long_it_is_looked_for_begins_when_the_answer_is_lost(shop: Shop) -> None:
    """And not when its files began to be sent."""
    ticket = shop.stage.ticket(ANNA)
    shop.settle_seconds = 2
    shop.stage.tell("faults", kind="stall", value=2, method="POST", count=1)
    shop.breaks("late_status", 1, value=500)
    shop.reply(ticket, "slowly", Paper("a.txt", b"abc"))
    shop.work()
    ((sent_at, now),) = shop.stage.execute("SELECT sent_at, UTC_TIMESTAMP(6) FROM custom_hde_outbox LIMIT 1")
    assert shop.count(ticket, "slowly") == 1
    assert sent_at is None or (now - sent_at).total_seconds() < 2


def test_who_comes_back_late_changes_nothing(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.reply(ticket, "just once")
    late = shop.stage.databases.run_here(outbox.claim, [*LANES], 0)
    shop.work()
    assert late is not None
    client = Client(shop.stage.settings, shop.stage.databases)
    asyncio.run(
        Deliverer(shop.stage.settings, shop.stage.databases, client, TOKENS, _letters(make_pages()[0])).deliver(late)
    )
    assert shop.count(ticket, "just once") == 1


def test_only_what_a_customer_waits_for_is_sent_in_his_lane(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket, take, seen = shop.stage.ticket(ANNA), slots.take, set[Lane]()

    def told(unit: Any, rate: int, hold_seconds: float, lane: Lane) -> Any:
        seen.add(lane)
        return take(unit, rate, hold_seconds, lane)

    def lanes_of(kind: str, payload: dict[str, Any]) -> set[Lane]:
        seen.clear()
        shop.stage.databases.run_here(outbox.put, kind, payload, ANNA, ticket_id=ticket)
        shop.work()
        return set(seen)

    monkeypatch.setattr(slots, "take", told)
    shop.reply(ticket, "hello")
    shop.work()
    assert seen == {Lane.CUSTOMER}
    assert lanes_of(NOTE, {"about": "failed", "text": "hello", "files": []}) == {Lane.OUTBOX}
    assert lanes_of(ADOPT, {}) == {Lane.REREAD}


def test_the_client_alone_would_repeat_nothing_but_know_nothing(shop: Shop) -> None:
    """The control: without reading back a lost answer is either a lost or a doubled message."""
    ticket = shop.stage.ticket(ANNA)
    shop.breaks("drop", None)

    async def sends_twice() -> None:
        client = Client(shop.stage.settings, shop.stage.databases)
        found = await client.get_ticket(ticket)
        for _ in range(2):
            with pytest.raises(HelpdeskError):
                await client.post_message(found, "<p>doubled</p>")
        await client.close()

    asyncio.run(sends_twice())
    assert shop.count(ticket, "doubled") == 2


def test_a_new_ticket_that_makes_no_sense_is_not_read_for_ever(shop: Shop) -> None:
    ticket = shop.stage.ticket(ANNA)
    shop.stage.databases.run_here(outbox.put, ADOPT, {}, None, ticket_id=ticket)
    shop.stage.tell("faults", kind="types", method="GET", path=f"/tickets/{ticket}")
    for _ in range(2):
        shop.work()
    assert shop.stage.execute("SELECT state, attempts FROM custom_hde_outbox") == [(b"dead", 10)]
