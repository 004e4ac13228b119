"""The demo shop: its sessions are what real PHP reads, its sign-in lets in whom it should and sends nobody away."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from portal.database import Databases
from portal.sandbox import people, php_session
from portal.sandbox.people import ANNA, BORIS, NotOurs
from portal.sandbox.shop import Shop, create_app, local, signed_in
from portal.store import shop_events
from tests.conftest import MariaDB

PHP = shutil.which("php") or ""

READ = """
ini_set('session.serialize_handler', 'php');
ini_set('session.save_path', $argv[1]);
ini_set('session.use_strict_mode', '1');
session_id($argv[2]);
session_start(['read_and_close' => true, 'use_cookies' => false]);
echo json_encode(['id' => session_id(), 'data' => $_SESSION], JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION);
"""


@pytest.fixture(scope="module")
def furnished(mariadb: MariaDB) -> str:
    """The shop's tables, made once."""
    # A worker may be handed this module's tests in two goes.
    mariadb.execute("DROP DATABASE IF EXISTS demo_shop", "CREATE DATABASE demo_shop CHARACTER SET utf8mb4")
    with people.connect(mariadb.url("demo_shop")) as connection:
        people.move_in(connection)
    return mariadb.url("demo_shop")


@pytest.fixture
def shop(furnished: str, tmp_path: Path) -> Shop:
    return Shop(furnished, tmp_path / "sessions", tmp_path / "mail")


@pytest.fixture
def browser(shop: Shop) -> Iterator[TestClient[Any]]:
    with TestClient(create_app(shop), base_url="http://127.0.0.1") as client:
        client.follow_redirects = False
        yield client


def sign_in(browser: TestClient[Any], **form: str) -> Any:
    return browser.post("/auth/", data={"login": ANNA.login, "password": ANNA.password, **form})


def php_reads(folder: Path, session_id: str) -> Any:
    assert PHP, "php is not installed: run `make test`, which says how"
    done = subprocess.run(
        [PHP, "-n", "-r", READ, "--", str(folder), session_id], capture_output=True, text=True, check=True
    )
    read = json.loads(done.stdout)
    assert read["id"] == session_id, "PHP did not take this id"
    return read["data"]


def test_its_customers_have_signed_in_and_came_before_they_bought(furnished: str) -> None:
    """Or the operator's panel would call who signs in there a guest, and a customer since today."""
    with people.connect(furnished) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*), COUNT(u.LAST_LOGIN), SUM(u.DATE_REGISTER < "
            "(SELECT MIN(o.DATE_INSERT) FROM b_sale_order o WHERE o.USER_ID = u.ID)) FROM b_user u "
            f"WHERE u.ID IN ({ANNA.id}, {BORIS.id})"
        )
        assert cursor.fetchone() == (2, 2, 2)


def test_php_reads_the_session_that_the_shop_writes(shop: Shop, browser: TestClient[Any]) -> None:
    sign_in(browser)
    session = php_reads(shop.sessions, browser.cookies["PHPSESSID"])
    assert session["SESS_AUTH"]["EMAIL"] == ANNA.login
    assert json.loads(session["SESS_AUTH"]["CONTEXT"])["userId"] == ANNA.id
    assert session["SESS_IP"] == "testclient"
    assert {"AUTHORIZED", "USER_ID"}.isdisjoint(session["SESS_AUTH"]), "those are marks of the older core"


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, -7, 2**62, 0.5, 1e300, "", "Анна", 'quo"te;|}', ["a", ["b"]], {"7": "seven", "07": "text", "k": {"n": None}}],
)  # fmt: skip
def test_php_reads_every_kind_of_value(tmp_path: Path, value: php_session.Value) -> None:
    session_id = php_session.new_id()
    php_session.write(tmp_path, session_id, {"before": 1, "value": value, "after": "Ω"})
    assert php_reads(tmp_path, session_id) == {"before": 1, "value": value, "after": "Ω"}


