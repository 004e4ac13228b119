"""A shop whose worker dies: what is played for each effect, and how often the effect is there in the end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from portal import worker
from portal.app import _letters
from portal.bitrix import tables
from portal.crm import Crm
from portal.database import Databases
from portal.errors import DatabaseAway
from portal.helpdesk.client import Client
from portal.pulse import Due, Step
from portal.sandbox.crm import Book
from portal.store import shop_events
from portal.tokens import Tokens
from tests.service.crashes import Aim, Broken, Killed, Outside, Points, crm_call, desk_call, mailed, watch
from tests.stage import Stage, stage
from tests.web.states import make_pages

TOKENS = Tokens(["a-key-for-tests-only"])
RENDER = _letters(make_pages()[0])
ADDRESS = "https://b24.example/rest/1/secret/"
LIVES = 40
"""Workers that may be needed, one after another, each an hour later than the one before."""

SETTINGS: Mapping[str, object] = {
    "manager_email": "manager@shop.example",
    "crm_webhook_url": SecretStr(ADDRESS),
    "user_field": "UF_HDE_USER_ID",
    "order_push": "both",
    "hde_rate": 300,
}
LATER = (
    "UPDATE custom_hde_inbox SET run_at = run_at - INTERVAL 1 HOUR, lease_until = lease_until - INTERVAL 1 HOUR",
    "UPDATE custom_hde_outbox SET run_at = run_at - INTERVAL 1 HOUR, lease_until = lease_until - INTERVAL 1 HOUR, "
    "sent_at = sent_at - INTERVAL 1 HOUR",
    "UPDATE custom_hde_api_slot SET free_at = free_at - INTERVAL 1 HOUR",
)


class World:
    """The stage, and a worker that dies where it is told; `customer` is new for every run."""

    def __init__(self, made: Stage) -> None:
        self.stage = made
        self.settings = made.settings_with(**SETTINGS)
        self.points = Points()
        self.book = Book()
        self.letters: list[str] = []
        self.refused_letters = 0
        self.customer = 1000
        self.databases = Databases(self.settings.database_url.get_secret_value())
        socket = self.databases._shop.url.query["unix_socket"]
        watch(self.databases, self.points, {"unix_socket": socket, "user": "root"})
        made.execute("CREATE TABLE IF NOT EXISTS b_uts_user (VALUE_ID int PRIMARY KEY, UF_HDE_USER_ID int)")
        made.databases.run_here(shop_events.create)
        self.shape = made.databases.read_here(tables.inspect)
        made.tell("limit", per_minute=1_000_000)

    @property
    def email(self) -> str:
        return f"c{self.customer}@shop.example"

    @property
    def order(self) -> str:
        return f"A-{self.customer}"

    def turn(self) -> None:
        """The next customer; nothing is left of the one before that could be done."""
        for table in ("custom_hde_inbox", "custom_hde_outbox", "custom_hde_shop_event"):
            self.stage.execute(f"DELETE FROM {table}")
        self.stage.tell("mend")
        self.stage.tell("quirks", strip_marks=False)
        self.book.trouble.clear()
        self.refused_letters = 0
        self.newcomer()

    def newcomer(self) -> None:
        """The next customer, with an order."""
        self.customer += 1
        self.stage.execute(
            "INSERT INTO b_user (ID, LOGIN, PASSWORD, ACTIVE, EMAIL, NAME, DATE_REGISTER) "
            f"VALUES ({self.customer}, '{self.email}', '', 'Y', '{self.email}', 'Clara', NOW())"
        )
        self.stage.execute(
            "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, "
            f"DATE_INSERT, DATE_UPDATE, ACCOUNT_NUMBER) VALUES ({self.customer}, 's1', 1, 'N', NOW(), 100, 'RUB', "
            f"{self.customer}, NOW(), NOW(), '{self.order}')"
        )

    def ticket(self, text: str = "Hello") -> int:
        return int(self.stage.tell("customer/email", email=self.email, subject="Where?", text=text)["ticket_id"])

    def texts(self, ticket: int, words: str, *, internal: bool = False) -> int:
        """How many messages (notes) of the ticket have these words."""
        messages = self.stage.state.tickets[ticket].messages
        return sum(words in one.html for one in messages if one.internal is internal)

    def until_idle(self, later: Callable[[], None] | None = None) -> None:
        """Workers come and die, each an hour (or what `later` says) after the one before, until nothing waits."""
        for _ in range(LIVES):
            self.live()
            if not self.waiting():
                return
            (later or self._later)()

    def live(self) -> None:
        """One worker, until it dies or finds nothing to do."""
        with suppress(Killed, Broken, DatabaseAway):
            asyncio.run(self._live())
        self.points.revive()

    def _later(self) -> None:
        for statement in LATER:
            self.stage.execute(statement)

    async def _live(self) -> None:
        client = Client(self.settings, self.databases, Outside(self.points, desk_call))
        try:
            crm = Crm(ADDRESS, 5, Outside(self.points, crm_call, httpx.MockTransport(self._crm)))
            made = worker.steps(self.settings, self.databases, client, TOKENS, RENDER, self.shape, crm)
            # What is due is not looked for: every step is taken in turn.
            steps = [one.step if isinstance(one, Due) else one for one in made if not _is_paced(one)]
            while [True for step in steps if await step()]:
                pass
        finally:
            await client.close()

    def waiting(self) -> list[str]:
        """What is not at its end."""
        return [name for name, end in self.ends() if end in ("waiting", "running")] + [
            row[0].decode() for row in self.stage.execute("SELECT kind FROM custom_hde_shop_event")
        ]

    def ends(self) -> list[tuple[str, str]]:
        query = "SELECT kind, state FROM custom_hde_inbox UNION ALL SELECT kind, state FROM custom_hde_outbox"
        return [(kind.decode(), state.decode()) for kind, state in self.stage.execute(query)]

    def _crm(self, request: httpx.Request) -> httpx.Response:
        answer = self.book.answer(request.url.path, request.content)
        if answer is None:
            raise httpx.ReadError("broken")
        return httpx.Response(answer[0], content=answer[1])

    def send(self, *letter: Any) -> None:
        if self.refused_letters:
            self.refused_letters -= 1
            raise ConnectionRefusedError
        mailed(self.points, self.letters)(*letter)

    def tasks(self, ticket: int) -> int:
        marker = hashlib.sha256(f"created:{ticket}".encode()).hexdigest()[:16]
        return sum(marker in task["title"] for task in self.book.tasks)


def _is_paced(step: Step) -> bool:
    """A look at all of the shop, which comes by the clock alone."""
    return isinstance(step, Due) and bool({"shop-new", "shop-walk", "shop-traces"} & set(step.topics))


Effects = dict[str, int]
"""How often each effect is there; what is a state counts 1 when it is right."""


@dataclass(frozen=True)
class Scenario:
    """`begin` sets the scene and gives what counts the effects in the end. `points`: what a worker passes.

    `since`: the first point of interest, where what comes before is another scenario's.
    `window`: from this call to this unit of work nothing can tell whether the call was made, and its effect, `twice`,
    may be there twice. `ends`: how jobs and events may end.
    """

    name: str
    begin: Callable[[World], Callable[[], Effects]]
    points: frozenset[str]
    dialect: str = "v1"
    since: str = ""
    window: tuple[str, str] | None = None
    twice: str = ""
    ends: frozenset[str] = frozenset({"done", "stale"})


@dataclass
class Sweep:
    """What came of going wrong everywhere: `wrong`, and how often the window showed its effect twice."""

    wrong: list[str] = field(default_factory=list)
    played: int = 0
    twice: int = 0


def dry(world: World, scenario: Scenario) -> list[tuple[str, int]]:
    """What is passed when nothing goes wrong; then all is there once."""
    assert not _wrong(world, scenario, None, frozenset(), Sweep())
    return world.points.passed


def sweep(world: World, scenario: Scenario, passed: list[tuple[str, int]], chosen: Sequence[Aim | None]) -> Sweep:
    """Go wrong at each of these, and count. Without what is `passed` there is no window."""
    window = _window(passed, scenario.window) if passed and scenario.window else frozenset()
    result = Sweep()
    for aim in chosen:
        result.wrong += _wrong(world, scenario, aim, window, result)
        result.played += 1
    return result


def _wrong(
    world: World, scenario: Scenario, aim: Aim | None, window: frozenset[tuple[str, int]], result: Sweep
) -> list[str]:
    world.turn()
    count = scenario.begin(world)
    world.points.begin(aim)
    world.until_idle()
    wrong = []
    for effect, times in count().items():
        if times == 2 and effect == scenario.twice and aim and (aim.name, aim.nth) in window:
            result.twice += 1
        elif times != 1:
            wrong.append(f"{effect} {times} times")
    wrong += [f"{kind} is {end}" for kind, end in world.ends() if end not in scenario.ends]
    if aim and not world.points.hit:
        wrong.append("never came to it")
    return [f"{scenario.name}: {aim}: {', '.join(wrong)}"] if wrong else []


def _window(passed: list[tuple[str, int]], ends: tuple[str, str]) -> frozenset[tuple[str, int]]:
    """From the last such call to the end after it."""
    names = [name for name, _nth in passed]
    first = max(at for at, name in enumerate(names) if name == ends[0])
    return frozenset(passed[first : names.index(ends[1], first) + 1])


@contextmanager
def world_of(database_url: str, folder: Path, dialect: str) -> Iterator[World]:
    """A world, whose worker takes no step that comes by the clock alone: they tell of nothing that is not here already."""

    async def idle(*_args: Any) -> bool:
        return False

    with stage(database_url, folder, dialect) as made, pytest.MonkeyPatch.context() as patched:
        world = World(made)
        for many in ("DELIVERIES_AT_ONCE", "EVENTS_AT_ONCE", "PUSHES_AT_ONCE"):
            patched.setattr(worker, many, 1)
        patched.setattr(worker, "_every", lambda _seconds, _step: idle)
        patched.setattr(worker.Renewer, "step", idle)
        patched.setattr(worker.Sweeper, "step", idle)
        patched.setattr(worker.mail, "send", world.send)
        try:
            yield world
        finally:
            world.databases.close()
