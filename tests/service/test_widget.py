"""The widget's token vouches for the one ticket that carries it, once, and for nothing else."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from itsdangerous.encoding import base64_encode

from portal.helpdesk.client import Client
from portal.service import widget
from portal.service.identity import Person, Sight
from portal.errors import HelpdeskUnreachable
from portal.model import Customer
from portal.tokens import Tokens
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
