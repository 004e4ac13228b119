"""The printed event handlers, run by a real PHP against MariaDB, on stand-ins for an old core and a new one."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from click.testing import CliRunner
from litestar.testing import TestClient

from portal import cli
from portal.app import create_app
from portal.database import Databases
from portal.store import shop_events
from tests.conftest import MariaDB
from tests.stage import ANNA, PUBLIC_URL, stage

CORES = ("old", "new")
STAND_INS = Path(__file__).parent / "bitrix/php"
TOLD = {
    "accounts": "$f = array('USER_ID' => 7); told('main.OnAfterUserRegister', $f);"
    "$f = array('ID' => '8', 'RESULT' => 8, 'PASSWORD' => 'secret'); told('main.OnAfterUserAdd', $f);"
    "$f = array('ID' => 9, 'RESULT' => true); told('main.OnAfterUserUpdate', $f);"
    "$id = 10; told('main.OnAfterUserDelete', $id);",
    "order": "foreach (array('OnOrderAdd', 'OnOrderUpdate', 'OnSaleStatusOrder', 'OnSaleCancelOrder', 'OnSalePayOrder') "
    'as $i => $name) { $id = 1001 + $i; told("sale.$name", $id); }',
    "d7 order": "foreach (array('OnSaleOrderSaved', 'OnSaleStatusOrderChange', 'OnSaleOrderCanceled', 'OnSaleOrderPaid') "
    'as $i => $name) { $event = order_event(1001 + $i); told("sale.$name", $event); }',
}


class PhpShop:
    """A shop that runs the printed file and then what a test has it do."""

    def __init__(self, mariadb: MariaDB, schema: str, folder: Path, printed: str) -> None:
        self.mariadb, self.schema, self.folder = mariadb, schema, folder
        self.init = folder / "init.php"
        self.init.write_text(printed)
        self.log = folder / "error.log"

    def runs(self, core: str, doing: str) -> subprocess.CompletedProcess[str]:
        program = shutil.which("php")
        assert program, "php is not installed: run `make test`, which says how"
        script = self.folder / "shop.php"
        script.write_text(
            f"<?php require '{STAND_INS}/core_{core}.php'; require '{self.init}';\n{doing}\necho 'the shop goes on';"
        )
        known = {"SHOP_SCHEMA": self.schema, "SHOP_SOCKET": str(self.mariadb.socket)}
        strict = ["-d", "display_errors=stderr", "-d", "error_reporting=-1", "-d", f"error_log={self.log}"]
        return subprocess.run(
            [program, *strict, script], env=os.environ | known, capture_output=True, text=True, check=False, timeout=60
        )

    def goes_on(self, core: str, doing: str) -> None:
        run = self.runs(core, doing)
        assert (run.returncode, run.stdout, run.stderr) == (0, "the shop goes on", "")

    @property
    def rows(self) -> list[tuple[bytes, int]]:
        return [(row[0], row[1]) for row in self.ask("SELECT kind, object_id FROM custom_hde_shop_event ORDER BY id")]

    def ask(self, query: str) -> tuple[tuple[object, ...], ...]:
        with (
            pymysql.connect(unix_socket=str(self.mariadb.socket), user="root", database=self.schema) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query)
            return cursor.fetchall()

    def execute(self, *statements: str) -> None:
        self.mariadb.execute(*statements, schema=self.schema)


@pytest.fixture(scope="module")
def printed() -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTAL_PUBLIC_URL", "https://shop.example")
        result = CliRunner().invoke(cli.main, ["snippet", "init"])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def shop(mariadb: MariaDB, schema: str, tmp_path: Path, printed: str) -> Iterator[PhpShop]:
    databases = Databases(mariadb.url(schema))
    assert databases.run_here(shop_events.create)
    databases.close()
    mariadb.execute("CREATE TABLE b_user (ID int PRIMARY KEY, NAME varchar(50)) ENGINE=InnoDB", schema=schema)
    yield PhpShop(mariadb, schema, tmp_path, printed)


@pytest.mark.parametrize("core", CORES)
def test_an_account_that_is_made_changed_or_deleted_is_one_small_row(shop: PhpShop, core: str) -> None:
    shop.goes_on(core, TOLD["accounts"])
    assert shop.rows == [(b"user", 7), (b"user", 8), (b"user", 9), (b"user.gone", 10)]
    [(age,)] = shop.ask(
        "SELECT MAX(ABS(TIMESTAMPDIFF(SECOND, created_at, UTC_TIMESTAMP()))) FROM custom_hde_shop_event"
    )
    assert isinstance(age, int)
    assert age < 60
    assert not shop.log.exists()


@pytest.mark.parametrize("core", CORES)
def test_an_order_that_is_saved_is_one_row_by_the_names_of_every_core(shop: PhpShop, core: str) -> None:
    shop.goes_on(core, TOLD["order"])
    assert shop.rows == [(b"order", 1001 + i) for i in range(5)]
    if core == "new":
        shop.goes_on(core, TOLD["d7 order"])
        assert shop.rows[5:] == [(b"order", 1001 + i) for i in range(4)]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    "failed",
    [
        "$f = array('USER_ID' => 0, 'RESULT_MESSAGE' => array('TYPE' => 'ERROR')); told('main.OnAfterUserRegister', $f);",
        "$f = array('ID' => false, 'RESULT' => false); told('main.OnAfterUserAdd', $f);",
        "$f = array('ID' => 7, 'RESULT' => false); told('main.OnAfterUserUpdate', $f);",
        "$f = array(); told('main.OnAfterUserUpdate', $f);",
        "$id = array(7); told('main.OnAfterUserDelete', $id);",
        "$id = '7 OR 1=1'; told('sale.OnNothing', $id);",
    ],
)
def test_what_has_failed_in_the_shop_is_not_told(shop: PhpShop, core: str, failed: str) -> None:
    shop.goes_on(core, failed)
    assert shop.rows == []


def test_nothing_but_a_number_gets_into_the_query(shop: PhpShop) -> None:
    shop.goes_on("old", "$id = \"7); DROP TABLE custom_hde_shop_event; -- \"; told('sale.OnOrderAdd', $id);")
    assert shop.rows == [(b"order", 7)]


@pytest.mark.parametrize("core", CORES)
def test_what_the_shop_rolls_back_was_never_told(shop: PhpShop, core: str) -> None:
    shop.goes_on(
        core,
        f"sql('START TRANSACTION'); sql(\"INSERT INTO b_user VALUES (8, 'B')\"); {TOLD['accounts']} sql('ROLLBACK');",
    )
    assert shop.rows == []
    shop.goes_on(core, f"sql('START TRANSACTION'); {TOLD['accounts']} sql('COMMIT');")
    assert len(shop.rows) == 4, "the control: the same, committed"


@pytest.mark.parametrize("core", CORES)
def test_without_the_table_the_shop_goes_on_and_the_log_says_why(shop: PhpShop, core: str) -> None:
    shop.execute("DROP TABLE custom_hde_shop_event")
    shop.goes_on(core, TOLD["accounts"])
    told = shop.log.read_text()
    assert "1146" in told
    assert "secret" not in told, "the password of a registration stands in the event, and nowhere else"


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("defect", ["new Exception('a defect')", "new Error('a defect')"])
def test_no_exception_reaches_the_shop(shop: PhpShop, core: str, defect: str) -> None:
    shop.goes_on(core, f"$defect = {defect}; {TOLD['accounts']}")
    assert "a defect" in shop.log.read_text()


@pytest.mark.parametrize("core", CORES)
def test_without_our_try_the_shop_would_die(shop: PhpShop, core: str) -> None:
    """The control of the two above."""
    caught = "self::tell($trouble);"
    whole = shop.init.read_text()
    assert whole.count(caught) == 2
    shop.init.write_text(whole.replace(caught, "throw $trouble;"))
    shop.execute("DROP TABLE custom_hde_shop_event")
    run = shop.runs(core, TOLD["accounts"])
    assert run.returncode == 255
    assert "the shop goes on" not in run.stdout
    if core == "old":
        shop.init.write_text(whole.replace("Query($query, true)", "Query($query)"))
        assert shop.runs(core, TOLD["accounts"]).stdout == "MySQL Query Error!", "the old class ends the page by itself"


DEADLOCK = """
// Another connection, heavier than the shop's, holds the end of our table and then wants what the shop holds.
$other = mysqli_init();
$other->real_connect(null, 'root', '', getenv('SHOP_SCHEMA'), 0, getenv('SHOP_SOCKET'));
sql('START TRANSACTION');
sql("UPDATE b_user SET NAME = 'taken' WHERE ID = 1");
$other->query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
$other->query('START TRANSACTION');
$other->query("UPDATE b_user SET NAME = 'heavy' WHERE ID > 10");
$other->query('SELECT * FROM custom_hde_shop_event FOR UPDATE');
$other->query('UPDATE b_user SET NAME = 1 WHERE ID = 1', MYSQLI_ASYNC);
usleep(300000);
%s
sql('COMMIT');
"""


@pytest.mark.parametrize("core", CORES)
def test_a_deadlock_reaches_the_shop_as_its_transaction_is_gone(shop: PhpShop, core: str) -> None:
    people = ", ".join(f"({i}, 'x')" for i in [1, *range(11, 200)])
    shop.execute(f"INSERT INTO b_user VALUES {people}")
    act = "$f = array('ID' => 1, 'RESULT' => true); told('main.OnAfterUserUpdate', $f);"
    run = shop.runs(core, DEADLOCK % act)
    assert run.returncode == 255
    assert "1213" in shop.log.read_text()
    assert "Uncaught" in run.stderr
    assert "the shop goes on" not in run.stdout

    # The control: swallowed, the shop goes on, and says it has saved what is gone.
    shop.init.write_text(shop.init.read_text().replace("throw $trouble;", ""))
    shop.goes_on(core, DEADLOCK % act)
    assert shop.ask("SELECT NAME FROM b_user WHERE ID = 1") != (("taken",),)


def test_the_handlers_may_be_there_twice(shop: PhpShop) -> None:
    shop.goes_on("new", f"require '{shop.init}'; {TOLD['accounts']}")
    assert len(shop.rows) == 4


def test_it_needs_no_newer_php_than_it_says(printed: str) -> None:
    """The syntax of 5.4: what came later is not in it, as no old PHP is at hand to ask."""
    code = "\n".join(line for line in printed.splitlines() if not line.strip().startswith("//"))
    for newer in (
        "::class",
        "finally",
        "?->",
        "??",
        "fn(",
        "fn (",
        " match(",
        "): ",
        "...",
        "yield",
        "use function",
        "=> [",
        "readonly",
        "|null",
    ):
        assert newer not in code, newer
    assert "https://shop.example" in printed


def test_what_php_has_told_is_a_job_soon_after(mariadb: MariaDB, schema: str, tmp_path: Path, printed: str) -> None:
    """From the shop's handler to the outbox, through the portal as it runs."""
    sessions = tmp_path / "sessions"
    sessions.mkdir()
    with stage(mariadb.url(schema), sessions) as portal:
        shop = PhpShop(mariadb, schema, tmp_path, printed)
        with TestClient(create_app(portal.settings), base_url=PUBLIC_URL) as client:
            assert client.get("/healthz").status_code == 200
            shop.goes_on("new", f"$f = array('ID' => {ANNA}, 'RESULT' => true); told('main.OnAfterUserUpdate', $f);")
            began = time.monotonic()
            while not (jobs := portal.execute("SELECT kind, payload, queue FROM custom_hde_outbox")):
                assert time.monotonic() - began < 20
                time.sleep(0.05)
    assert jobs == [(b"shop.contact", b'{"user": 7}', b"shop:7")]
    assert shop.rows == []
