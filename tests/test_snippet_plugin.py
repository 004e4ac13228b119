"""The help desk's plugin: one file that holds no secret. What it does in a browser is in tests/browser/test_panel.py."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from portal import cli


def printed(monkeypatch: pytest.MonkeyPatch, **settings: str) -> str:
    for name, value in settings.items():
        monkeypatch.setenv(f"PORTAL_{name}", value)
    result = CliRunner().invoke(cli.main, ["snippet", "plugin"])
    assert result.exit_code == 0, result.output
    return result.output


def test_it_needs_the_shops_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = printed(monkeypatch, PUBLIC_URL="https://shop.example")
    assert 'var base = "https://shop.example";' in plugin and '"/personal/requests/panel"' in plugin
    elsewhere = printed(monkeypatch, PUBLIC_URL="https://shop.example", PREFIX="/help")
    assert 'base + "/help/panel"' in elsewhere and "/personal/" not in elsewhere


def test_it_is_one_file_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"SECRET_KEYS": "a-secret-key-of-tests", "PANEL_SECRETS": "a-panel-secret-of-tests"}
    plugin = printed(monkeypatch, PUBLIC_URL="https://shop.example", **secrets)
    assert not any(secret in plugin for secret in secrets.values())
    assert plugin.count("{{SECRET}}") == 1, "the help desk fills it in, and nothing else"
    assert re.findall(r"\{\{.*?\}\}|\{%.*?%\}", plugin) == ["{{SECRET}}"]
    assert plugin.startswith("<!doctype html>") and not re.search(r"\b(src|href)=", plugin)
