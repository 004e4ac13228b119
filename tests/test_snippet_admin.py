"""What `portal snippet admin` prints, run by a real PHP: it opens for whoever may see the order, and shows no secret."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from portal import cli, snippets
from tests.test_snippet_footer import _iconv, serialized

SECRET = "canary-secret-of-the-panel"
TOKEN = "WyJvcmRlciJd.aaaaaa.bbb_b-b"

CORE = r"""<?php
// The few things of the admin's core that the page asks for. Rights: what the shop's own pages ask before they show an order.
$said = unserialize(base64_decode($argv[1]));
define('LANGUAGE_ID', 'en');
if ($said['charset']) define('SITE_CHARSET', $said['charset']);
$_SERVER['DOCUMENT_ROOT'] = $said['root'];
$_SERVER['REQUEST_METHOD'] = $said['method'];
if ($said['id'] !== null) $_REQUEST['ID'] = $said['id'];
if ($said['array']) $_REQUEST['ID'] = array('1007');
if ($said['sessid']) $_REQUEST['sessid'] = $said['sessid'];
function check_bitrix_sessid() { return isset($_REQUEST['sessid']) && $_REQUEST['sessid'] === 'good'; }
function bitrix_sessid_post() { return '<input type="hidden" name="sessid" value="good" />'; }
class CModule { public static function IncludeModule($name) { return $name === 'sale'; } }
class CMain {
    public function GetGroupRight($module) { return $module === 'sale' ? $GLOBALS['said']['right'] : 'W'; }
    public function AuthForm($text) { echo "DENIED: $text"; }
    public function SetTitle($text) {}
}
class CUser {
    public function GetID() { return '5'; }
    public function GetLogin() { return $GLOBALS['said']['login']; }
    public function GetUserGroupArray() { return array(2, 8); }
}
$APPLICATION = new CMain();
$USER = new CUser();
require $said['root'] . '/core_' . $said['core'] . '.php';
require $said['root'] . '/admin.php';
"""
OLD = r"""<?php
class CSaleOrder {
    public static function GetByID($id) { return $id === 1007 ? array('ID' => '1007') : false; }
    public static function CanUserViewOrder($id, $groups, $user) { return $groups === array(2, 8) && $user === '5' && $GLOBALS['said']['sees']; }
}
"""
NEW = r"""<?php
namespace Bitrix\Main\Config {
    class Configuration { public static function getValue($name) { return $name === 'portal_panel_secret' ? $GLOBALS['said']['secret'] : null; } }
}
namespace Bitrix\Sale {
    class OrderStatus {
        public static function getStatusesUserCanDoOperations($user, $what) {
            return $user === '5' && $what === array('view') && $GLOBALS['said']['sees'] ? array('N', 'P') : array('F');
        }
    }
    class Order {
        public static function load($id) { return $id === 1007 ? new self() : null; }
        public function getField($name) {
            $fields = array('STATUS_ID' => 'N', 'RESPONSIBLE_ID' => $GLOBALS['said']['responsible'], 'COMPANY_ID' => $GLOBALS['said']['company']);
            return $fields[$name];
        }
    }
}
namespace Bitrix\Sale\Services\Company {
    class Manager { public static function getUserCompanyList($user) { return array('3'); } }
}
"""


class Portal:
    """Answers as POST /api/panel/links does, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answer: tuple[int, str] = (201, json.dumps({"url": "x", "token": TOKEN, "expires_at": "x"}))
        self.address = ""


@pytest.fixture
def portal() -> Iterator[Portal]:
    known = Portal()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            known.asked.append((self.path, self.headers["authorization"], json.loads(body)))
            status, told = known.answer
            self.send_response(status)
            if status == 302:
                self.send_header("location", "/elsewhere")
            self.end_headers()
            self.wfile.write(told.encode())

        def do_GET(self) -> None:
            known.asked.append((self.path, "", None))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    known.address = f"http://127.0.0.1:{server.server_port}"
    yield known
    server.shutdown()
    server.server_close()


def page(folder: Path, portal: Portal, *, core: str = "new", env: str = "", **said: Any) -> str:
    """What the operator's browser gets."""
    program = shutil.which("php")
    assert program, "php is not installed: run `make test`, which says how"
    include = folder / "bitrix/modules/main/include"
    include.mkdir(parents=True, exist_ok=True)
    for name in ("prolog_admin_before", "prolog_admin_after", "epilog_admin"):
        (include / f"{name}.php").write_text("")
    (folder / "shop.php").write_text(CORE)
    (folder / "core_old.php").write_text(OLD)
    (folder / "core_new.php").write_text(NEW)
    (folder / "admin.php").write_text(snippets.admin(portal.address, "/personal/requests"))
    told = {
        "root": str(folder), "method": "POST", "id": "1007", "array": 0, "sessid": "good", "right": "W", "login": "ivan", "core": core, "sees": 1,
        "responsible": "9", "company": "9", "secret": SECRET, "charset": "",
    } | said  # fmt: skip
    done = subprocess.run(
        [program, "-n", "-d", "display_errors=1", "-d", "error_reporting=-1", *_iconv(), folder / "shop.php", serialized(told)],
        capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]} | ({"PORTAL_PANEL_SECRET": env} if env else {}),
    )  # fmt: skip
    assert not re.search("warning|notice|deprecated|fatal", (done.stdout + done.stderr).lower()), done.stdout
    assert SECRET not in done.stdout
    return html.unescape(done.stdout)


