"""The printed PHP file, run by a real PHP in front of a stand-in for Bitrix's prolog."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.bitrix import whoami
from portal.bitrix.whoami import ShopAway, Whoami, whoami_file, whoami_secret
from tests.bitrix.world import ANNA, HOME, KEY, Shop, settings

PROLOG = """<?php
// What Bitrix would see: told to the test, and the user that the test has put into who.json.
$said = json_decode(file_get_contents(__DIR__ . '/who.json'), true);
class User {
    public function IsAuthorized() { return $GLOBALS['said']['id'] > 0; }
    public function GetID() { return (string) $GLOBALS['said']['id']; }
    public function GetParam($name) { return $GLOBALS['said'][$name] ?? null; }
    public function getContext() { return $this; }
    public function getApplicationId() { return $GLOBALS['said']['applicationId'] ?? null; }
    public function getApplicationPasswordId() { return $GLOBALS['said']['applicationPasswordId'] ?? null; }
}
$GLOBALS['USER'] = new User();
setcookie('PHPSESSID', 'renewed');
setcookie('BITRIX_SM_UIDH', 'again');
ob_start();
echo 'noise of the template';
file_put_contents(__DIR__ . '/seen.json', json_encode(['server' => $_SERVER, 'cookie' => $_COOKIE, 'constants' => get_defined_constants(true)['user']]));
"""


class PhpShop:
    """A docroot with the printed file, served by PHP."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("php")
        assert program, "php is not installed: run `make test`, which says how"
        self.include = folder / "bitrix/modules/main/include"
        self.include.mkdir(parents=True)
        (self.include / "prolog_before.php").write_text(PROLOG)
        (self.include / "epilog_after.php").write_text("<?php touch(__DIR__ . '/epilog');")
        (folder / "whoami.php").write_text(whoami_file([KEY, "o" * 32]))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [program, "-n", "-d", "display_errors=1", "-S", f"127.0.0.1:{self.port}", "-t", folder],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        self.setting = f"php:http://127.0.0.1:{self.port}/whoami.php"

    def is_(self, **said: Any) -> None:
        (self.include / "who.json").write_text(json.dumps(said))

    @property
    def seen(self) -> Any:
        return json.loads((self.include / "seen.json").read_bytes())


@pytest.fixture(scope="module")
def php_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhpShop]:
    made = PhpShop(tmp_path_factory.mktemp("whoami"))
    yield made
    made.process.terminate()
    made.process.wait()


def ask(php_shop: PhpShop, cookies: str = "PHPSESSID=x", **changed: Any) -> tuple[int, tuple[str, ...]]:
    return Whoami(settings(**{"sessions": php_shop.setting} | changed)).ask(cookies, HOME)


def test_bitrix_says_who_it_is_and_its_cookies_are_passed_on(php_shop: PhpShop) -> None:
    php_shop.is_(id=ANNA)
    user_id, set_cookies = ask(php_shop)
    assert user_id == ANNA
    assert set_cookies == ("PHPSESSID=renewed", "BITRIX_SM_UIDH=again")
    assert (php_shop.include / "epilog").exists(), "without it Bitrix would not send its own cookies"


def test_nobody_is_nobody(php_shop: PhpShop) -> None:
    php_shop.is_(id=0)
    assert ask(php_shop)[0] == 0


@pytest.mark.parametrize(
    "restricted", [{"APPLICATION_ID": "calendar"}, {"applicationId": "mobile"}, {"applicationPasswordId": 5}]
)
def test_application_passwords_are_nobody(php_shop: PhpShop, restricted: dict[str, Any]) -> None:
    php_shop.is_(id=ANNA, **restricted)
    assert ask(php_shop)[0] == 0


