"""The demo shop, the portal, a help desk and a mailbox, served for a browser on one origin of 127.0.0.1.

As `portal demo` does it, in a thread (Playwright has the main one) and on the tests' MariaDB.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.app import create_app
from portal.config import Settings
from portal.database import Databases
from portal.sandbox import mailbox, people, shop
from portal.sandbox.front import one_origin, served
from portal.sandbox.helpdesk import State, running
from portal.sandbox.helpdesk.director import direct
from portal.store.migrate import migrate

PREFIX = "/personal/requests"
START_SECONDS = 30
DESK_HOST, EVIL_HOST = "desk.test", "evil.test"


@dataclass
class Origin:
    """Everything a customer's browser talks to, and the ways to act on what is behind it."""

    address: str
    desk: str
    """The help desk as operators see it: another site, by its name (conftest.py says where that is)."""
    database_url: str
    folder: Path
    state: State

    @property
    def requests(self) -> str:
        """The address of the list."""
        return f"{self.address}{PREFIX}/"

    def tell(self, act: str, /, **told: object) -> dict[str, Any]:
        """Direct the help desk: an act of a customer or an operator, a fault, a limit."""
        return direct(self.state, act, told)

    def ticket(
        self, email: str, subject: str = "Where is my parcel?", html: str = "<p>Hello</p>", **more: object
    ) -> int:
        """A ticket written by e-mail."""
        return int(self.tell("customer/email", email=email, subject=subject, html=html, **more)["ticket_id"])

    def execute(self, statement: str) -> None:
        """In the shop's database."""
        self.rows(statement)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement finds in the shop's database."""
        with closing(people.connect(self.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def letters(self) -> list[mailbox.Letter]:
        """What came by mail, newest first."""
        return mailbox.letters(self.folder / "mail")


@contextmanager
def on_one_origin(database_url: str, folder: Path, **settings: object) -> Iterator[Origin]:
    """Serve everything until the block ends. Anna's address is proven, Boris's is not; nobody has written yet."""
    _move_in(database_url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        state = State()
        with running(state) as helpdesk:
            desk = helpdesk.replace("127.0.0.1", DESK_HOST)
            origin = Origin(f"http://127.0.0.1:{listener.getsockname()[1]}", desk, database_url, folder, state)
            with _in_a_thread(origin, listener, helpdesk, settings):
                yield origin


def _move_in(database_url: str) -> None:
    with closing(people.connect(database_url)) as connection:
        people.move_in(connection)
        databases = Databases(database_url)
        migrate(databases)
        databases.close()
        people.prove_annas_address(connection)


@contextmanager
def _in_a_thread(origin: Origin, listener: socket.socket, helpdesk: str, settings: dict[str, object]) -> Iterator[None]:
    loop, up, end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            loop.run_until_complete(_serve(origin, listener, helpdesk, settings, up, end))
        except BaseException as error:  # told in the test's own thread
            failed.append(error)
        finally:
            up.set()
            loop.close()

    thread = threading.Thread(target=run, name="origin")
    thread.start()
    try:
        assert up.wait(START_SECONDS) and not failed, failed
        yield
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(end.set)
        thread.join()
    assert not failed, failed


async def _serve(
    origin: Origin,
    listener: socket.socket,
    helpdesk: str,
    settings: dict[str, object],
    up: threading.Event,
    end: asyncio.Event,
) -> None:
    async with AsyncExitStack() as stack:
        smtp = await stack.enter_async_context(mailbox.running(origin.folder / "mail"))
        dialect = settings.pop("dialect", "v1")
        told = {
            "database_url": origin.database_url,
            "public_url": origin.address,
            "secret_keys": "a-key-for-tests-only",
            "sessions": f"files://{origin.folder / 'sessions'}",
            "hde_url": f"{helpdesk}/api/{dialect}",
            "hde_token": origin.state.token,
            "hde_email": origin.state.email,
            "hde_api_key": origin.state.api_key,
            "smtp_url": smtp,
            "mail_from": "Shop <shop@shop.example>",
            "hde_origin": origin.desk,
        }
        (origin.folder / "sessions").mkdir(exist_ok=True)
        portal = create_app(Settings(**told | settings, _env_file=None))  # type: ignore[arg-type]
        its_shop = shop.create_app(
            shop.Shop(origin.database_url, origin.folder / "sessions", origin.folder / "mail", f"{PREFIX}/")
        )
        await stack.enter_async_context(portal.lifespan())
        await stack.enter_async_context(served(one_origin(portal, its_shop, PREFIX), listener))
        up.set()
        await end.wait()