def test_a_shorter_session_leaves_nothing_of_the_longer_one(tmp_path: Path) -> None:
    session_id = php_session.new_id()
    php_session.write(tmp_path, session_id, {"long": "x" * 1000})
    php_session.write(tmp_path, session_id, {"a": 1})
    assert php_session.path(tmp_path, session_id).read_bytes() == b"a|i:1;"
    assert php_session.path(tmp_path, session_id).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("session_id", ["", "short", "../../etc/passwd", "a" * 31 + "/", "a" * 31 + "\n"])
def test_an_id_that_php_would_refuse_names_no_file(tmp_path: Path, session_id: str) -> None:
    with pytest.raises(ValueError, match="not a session id"):
        php_session.path(tmp_path, session_id)


def test_anna_signs_in_and_comes_back_where_she_was_going(browser: TestClient[Any]) -> None:
    answer = sign_in(browser, backurl="/personal/requests/10482")
    assert (answer.status_code, answer.headers["location"]) == (303, "/personal/requests/10482")
    assert "Анна Смирнова" in browser.get("/personal/").text


@pytest.mark.parametrize("form", [{"password": "wrong"}, {"login": BORIS.login}, {"login": ""}, {"password": ""}])
def test_a_wrong_password_lets_nobody_in(browser: TestClient[Any], form: dict[str, str]) -> None:
    assert sign_in(browser, **form).status_code == 403
    assert browser.get("/personal/").headers["location"].startswith("/auth/")


