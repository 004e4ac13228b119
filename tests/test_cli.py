"""What `portal serve` and `portal worker` say when they cannot start."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from portal.cli import main


@pytest.mark.parametrize("command", [["serve"], ["serve", "--no-migrate"], ["worker"]])
def test_a_database_that_is_away_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": "mysql+pymysql://portal@127.0.0.1:1/shop",
        "PUBLIC_URL": "https://shop.example",
        "SECRET_KEYS": "a-key-for-tests-only",
        "SESSIONS": f"files://{tmp_path}",
        "HDE_URL": "https://desk.example/api/v1",
        "HDE_TOKEN": "a-token",
    }.items():
        monkeypatch.setenv(f"PORTAL_{name}", value)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert result.output == "PORTAL_DATABASE_URL: the database does not answer (error 2003)\n"
