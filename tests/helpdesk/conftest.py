"""Two help desks: one faked at the transport, with recorded shapes, and the sandbox's over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from pydantic import SecretStr

from portal.config import Settings
from portal.database import Databases
from portal.errors import HelpdeskBanned
from portal.helpdesk.budget import Budget
from portal.helpdesk.client import Client
from portal.helpdesk.wire import CALL_SECONDS
from portal.sandbox.helpdesk import State, running
from portal.sandbox.helpdesk.director import direct
from portal.store.migrate import migrate
from portal.store.slots import Slot

T = TypeVar("T")
SAMPLES = Path(__file__).parent.parent / "samples" / "helpdesk"
HOST = "https://help.example"
KEY = "canary-key-of-the-portal"

Answer = httpx.Response | Exception


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


class FreeBudget:
    """Everything is allowed; `taken` counts, `bans` remembers."""

    def __init__(self) -> None:
        self.taken = 0
        self.open = 0
        self.bans: list[float] = []

    @asynccontextmanager
    async def slot(self, wait: float, longer: float = 0.0) -> AsyncIterator[Slot]:
        await asyncio.sleep(0)  # as a real one does: others have their turn
        self.taken += 1
        self.open += 1
        try:
            yield Slot(b"x", False)
        finally:
            self.open -= 1

    async def banned(self, seconds: float) -> Exception:
        self.bans.append(seconds)
        return HelpdeskBanned(datetime.now(UTC))

    async def answered(self, slot: Slot, allowed: int | None, remaining: int | None = None) -> None:
        pass


class Desk:
    """`answers` by path below the API; what is not there is 404. `asked` is every request that arrived."""

    def __init__(self, dialect: str, **settings: Any) -> None:
        self.dialect = dialect
        self.answers: dict[str, Answer | Callable[[httpx.Request], Answer]] = {}
        self.asked: list[httpx.Request] = []
        self.budget = FreeBudget()
        self.settings = Settings(
            database_url="mysql+pymysql://nobody@127.0.0.1:1/none", public_url="https://shop.example",
            secret_keys="a-key-for-tests-only", sessions="files:///tmp", hde_url=f"{HOST}/api/{dialect}",
            hde_token=KEY, hde_email="integration@helpdesk.example", hde_api_key=KEY, _env_file=None, **settings,
        )  # type: ignore[call-arg, arg-type]  # fmt: skip

    def answer(self, path: str, body: bytes | Any, status: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        # A function, as a response can be read once.
        self.answers[path] = lambda _request: httpx.Response(
            status, content=content, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )

    def paths(self) -> list[str]:
        return [request.url.path.removeprefix(f"/api/{self.dialect}") for request in self.asked]

    def client(self, **more: Any) -> Client:
        return Client(self.settings, None, httpx.MockTransport(self._handle), **{"budget": self.budget, **more})  # type: ignore[arg-type]

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        found = self.answers.get(request.url.path.removeprefix(f"/api/{self.dialect}"), httpx.Response(404, json={}))
        found = found(request) if callable(found) else found
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def v1() -> Desk:
    return Desk("v1")


@pytest.fixture
def v2() -> Desk:
    desk = Desk("v2")
    desk.answer("/statuses/", sample("v2_statuses"))
    return desk


@pytest.fixture
def databases(database_url: str) -> Iterator[Databases]:
    opened = Databases(database_url)
    migrate(opened)
    yield opened
    opened.close()


@dataclass
class Play:
    """The sandbox on stage, and clients of it that share one database."""

    state: State
    address: str
    dialect: str
    databases: Databases

    def tell(self, act: str, /, **told: Any) -> dict[str, Any]:
        return direct(self.state, act, told)

    def client(
        self, databases: Databases | None = None, rate: int = 100, window: float = 60.0, budget: Any = None
    ) -> Client:
        settings = Desk(self.dialect).settings.model_copy(
            update={
                "hde_url": f"{self.address}/api/{self.dialect}",
                "hde_token": SecretStr("demo-token"),
                "hde_api_key": SecretStr("00000000-0000-4000-8000-000000000000"),
            }
        )
        used = databases or self.databases
        return Client(settings, used, budget=budget or Budget(used, rate, CALL_SECONDS, window))

    def calls(self) -> int:
        return sum(entry.path.startswith("/api/") for entry in self.state.journal.entries)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[State, str]]:
    state = State()
    with running(state) as address:
        yield state, address


@pytest.fixture(params=["v1", "v2"])
def play(request: pytest.FixtureRequest, served: tuple[State, str], databases: Databases) -> Play:
    state, address = served
    direct(state, "reset", {})
    direct(state, "limit", {"per_minute": 1000, "window": 60, "ban_seconds": 1200, "ban_form": ""})
    return Play(state, address, request.param, databases)
