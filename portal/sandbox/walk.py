"""Where the check of the demo walks, and what it does at every step."""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from portal.http import AsyncClient, Response, make_client
from portal.sandbox.people import Account

PATIENCE_SECONDS = 40.0
"""For what is not there at once: a letter, an operator's answer behind the cache. The embedded database takes ten
seconds to end a deadlock, where MariaDB takes none."""


class Wrong(Exception):
    """What does not hold, in words."""


@dataclass
class Walk:
    """Where to walk, and what was found on the way."""

    shop: str
    helpdesk: str
    prefix: str
    panel: str
    anna: AsyncClient = field(default_factory=lambda: make_client(connect=5, read=15, connections=4))
    boris: AsyncClient = field(default_factory=lambda: make_client(connect=5, read=15, connections=4))
    nobody: AsyncClient = field(default_factory=lambda: make_client(connect=5, read=15, connections=4))
    ticket: int = 0
    proof: str = ""

    @property
    def requests(self) -> str:
        """The address of the list."""
        return f"{self.shop}{self.prefix}/"

    async def tell(self, act: str, **told: object) -> dict[str, Any]:
        """Direct the help desk."""
        answer = await self.nobody.post(f"{self.helpdesk}/_sandbox/{act}", json=told)
        must(answer.status_code == 200, f"the help desk refused {act}: {answer.text[:200]}")
        done: dict[str, Any] = answer.json()
        return done

    async def helpdesk_state(self) -> dict[str, Any]:
        """Everything the help desk holds."""
        found: dict[str, Any] = (await self.nobody.get(f"{self.helpdesk}/_sandbox/state")).json()
        return found

    async def tickets(self, account: Account) -> dict[int, str]:
        """Id and subject of everything this customer has asked, as the help desk itself knows it."""
        state = await self.helpdesk_state()
        person = next(one["id"] for one in state["people"] if one["email"] == account.login)
        return {one["id"]: one["subject"] for one in state["tickets"] if one["user_id"] == person}


def must(holds: object, otherwise: str) -> None:
    """Raises Wrong with `otherwise` unless it holds."""
    if not holds:
        raise Wrong(otherwise)


async def until(
    ask: Callable[[], Awaitable[Response]],
    good: Callable[[Response], object],
    otherwise: str,
    patience: float = PATIENCE_SECONDS,
) -> Response:
    """Ask until the answer is good. Raises Wrong when patience (seconds) ends."""
    deadline = time.monotonic() + patience
    while True:
        answer = await ask()
        if good(answer):
            return answer
        must(time.monotonic() < deadline, f"{otherwise} (status {answer.status_code})")
        await asyncio.sleep(0.2)


async def post(walk: Walk, client: AsyncClient, url: str, page: str, **fields: str) -> Response:
    """Press the page's button as a browser does: with its token, and the origin said."""
    headers = {"origin": walk.shop, "sec-fetch-site": "same-origin"}
    return await client.post(url, data={"csrf": csrf(page), **fields}, headers=headers)


def links(walk: Walk, page: str) -> set[int]:
    """The requests that a page links to."""
    return {int(number) for number in re.findall(rf'href="{re.escape(walk.prefix)}/(\d+)"', page)}


def csrf(page: str) -> str:
    """The token of the page's form, "" without one."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    return html.unescape(found.group(1)) if found else ""
