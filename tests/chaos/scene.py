"""What the loop plays on: a shop, a help desk, a CRM and a mail server that live, and a portal whose processes do not."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from portal.sandbox import crm, mailbox
from tests.bench.processes import free_port, listens
from tests.stage import PUBLIC_URL, Stage, stage

SECRET = "a-secret-for-the-loop-only"
UNLIMITED = 6000
WEBS, WORKERS = 2, 2
FIRST_CUSTOMER, FIRST_ORDER = 101, 1001
START_SECONDS = 60.0


@dataclass
class Calls:
    """How many calls of the CRM are out: what they asked is done, and nobody has been told."""

    out: int = 0


@dataclass(frozen=True)
class Scene:
    """`customers` and `orders` by id. The help desk's and the CRM's answers are held back for `seconds` or so."""

    stage: Stage
    book: crm.Book
    letters: Path
    customers: Sequence[int]
    orders: Sequence[int]
    fleet: Fleet
    calls: Calls
    seconds: float

    def customer_of(self, order: int) -> int:
        return self.customers[(order - FIRST_ORDER) % len(self.customers)]


def email_of(customer: int) -> str:
    return f"customer{customer}@shop.example"


def number_of(order: int) -> str:
    return f"N-{order}"


class Fleet:
    """The portal's processes, by name; each with a log of its own that goes on after a restart.

    `ended`: those that ended by themselves.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], workers: int, without: Sequence[str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self.ports = [free_port() for _ in range(WEBS)]
        portal = str(Path(sys.executable).with_name("portal"))
        serve = [portal, "serve", "--no-worker", "--no-migrate", "--port"]
        self._commands = {f"web{port}": [*serve, str(port)] for port in self.ports}
        worker = [sys.executable, "-m", "tests.chaos.worker", *without]
        self._commands.update({f"worker{number}": worker for number in range(workers)})
        self.ended: list[str] = []
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def names(self) -> list[str]:
        return [*self._commands]

    def start(self) -> None:
        for name in self.names:
            self._start(name)
        self._await_doors()

    def _await_doors(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not all(listens(port) for port in self.ports):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the portal did not start: {self.logs()[-2000:]}")
            self.revive()
            time.sleep(0.05)

    def revive(self) -> None:
        """One that is started while the database is away says so and ends; whoever started it tries again."""
        for name, process in self._running.items():
            if process.poll() is not None:
                self.ended.append(name)
                self._start(name)

    def kill(self, name: str) -> None:
        """As the kernel kills when memory is short; another is started at once, as systemd does.

        Returns when all doors are open again: a busy machine would have nothing but processes that start.
        """
        self.revive()
        process = self._running[name]
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._start(name)
        self._await_doors()

    def end(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()

    def logs(self) -> str:
        return "".join(self._log(name).read_text(errors="replace") for name in self.names)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _start(self, name: str) -> None:
        with self._log(name).open("ab") as output:
            self._running[name] = subprocess.Popen(
                self._commands[name], stdout=output, stderr=output, env=self._environment
            )


@contextmanager
def scene(
    database_url: str,
    folder: Path,
    *,
    customers: int,
    orders: int,
    seconds: float,
    workers: int = WORKERS,
    without: Sequence[str] = (),
) -> Iterator[Scene]:
    """Everything, running. The help desk and the CRM answer so many `seconds` after what they were asked is done.

    `without`: defences that the workers lack (worker.py).
    """
    book, calls = crm.Book(), Calls()
    letters = folder / "letters"
    with stage(database_url, folder) as made, _neighbours(book, calls, letters, seconds) as (smtp_url, crm_url):
        made.tell("limit", per_minute=1_000_000)
        made.tell("faults", kind="drip", value=str(seconds), method="POST")
        who = range(FIRST_CUSTOMER, FIRST_CUSTOMER + customers)
        fleet = Fleet(folder, _environment(made, smtp_url, crm_url), workers, without)
        ready = Scene(made, book, letters, who, range(FIRST_ORDER, FIRST_ORDER + orders), fleet, calls, seconds)
        _furnish(ready)
        try:
            fleet.start()
            yield ready
        finally:
            fleet.end()


def _environment(made: Stage, smtp_url: str, crm_url: str) -> dict[str, str]:
    settings = made.settings
    return {
        "PORTAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "PORTAL_PUBLIC_URL": PUBLIC_URL,
        "PORTAL_SECRET_KEYS": "a-key-for-the-loop-only",
        "PORTAL_SESSIONS": settings.sessions,
        "PORTAL_HDE_URL": settings.hde_url,
        "PORTAL_HDE_TOKEN": settings.hde_token.get_secret_value(),
        "PORTAL_HDE_RATE": str(UNLIMITED),
        "PORTAL_SMTP_URL": smtp_url,
        "PORTAL_MAIL_FROM": settings.mail_from,
        "PORTAL_MANAGER_EMAIL": "manager@shop.example",
        "PORTAL_WEBHOOK_SECRETS": SECRET,
        "PORTAL_CRM_WEBHOOK_URL": crm_url,
    }


def _furnish(ready: Scene) -> None:
    for customer in ready.customers:
        email = email_of(customer)
        ready.stage.execute(
            "INSERT INTO b_user (ID, LOGIN, PASSWORD, ACTIVE, EMAIL, NAME, DATE_REGISTER) "
            f"VALUES ({customer}, '{email}', '', 'Y', '{email}', 'Customer', NOW())"
        )
    for order in ready.orders:
        ready.stage.execute(
            "INSERT INTO b_sale_order (ID, LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, "
            f"DATE_INSERT, DATE_UPDATE, ACCOUNT_NUMBER) VALUES ({order}, 's1', 1, 'N', NOW(), 100, 'RUB', "
            f"{ready.customer_of(order)}, NOW(), NOW(), '{number_of(order)}')"
        )


@contextmanager
def _neighbours(book: crm.Book, calls: Calls, letters: Path, seconds: float) -> Iterator[tuple[str, str]]:
    """A mail server and a CRM, in a thread of their own; yields their addresses."""
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    addresses: list[str] = []

    async def live(listener: socket.socket) -> None:
        config = uvicorn.Config(_late(crm.create_app(book), calls, seconds), log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        async with mailbox.running(letters) as smtp_url:
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            addresses.append(smtp_url)
            ready.set()
            await stop.wait()
            server.should_exit = True
            await serving

    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: loop.run_until_complete(live(listener)), name="neighbours")
        thread.start()
        assert ready.wait(START_SECONDS), "the neighbours did not start"
        try:
            yield addresses[0], f"http://127.0.0.1:{listener.getsockname()[1]}{book.path}"
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()


def _late(app: Any, calls: Calls, seconds: float) -> Any:
    """The application, whose answers come so long after what they tell is done."""

    async def late(scope: Any, receive: Any, send: Any) -> None:
        async def send_late(message: Any) -> None:
            if message["type"] == "http.response.start":
                calls.out += 1
                await asyncio.sleep(random.uniform(0, 2 * seconds))
                calls.out -= 1
            await send(message)

        await app(scope, receive, send_late)

    return late
