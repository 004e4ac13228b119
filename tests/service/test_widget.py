"""The widget's token vouches for the one ticket that carries it, once, and for nothing else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import httpx
import pytest
from itsdangerous.encoding import base64_encode

from portal.errors import HelpdeskUnreachable
from portal.helpdesk.client import Client
from portal.model import Customer
from portal.service import widget
from portal.service.sight import Person, Sight
from portal.tokens import Purpose, Tokens
from tests.stage import ANNA, BORIS, EMAILS, PREFIX, Stage, stage

KEY = "a-key-for-tests-only"
TOKENS = Tokens([KEY])
HOUR = 3600


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, request.param) as made:
        yield made


@pytest.fixture
def shop_v1(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path) as made:
        yield made


def through_the_widget(shop: Stage, token: object, email: str = "elsewhere@post.example", text: str = "Hello") -> int:
    """A visitor opens a ticket in the vendor's widget; he may type and claim whatever he likes."""
    told = {"email": email, "text": text, "custom_fields": {"bitrix_user_id": "7", "portal_token": token}}
    answer = httpx.post(shop.settings.hde_url.rpartition("/api/")[0] + "/widget/tickets", json=told)
    return int(answer.json()["ticket_id"])


def adopt(shop: Stage, *ticket_ids: int, tokens: Tokens = TOKENS) -> None:
    async def run() -> None:
        client = Client(shop.settings, shop.databases)
        try:
            for ticket_id in ticket_ids:
                await widget.adopt(client, shop.databases, tokens, ticket_id)
        finally:
            await client.close()

    asyncio.run(run())


def owners(shop: Stage) -> dict[int, int]:
    return dict(shop.execute("SELECT ticket_id, user_id FROM custom_hde_ticket_owner"))  # type: ignore[arg-type]


def test_a_ticket_with_annas_token_is_annas_whatever_address_was_typed(shop: Stage) -> None:
    ticket = through_the_widget(shop, widget.mint(TOKENS, ANNA), text="From the widget")
    with shop.client(ANNA) as anna:
        assert "From the widget" not in anna.get(f"{PREFIX}/").text
    adopt(shop, ticket)
    assert owners(shop) == {ticket: ANNA}
    with shop.client(ANNA) as anna, shop.client(BORIS) as boris:
        assert "From the widget" in anna.get(f"{PREFIX}/").text
        assert anna.get(f"{PREFIX}/{ticket}").status_code == 200
        assert boris.get(f"{PREFIX}/{ticket}").status_code == 404


def test_another_persons_address_gives_nothing_of_that_person(shop: Stage) -> None:
    annas = shop.ticket(ANNA, "Where is my parcel?")
    shop.prove(ANNA)
    ticket = through_the_widget(shop, widget.mint(TOKENS, BORIS), EMAILS[ANNA], "I am Anna")
    adopt(shop, ticket, annas)
    assert owners(shop) == {ticket: BORIS}
    with shop.client(BORIS) as boris:
        page = boris.get(f"{PREFIX}/").text
        assert "I am Anna" in page, "the control: what he wrote himself he sees"
        assert "Where is my parcel?" not in page
        assert boris.get(f"{PREFIX}/{annas}").status_code == 404
    assert shop.execute("SELECT user_id FROM custom_hde_user_map WHERE user_id = 8") == []


def test_a_claimed_user_id_gives_nothing(shop: Stage) -> None:
    ticket = through_the_widget(shop, "", EMAILS[BORIS])
    adopt(shop, ticket)
    assert owners(shop) == {}


def _own_whatever_the_jti(own: Callable[..., bool], *told: object, jti: str) -> bool:
    return own(*told)


@pytest.mark.parametrize("defence", [True, False], ids=["defence", "control"])
def test_a_copied_token_vouches_for_no_second_ticket(
    shop: Stage, monkeypatch: pytest.MonkeyPatch, defence: bool
) -> None:
    if not defence:
        monkeypatch.setattr(widget.links, "own", partial(_own_whatever_the_jti, widget.links.own))
    token = widget.mint(TOKENS, ANNA)
    first, second = through_the_widget(shop, token), through_the_widget(shop, token)
    adopt(shop, first, second, second)
    assert owners(shop) == {first: ANNA} | ({} if defence else {second: ANNA})