def test_bitrix_sees_the_visitor_and_not_the_portal(php_shop: PhpShop) -> None:
    php_shop.is_(id=ANNA)
    ask(php_shop, "PHPSESSID=a+b%20; BITRIX_SM_UIDL=\xd0\xb0")
    server = php_shop.seen["server"]
    assert [server[name] for name in ("REMOTE_ADDR", "HTTP_X_REAL_IP", "HTTP_HOST", "HTTPS")] == [
        HOME,
        HOME,
        "shop.example",
        "on",
    ]
    assert php_shop.seen["cookie"] == {"PHPSESSID": "a+b ", "BITRIX_SM_UIDL": "а"}
    constants = php_shop.seen["constants"]
    assert constants["NO_KEEP_STATISTIC"] is True
    assert constants["DisableEventsCheck"] is True
    assert "NOT_CHECK_PERMISSIONS" not in constants, "with it the remembered sign-in would not work"
    ask(php_shop, public_url="http://shop.example:8080")
    assert "HTTPS" not in php_shop.seen["server"]
    assert php_shop.seen["server"]["HTTP_HOST"] == "shop.example:8080"


def test_older_keys_open_too_and_others_do_not(php_shop: PhpShop) -> None:
    php_shop.is_(id=ANNA)
    assert ask(php_shop, secret_keys="o" * 32)[0] == ANNA
    with pytest.raises(ShopAway):
        ask(php_shop, secret_keys="z" * 32)


@pytest.mark.parametrize("secret", [None, "", "x", KEY, whoami_secret("z" * 32)])
def test_without_the_secret_nothing_of_bitrix_runs(php_shop: PhpShop, secret: str | None) -> None:
    seen = php_shop.include / "seen.json"
    seen.unlink(missing_ok=True)
    assert _get(php_shop, secret) == (404, b"")
    assert not seen.exists()
    assert _get(php_shop, whoami_secret(KEY))[0] == 200
    assert seen.exists()


