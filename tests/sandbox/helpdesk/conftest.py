"""One help desk on a real port for all these tests; each begins with the demo's people and no faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from portal.sandbox.helpdesk import State, running, seed_demo
from portal.sandbox.helpdesk.director import direct
from portal.sandbox.helpdesk.seed import Cast

BEARER = {"authorization": "Bearer demo-token"}
BASIC = ("integration@helpdesk.example", "00000000-0000-4000-8000-000000000000")


@dataclass
class Desk:
    """The help desk under test: `v1` and `v2` call it as the portal would, `tell` as its director."""

    state: State
    base: str
    http: httpx.Client
    cast: Cast

    def v1(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.http.request(method, f"/api/v1{path}", headers=BEARER, **more)

    def v2(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.http.request(method, f"/api/v2{path}", auth=BASIC, **more)

    def tell(self, act: str, /, **told: Any) -> dict[str, Any]:
        response = self.http.post(f"/_sandbox/{act}", json=told)
        assert response.status_code == 200, response.text
        return response.json()  # type: ignore[no-any-return]

    def calls(self) -> list[dict[str, Any]]:
        return self.http.get("/_sandbox/journal").json()["calls"]  # type: ignore[no-any-return]

    def ticket(self, subject: str) -> int:
        return next(ticket.id for ticket in self.state.tickets.values() if ticket.subject.startswith(subject))


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[State, httpx.Client]]:
    state = State()
    with running(state) as base, httpx.Client(base_url=base, timeout=5, trust_env=False) as http:
        yield state, http


@pytest.fixture
def desk(served: tuple[State, httpx.Client]) -> Desk:
    state, http = served
    direct(state, "reset", {})
    direct(state, "limit", {"per_minute": 1000, "window": 60, "ban_seconds": 1200, "ban_form": ""})
    return Desk(state, str(http.base_url).rstrip("/"), http, seed_demo(state))