def test_another_spelling_of_a_token_is_the_same_token(shop_v1: Stage) -> None:
    token = widget.mint(TOKENS, ANNA)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = token[:-1] + letters[letters.index(token[-1]) ^ 1]
    assert TOKENS.open_dated("widget", other), "the control: both spellings are good"
    first, second = through_the_widget(shop_v1, token), through_the_widget(shop_v1, other)
    adopt(shop_v1, first, second)
    assert owners(shop_v1) == {first: ANNA}


def test_a_ticket_has_one_owner_and_the_first_stays(shop_v1: Stage) -> None:
    ticket = through_the_widget(shop_v1, widget.mint(TOKENS, ANNA))
    adopt(shop_v1, ticket)
    shop_v1.state.tickets[ticket].fields["portal_token"] = widget.mint(TOKENS, BORIS)
    adopt(shop_v1, ticket)
    assert owners(shop_v1) == {ticket: ANNA}


@pytest.mark.parametrize(
    ("opened_after", "widened"),
    [(-HOUR, "SKEW_SECONDS"), (-widget.SKEW_SECONDS - 5, "SKEW_SECONDS"), (25 * HOUR, "TOKEN_SECONDS")],
    ids=["an old ticket", "a ticket of a moment ago", "an expired token"],
)
@pytest.mark.parametrize("defence", [True, False], ids=["defence", "control"])
def test_a_token_vouches_for_no_ticket_of_another_time(
    shop: Stage, monkeypatch: pytest.MonkeyPatch, opened_after: float, widened: str, defence: bool
) -> None:
    if not defence:
        monkeypatch.setattr(widget, widened, 10**6)
    ticket = through_the_widget(shop, widget.mint(TOKENS, ANNA))
    shop.state.tickets[ticket].created = time.time() + opened_after
    adopt(shop, ticket)
    assert owners(shop) == ({} if defence else {ticket: ANNA})


def signed(audience: str, jti: object, purpose: Purpose = "widget", key: str = KEY) -> str:
    return Tokens([key]).sign(purpose, audience, jti)


BAD = {
    "another purpose": signed("7", "once", "form"),
    "another key": signed("7", "once", key="another-key-for-tests"),
    "padded": signed("7", "once") + "=",
    "padded within": signed("7", "once").replace(".", "=.", 1),
    "cut": signed("7", "once")[:-5],
    "not signed": base64_encode('["7", "once"]').decode(),
    "long": "x" * 1_000_000,
    "a map": {"a": "b"},
    "a list": [1, 2],
    "nobody": signed("0", "once"),
    "a negative": signed("-7", "once"),
    "a padded number": signed("07", "once"),
    "a word": signed("anna", "once"),
    "no plain digits": signed("٧", "once"),
    "huge": signed("9" * 30, "once"),
    "a number for a jti": signed("7", 7),
    "no jti": signed("7", None),
    "an empty jti": signed("7", ""),
    "a long jti": signed("7", "x" * 65),
}