def opens(shown: str) -> bool:
    return TOKEN in shown


def test_it_needs_the_address_alone_and_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_PUBLIC_URL", "https://shop.example")
    printed = CliRunner().invoke(cli.main, ["snippet", "admin"])
    assert printed.exit_code == 0 and printed.stdout.startswith("<?php") and printed.stdout.isascii()
    assert "https://shop.example/api/panel/links" in printed.stdout


@pytest.mark.parametrize(("core", "env"), [("old", SECRET), ("new", "")])
def test_an_operator_gets_a_link_for_this_order_in_a_form_that_sends_itself(
    tmp_path: Path, portal: Portal, core: str, env: str
) -> None:
    shown = page(tmp_path, portal, core=core, env=env)
    assert portal.asked == [
        ("/api/panel/links", f"Bearer {SECRET}", {"order_id": 1007, "operator": "shop 5 ivan"}),
    ]
    assert f'<form method="post" id="portal-order" action="{portal.address}/personal/requests/panel">' in shown
    assert f'<input type="hidden" name="token" value="{TOKEN}">' in shown
    assert '<input type="submit"' in shown and ".submit();" in shown
    assert "sessid" not in shown, "the shop's own number is sent to the shop alone"


@pytest.mark.parametrize("right", ["D", "", "A"])
@pytest.mark.parametrize("core", ["old", "new"])
def test_without_a_right_to_the_module_nothing_is_asked_or_shown(
    tmp_path: Path, portal: Portal, core: str, right: str
) -> None:
    shown = page(tmp_path, portal, core=core, env=SECRET, right=right)
    assert shown == "DENIED: Access denied" and portal.asked == []


@pytest.mark.parametrize("core", ["old", "new"])
@pytest.mark.parametrize(
    "said", [{"sees": 0}, {"id": "1008"}, {"id": None}, {"id": "0"}, {"id": "-1"}, {"id": "1007x"}, {"id": "01007"}, {"id": "1007\n"}, {"array": 1}]
)  # fmt: skip
def test_an_order_that_he_may_not_see_and_none_are_told_alike(
    tmp_path: Path, portal: Portal, core: str, said: dict[str, Any]
) -> None:
    shown = page(tmp_path, portal, core=core, env=SECRET, **said)
    assert "There is no such order, or you may not see it." in shown and "<form" not in shown and portal.asked == []


@pytest.mark.parametrize(
    ("said", "may"), [({}, False), ({"responsible": "5"}, True), ({"company": "3"}, True), ({"right": "U"}, True)]
)
def test_a_right_to_the_orders_of_his_company_opens_those(
    tmp_path: Path, portal: Portal, said: dict[str, str], may: bool
) -> None:
    assert opens(page(tmp_path, portal, **({"right": "P"} | said))) is may


@pytest.mark.parametrize(
    "said", [{"sessid": ""}, {"sessid": "bad"}, {"method": "GET"}, {"method": "GET", "sessid": ""}]
)
def test_another_site_cannot_make_him_look_somebody_up(tmp_path: Path, portal: Portal, said: dict[str, str]) -> None:
    shown = page(tmp_path, portal, **said)
    assert portal.asked == [] and not opens(shown)
    assert 'action="?ID=1007"' in shown and 'name="sessid"' in shown and ".submit()" not in shown


@pytest.mark.parametrize("secret", ["", "two words", "line\r\nX-Evil: 1", "п"])
def test_without_a_good_secret_it_says_what_is_missing(tmp_path: Path, portal: Portal, secret: str) -> None:
    shown = page(tmp_path, portal, secret=secret)
    assert "portal_panel_secret" in shown and "<form" not in shown and portal.asked == []


@pytest.mark.parametrize(
    "answer",
    [(401, '{"title": "Unauthorized", "status": 401}'), (404, "{}"), (503, ""), (201, "[]"), (201, "<p>"), (201, '{"token": 7}'), (302, ""),
     (201, '{"token": "\\"><script>alert(1)</script>"}'), (201, json.dumps({"token": "x" * 5000}))],
)  # fmt: skip
def test_a_portal_that_gives_no_token_is_told_as_such(tmp_path: Path, portal: Portal, answer: tuple[int, str]) -> None:
    portal.answer = answer
    shown = page(tmp_path, portal)
    assert "Try again in a minute." in shown and 'action="?ID=1007"' in shown and "alert" not in shown
    assert [path for path, *_ in portal.asked] == ["/api/panel/links"], "the secret follows no redirect"


def test_a_portal_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    away = Portal()
    away.address = "http://127.0.0.1:9"
    assert "Try again in a minute." in page(tmp_path, away)


@pytest.mark.parametrize(
    ("login", "charset", "told"),
    [("Иван".encode("cp1251"), "windows-1251", "shop 5 Иван"), ("_x\"'<>\n", "", "shop 5 _x"), (b"\xff", "", "shop 5"),
     ("i" * 300, "", "shop 5 " + "i" * 93), ("ivan@shop.example", "", "shop 5 ivan@shop.example")],
)  # fmt: skip
def test_whatever_his_login_is_the_portal_can_write_it_down(
    tmp_path: Path, portal: Portal, login: str | bytes, charset: str, told: str
) -> None:
    assert opens(page(tmp_path, portal, login=login, charset=charset))
    assert portal.asked[0][2]["operator"] == told
