"""The demo's database: one the caller names, else an embedded server, else an installed MariaDB.

Whatever is started here ends with us, however we end: the embedded server watches its parent by itself, and MariaDB is
told by the kernel (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import ctypes
import importlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pymysql

SCHEMA = "portal"
START_SECONDS = 60
STOP_SECONDS = 20
WHOLE = "whole"
"""The file that says so."""

SOCKET_BYTES = 107
"""The kernel's limit for the path of a socket."""

PR_SET_PDEATHSIG = 1

TAMED = (
    # The embedded server logs 6 MB at each start and goes on like that for ever; 0 stops it.
    "ALTER SYSTEM SET syslog_io_bandwidth_limit = '0'",
    "ALTER SYSTEM SET max_syslog_file_count = 1",
    # A named lock (GET_LOCK) outlives the server there, its holder does not: half of all second starts would wait for
    # the lock of the first one's migration. Without this row the name gets a new lock.
    "DELETE FROM oceanbase.__all_dbms_lock_allocated",
)

INSTALL = (
    "No database for the demo. Any of these will do:\n"
    "  pip install 'portal[demo]'          the embedded one (Linux with glibc, x86_64 or aarch64)\n"
    "  apt-get install mariadb-server      an installed MariaDB; the demo runs its own copy in its own folder\n"
    "  PORTAL_DATABASE_URL=mysql+pymysql://user:password@host/empty_database"
)


class NoDatabase(Exception):
    """There is none to be had; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Database:
    """A running database: its address for SQLAlchemy, how we came by it, and how to end it.

    `whole` is called when everything the demo needs is in it: one that never got there is begun anew.
    """

    url: str
    what: str
    stop: Callable[[], None]
    whole: Callable[[], None]


def start(folder: Path, zone: ZoneInfo, url: str = "") -> Database:
    """The demo's database, with an empty or a known schema in it; what it holds is kept in `folder`.

    `url` (PORTAL_DATABASE_URL) wins when given. `zone` is the clock that NOW() must show: the shop's. Call it from
    the main thread: the kernel takes the end of the thread that starts MariaDB for the end of the process.
    Raises NoDatabase with a sentence for the screen.
    """
    if url:
        return Database(url, "the database that PORTAL_DATABASE_URL names", lambda: None, lambda: None)
    module = _seekdb()
    if module is not None:
        return _embedded(module, folder / "seekdb", zone)
    if _program("mariadbd"):
        return _mariadb(folder / "mariadb", zone)
    raise NoDatabase(INSTALL)


def _seekdb() -> ModuleType | None:
    try:
        return importlib.import_module("pylibseekdb")
    except ImportError:
        return None


def _embedded(module: ModuleType, folder: Path, zone: ZoneInfo) -> Database:
    _sweep(folder)
    _begin(folder)
    shutil.rmtree(folder / "log", ignore_errors=True)
    before = _children()
    # Ctrl-C reaches every process of the terminal; the database must outlive the pages that still use it.
    # What is ignored here stays ignored in the server, which is forked from us.
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        module.open(db_dir=str(folder))
    except Exception as error:
        raise NoDatabase(f"The embedded database does not start: {error}\n{INSTALL}") from error
    finally:
        signal.signal(signal.SIGINT, interrupt)
    server = _children() - before
    socket = str(module.connection_options()["unix_socket"])
    _prepare(socket, zone, TAMED)

    def stop() -> None:
        module.close()
        for pid in server:
            _reap(pid)

    return Database(_url(socket), f"embedded, in {folder}", stop, (folder / WHOLE).touch)


def _begin(folder: Path) -> None:
    """A database killed in its first start may be unable to go on, and holds nothing yet: away with it."""
    if not (folder / WHOLE).exists():
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pid").write_text(str(os.getpid()))


def _sweep(folder: Path) -> None:
    """Remove the socket folder that a killed demo left in /tmp, named after its process; a clean end does so itself."""
    note = folder / "pid"
    if note.exists():
        for left in Path("/tmp").glob(f"pylibseekdb-uds-{int(note.read_text())}-*"):  # noqa: S108  # where it puts them
            shutil.rmtree(left, ignore_errors=True)


def _children() -> set[int]:
    me = os.getpid()
    return {int(pid) for pid in Path(f"/proc/{me}/task/{me}/children").read_text().split()}


def _reap(pid: int) -> None:
    """Wait for the server's end: its close() returns before it is gone, and the next start would meet it."""
    deadline = time.monotonic() + STOP_SECONDS
    with suppress(ChildProcessError):
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def _mariadb(folder: Path, zone: ZoneInfo) -> Database:
    data, socket = folder / "data", folder / "s"
    if len(bytes(socket)) > SOCKET_BYTES:
        raise NoDatabase(f"The path {folder} is too long for a database socket: start the demo in another folder.")
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    _begin(folder)
    if not data.exists():
        _run([_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db",
              "--auth-root-authentication-method=normal", *as_root])  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603  # our own words only
            [_program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking",
             f"--pid-file={folder / 'mariadbd.pid'}", "--innodb-buffer-pool-size=64M", *as_root],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=_die_with_parent,  # noqa: PLW1509  # one thread so far
        )  # fmt: skip
    _await(socket, server, folder / "log")
    _prepare(str(socket), zone, ())

    def stop() -> None:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    return Database(_url(str(socket)), f"MariaDB of this machine, its data in {folder}", stop, (folder / WHOLE).touch)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _await(socket: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(pymysql.Error):
            pymysql.connect(unix_socket=str(socket), user="root").close()
            return
        time.sleep(0.05)
    server.kill()
    raise NoDatabase(f"MariaDB does not start; {log} says why.")


def _prepare(socket: str, zone: ZoneInfo, statements: tuple[str, ...]) -> None:
    connection = pymysql.connect(unix_socket=socket, user="root", autocommit=True)
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        # By offset: neither server has the tables of zone names. Bitrix wants NOW() to show PHP's clock.
        offset = datetime.now(zone).strftime("%z")
        cursor.execute("SET GLOBAL time_zone = %s", (f"{offset[:3]}:{offset[3:]}",))
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {SCHEMA} DEFAULT CHARACTER SET utf8mb4")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # our own words only
    if done.returncode:
        raise NoDatabase(f"{command[0]} failed: {done.stderr.decode(errors='replace').strip()[-400:]}")


def _program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


def _url(socket: str) -> str:
    return f"mysql+pymysql://root@/{SCHEMA}?unix_socket={quote(socket)}"