def test_what_is_no_good_token_is_refused_and_told_without_itself(
    shop: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tickets = [through_the_widget(shop, token) for token in BAD.values()]
    control = through_the_widget(shop, signed("7", "once"))
    adopt(shop, *tickets, control)
    assert owners(shop) == {control: ANNA}
    assert "proves nothing" in caplog.text
    assert not [name for name, token in BAD.items() if str(token)[:40] in caplog.text]


def test_keys_rotate(shop_v1: Stage) -> None:
    ticket = through_the_widget(shop_v1, widget.mint(TOKENS, ANNA))
    adopt(shop_v1, ticket, tokens=Tokens(["a-new-key-for-tests"]))
    assert owners(shop_v1) == {}
    adopt(shop_v1, ticket, tokens=Tokens(["a-new-key-for-tests", KEY]))
    assert owners(shop_v1) == {ticket: ANNA}


def test_the_token_stands_nowhere_but_in_the_help_desk(shop: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = widget.mint(TOKENS, ANNA)
    ticket = through_the_widget(shop, token)
    adopt(shop, ticket)
    with shop.client(ANNA) as anna:
        pages = anna.get(f"{PREFIX}/").text + anna.get(f"{PREFIX}/{ticket}").text
    kept = shop.execute("SELECT CONCAT(IFNULL(body, ''), brief) FROM custom_hde_snapshot")
    assert any(str(ticket).encode() in row[0] for row in kept), "the control: there are copies"
    assert token.encode() not in b"".join(row[0] for row in kept)
    assert token not in pages + caplog.text


def test_a_ticket_given_to_somebody_else_since_is_no_longer_hers(shop: Stage) -> None:
    ticket = through_the_widget(shop, widget.mint(TOKENS, ANNA), text="From the widget")
    adopt(shop, ticket)
    shop.tell("operator/move", ticket_id=ticket, email=EMAILS[BORIS])
    with shop.client(ANNA) as anna:
        assert anna.get(f"{PREFIX}/{ticket}").status_code == 404


def test_the_definitions_are_asked_once_and_only_when_adopting(database_url: str, tmp_path: Path) -> None:
    with stage(database_url, tmp_path, "v2") as shop:
        shop.prove(ANNA)
        tickets = [shop.ticket(ANNA), through_the_widget(shop, widget.mint(TOKENS, ANNA))]

        def asked() -> int:
            return sum("custom_fields" in entry.path for entry in shop.state.journal.entries)

        with shop.client(ANNA) as anna:
            assert anna.get(f"{PREFIX}/").status_code == anna.get(f"{PREFIX}/{tickets[0]}").status_code == 200
        assert asked() == 0
        adopt(shop, *tickets, *tickets)
        assert asked() == 1


def person(sight: Sight = Sight.PROVEN, user: int = ANNA) -> Person:
    return Person(Customer(user, f"user{user}", f"user{user}@shop.example", "Anna"), sight)


class Minting:
    """A help desk that gives visitor ids; `answers` in turn, the last for ever."""

    def __init__(self, *answers: str | Exception | None, seconds: float = 0) -> None:
        self.answers, self.seconds, self.asked = list(answers), seconds, 0

    async def __call__(self, email: str, name: str) -> str | None:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def ids(mint: Minting, people: Sequence[Person], *, at_once: bool = False) -> list[str | None]:
    async def run() -> list[str | None]:
        known = widget.VisitorIds(mint)
        try:
            if at_once:
                return list(await asyncio.gather(*(known.of(one) for one in people)))
            return [await known.of(one) for one in people]
        finally:
            await known.close()

    return asyncio.run(run())


def test_many_page_views_cost_one_visitor_id() -> None:
    mint = Minting("v1")
    assert ids(mint, [person()] * 50, at_once=True) == ["v1"] * 50
    assert mint.asked == 1
    assert ids(mint, [person()] * 50) == ["v1"] * 50 and mint.asked == 2


@pytest.mark.parametrize("sight", [Sight.UNPROVEN, Sight.SHARED, Sight.NO_EMAIL])
def test_who_has_proven_no_address_gets_no_visitor_id_and_costs_no_call(sight: Sight) -> None:
    mint = Minting("v1")
    assert ids(mint, [person(sight)]) == [None] and mint.asked == 0


@pytest.mark.parametrize("answer", [None, "", HelpdeskUnreachable("away")])
def test_a_visitor_id_that_is_not_given_is_not_asked_for_at_every_page(answer: str | Exception | None) -> None:
    mint = Minting(answer)
    assert ids(mint, [person()] * 10) == [None] * 10 and mint.asked == 1


def test_a_slow_help_desk_keeps_no_page_waiting_and_the_next_one_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widget, "VISITOR_PATIENCE_SECONDS", 0.2)
    mint = Minting("v1", seconds=0.3)
    assert ids(mint, [person()] * 3) == [None, "v1", "v1"] and mint.asked == 1


def test_a_crowd_of_customers_asks_for_few_at_once() -> None:
    mint = Minting("v1", seconds=0.05)
    found = ids(mint, [person(user=user) for user in range(1, 101)], at_once=True)
    assert mint.asked == found.count("v1") == widget.MINTS_AT_ONCE
