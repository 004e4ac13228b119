"""The panel with nothing played: from the link to the sheet, a search, a person, a word and its undoing, a link of an order."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from portal.bitrix import finding
from tests.conftest import MariaDB
from tests.panel_stub import DESK, SECRET, Door, act, handle_of, link, spend
from tests.service.test_panel import put
from tests.stage import ANNA, BORIS, Stage, stage


@pytest.fixture(scope="module")
def shop(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    mariadb.execute("CREATE DATABASE panel_sheet CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    with stage(mariadb.url("panel_sheet"), tmp_path_factory.mktemp("sessions")) as made:
        put(made, 1, ANNA)
        put(made, 2, BORIS)
        for id in range(100, 130):
            put(made, id, ANNA)
        made.prove(ANNA)
        made.execute(f"UPDATE b_user SET LAST_NAME = '<b>Иванова' WHERE ID = {ANNA}")
        yield made
    mariadb.execute("DROP DATABASE panel_sheet")


@pytest.fixture(scope="module")
def door(shop: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with shop.client(panel_secrets=(SecretStr(SECRET),), hde_origin=DESK) as client:
        client.headers["accept-language"] = "en"
        yield client


def opened(shop: Stage, door: Door) -> tuple[str, str]:
    """A panel of a ticket of Anna's, and its handle."""
    answer = spend(door, link(door, ticket_id=shop.ticket(ANNA)))
    assert answer.status_code == 200, answer.text
    return answer.text, handle_of(answer.text)


def ref(page: str, form: str, field: str = "ref") -> str:
    """What the first form of this act names."""
    found = re.search(rf'panel/{form}".*?name="{field}" value="([^"]+)"', page, re.DOTALL)
    assert found, form
    return html.unescape(found[1])


def test_a_ticket_opens_its_customer(shop: Stage, door: Door) -> None:
    page, _ = opened(shop, door)
    assert "Anna &lt;b&gt;Иванова" in page and "<b>Иванова" not in page
    assert "anna@shop.example" in page and "boris" not in page.lower() and "A-2<" not in page
    assert 'href="https://shop.example/bitrix/admin/sale_order_view.php?ID=' in page


def test_older_orders_are_on_the_next_page(shop: Stage, door: Door) -> None:
    page, handle = opened(shop, door)
    older = act(door, "show", handle=handle, page="2").text
    assert page.count('class="card"') == 20 and older.count('class="card"') == 11


def test_a_page_that_is_not_there_is_told_so_and_costs_no_call(shop: Stage, door: Door) -> None:
    _, handle = opened(shop, door)
    calls = shop.calls()
    for number in ("3", "999999"):
        answer = act(door, "show", handle=handle, page=number)
        assert answer.status_code == 404 and handle_of(answer.text) == handle and "Back to the panel" in answer.text
    assert act(door, "show", handle=handle, page="2").status_code == 200, "the control: of her orders"
    assert shop.calls() == calls, "her requests are on one page, which is known"


def test_a_search_leads_to_a_person_and_back(shop: Stage, door: Door) -> None:
    _, handle = opened(shop, door)
    found = act(door, "find", handle=handle, q="A-2").text
    boris = act(door, "person", handle=handle, ref=ref(found, "person")).text
    assert "<h1>Boris</h1>" in boris and "Back to the request" in boris
    assert "<h1>Anna" in act(door, "show", handle=handle).text
    assert "Nobody found" in act(door, "find", handle=handle, q="nobody at all").text
    for q in ("", " ", "a", "Б", "a b"):
        short = act(door, "find", handle=handle, q=q).text
        assert "More letters are needed" in short and "Nobody found" not in short, q


def test_who_is_too_old_to_be_found_by_name_is_told_of(
    shop: Stage, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, handle = opened(shop, door)
    note = "By name, the 1 newest accounts were searched."
    assert "Boris" in (all_of_them := act(door, "find", handle=handle, q="Bori").text) and note not in all_of_them
    monkeypatch.setattr(finding, "NEWEST", 1)
    assert (
        note in act(door, "find", handle=handle, q="Bori").text
        and note in act(door, "find", handle=handle, q="zz").text
    )
    assert note not in act(door, "find", handle=handle, q="A-2").text


def test_an_order_is_taken_from_the_ticket_and_not_shown_any_more(shop: Stage, door: Door) -> None:
    ticket = shop.ticket(ANNA)
    shop.execute(
        "INSERT INTO custom_hde_order_ticket (order_id, ticket_id, user_id, number, evidence, created_at) "
        f"VALUES (1, {ticket}, {ANNA}, 'A-1', 'chosen', UTC_TIMESTAMP(6))"
    )
    page = spend(door, link(door, ticket_id=ticket)).text
    assert "The request is about this order" in page and "Заказ A-1 от " in page, (
        "in the shop's language: hers is unknown"
    )
    gone = act(door, "unlink", handle=handle_of(page), order=ref(page, "unlink", "order")).text
    assert "no longer linked" in gone and "The request is about this order" not in gone
