"""What `portal snippet footer` prints: a line for everybody, and PHP that a real PHP runs."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from portal import snippets
from portal.service import widget
from portal.tokens import Tokens

KEY = "canary-key-of-this-shop"
LINE = '<script src="/personal/requests/widget.js" defer></script>'

SHOP = r"""<?php
namespace Bitrix\Main\Page {
    // Keeps for everybody what stands outside a frame, as composite does.
    class FrameHelper {
        public function __construct($id) {}
        public function begin() { ob_start(); }
        public function beginStub() { echo 'DYNAMIC:' . json_encode(ob_get_clean()) . "\n"; ob_start(); }
        public function end() { echo 'STUB:' . json_encode(ob_get_clean()) . "\n"; }
    }
}
namespace Bitrix\Main\Config {
    class Configuration { public static function getValue($name) { return $GLOBALS['said'][$name] ?? null; } }
}
namespace {
    $said = unserialize(base64_decode($argv[1]));
    if ($said['charset']) define('SITE_CHARSET', $said['charset']);
    class User {
        public function IsAuthorized() { return $GLOBALS['said']['id'] > 0; }
        public function GetID() { return (string) $GLOBALS['said']['id']; }
        public function GetEmail() { return $GLOBALS['said']['email']; }
        public function GetFullName() { return $GLOBALS['said']['name']; }
    }
    $USER = new User();
    require $argv[2];
}
"""
BARE = "<?php\n$USER = null;\nrequire $argv[2];\n"


def printed() -> str:
    """The PHP form."""
    return "<?php" + snippets.footer("/personal/requests").partition("<?php")[2]


def php(
    folder: Path, *, shop: str = SHOP, env: str = "", key: str | None = None, form: str = "", **said: Any
) -> subprocess.CompletedProcess[str]:
    """The page that PHP makes of the printed form."""
    program = shutil.which("php")
    assert program, "php is not installed: run `make test`, which says how"
    (folder / "shop.php").write_text(shop)
    (folder / "footer.php").write_text(form or printed())
    told = {"id": 7, "email": "anna@shop.example", "name": "Anna", "charset": "", "portal_widget_key": key} | said
    return subprocess.run(
        [program, "-n", "-d", "display_errors=1", "-d", "error_reporting=-1", *_iconv(), folder / "shop.php", serialized(told), folder / "footer.php"],
        capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]} | ({"PORTAL_WIDGET_KEY": env} if env else {}),
    )  # fmt: skip


def _iconv() -> list[str]:
    """`php -n` reads no configuration, so an extension that is a file of its own has to be named."""
    return ["-d", "extension=iconv"] if _is_shared("iconv") else []


def _is_shared(name: str) -> bool:
    told = subprocess.run(["php", "-n", "-m"], capture_output=True, text=True, check=True).stdout
    return name not in told.split()


def serialized(said: dict[str, Any]) -> str:
    """PHP's own format, as it carries bytes that are no text."""

    def one(value: Any) -> bytes:
        if value is None:
            return b"N;"
        if isinstance(value, int):
            return b"i:%d;" % value
        raw = value if isinstance(value, bytes) else value.encode()
        return b's:%d:"%s";' % (len(raw), raw)

    pairs = b"".join(one(name) + one(value) for name, value in said.items())
    return base64.b64encode(b"a:%d:{%s}" % (len(said), pairs)).decode()


def dynamic(page: str) -> str:
    (found,) = re.findall(r"^DYNAMIC:(.*)$", page, re.M)
    return str(json.loads(found))


def config(page: str) -> Any:
    (found,) = re.findall(r"<script>window\.HDE_CONFIG = (.*?);</script>", page)
    return json.loads(found)


SIGNING = widget.signing_key(Tokens([KEY]))


def command(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.argv = ['portal', 'snippet', 'footer']; from portal.cli import main; main()"
    told = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(snippets.__file__).parent.parent)} | env
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=told, capture_output=True, text=True, check=True
    )


def test_the_line_is_one_the_same_for_everyone_and_needs_the_address_alone(tmp_path: Path) -> None:
    done = command(tmp_path, PORTAL_PUBLIC_URL="https://shop.example")
    lines = done.stdout.splitlines()
    assert lines[:2] == [LINE, ""] and "<?php" in lines and done.stdout.rstrip().endswith("?>")
    assert done.stderr == ""


def test_the_key_is_told_beside_where_it_is_known_and_is_none_of_the_portals_own(tmp_path: Path) -> None:
    without = command(tmp_path, PORTAL_PUBLIC_URL="https://shop.example")
    done = command(
        tmp_path, PORTAL_PUBLIC_URL="https://shop.example", PORTAL_SECRET_KEYS=f"{KEY},another-key-of-the-past"
    )
    assert done.stdout == without.stdout, "what is pasted holds no secret"
    assert SIGNING in done.stderr and "canary" not in done.stderr
    assert Tokens([SIGNING]).open_dated("widget", widget.mint(Tokens([KEY]), 7)) is None


