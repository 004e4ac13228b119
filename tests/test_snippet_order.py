"""What `portal snippet order` prints: a block that a real PHP runs, ASCII in any charset, the same for every visitor."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from portal import cli, snippets
from tests.test_snippet_footer import _iconv, serialized

PREFIX = "/personal/requests"
SHOP = r"""<?php
$said = unserialize(base64_decode($argv[1]));
if ($said['charset']) define('SITE_CHARSET', $said['charset']);
define('LANGUAGE_ID', $said['language']);
$arResult = array($said['key'] => $said['number']);
require $argv[2];
"""
BARE = "<?php\nrequire $argv[2];\n"


def page(
    folder: Path, number: str | bytes | int = "A-1007", *, shop: str = SHOP, key: str = "ACCOUNT_NUMBER", charset: str = "", language: str = "ru"
) -> str:  # fmt: skip
    program = shutil.which("php")
    assert program, "php is not installed: run `make test`, which says how"
    (folder / "shop.php").write_text(shop)
    (folder / "order.php").write_text(snippets.order("https://shop.example", PREFIX))
    told = serialized({"number": number, "key": key, "charset": charset, "language": language})
    done = subprocess.run(
        [program, "-n", "-d", "display_errors=1", "-d", "error_reporting=-1", *_iconv(), folder / "shop.php", told, folder / "order.php"],
        capture_output=True, check=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert not re.search(rb"warning|notice|deprecated|fatal", (done.stdout + done.stderr).lower())
    return done.stdout.decode("ascii")


def test_it_needs_the_address_alone_and_holds_no_word_that_a_charset_spoils(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_PUBLIC_URL", "https://shop.example")
    printed = CliRunner().invoke(cli.main, ["snippet", "order"])
    assert printed.exit_code == 0 and printed.stdout.startswith("<?php") and printed.stdout.isascii()
    assert printed.stdout.rstrip("\n") == snippets.order("https://shop.example", PREFIX).rstrip("\n")


def test_a_link_that_works_without_script_and_the_address_of_one_call(tmp_path: Path) -> None:
    assert page(tmp_path, language="en") == (
        f'<div class="portal-order" data-portal-order="{PREFIX}/order?number=A-1007">'
        f'<a data-ask href="{PREFIX}/new?order=A-1007">Ask about this order</a></div>\n'
        f'<script src="{PREFIX}/order.js" defer></script>\n'
    )
    assert "&#1057;&#1087;" in page(tmp_path), "Спросить"


@pytest.mark.parametrize(
    ("number", "charset", "told"),
    [
        ("А-1007/2", "", "%D0%90-1007%2F2"),
        ("А-1007".encode("cp1251"), "windows-1251", "%D0%90-1007"),
        ("A&amp;B", "", "A%26B"),
        ('"><script>alert(1)</script>', "", "%22%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E"),
        ("' onclick='x", "", "%27%20onclick%3D%27x"),
        ("?><?php echo 1 ?>", "", "%3F%3E%3C%3Fphp%20echo%201%20%3F%3E"),
        (1007, "", "1007"),
    ],
)
def test_whatever_a_number_is_it_stays_inside_its_address(
    tmp_path: Path, number: str | bytes | int, charset: str, told: str
) -> None:
    shown = page(tmp_path, number, charset=charset)
    assert shown.count("<script") == 1 and shown.count("<a ") == 1
    assert f'href="{PREFIX}/new?order={told}"' in shown and f'order?number={told}"' in shown


@pytest.mark.parametrize("number", ["", "  ", b"\xff\xfe"])
def test_without_a_number_there_is_no_block(tmp_path: Path, number: str | bytes) -> None:
    assert page(tmp_path, number).strip() == ""


def test_an_order_without_a_number_of_its_own_goes_by_its_id_and_a_page_without_an_order_has_no_block(
    tmp_path: Path,
) -> None:
    assert "order=1007" in page(tmp_path, 1007, key="ID")
    assert page(tmp_path, shop=BARE).strip() == ""
    assert page(tmp_path, shop=BARE + "require $argv[2];\n").strip() == "", "nothing is defined twice"
