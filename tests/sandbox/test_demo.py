"""`portal demo` as a newcomer meets it: what it prints, that its data stays, and that it leaves nothing behind."""

from __future__ import annotations

import os
import queue
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import MariaDB

START_SECONDS = 60
GONE_SECONDS = 15

MAIN = "from portal.cli import main; main()"
WITHOUT_SEEKDB = "import sys; sys.modules['pylibseekdb'] = None; "
BLIND = "import portal.service.requests as r; r._is_his = lambda *_: True; "
"""The defence that keeps a stranger's conversation away, switched off."""


class Demo:
    """A demo in a process group of its own, as a terminal would give it."""

    def __init__(self, folder: Path, *arguments: str, before: str = "", **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", before + MAIN, "demo", *arguments],
            cwd=folder,
            env=clean | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        self.said = ""
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def until(self, words: str) -> str:
        """Listen until a line has these words; returns all that was said."""
        deadline = time.monotonic() + START_SECONDS
        while words not in self.said:
            try:
                line = self._lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                line = ""
            assert line, f"it never said {words!r}:\n{self.said}"
            self.said += line
        return self.said

    def ends(self) -> int:
        """Wait for its end; returns the exit code."""
        code = self.process.wait(START_SECONDS)
        while line := self._lines.get(timeout=5):
            self.said += line
        return code

    def address(self, name: str) -> str:
        found = re.search(rf"^  {name} +(http\S+)", self.said, re.M)
        assert found, self.said
        return found.group(1)


StartDemo = Callable[..., Demo]


@pytest.fixture
def start() -> Iterator[StartDemo]:
    started: list[Demo] = []

    def begin(folder: Path, *arguments: str, before: str = "", **environment: str) -> Demo:
        demo = Demo(folder, *arguments, before=before, **environment)
        started.append(demo)
        return demo

    yield begin
    for demo in started:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait()


def free_port() -> str:
    """A port that is free with the next one, which the help desk takes.

    Below those that the system gives to whoever asks for any: of the many tests side by side one would get it first.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        try:
            with socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 1)):
                return str(port)
        except OSError:
            continue


def family(pid: int) -> set[int]:
    """The process and everything under it."""
    found = {pid}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found |= family(int(child))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pids: set[int]) -> bool:
    deadline = time.monotonic() + GONE_SECONDS
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # the loopback only
        return str(answer.read().decode())


def sockets_in_tmp(demo: Demo) -> list[Path]:
    return list(Path("/tmp").glob(f"pylibseekdb-uds-{demo.process.pid}-*"))


def test_it_prints_the_addresses_and_the_accounts_and_its_data_stays(start: StartDemo, tmp_path: Path) -> None:
    first = start(tmp_path, "--port", free_port())
    said = first.until("Ctrl-C ends everything")
    assert "anna@shop.example" in said and "boris@shop.example" in said and "embedded" in said
    assert "Лавка" in get(first.address("shop"))
    assert "Анна Смирнова" in get(first.address("help desk"))
    subject = urllib.request.Request(
        first.address("help desk") + "customer/email",
        b'{"email": "anna@shop.example", "subject": "Kept overnight", "text": "x"}',
        {"content-type": "application/json"},
    )
    urllib.request.urlopen(subject, timeout=10).close()

    other = start(tmp_path, "--port", free_port())
    assert other.ends() == 1
    assert "is running in" in other.said

    everyone = family(first.process.pid)
    assert len(everyone) > 1, "the database is a process of its own"
    first.process.send_signal(signal.SIGTERM)
    assert first.ends() == 0
    assert gone(everyone)
    assert not sockets_in_tmp(first)
    assert "Traceback" not in first.said

    second = start(tmp_path, "--port", free_port())
    second.until("Ctrl-C ends everything")
    assert "Kept overnight" in get(second.address("help desk"))


def test_ctrl_c_ends_everything_quietly(start: StartDemo, tmp_path: Path) -> None:
    """A terminal sends SIGINT to the whole group: the database must not die before the pages do."""
    demo = start(tmp_path, "--port", free_port())
    demo.until("Ctrl-C ends everything")
    everyone = family(demo.process.pid)
    os.killpg(demo.process.pid, signal.SIGINT)
    assert demo.ends() == 0
    assert gone(everyone)
    assert "Traceback" not in demo.said
    assert "ERROR" not in demo.said


@pytest.mark.parametrize("when", ["in the middle of the start", "running"])
def test_killed_it_leaves_no_process_and_starts_again(start: StartDemo, tmp_path: Path, when: str) -> None:
    demo = start(tmp_path, "--port", free_port())
    if when == "running":
        demo.until("Ctrl-C ends everything")
    while len(everyone := family(demo.process.pid)) == 1:
        time.sleep(0.05)  # until the database's process is there
    demo.process.kill()
    demo.process.wait()
    again = start(tmp_path, "--port", free_port())  # at once: what is still dying must not be met
    assert gone(everyone)
    again.until("Ctrl-C ends everything")
    assert not sockets_in_tmp(demo), "what the killed one left in /tmp is swept"


LOCK_AND_END = """
import pathlib, zoneinfo
from portal.sandbox import embedded, people
database = embedded.start(pathlib.Path("db").absolute(), zoneinfo.ZoneInfo("Europe/Moscow"))
with people.connect(database.url) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT GET_LOCK('custom_hde_migrate', 3), TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW())")
    print(*cursor.fetchone())
    cursor.execute("DO RELEASE_LOCK('custom_hde_migrate')")
