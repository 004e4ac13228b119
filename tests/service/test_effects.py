"""What an event sets off in the shop: once each, whatever dies in between, judged by the shop, the outbox and the CRM."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from portal import assets
from portal.app import _letters
from portal.bitrix import tables
from portal.crm import Crm
from portal.helpdesk.client import Client
from portal.model import Event
from portal.sandbox.crm import Book
from portal.service import inbound, rules
from portal.service.crm_tasks import CrmTasks
from portal.service.effects import CRM_TASK, Effects
from portal.service.inbound import Bell
from portal.service.rules import Rules
from portal.service.widget import adopt
from portal.store import inbox, links, outbox
from portal.tokens import Tokens
from tests.stage import ANNA, BORIS, EMAILS, Stage, stage
from tests.web.states import make_pages

ADDRESS = "https://b24.example/rest/1/canary-secret/"
SHIPPED = rules.read(assets.folder("templates"))


class Shop:
    """The stage with orders and their field; the worker is taken by hand."""

    def __init__(self, made: Stage) -> None:
        self.stage = made
        self.settings = made.settings_with(
            manager_email="manager@shop.example", crm_webhook_url=SecretStr(ADDRESS), on_unknown_email="profile"
        )
        self.book = Book(path="/rest/1/canary-secret/")
        self.rules: Rules = SHIPPED
        self.number = 0
        made.execute("CREATE TABLE b_uts_order (VALUE_ID int NOT NULL PRIMARY KEY, UF_OTHER text, UF_HDE_TICKETS text)")

    def order(self, order: int, user: int, number: str) -> None:
        self.stage.execute(
            "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, "
            f"DATE_UPDATE, ACCOUNT_NUMBER) VALUES ({order}, 's1', 1, 'N', NOW(), 100, 'RUB', {user}, NOW(), NOW(), '{number}')"
        )

    def field(self, order: int) -> str | None:
        rows = self.stage.execute(f"SELECT UF_HDE_TICKETS FROM b_uts_order WHERE VALUE_ID = {order}")
        return rows[0][0] if rows else None

    def rings(self, kind: str, ticket: int, message: int | None = None, number: int | None = None) -> None:
        self.number += 1
        key = f"b:{number or self.number}".encode()
        self.stage.databases.run_here(inbox.put, Event(kind, ticket, None, message, None, key))

    def work(self, effects: Any = None, times: int = 20) -> None:
        """Take the events, as if every wait was over."""

        async def works() -> None:
            client = Client(self.settings, self.stage.databases)
            made = effects or self.effects()
            bell = Bell(client, self.stage.databases, made)
            tokens = Tokens(["a-key-for-tests-only"])

            async def adopting(ticket_id: int) -> Any:
                return await adopt(client, self.stage.databases, tokens, ticket_id)

            for _ in range(times):
                self.stage.execute(
                    "UPDATE custom_hde_inbox SET run_at = UTC_TIMESTAMP(6), lease_until = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND"
                )
                if not await inbound.step(self.stage.databases, adopting, bell):
                    break
            await client.close()

        asyncio.run(works())

    def effects(self) -> Effects:
        return Effects(self.settings, self.stage.databases.read_here(tables.inspect), self.rules)

    def make_tasks(self, settle_seconds: float = 0.0, times: int = 20) -> None:
        async def works() -> None:
            crm = Crm(ADDRESS, 5, httpx.MockTransport(self._crm))
            tasks = CrmTasks(
                self.settings, self.stage.databases, crm, _letters(make_pages()[0]), settle_seconds=settle_seconds
            )
            for _ in range(times):
                self.stage.execute("UPDATE custom_hde_outbox SET run_at = UTC_TIMESTAMP(6) WHERE state = 'waiting'")
                job = self.stage.databases.run_here(outbox.claim, [CRM_TASK], 60)
                if job is None:
                    break
                await tasks.make(job)
            await crm.close()

        asyncio.run(works())

    def _crm(self, request: httpx.Request) -> httpx.Response:
        answer = self.book.answer(request.url.path, request.content)
        if answer is None:
            raise httpx.ReadError("broken")
        return httpx.Response(answer[0], content=answer[1])

    def states(self) -> list[str]:
        return [row[0].decode() for row in self.stage.execute("SELECT state FROM custom_hde_inbox ORDER BY id")]

    def jobs(self) -> list[tuple[str, str]]:
        rows = self.stage.execute("SELECT kind, state FROM custom_hde_outbox ORDER BY id")
        return [(kind.decode(), state.decode()) for kind, state in rows]


@pytest.fixture(params=["v1", "v2"])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Shop]:
    with stage(database_url, tmp_path, request.param) as made:
        yield Shop(made)


def test_a_new_ticket_that_names_an_order_sets_off_all_three(shop: Shop) -> None:
    shop.order(1007, ANNA, "A-1007")
    shop.order(1008, ANNA, "A-1008")
    shop.order(1009, BORIS, "B-9")
    ticket = shop.stage.ticket(ANNA, "Where is A-1007?", "I also wait for B-9")
    shop.rings("ticket.created", ticket)
    shop.work()
    assert shop.states() == ["done"]
    assert shop.field(1007) == f"{shop.stage.state.tickets[ticket].number} open"
    assert shop.field(1008) is None and shop.field(1009) is None
    assert shop.jobs() == [("mail.manager", "waiting"), ("crm.task", "waiting")]
