"""`portal demo`: a shop, a help desk, their mail and the portal in one process, on a database of its own.

The one module of the sandbox that knows the portal: it starts it as `portal serve` would, behind one origin with the
shop, as nginx does in a real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql

from portal import snippets
from portal.app import create_app
from portal.config import Settings
from portal.database import Databases
from portal.errors import DatabaseAway
from portal.sandbox import check as walk
from portal.sandbox import crm, embedded, mailbox, people, shop
from portal.sandbox.embedded import Database, NoDatabase
from portal.sandbox.front import one_origin, served
from portal.sandbox.helpdesk import running as helpdesk_running
from portal.sandbox.helpdesk.keeper import kept
from portal.sandbox.helpdesk.plugin import Plugin
from portal.sandbox.helpdesk.state import State
from portal.sandbox.people import ANNA, BORIS, NotOurs
from portal.store.migrate import migrate

HOST = "127.0.0.1"
WEBHOOK = "/api/hde-webhook"

FAILED = 1
LOCK_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is, without a slash at the end, and what opens it."""

    shop: str
    helpdesk: str
    prefix: str
    panel: str
    """The secret of the help desk's plugin."""


class CannotStart(Exception):
    """The sentence for the screen."""


def run(port: int, check: bool, folder: Path) -> int:
    """Run the demo until it is told to end; its data stays in `folder`. Returns the exit code.

    With `check` it uses free ports and a temporary folder, walks the main job, and returns 0 only when all holds.
    """
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells every line of every session
    try:
        if not check:
            return _run_in(folder.absolute(), port, check=False)
        logging.getLogger().setLevel(logging.WARNING)
        with tempfile.TemporaryDirectory(prefix="portal-demo-") as temporary:
            return _run_in(Path(temporary), 0, check=True)
    except (CannotStart, NoDatabase, NotOurs) as problem:
        print(problem, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:  # in the middle of the start
        return 0


def _run_in(folder: Path, port: int, *, check: bool) -> int:
    with _only_one(folder), _listening(port) as listener:
        defaults = Settings.model_fields
        database = embedded.start(folder, defaults["timezone"].default, os.environ.get("PORTAL_DATABASE_URL", ""))
        try:
            _prepare(database)
            return asyncio.run(_serve(folder, database, listener, check=check))
        finally:
            database.stop()


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Two demos in one folder would share a database and overwrite each other's help desk.

    The embedded server inherits the lock: after a kill it lives on for a moment, and a start in that moment must not
    meet it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_SECONDS
    with (folder / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise CannotStart(f"A demo is running in {folder} already.") from None
                time.sleep(0.1)
        yield


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise CannotStart(f"Port {port} is not free ({error.strerror}); try: portal demo --port {port + 10}") from None
    with listener:
        yield listener


def _prepare(database: Database) -> None:
    try:
        with people.connect(database.url) as connection:
            people.move_in(connection)
            databases = Databases(database.url)
            try:
                migrate(databases)
            finally:
                databases.close()
            people.prove_annas_address(connection)
    except (pymysql.Error, DatabaseAway, OSError, ValueError) as error:
        raise CannotStart(
            f"The database does not answer, or not to the demo's tables ({type(error).__name__}): {database.what}.\n"
            "If it is the demo's own, remove it and start again."
        ) from None
    database.whole()


async def _serve(folder: Path, database: Database, listener: socket.socket, *, check: bool) -> int:
    told_to_end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)
    async with AsyncExitStack() as stack:
        smtp = await stack.enter_async_context(mailbox.running(folder / "mail"))
        state = stack.enter_context(kept(folder / "helpdesk.json"))
        port = listener.getsockname()[1]
        helpdesk = stack.enter_context(_helpdesk(state, 0 if check else port + 1))
        settings = _settings(
            database_url=database.url,
            public_url=f"http://{HOST}:{port}",
            secret_keys=_key(folder / "key"),
            sessions=f"files://{folder / 'sessions'}",
            hde_url=f"{helpdesk}/api/v1",
            hde_token=state.token,
            smtp_url=smtp,
            mail_from="Лавка <shop@shop.example>",
            widget="contact",
            widget_script=f"{helpdesk}/js/contact-widget.js",
            panel_secrets=_key(folder / "panel"),
            hde_origin=helpdesk,
            webhook_secrets=_key(folder / "webhook-key"),
            manager_email="manager@shop.example",
            crm_webhook_url=await stack.enter_async_context(_crm(_key(folder / "crm-key"))),
        )
        state.outgoing.set(url=f"{settings.public_url}{WEBHOOK}", secret=_key(folder / "webhook-key"))
        state.plugin = _plugin(settings, _key(folder / "panel"))
        requests = f"{settings.prefix}/"
        its_shop = shop.create_app(shop.Shop(database.url, folder / "sessions", folder / "mail", requests))
        portal = create_app(settings)
        await stack.enter_async_context(portal.lifespan())
        await stack.enter_async_context(served(one_origin(portal, its_shop, settings.prefix), listener))
        addresses = Addresses(settings.public_url, helpdesk, settings.prefix, _key(folder / "panel"))
        if check:
            return await _walk(addresses, told_to_end)
        print(_welcome(addresses, database, folder), flush=True)
        await told_to_end.wait()
        print("\nEnding …", flush=True)
    return 0


async def _walk(addresses: Addresses, told_to_end: asyncio.Event) -> int:
    walking = asyncio.create_task(walk.all_holds(addresses.shop, addresses.helpdesk, addresses.prefix, addresses.panel))
    ending = asyncio.create_task(told_to_end.wait())
    await asyncio.wait((walking, ending), return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if not walking.done():
        walking.cancel()
        return FAILED
    return 0 if walking.result() else FAILED


@asynccontextmanager
async def _crm(secret: str) -> AsyncIterator[str]:
    """A Bitrix24; yields the address of its incoming webhook."""
    book = crm.Book(path=f"/rest/1/{secret}/")
    with socket.create_server((HOST, 0)) as listener:
        async with served(crm.create_app(book), listener):
            yield f"http://{HOST}:{listener.getsockname()[1]}{book.path}"


@contextmanager
def _helpdesk(state: State, port: int) -> Iterator[str]:
    """Beside the shop's port when that is free: the addresses of its files are remembered from start to start."""
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(helpdesk_running(state, HOST, port))
        except OSError:
            yield stack.enter_context(helpdesk_running(state, HOST, 0))


def _plugin(settings: Settings, secret: str) -> Plugin:
    """What an administrator of the help desk would set up."""
    html = snippets.plugin(settings.public_url, settings.prefix)
    return Plugin(html, asks=settings.public_url, secrets={"SECRET": secret})


def _settings(**ours: object) -> Settings:
    """The demo's own settings: what the environment and .env say may be a real shop's, and is not looked at."""
    untouched = {name: field.default for name, field in Settings.model_fields.items() if not field.is_required()}
    return Settings(**(untouched | ours))


def _key(file: Path) -> str:
    """A secret of the demo's; kept, so that a link mailed before the second start still proves the address."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()


def _welcome(at: Addresses, database: Database, folder: Path) -> str:
    return f"""
My Requests: the demo

  shop          {at.shop}/
  sign in       {at.shop}/auth/
                  {ANNA.login:20} password {ANNA.password:8} her address is proven: she sees her requests
                  {BORIS.login:20} password {BORIS.password:8} his is not yet: the link comes by mail
  My Requests   {at.shop}{at.prefix}/
  mail          {at.shop}/_mail/                   the manager's letters about new requests, too
  help desk     {at.helpdesk}/_sandbox/   answer as an operator, write as a customer, break it
  operator      {at.helpdesk}/_sandbox/desk/      a ticket as he sees it, with the panel beside it
  orders        curl -H 'Authorization: Bearer {at.panel}' '{at.shop}/api/orders/?user_id={ANNA.id}'
  database      {database.what}

Ctrl-C ends everything. What was said and done stays in {folder} for the next start.
"""
