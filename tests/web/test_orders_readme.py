"""What the README shows of the order pull does what it says, with a real curl and a real PHP."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from portal.app import create_app
from portal.web import openapi
from tests.stage import ANNA
from tests.web.test_nginx import serving
from tests.web.test_orders_api import SECRET, supplied

README = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")
SECTION = README.partition("## The order pull\n")[2].partition("\n## ")[0]


@pytest.fixture
def host(database_url: str, tmp_path: Path) -> Iterator[str]:
    with supplied(database_url, tmp_path) as shop:
        for id in range(40):
            shop.execute(
                "INSERT INTO b_sale_order (LID, PERSON_TYPE_ID, STATUS_ID, DATE_STATUS, PRICE, CURRENCY, USER_ID, DATE_INSERT, DATE_UPDATE) "
                f"VALUES ('s1', 1, 'N', NOW(), {id}, 'RUB', {ANNA}, '2020-01-01', '2026-11-24 15:00:00')"
            )
        app = create_app(shop.settings_with(panel_secrets=(SecretStr(SECRET),)), run_worker=False)
        with serving(app, "on") as address:
            yield address


def shown(language: str, host: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", SECTION, re.S)
    return str(code).replace("https://shop.example", f"http://{host}").replace("user_id=123", f"user_id={ANNA}")


def run(*command: str, secret: str = SECRET) -> str:
    assert shutil.which(command[0]), f"{command[0]} is not installed: run `make test`, which says how"
    env = {"PATH": os.environ["PATH"], "PANEL_SECRET": secret}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


def test_the_line_for_curl(host: str) -> None:
    assert json.loads(run("sh", "-c", shown("sh", host)))["user_id"] == ANNA
    assert json.loads(run("sh", "-c", shown("sh", host), secret="wrong"))["status"] == 401


def test_the_lines_of_php_go_through_all_pages(host: str, tmp_path: Path) -> None:
    (tmp_path / "pull.php").write_text(shown("php", host))
    php = ("php", "-n", "-d", "error_reporting=8191", "-d", "display_errors=1", str(tmp_path / "pull.php"))
    lines = run(*php).splitlines()
    assert len(lines) == len(set(lines)) == 44
    assert "А-1007 Выполнен 1690.00 RUB" in lines
    assert run(*php, secret="wrong") == "401 Unauthorized\n"


def test_the_figures_are_those_that_hold() -> None:
    told = (openapi.BY_SECRET, 6000, "two hundred", 200), (openapi.BY_TOKEN, 120, "twelve", 12)
    for pace, allowed, words, lease in told:
        assert (pace.allowed, pace.seconds, pace.lease) == (allowed, 60, lease)
        assert f"{allowed:,} times" in SECTION and words in SECTION
