"""The cast and the stage: a real MariaDB in a private datadir, one a test worker."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

START_SECONDS = 90
"""A busy machine with several test workers takes its time."""

MEMORY_BYTES = 2 * 2**30
"""What the servers of some test workers need, with room to spare."""

LEFT_SECONDS = 2 * 3600


class MariaDB:
    """A private server: its own folder, its own socket, no port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "s"
        self.process: subprocess.Popen[bytes] | None = None
        install = [
            _program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *_as_me(),
        ]
        # One at a time: several workers start at once, and two installs have been seen to disturb each other.
        with (Path(tempfile.gettempdir()) / "portal-tests-install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = subprocess.run(install, check=False, capture_output=True, text=True)
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]

    def start(self) -> None:
        self.process = subprocess.Popen(
            [_program("mariadbd"), "--no-defaults", f"--datadir={self.folder / 'data'}", f"--socket={self.socket}", "--skip-networking",
             f"--tmpdir={self.folder}",  # a server that starts clears away what others have in a shared one
             f"--pid-file={self.folder / 'pid'}", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=128M", *_as_me()],
            stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("ab"),
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                pymysql.connect(unix_socket=str(self.socket), user="root").close()
                return
            except pymysql.Error:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def url(self, schema: str) -> str:
        # Without TLS, which nobody speaks over a socket: reading the machine's certificates takes 20 ms a connection.
        return f"mysql+pymysql://root@/{schema}?ssl_disabled=true&unix_socket={self.socket}"

    def execute(self, *statements: str, schema: str | None = None) -> None:
        connection = pymysql.connect(
            unix_socket=str(self.socket), user="root", database=schema, autocommit=True, ssl_disabled=True
        )
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is not installed: run `make test`, which says how"
    return found


def _as_me() -> list[str]:
    """mariadbd refuses to run as root unless told so."""
    return ["--user=root"] if os.geteuid() == 0 else []


def _in_memory() -> Path | None:
    """Where a file is not written to a disk: thousands of tests make all tables anew, and that is a third of it there."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        return None
    for left in memory.glob("portal-db-*"):  # by a run that was killed
        if time.time() - left.stat().st_mtime > LEFT_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    return memory if shutil.disk_usage(memory).free > MEMORY_BYTES else None


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    folder = Path(tempfile.mkdtemp(prefix="portal-db-", dir=_in_memory()))
    server = MariaDB(folder)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def schema(mariadb: MariaDB) -> Iterator[str]:
    """An empty database of its own for one test; yields its name."""
    name = f"t_{secrets.token_hex(6)}"
    mariadb.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    yield name
    mariadb.execute(f"DROP DATABASE {name}")


@pytest.fixture
def database_url(mariadb: MariaDB, schema: str) -> str:
    """The address of an empty database, as PORTAL_DATABASE_URL takes it."""
    return mariadb.url(schema)