database.stop()
"""


def test_a_named_lock_does_not_outlive_the_embedded_server(tmp_path: Path) -> None:
    """It forgets to free them: without our care one of these starts waits in vain. And NOW() shows the shop's clock."""
    for _ in range(3):
        command = [sys.executable, "-c", LOCK_AND_END]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert done.stdout == "1 180\n", done.stderr


def test_where_nothing_is_embedded_an_installed_mariadb_takes_its_place(start: StartDemo, tmp_path: Path) -> None:
    demo = start(tmp_path, "--port", free_port(), before=WITHOUT_SEEKDB)
    assert "MariaDB of this machine" in demo.until("Ctrl-C ends everything")
    everyone = family(demo.process.pid)
    demo.process.kill()
    assert gone(everyone), "the kernel tells the server when we are gone"
    again = start(tmp_path, "--port", free_port(), before=WITHOUT_SEEKDB)
    again.until("Ctrl-C ends everything")
    everyone = family(again.process.pid)
    os.killpg(again.process.pid, signal.SIGINT)
    assert again.ends() == 0
    assert gone(everyone)


def test_a_named_database_is_used(start: StartDemo, tmp_path: Path, database_url: str) -> None:
    demo = start(tmp_path, "--port", free_port(), PORTAL_DATABASE_URL=database_url)
    assert "the database that PORTAL_DATABASE_URL names" in demo.until("Ctrl-C ends everything")


def test_a_named_database_with_a_real_shop_in_it_is_left_alone(
    start: StartDemo, tmp_path: Path, mariadb: MariaDB, schema: str
) -> None:
    mariadb.execute("CREATE TABLE b_user (ID int)", schema=schema)
    demo = start(tmp_path, "--port", free_port(), PORTAL_DATABASE_URL=mariadb.url(schema))
    assert demo.ends() == 1
    assert "holds a shop already" in demo.said


def test_without_any_database_it_says_what_to_install(start: StartDemo, tmp_path: Path) -> None:
    nothing = WITHOUT_SEEKDB + "from portal.sandbox import embedded; embedded._program = lambda name: ''; "
    demo = start(tmp_path, "--port", free_port(), before=nothing)
    assert demo.ends() == 1
    assert "apt-get install mariadb-server" in demo.said and "PORTAL_DATABASE_URL" in demo.said
    assert "Traceback" not in demo.said


def test_a_taken_port_is_told_in_a_sentence(start: StartDemo, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        demo = start(tmp_path, "--port", str(taken.getsockname()[1]))
        assert demo.ends() == 1
    assert "is not free" in demo.said and "Traceback" not in demo.said


def test_the_check_walks_the_main_job_and_looks_at_no_real_settings(start: StartDemo, tmp_path: Path) -> None:
    """A checkout with a production `.env` must not send the demo's people to a real help desk."""
    (tmp_path / ".env").write_text(
        "PORTAL_HDE_URL=https://real.example/api/v2\nPORTAL_DATABASE_URL=mysql+pymysql://real/x\n"
    )
    demo = start(tmp_path, "--check", PORTAL_HDE_RATE="nonsense", PORTAL_STATE_URL="mysql+pymysql://real/state")
    assert demo.ends() == 0, demo.said
    assert "✗" not in demo.said
    assert demo.said.count("✓") > 10
    assert [path.name for path in tmp_path.iterdir()] == [".env"], "it works in a temporary folder"


def test_the_check_fails_when_a_stranger_is_let_in(start: StartDemo, tmp_path: Path) -> None:
    """The positive control: with the defence off, the walk must find out."""
    demo = start(tmp_path, "--check", before=BLIND)
    assert demo.ends() == 1
    assert "✗ Customer: a stranger's request" in demo.said
