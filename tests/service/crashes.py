"""Where a worker can die, and how: every unit of work and every call outside that it passes, by name.

Names are taken from what runs: `outbox.finish` is a unit of work, `POST /tickets/{}/posts` a call of the help desk,
`CRM tasks.task.add` one of the CRM, `mail` a letter handed over. A worker that was killed does nothing any more: whatever
its handlers try meets the same death, as nothing of a process is left after kill -9 but what it had sent away.
"""

from __future__ import annotations

import re
import smtplib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import httpx
import pymysql
from sqlalchemy.exc import OperationalError

from portal.database import Databases, Unit
from portal.errors import DatabaseAway

POLLS = frozenset({"outbox.claim", "inbox.claim", "inbound._hear", "shop_changes.take"})
"""Units that find nothing to do most of the time; then it makes no difference where they die."""


class Killed(BaseException):
    """The process is gone. Nothing that handles an Exception sees it."""


class Broken(Exception):
    """A defect nobody has thought of."""


class Fault(Enum):
    """What happens at a point; `LOST_ANSWER`: it is done (committed, or had its effect outside), and nobody is told."""

    KILL = "kill"
    EXCEPTION = "exception"
    LOST_CONNECTION = "lost connection"
    LOST_ANSWER = "lost answer"


@dataclass(frozen=True, slots=True)
class Aim:
    """The nth time that `name` is passed it goes wrong: `done` says whether what it does is done by then."""

    name: str
    nth: int
    fault: Fault
    done: bool

    def __str__(self) -> str:
        return f"{self.fault.value} {'after' if self.done else 'before'} {self.name} ({self.nth})"


WAYS = ((Fault.KILL, False), (Fault.KILL, True), (Fault.LOST_CONNECTION, False), (Fault.LOST_ANSWER, True))


def aims(passed: Sequence[tuple[str, int]]) -> list[Aim]:
    """Every way to go wrong at each of these points; a defect shows before a COMMIT, and after a call outside."""
    defects = [(name, nth, Fault.EXCEPTION, "." not in name or name.startswith("CRM")) for name, nth in passed]
    return [Aim(*told) for told in defects] + [
        Aim(name, nth, fault, done) for name, nth in passed for fault, done in WAYS
    ]


@dataclass
class Points:
    """What is passed. `hit`: whether it came to the aim. `away`: the database does not answer. `passed` leaves out what found nothing to do."""

    passed: list[tuple[str, int]] = field(default_factory=list)
    aim: Aim | None = None
    hit: bool = False
    away: bool = False
    _dead: bool = False
    _counts: Counter[str] = field(default_factory=Counter)

    def begin(self, aim: Aim | None) -> None:
        """Another run of the same, which goes wrong at the aim."""
        self.passed, self.aim, self.hit, self._dead = [], aim, False, False
        self._counts.clear()

    def revive(self) -> None:
        """A fresh process."""
        self._dead = False

    def comes(self, name: str) -> tuple[int, Aim | None]:
        """Somebody comes to this point: the how many-eth time, and what goes wrong there."""
        self.lives()
        self._counts[name] += 1
        nth = self._counts[name]
        aim = self.aim if self.aim and not self.hit and (self.aim.name, self.aim.nth) == (name, nth) else None
        self.hit |= aim is not None
        return nth, aim

    def goes(self, name: str, nth: int, result: object) -> None:
        """It was passed."""
        if result or name not in POLLS:
            self.passed.append((name, nth))

    def lives(self) -> None:
        if self._dead:
            raise Killed
        if self.away:
            raise DatabaseAway("away")

    def fails(self, aim: Aim, lost: Callable[[], Exception]) -> None:
        """Go wrong."""
        if aim.fault is Fault.KILL:
            self._dead = True
            raise Killed
        raise Broken(str(aim)) if aim.fault is Fault.EXCEPTION else lost()


def watch(databases: Databases, points: Points, database: dict[str, Any]) -> None:
    """The units of work of these databases are points. `database`: how pymysql reaches the server, to cut a connection."""
    run_here, read_here = databases.run_here, databases.read_here

    def run(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = f"{work.__module__.rpartition('.')[2]}.{work.__name__}"
        nth, aim = points.comes(name)
        done = run_here(_dying(work, points, aim, database) if aim else work, *args, **kwargs)
        points.goes(name, nth, done)
        if aim and aim.done:
            points.fails(aim, lambda: AssertionError("lost where it was committed"))
        return done

    def read(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        points.lives()
        return read_here(work, *args, **kwargs)

    databases.run_here, databases.read_here = run, read  # type: ignore[method-assign]


def _dying(work: Callable[..., Any], points: Points, aim: Aim, database: dict[str, Any]) -> Callable[..., Any]:
    """The work, and no COMMIT after it, or one that nobody hears of."""

    def dies(unit: Unit, *args: Any, **kwargs: Any) -> Any:
        result = work(unit, *args, **kwargs)
        if aim.fault is Fault.LOST_CONNECTION:
            _cut(unit, database)
        elif aim.fault is Fault.LOST_ANSWER:
            _lose_the_answer(unit)
        elif not aim.done:
            points.fails(aim, Killed)  # type: ignore[arg-type]
        return result

    return dies


def _cut(unit: Unit, database: dict[str, Any]) -> None:
    """The server ends the connections of this unit of work, as it does when it goes down."""
    with pymysql.connect(**database) as killer, killer.cursor() as cursor:
        for connection in unit._open.values():
            cursor.execute(f"KILL {connection.connection.thread_id()}")  # type: ignore[attr-defined]


def _lose_the_answer(unit: Unit) -> None:
    commit = unit.commit

    def committed() -> None:
        commit()
        gone = pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query")
        raise OperationalError("COMMIT", {}, gone, connection_invalidated=True)

    unit.commit = committed  # type: ignore[method-assign]


class Outside(httpx.AsyncBaseTransport):
    """Calls over HTTP are points; `name` gives theirs."""

    def __init__(
        self, points: Points, name: Callable[[httpx.Request], str], inner: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._points = points
        self._name = name
        self._inner = inner or httpx.AsyncHTTPTransport(verify=False, limits=httpx.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = self._name(request)
        nth, aim = self._points.comes(name)
        if aim and not aim.done:
            self._points.fails(aim, lambda: httpx.ConnectError("refused"))
        try:
            response = await self._inner.handle_async_request(request)
            await response.aread()
        finally:
            self._points.goes(name, nth, request)
            if aim:
                self._points.fails(aim, lambda: httpx.ReadError("reset"))
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def desk_call(request: httpx.Request) -> str:
    """A call of the help desk by method and path, without the ids."""
    path = re.sub(r"/api/v[12]|\?.*", "", request.url.path)
    return f"{request.method} {re.sub('[0-9]+', '{}', path).rstrip('/')}"


def crm_call(request: httpx.Request) -> str:
    return f"CRM {request.url.path.rpartition('/')[2]}"


def mailed(points: Points, letters: list[str]) -> Callable[..., None]:
    """A mail server in place of `mail.send`; `letters` are the Message-IDs of what it has taken."""

    def send(_url: str, message: Any) -> None:
        nth, aim = points.comes("mail")
        if aim and not aim.done:
            points.fails(aim, lambda: ConnectionRefusedError("refused"))
        letters.append(str(message["Message-ID"]))
        points.goes("mail", nth, message)
        if aim:
            points.fails(aim, lambda: smtplib.SMTPServerDisconnected("gone"))

    return send
