"""Settings are told at once, by name, without values."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.config import Settings
from portal.environment import load
from portal.errors import WrongSettings
from portal.helpdesk import v1, v2

GOOD = {
    "PORTAL_DATABASE_URL": "mysql+pymysql://shop:canary-password@localhost/shop",
    "PORTAL_PUBLIC_URL": "https://shop.example",
    "PORTAL_SECRET_KEYS": "canary-key-canary-key",
    "PORTAL_SESSIONS": "files:///var/lib/php/sessions",
    "PORTAL_HDE_URL": "https://shop.helpdeskeddy.com/api/v2",
    "PORTAL_HDE_EMAIL": "integration@shop.example",
    "PORTAL_HDE_API_KEY": "canary-api-key",
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def problems() -> list[str]:
    with pytest.raises(WrongSettings) as caught:
        load(Settings)
    return caught.value.problems


def test_good_settings_load_and_show_no_secret_in_their_repr() -> None:
    settings = load(Settings)
    assert settings.dialect == "v2"
    assert "canary" not in repr(settings) + str(settings)


def test_everything_wrong_or_missing_is_told_at_once_by_name_and_without_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PORTAL_DATABASE_URL", "PORTAL_HDE_API_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_SECRET_KEYS", "canary")
    monkeypatch.setenv("PORTAL_HDE_RATE", "canary")
    monkeypatch.setenv("PORTAL_TIMEZONE", "canary/canary")
    monkeypatch.setenv("PORTAL_HDE_TOKEN_FILE", "/canary/of/a/missing/file")
    monkeypatch.setenv("PORTAL_TRUSTED_PROXIES", "canary")
    told = problems()
    for name in ("DATABASE_URL", "SECRET_KEYS", "HDE_RATE", "TIMEZONE", "HDE_API_KEY", "HDE_TOKEN_FILE"):
        assert any(problem.startswith(f"PORTAL_{name} ") for problem in told), name
    assert "canary" not in " ".join(told)


@pytest.mark.parametrize("store", ["redis://127.0.0.1", "memcache://127.0.0.1", "cookies:"])
def test_a_session_store_not_read_directly_yet_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    monkeypatch.setenv("PORTAL_SESSIONS", store)
    (told,) = problems()
    assert "PORTAL_SESSIONS" in told and "portal snippet whoami" in told


@pytest.mark.parametrize(
    "store", ["files:///tmp/s", "files://2;/tmp/s", "files://2;0600;/tmp/s", "database:", "security:"]
)
def test_session_stores_that_are_read_are_taken(monkeypatch: pytest.MonkeyPatch, store: str) -> None:
    monkeypatch.setenv("PORTAL_SESSIONS", store)
    assert load(Settings).sessions == store


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_PUBLIC_URL", "shop.example"),
        ("PORTAL_PUBLIC_URL", "https://shop.example/path"),
        ("PORTAL_HDE_URL", "https://shop.helpdeskeddy.com/"),
        ("PORTAL_HDE_URL", "https://user:canary@shop.helpdeskeddy.com/api/v2"),
        ("PORTAL_PREFIX", "personal"),
        ("PORTAL_PREFIX", "/a/../b"),
        ("PORTAL_LOGIN_URL", "//evil.example"),
        ("PORTAL_LOGIN_URL", "javascript:alert(1)"),
        ("PORTAL_DATABASE_URL", "sqlite://"),
        ("PORTAL_SESSIONS", "files://relative"),
        ("PORTAL_TRUSTED_PROXIES", "localhost"),
        ("PORTAL_LOCALE", "fr"),
        ("PORTAL_CACHE_SECONDS", "0"),
        ("PORTAL_WIDGET", "kb"),
        ("PORTAL_WIDGET_SCRIPT", "javascript:alert(1)"),
        ("PORTAL_WIDGET_SCRIPT", "contact-widget.js"),
        ("PORTAL_WIDGET_SCRIPT", "https://"),
        ("PORTAL_WIDGET_SCRIPT", "/\\\\evil.example/w.js"),
        ("PORTAL_WIDGET_SCRIPT", 'https://cdn.example/"><script>'),
    ],
)
def test_each_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert [problem.split()[0] for problem in problems()] == [name]


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("canary-key-from-a-file\n")
    monkeypatch.delenv("PORTAL_SECRET_KEYS")
    monkeypatch.setenv("PORTAL_SECRET_KEYS_FILE", str(tmp_path / "key"))
    assert [key.get_secret_value() for key in load(Settings).secret_keys] == ["canary-key-from-a-file"]


def test_the_environment_goes_before_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORTAL_LOCALE=en\nPORTAL_PREFIX=/from/file\n")
    monkeypatch.setenv("PORTAL_PREFIX", "/from/environment/")
    settings = load(Settings)
    assert (settings.locale, settings.prefix) == ("en", "/from/environment")


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_each_dialect_takes_whichever_credentials_are_set(monkeypatch: pytest.MonkeyPatch, dialect: str) -> None:
    speaks = {"v1": v1, "v2": v2}[dialect]
    assert speaks.authorization(load(Settings)).startswith("Basic ")
    for name in ("PORTAL_HDE_EMAIL", "PORTAL_HDE_API_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORTAL_HDE_TOKEN", "token")
    assert speaks.authorization(load(Settings)) == "Bearer token"


@pytest.mark.parametrize(
    "address", ["//cdn5.helpdeskeddy.com//js/contact-widget.js", "https://help.shop.example/w.js?v=1", "/local/w.js"]
)
def test_a_widgets_script_may_be_anywhere_a_page_can_load_it_from(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("PORTAL_WIDGET", "contact")
    monkeypatch.setenv("PORTAL_WIDGET_SCRIPT", address)
    assert (load(Settings).widget, load(Settings).widget_script) == ("contact", address)


@pytest.mark.parametrize(
    ("value", "good"),
    [("/frame/", True), ("https://shop.example/frame", True), ("http://127.0.0.1:81/f", True), ("", True), ("frame", False),
     ("//evil.example/", False), ("file:///etc/passwd", False), ("https://a@b.example/", False),
     ("/personal/requests", False), ("/personal/requests/new", False), ("https://shop.example/personal/requests/", False),
     ("/personal/requests-frame", True)],
)  # fmt: skip
def test_the_frame_is_a_page_of_the_shop_and_not_of_ours(
    monkeypatch: pytest.MonkeyPatch, value: str, good: bool
) -> None:
    monkeypatch.setenv("PORTAL_FRAME_URL", value)
    if good:
        assert load(Settings).frame_url == value
    else:
        assert [problem.split()[0] for problem in problems()] == ["PORTAL_FRAME_URL"]