def test_a_blocked_account_cannot_sign_in(shop: Shop, browser: TestClient[Any]) -> None:
    with people.connect(shop.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE b_user SET BLOCKED = 'Y' WHERE ID = %s", (BORIS.id,))
    assert sign_in(browser, login=BORIS.login, password=BORIS.password).status_code == 403


@pytest.mark.parametrize(
    "address",
    ["//evil.example/", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "", "/a b", "/x\n"],
)
def test_a_way_back_that_leaves_the_shop_is_not_taken(browser: TestClient[Any], address: str) -> None:
    assert local(address) == "/personal/"
    assert sign_in(browser, backurl=address).headers["location"] == "/personal/"


def test_signing_in_gives_a_new_session_and_the_old_one_is_gone(shop: Shop, browser: TestClient[Any]) -> None:
    browser.get("/")
    before = browser.cookies["PHPSESSID"]
    sign_in(browser)
    assert browser.cookies["PHPSESSID"] != before
    assert not php_session.path(shop.sessions, before).exists()


def test_a_session_id_of_the_visitors_own_making_is_not_taken(browser: TestClient[Any]) -> None:
    browser.cookies.set("PHPSESSID", "a" * 32)
    assert "a" * 32 not in browser.get("/").headers["set-cookie"]


def test_signing_out_needs_the_sessions_own_token(shop: Shop, browser: TestClient[Any]) -> None:
    sign_in(browser)
    browser.post("/auth/logout/", data={"sessid": "guessed"})
    assert browser.get("/personal/").status_code == 200
    session_id = browser.cookies["PHPSESSID"]
    token = php_reads(shop.sessions, session_id)["fixed_session_id"]
    browser.post("/auth/logout/", data={"sessid": token})
    assert browser.get("/personal/").status_code == 302
    assert not php_session.path(shop.sessions, session_id).exists()


def test_the_shop_started_again_knows_its_sessions(shop: Shop, browser: TestClient[Any]) -> None:
    sign_in(browser)
    with TestClient(create_app(shop), base_url="http://127.0.0.1", cookies=dict(browser.cookies)) as again:
        assert again.get("/personal/", follow_redirects=False).status_code == 200


def test_moving_in_twice_changes_nothing(shop: Shop) -> None:
    with people.connect(shop.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE b_user SET SECOND_NAME = 'Петровна' WHERE ID = %s", (ANNA.id,))
        people.move_in(connection)
        cursor.execute("SELECT SECOND_NAME FROM b_user WHERE ID = %s", (ANNA.id,))
        assert cursor.fetchall() == (("Петровна",),)


def test_the_demo_never_moves_into_a_real_shop(database_url: str) -> None:
    with people.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE b_user (ID int PRIMARY KEY, LOGIN varchar(50))")
        with pytest.raises(NotOurs):
            people.move_in(connection)
        cursor.execute("SHOW TABLES")
        assert cursor.fetchall() == (("b_user",),)


def test_the_session_says_who_it_is_in_one_place_only() -> None:
    auth = signed_in(ANNA.id, {"LOGIN": "l", "EMAIL": "e", "NAME": "n", "LAST_NAME": "m"})
    assert str(ANNA.id) not in json.dumps(
        {key: value for key, value in auth.items() if key not in ("CONTEXT", "POLICY")}
    )


def told(shop: Shop) -> list[tuple[str, int]]:
    """What the shop has told the portal."""
    with people.connect(shop.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT kind, object_id FROM custom_hde_shop_event ORDER BY id")
        return [(kind.decode(), object_id) for kind, object_id in cursor.fetchall()]


@pytest.fixture
def listening(shop: Shop) -> Iterator[Shop]:
    """The shop with the table that its handlers write to."""
    databases = Databases(shop.database_url)
    databases.run_here(shop_events.create)
    yield shop
    databases.run_here(lambda unit: unit.shop.exec_driver_sql("DROP TABLE custom_hde_shop_event"))
    databases.close()


def test_what_customers_change_is_told_to_the_portal(listening: Shop, browser: TestClient[Any]) -> None:
    answer = browser.post("/auth/register/", data={"email": "new@shop.example", "password": "new", "name": "Вера"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/personal/")
    page = browser.get("/personal/").text
    sessid = re.search(r'name="sessid" value="(\w+)"', page)[1]
    changed = {"sessid": sessid, "name": "Вера", "last_name": "Орлова", "phone": "+79001234567"}
    browser.post("/personal/", data=changed)
    assert "Вера Орлова" in browser.get("/personal/").text
    browser.post("/personal/", data=changed | {"sessid": "another's", "last_name": "Чужая"})
    assert "Вера Орлова" in browser.get("/personal/").text
    [(kind, new), again] = told(listening)
    assert (kind, again) == ("user", ("user", new))


def test_an_order_is_cancelled_by_whose_it_is(listening: Shop, browser: TestClient[Any]) -> None:
    sign_in(browser)
    page = browser.get("/personal/").text
    sessid = re.search(r'name="sessid" value="(\w+)"', page)[1]
    order = int(re.search(r'name="order" value="(\d+)"', page)[1])
    may = re.compile(rf'name="order" value="{order}">.*?aria-label="(\w+) ', re.S)
    seen = [may.search(page)[1]]
    for _ in range(2):
        browser.post("/personal/", data={"sessid": sessid, "order": str(order)})
        seen.append(may.search(browser.get("/personal/").text)[1])
    assert sorted(set(seen)) == ["Вернуть", "Отменить"]
    assert seen[0] == seen[2]
    browser.post("/auth/register/", data={"email": "stranger@shop.example", "password": "x", "name": "Чужой"})
    sessid = re.search(r'name="sessid" value="(\w+)"', browser.get("/personal/").text)[1]
    browser.post("/personal/", data={"sessid": sessid, "order": str(order)})
    assert [(kind, id) for kind, id in told(listening) if kind == "order"] == [("order", order)] * 2


def test_a_shop_that_has_no_such_table_goes_on(browser: TestClient[Any]) -> None:
    sign_in(browser)
    sessid = re.search(r'name="sessid" value="(\w+)"', browser.get("/personal/").text)[1]
    answer = browser.post("/personal/", data={"sessid": sessid, "name": "Анна", "last_name": "Смирнова"})
    assert answer.status_code == 303