@pytest.mark.parametrize("place", ["environment", "settings"])
def test_php_tells_the_same_as_the_portal_and_its_token_verifies(tmp_path: Path, place: str) -> None:
    page = php(tmp_path, **({"env": SIGNING} if place == "environment" else {"key": SIGNING})).stdout
    told = config(dynamic(page))
    assert (told["user_email"], told["user_name"]) == ("anna@shop.example", "Anna")
    assert set(told["custom_fields"]) == {"bitrix_user_id", "portal_token"}
    assert told["custom_fields"]["bitrix_user_id"] == "7"
    found = Tokens([KEY]).open_dated("widget", told["custom_fields"]["portal_token"])
    assert found
    user, jti, signed_at = found
    assert user == "7" and re.fullmatch("[0-9a-f]{32}", jti)
    assert abs(datetime.now(UTC) - signed_at) < timedelta(seconds=30)
    assert Tokens([KEY]).open("form", told["custom_fields"]["portal_token"], 3600) is None
    assert widget._check(Tokens([KEY]), told["custom_fields"]["portal_token"], datetime.now(UTC)) == (7, jti)


def test_what_composite_keeps_says_nothing_of_anybody(tmp_path: Path) -> None:
    page = php(tmp_path, key=SIGNING).stdout
    kept = re.sub(r"^DYNAMIC:.*$", "", page, flags=re.M)
    assert "anna" in dynamic(page), "the control"
    assert kept.strip() == 'STUB:""'


@pytest.mark.parametrize("said", [{"id": 0}, {"key": None}, {"key": "short"}, {"key": SIGNING.upper()}, {"key": KEY}])
def test_signed_out_or_without_a_good_key_only_the_line_is_printed(tmp_path: Path, said: dict[str, Any]) -> None:
    assert dynamic(php(tmp_path, **{"key": SIGNING, **said}).stdout).strip() == LINE


def test_a_core_without_composite_and_a_page_without_a_user_get_the_line(tmp_path: Path) -> None:
    assert php(tmp_path, shop=BARE, env=SIGNING).stdout.strip() == LINE


HOSTILE: dict[str, str | bytes] = {
    "ends the script": "</script><script>alert(1)</script>",
    "ends it in capitals": "</SCRIPT ><img src=x onerror=alert(1)>",
    "opens a comment": "<!--<script>",
    "quotes": "\"';alert(1)//",
    "backslash": "\\\";alert(1)//\\",
    "line ends": "a\r\nb",
    "line separators": "a\u2028b\u2029c",
    "ampersand": "&quot;&lt;/script&gt;",
    "nul": "a\x00b",
    "template": "${alert(1)}`{{7*7}}",
    "php": "?><?php echo 1 ?>",
    "emoji": "Аня 🫖",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_no_name_breaks_out(tmp_path: Path, name: str) -> None:
    page = dynamic(php(tmp_path, key=SIGNING, name=name, email=f"{name}@x").stdout)
    told = config(page)
    assert (told["user_name"], told["user_email"]) == (name, f"{name}@x")
    inside = page.removeprefix("<script>").partition("</script>")[0]
    assert not re.search(r"[<>&'\u0080-\U0010ffff\r\n\x00]", inside), inside
    assert page.count("<script") == page.count("</script>") == 2


def test_the_same_names_break_out_where_nobody_escapes_them(tmp_path: Path) -> None:
    """The positive control."""
    form = re.sub(r"JSON_HEX_TAG.*?JSON_HEX_QUOT", "JSON_UNESCAPED_SLASHES", printed())
    page = dynamic(php(tmp_path, form=form, key=SIGNING, name=HOSTILE["ends the script"]).stdout)
    assert "</script><script>alert(1)</script>" in page


@pytest.mark.parametrize("raw", [b"\xc3\x28", b"\xff\xfe</script>", b"\xe2\x80", b"a\xed\xa0\x80b"])
def test_what_is_not_utf_8_is_left_out_and_the_rest_is_told(tmp_path: Path, raw: bytes) -> None:
    told = config(dynamic(php(tmp_path, key=SIGNING, name=raw).stdout))
    assert (told["user_name"], told["user_email"]) == ("", "anna@shop.example")
    assert widget._check(Tokens([KEY]), told["custom_fields"]["portal_token"], datetime.now(UTC))


def test_a_shop_in_windows_1251_tells_names_right(tmp_path: Path) -> None:
    page = php(tmp_path, key=SIGNING, name="Анна Чай".encode("cp1251"), charset="windows-1251")
    assert config(dynamic(page.stdout))["user_name"] == "Анна Чай"


def test_php_has_nothing_to_complain_of(tmp_path: Path) -> None:
    done = php(tmp_path, key=SIGNING)
    assert not re.search("warning|notice|deprecated|fatal", (done.stdout + done.stderr).lower())


def test_a_footer_included_twice_defines_nothing_twice(tmp_path: Path) -> None:
    page = php(tmp_path, shop=BARE + "require $argv[2];\n").stdout
    assert page.split() == (LINE + " " + LINE).split()