def _get(php_shop: PhpShop, secret: str | None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", php_shop.port, timeout=5)
    connection.request("GET", "/whoami.php", headers={} if secret is None else {"X-Portal-Whoami": secret})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_caller_from_elsewhere_is_refused_even_with_the_secret(tmp_path: Path, php_shop: PhpShop) -> None:
    program = shutil.which("php")
    assert program
    (tmp_path / "whoami.php").write_text(whoami_file([KEY]))
    for address, told in (("198.51.100.1", ""), ("127.0.0.1", "reached")):
        code = (
            f"$_SERVER['HTTP_X_PORTAL_WHOAMI'] = '{whoami_secret(KEY)}'; $_SERVER['REMOTE_ADDR'] = '{address}';"
            f"$_SERVER['DOCUMENT_ROOT'] = '{tmp_path}'; include '{tmp_path}/whoami.php';"
        )
        (tmp_path / "bitrix/modules/main/include").mkdir(parents=True, exist_ok=True)
        (tmp_path / "bitrix/modules/main/include/prolog_before.php").write_text("<?php echo 'reached'; exit;")
        assert subprocess.run([program, "-n", "-r", code], check=True, capture_output=True, text=True).stdout == told


def test_printed_without_keys_the_file_says_so_and_opens_for_nobody(tmp_path: Path, php_shop: PhpShop) -> None:
    printed = whoami_file([])
    assert "PORTAL_SECRET_KEYS was not set" in printed
    (php_shop.include.parents[3] / "empty.php").write_text(printed)
    connection = http.client.HTTPConnection("127.0.0.1", php_shop.port, timeout=5)
    for secret in ("", whoami_secret("")):
        connection.request("GET", "/empty.php", headers={"X-Portal-Whoami": secret})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 404


def test_neither_the_key_nor_the_secret_is_in_the_file() -> None:
    printed = whoami_file([KEY])
    assert KEY not in printed
    assert whoami_secret(KEY) not in printed


def test_through_the_gate_b_user_decides_in_the_end(php_shop: PhpShop, shop: Shop) -> None:
    gate = shop.gate(php_shop.setting)
    php_shop.is_(id=ANNA)
    found = shop.sign_in(gate, "PHPSESSID=x")
    assert found
    assert (found.customer.id, found.set_cookies) == (ANNA, ("PHPSESSID=renewed", "BITRIX_SM_UIDH=again"))
    shop.execute(f"UPDATE b_user SET BLOCKED = 'Y' WHERE ID = {ANNA}")
    assert shop.sign_in(gate, "PHPSESSID=x") is None


def test_bitrix_is_not_asked_about_visitors_without_its_cookies(shop: Shop) -> None:
    gate = shop.gate("php:http://127.0.0.1:1/whoami.php")
    assert shop.sign_in(gate, "") is None
    assert shop.sign_in(gate, "_ga=1; BITRIX_SM_LOGIN=anna") is None
    for cookie in ("PHPSESSID", "BITRIX_SM_UIDH", "BITRIX_SM_kernel"):
        with pytest.raises(ShopAway):
            shop.sign_in(gate, f"{cookie}=x")


class Answers:
    """A server that gives one answer to every call."""

    def __init__(self, answer: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.setting = f"php:http://127.0.0.1:{self.listener.getsockname()[1]}/whoami.php"
        self.answer = answer
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        try:
            while True:
                connection, _ = self.listener.accept()
                connection.recv(65536)
                connection.sendall(self.answer)
                connection.close()
        except OSError:
            return


def _answer(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status.encode(), len(body), body)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"\xff" * 100, b"HTTP/1.1 200 OK\r\n\r\n", _answer(b""), _answer(b"<html>"), _answer(b"[]"), _answer(b"7"), _answer(b'{"id": "7"}'),
        _answer(b'{"id": true}'), _answer(b'{"id": -7}'), _answer(b'{"id": 7.0}'), _answer(b'{"id": null}'), _answer(b"{}"), _answer(b'{"id": 7', "200 OK"),
        _answer(b'{"id": 7}', "404 Not Found"), _answer(b'{"id": 7}', "302 Found"), _answer(b'{"id": 7}', "500 Oops"), _answer(b"[" * 10_000),
        _answer(b'{"id": 7, "x": "' + b"x" * whoami.MAX_ANSWER + b'"}'), b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b'{"id": 7',
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_not_signed_out_but_away(answer: bytes) -> None:
    server = Answers(answer)
    with pytest.raises(ShopAway):
        Whoami(settings(sessions=server.setting)).ask("PHPSESSID=x", HOME)
    server.listener.close()


def test_the_same_server_with_a_good_answer_is_understood() -> None:
    server = Answers(_answer(b'{"id": 7}'))
    assert Whoami(settings(sessions=server.setting)).ask("PHPSESSID=x", HOME) == (7, ())
    server.listener.close()


def test_a_shop_that_does_not_answer_costs_two_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = whoami.TIMEOUT_SECONDS
    assert patience <= 2
    monkeypatch.setattr(whoami, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(ShopAway):
            Whoami(settings(sessions=f"php:http://127.0.0.1:{silent.getsockname()[1]}/whoami.php")).ask(
                "PHPSESSID=x", HOME
            )
        assert time.monotonic() - began < patience


def test_a_slow_shop_leaves_threads_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whoami, "PLACE_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asked = Whoami(settings(sessions=f"php:http://127.0.0.1:{silent.getsockname()[1]}/whoami.php"))

        def ask() -> None:
            with pytest.raises(ShopAway):
                asked.ask("PHPSESSID=x", HOME)

        threads = [threading.Thread(target=ask) for _ in range(whoami.PLACES)]
        for thread in threads:
            thread.start()
        while asked._places._value:
            time.sleep(0.01)
        with pytest.raises(ShopAway, match="busy"):
            asked.ask("PHPSESSID=x", HOME)
        for thread in threads:
            thread.join()


def test_a_header_that_cannot_be_sent_is_nobody(php_shop: PhpShop) -> None:
    assert ask(php_shop, "PHPSESSID=x\r\nX-Portal-Visitor: 127.0.0.1") == (0, ())
