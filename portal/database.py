"""The database: one thread hop a unit of work.

`Databases.run(work, …)` carries a plain function into a thread and gives it a `Unit`; the function talks to the shop's
tables through `unit.shop` and to ours through `unit.state`, and everything it wrote is committed together when it
returns. Where both live in one database (the default) both are one connection and one transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from portal.errors import DatabaseAway

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

THREADS = 8
"""Units of work under way at once in one process; also the size of each pool."""

CONNECT_SECONDS = 0.9
"""A database that is away must be told to the visitor within a second (design/goals.md)."""

QUERY_SECONDS = 10
RECYCLE_SECONDS = 300
"""Shorter than any sane wait_timeout, so that the server does not hang up first."""

DUPLICATE = 1062
"""A unique key holds that value already."""

DEADLOCK = 1213
LOCK_WAIT = 1205
ATTEMPTS = 4


class Unit:
    """A unit of work: at most one connection to the shop's database and one to ours, opened when first used."""

    def __init__(self, shop: Engine, state: Engine) -> None:
        self._engines = (shop, state)
        self._open: dict[Engine, Connection] = {}
        self.leaves_work = False
        """Whether the worker will have something to do once this is committed."""

    @property
    def shop(self) -> Connection:
        """The Bitrix database. Read only, but for the two columns of the contract."""
        return self._connection(self._engines[0])

    @property
    def state(self) -> Connection:
        """Where our own tables are."""
        return self._connection(self._engines[1])

    def _connection(self, engine: Engine) -> Connection:
        if engine not in self._open:
            self._open[engine] = engine.connect()
        return self._open[engine]

    def commit(self) -> None:
        """Commit ours last: the shop's two columns may be written again, a lost inbox row may not."""
        for engine in self._engines:
            if engine in self._open:
                self._open[engine].commit()

    def close(self) -> None:
        """Give the connections back; what was not committed is rolled back."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()


class Databases:
    """The shop's database and ours, which are the same one unless PORTAL_STATE_URL says otherwise."""

    def __init__(self, shop_url: str, state_url: str = "") -> None:
        self._shop = _engine(shop_url)
        self._state = _engine(state_url) if state_url and state_url != shop_url else self._shop
        # Reads go through pools of their own in autocommit: no BEGIN and no ROLLBACK around one SELECT.
        self._shop_reads = _engine(shop_url, autocommit=True)
        self._state_reads = self._shop_reads if self._state is self._shop else _engine(state_url, autocommit=True)
        self.on_work: list[Callable[[], None]] = []
        """Called, in whatever thread, when something was committed that the worker has to do."""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")

    async def run(self, work: Callable[Concatenate[Unit, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(unit, …)` in a thread, in one transaction; again from the start after a deadlock.

        `work` must do nothing but talk to the database, as it may run more than once.
        Raises DatabaseAway when there is no connection, and whatever `work` raises.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: self.run_here(work, *args, **kwargs))

    async def read(self, work: Callable[Concatenate[Unit, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like `run` for work that only reads: autocommit, and once more on a connection that had died."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: self.read_here(work, *args, **kwargs))

    def run_here(self, work: Callable[Concatenate[Unit, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`run` for callers that are in a thread already, or have no loop (the command line)."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._unit(self._shop, self._state) as unit:
                    result = work(unit, *args, **kwargs)
                    unit.commit()
                    for tell in self.on_work if unit.leaves_work else ():
                        tell()
                    return result
            except DBAPIError as error:
                if code_of(error) not in (DEADLOCK, LOCK_WAIT) or attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def read_here(self, work: Callable[Concatenate[Unit, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for callers that are in a thread already."""
        try:
            with self._unit(self._shop_reads, self._state_reads) as unit:
                return work(unit, *args, **kwargs)
        except DatabaseAway as error:
            if not getattr(error.__cause__, "connection_invalidated", False):
                raise
        # The server was restarted between two requests; the pool has dropped the dead connections by now.
        with self._unit(self._shop_reads, self._state_reads) as unit:
            return work(unit, *args, **kwargs)

    def close(self) -> None:
        """Wait for the units under way, then hang up."""
        self._threads.shutdown(wait=True)
        for engine in {self._shop, self._state, self._shop_reads, self._state_reads}:
            engine.dispose()

    @contextmanager
    def _unit(self, shop: Engine, state: Engine) -> Iterator[Unit]:
        unit = Unit(shop, state)
        try:
            yield unit
        except PoolTimeout as error:
            raise DatabaseAway("no free connection") from error
        except DBAPIError as error:
            if error.connection_invalidated or code_of(error) in _AWAY:
                raise DatabaseAway(f"error {code_of(error)}") from error
            raise
        finally:
            unit.close()


_AWAY = frozenset({1040, 1053, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 3024, 1044, 1045, 1049})


def cut(text: str, size: int) -> bytes:
    """As much of foreign text, in UTF-8, as goes into a column of `size` bytes: whole characters only."""
    return text.encode()[:size].decode(errors="ignore").encode()


def is_duplicate(error: DBAPIError) -> bool:
    """Whether a unique key has refused the row: the one honest way to find a repeat (INSERT IGNORE hides more)."""
    return code_of(error) == DUPLICATE


def code_of(error: DBAPIError) -> int:
    """MySQL's own error number, 0 where there is none."""
    args = getattr(error.orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else 0


def _engine(url: str, *, autocommit: bool = False) -> Engine:
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT" if autocommit else "READ COMMITTED",
        skip_autocommit_rollback=autocommit,
        pool_size=THREADS,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        pool_pre_ping=not autocommit,
        pool_recycle=RECYCLE_SECONDS,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args={
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": QUERY_SECONDS,
            "write_timeout": QUERY_SECONDS,
        },
    )

    @event.listens_for(engine, "connect")
    def _strict(connection: object, _record: object) -> None:
        # Bitrix runs with sql_mode='' as a rule, where MySQL cuts what is too long and says nothing.
        cursor = connection.cursor()  # type: ignore[attr-defined]  # SQLAlchemy types the DBAPI side as object
        cursor.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
        cursor.close()

    return engine
