"""What `portal snippet admin` prints, run by a real PHP: it opens for whoever may see every order, and shows no secret."""

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
class Rows {
    private $rows;
    public function __construct($name, $values) { $this->rows = array_map(function ($value) use ($name) { return array($name => $value); }, $values); }
    public function Fetch() { return $this->rows ? array_shift($this->rows) : false; }
}
class CSite { public static function GetList(&$by, &$order, $filter = array()) { return new Rows('LID', array('s1', 's2')); } }
class CSaleGroupAccessToSite {
    public static function GetList($order, $filter, $group, $nav, $select) {
        return new Rows('SITE_ID', $filter === array('GROUP_ID' => array(2, 8)) && $GLOBALS['said']['sites'] ? explode(' ', $GLOBALS['said']['sites']) : array());
    }
}
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
}
"""
NEW = r"""<?php
namespace Bitrix\Main\Config {
    class Configuration { public static function getValue($name) { return $name === 'portal_panel_secret' ? $GLOBALS['said']['secret'] : null; } }
}
namespace Bitrix\Sale {
    class OrderStatus {
        public static function getStatusesUserCanDoOperations($user, $what) {
            return $user === '5' && $what === array('view') ? explode(' ', $GLOBALS['said']['statuses']) : array();
        }
        public static function getAllStatuses() { return array('N', 'P', 'F'); }
    }
    class Order {
        public static function load($id) { return $id === 1007 ? new self() : null; }
    }
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
        "root": str(folder), "method": "POST", "id": "1007", "array": 0, "sessid": "good", "right": "W", "login": "ivan", "core": core,
        "statuses": "F N P", "sites": "s1 s2", "secret": SECRET, "charset": "",
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


@pytest.mark.parametrize(
    ("said", "may"),
    [({}, True), ({"statuses": "N P"}, False), ({"statuses": "F"}, False), ({"sites": "s1"}, False), ({"sites": ""}, True), ({"right": "P"}, False),
     ({"right": "R"}, False), ({"core": "old"}, False), ({"core": "old", "right": "W"}, True), ({"right": "W", "statuses": "N", "sites": "s1"}, True)],
)  # fmt: skip
def test_who_may_see_some_of_the_orders_gets_no_panel_which_finds_any_customer(
    tmp_path: Path, portal: Portal, said: dict[str, str], may: bool
) -> None:
    shown = page(tmp_path, portal, env=SECRET, **({"right": "U"} | said))
    assert opens(shown) is may and bool(portal.asked) is may
    assert ("You may see only some of them." in shown) is not may and (may or "<form" not in shown)


@pytest.mark.parametrize("core", ["old", "new"])
@pytest.mark.parametrize(
    "said", [{"id": "1008"}, {"id": None}, {"id": "0"}, {"id": "-1"}, {"id": "1007x"}, {"id": "01007"}, {"id": "1007\n"}, {"array": 1}]
)  # fmt: skip
def test_an_order_that_is_not_there_is_told_as_such(
    tmp_path: Path, portal: Portal, core: str, said: dict[str, Any]
) -> None:
    shown = page(tmp_path, portal, core=core, env=SECRET, **said)
    assert "There is no such order." in shown and "<form" not in shown and portal.asked == []


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


MINUTE, MENDED = "Try again in a minute.", "Trying again will not help"


@pytest.mark.parametrize(
    ("answer", "manager", "developer"),
    [
        ((503, ""), MINUTE, "503; if it stays so, look into the log of the portal"),
        ((401, '{"title": "Unauthorized", "status": 401}'), "does not accept the secret", "401; portal_panel_secret on this server is none of PORTAL_PANEL_SECRETS"),
        ((404, '{"title": "Not Found", "status": 404, "detail": "the panel is off"}'), MENDED, "404; the panel is off: PORTAL_HDE_ORIGIN"),
        ((404, "<h1>404</h1>"), MENDED, '404; it is not the portal that answers: compare the locations with "portal snippet nginx"'),
        ((400, '{"title": "Bad Request", "status": 400}'), MENDED, '400; this file and the portal are of different versions'),
        ((302, ""), MENDED, "302; it is not the portal"),
        ((201, "[]"), MENDED, "201; it is not the portal"),
        ((200, "<p>"), MENDED, "200; it is not the portal"),
        ((201, '{"token": 7}'), MENDED, "201; "),
        ((201, '{"token": "\\"><script>alert(1)</script>"}'), MENDED, "201; "),
        ((201, json.dumps({"token": "x" * 5000})), MENDED, "201; "),
    ],
)  # fmt: skip
def test_without_a_token_it_says_why_and_what_is_to_be_mended(
    tmp_path: Path, portal: Portal, answer: tuple[int, str], manager: str, developer: str
) -> None:
    portal.answer = answer
    shown = page(tmp_path, portal)
    assert manager in shown and f"POST {portal.address}/api/panel/links: {developer}" in shown
    assert (MINUTE in shown) is (answer[0] >= 500) is not (MENDED in shown)
    assert 'action="?ID=1007"' in shown and "alert" not in shown
    assert [path for path, *_ in portal.asked] == ["/api/panel/links"], "the secret follows no redirect"


def test_a_portal_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    away = Portal()
    away.address = "http://127.0.0.1:9"
    shown = page(tmp_path, away)
    assert MINUTE in shown and "links: no answer; if it stays so, this server cannot reach that address" in shown


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
