"""The vendor's widget: it believes whatever is typed, from any site."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.sandbox.helpdesk.conftest import Desk


def write(desk: Desk, **told: object) -> httpx.Response:
    return httpx.post(f"{desk.base}/widget/tickets", content=json.dumps(told), headers={"content-type": "text/plain"})


@pytest.mark.parametrize("path", ["/js/contact-widget.js", "/js/modules/chat_widget/hde.js"])
def test_the_script_is_there_for_anybody(desk: Desk, path: str) -> None:
    script = httpx.get(desk.base + path)
    assert script.status_code == 200 and script.headers["content-type"].startswith("text/javascript")
    assert "HDE_CONFIG" in script.text


def test_a_ticket_is_opened_as_whoever_the_visitor_says_he_is(desk: Desk) -> None:
    fields = {"bitrix_user_id": "7", "portal_token": "whatever"}
    done = write(desk, email="anna@shop.example", text="Это точно я", custom_fields=fields)
    assert done.headers["access-control-allow-origin"] == "*"
    ticket = desk.v1("GET", f"/tickets/{done.json()['ticket_id']}").json()["data"]
    assert (ticket["user_id"], ticket["channel"], ticket["subject"]) == (desk.cast.anna.id, "widget", "Это точно я")
    assert ticket["custom_fields"] == {"portal_token": "whatever"}
    row = desk.v2("GET", f"/tickets/{ticket['id']}").json()["data"]["custom_fields"]
    assert row == [{"id": 6, "field_type": "text", "field_value": "whatever"}]
    assert desk.v1("GET", f"/users/{desk.cast.anna.id}").json()["data"]["custom_fields"]["bitrix_user_id"] == "7"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"text": "x"}', b'{"email": "a@b.example"}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_ticket_is_refused(desk: Desk, body: bytes) -> None:
    assert httpx.post(f"{desk.base}/widget/tickets", content=body).status_code == 400


def test_it_costs_the_api_no_call(desk: Desk) -> None:
    before = desk.state.limit.remaining
    assert write(desk, email="anna@shop.example", text="x").status_code == 200
    assert desk.state.limit.remaining == before
