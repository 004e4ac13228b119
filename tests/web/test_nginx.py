"""Behind a real nginx, with the stock locations of BitrixVM beside ours (facts: they are regular expressions)."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from portal import snippets
from portal.app import create_app
from portal.config import Settings
from portal.service import panel_doors
from portal.service.panel_doors import Link
from portal.web import intake
from portal.web.address import client_address
from tests.panel_stub import DESK, TOKENS, stubbed
from tests.stage import ANNA, Stage, stage

PREFIX = "/personal/requests"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""

STOCK = r"""
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 1024m;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header Host $host:80;
    proxy_set_header X-Stock yes;
    proxy_intercept_errors on;
    error_page 404 = @bitrix;
    add_header X-Frame-Options SAMEORIGIN;
    {snippet}
    location / {{ proxy_pass http://{bitrix}; }}
    location ~ \.php$ {{ proxy_pass http://{bitrix}; }}
    location ~ /$ {{ proxy_pass http://{bitrix}; }}
    location ~* \.(css|js|gif|png|jpg|jpeg|ico|svg|woff2?)$ {{ root {folder}; }}
    location ~* /\.ht {{ deny all; }}
    location ~* /\.\./ {{ deny all; }}
    location @bitrix {{ proxy_pass http://{bitrix}; }}
  }}
}}
"""


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def by(self) -> str:
        """Who answered: portal or bitrix."""
        return str(json.loads(self.body)["by"])


class Site:
    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.folder = folder

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            return Answer(connection.getresponse())
        finally:
            connection.close()


def echo(name: str) -> Any:
    """An application that says who it is and what it was told; answers 404 to …/missing."""
    trusted = Settings.model_fields["trusted_proxies"].default

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        visitor = client_address(scope["client"][0], headers, trusted)
        length = 0
        while (message := await receive())["type"] == "http.request":
            length += len(message["body"])
            if not message.get("more_body"):
                break
        told = {"by": name, "path": scope["path"], "headers": headers, "visitor": visitor, "length": length}
        status = 404 if scope["path"].endswith("/missing") else 200
        extra = [(b"x-frame-options", b"DENY")] if name == "portal" else []
        await send({"type": "http.response.start", "status": status, "headers": extra})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})

    return app


@contextmanager
def serving(app: Any, lifespan: str = "off") -> Iterator[str]:
    """The application on a free port, in a thread; yields host:port."""
    config = uvicorn.Config(
        app, log_level="warning", lifespan=lifespan, proxy_headers=False, timeout_graceful_shutdown=1
    )  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def behind_nginx(folder: Path, portal: str, bitrix: str) -> Iterator[Site]:
    """nginx with the stock locations and our printed file; unprivileged, all its files in `folder`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    snippet = folder / "portal.conf"
    snippet.write_text(snippets.nginx("https://shop.example", PREFIX, portal))
    config = folder / "nginx.conf"
    config.write_text(STOCK.format(folder=folder, port=port, bitrix=bitrix, snippet=f"include {snippet};"))
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(config), "-e", str(folder / "start.log")])
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            assert process.poll() is None, (folder / "start.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.02)
        yield Site(port, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    assert NGINX, "nginx is not installed: run `make test`, which says how"
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "logo.css").write_text("from the docroot")
    with (
        serving(echo("portal")) as portal,
        serving(echo("bitrix")) as bitrix,
        behind_nginx(folder, portal, bitrix) as it,
    ):
        yield it


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{PREFIX}/"),
        ("GET", f"{PREFIX}/10482"),
        ("GET", f"{PREFIX}/new?order=A-1007"),
        ("POST", f"{PREFIX}/10482/reply"),
        ("GET", f"{PREFIX}/order?number=A-1007%2F2"),
        ("GET", f"{PREFIX}/order.js"),
        ("GET", f"{PREFIX}/x.css"),
        ("GET", f"{PREFIX}/static/app.0a1b2c.js"),
        ("GET", f"{PREFIX}/index.php"),
        ("GET", f"{PREFIX}/.htaccess"),
        ("GET", f"{PREFIX}/10482/files/photo.jpg"),
        ("POST", f"{PREFIX}/panel"),
        ("GET", f"{PREFIX}/panel/a-token"),
        ("POST", "/api/hde-webhook"),
        ("POST", "/api/hde-webhook.php"),
        ("GET", "/api/orders/?user_id=123"),
        ("GET", "/api/orders/openapi.json"),
        ("POST", "/api/panel/links"),
    ],
)
def test_what_is_ours_reaches_the_portal(site: Site, method: str, path: str) -> None:
    answer = site.ask(method, path, b"{}" if method == "POST" else None)
    assert answer.by == "portal"
    assert json.loads(answer.body)["path"] == path.partition("?")[0]


@pytest.mark.parametrize(
    "path",
    ["/", "/personal/", "/personal/orders/", "/personal/requests-old/", "/personal/requestsx", "/auth/", "/index.php",
     "/api/", "/api/orders/1/", "/api/hde-webhook.php/x.php", "/healthz", "/readyz", "/metrics"],
)  # fmt: skip
def test_what_is_the_shops_stays_with_the_shop(site: Site, path: str) -> None:
    assert site.ask("GET", path).by == "bitrix"


def test_the_shops_own_files_still_come_from_its_docroot(site: Site) -> None:
    assert site.ask("GET", "/logo.css").body == b"from the docroot"


def test_without_the_snippet_the_stock_locations_take_what_is_ours(site: Site, tmp_path: Path) -> None:
    """The positive control: a plain prefix is not enough."""
    with serving(echo("portal")) as portal, serving(echo("bitrix")) as bitrix:
        (tmp_path / "plain").mkdir()
        original = snippets.nginx("https://shop.example", PREFIX, portal)
        plain = original.replace("location ^~ ", "location ").replace("location = /api", "location /api")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(snippets, "nginx", lambda *_: plain)
            with behind_nginx(tmp_path / "plain", portal, bitrix) as weak:
                assert weak.ask("POST", "/api/hde-webhook.php", b"{}").by == "bitrix"
                assert weak.ask("GET", f"{PREFIX}/").by == "bitrix"


def test_the_prefix_without_its_slash_is_sent_on_and_keeps_the_query(site: Site) -> None:
    answer = site.ask("GET", f"{PREFIX}?page=2")
    assert (answer.status, answer.headers["Location"]) == (301, f"{PREFIX}/?page=2")


@pytest.mark.parametrize(
    "path",
    [f"{PREFIX}/", f"{PREFIX}/panel/x", "/api/hde-webhook", "/api/hde-webhook.php", "/api/orders/", "/api/panel/links"],
)
def test_a_forged_address_changes_nothing(site: Site, path: str) -> None:
    told = json.loads(site.ask("GET", path, None, X_Forwarded_For="6.6.6.6, 7.7.7.7", X_Real_IP="6.6.6.6").body)
    assert told["visitor"] == "127.0.0.1"
    assert told["headers"]["x-real-ip"] == told["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert told["headers"]["x-forwarded-proto"] == "http"
    assert "6.6.6.6" not in json.dumps(told)


def test_the_stock_headers_would_let_a_forged_address_through(site: Site) -> None:
    """The positive control: what the server block sends to the shop does carry it."""
    told = json.loads(site.ask("GET", "/personal/", None, X_Forwarded_For="6.6.6.6").body)
    assert told["headers"]["x-forwarded-for"] == "6.6.6.6, 127.0.0.1"


def test_our_own_not_found_is_not_replaced_by_the_shops(site: Site) -> None:
    answer = site.ask("GET", f"{PREFIX}/missing")
    assert (answer.status, answer.by) == (404, "portal")


def test_security_headers_come_once_and_from_the_portal(site: Site) -> None:
    assert site.ask("GET", f"{PREFIX}/").headers.get_all("X-Frame-Options") == ["DENY"]
    assert site.ask("GET", "/personal/").headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]


def test_bodies_are_bounded_before_they_reach_the_portal(site: Site) -> None:
    assert site.ask("POST", "/api/hde-webhook", b"x" * (1 << 20)).status == 200
    assert site.ask("POST", "/api/hde-webhook", b"x" * ((1 << 20) + 1)).status == 413
    assert site.ask("POST", f"{PREFIX}/10482/reply", b"x" * (3 << 20)).status == 200


def test_more_files_than_allowed_still_reach_the_portal_which_gives_the_text_back(site: Site) -> None:
    told = json.loads(site.ask("POST", f"{PREFIX}/new", b"x" * (130 << 20)).body)
    assert (told["by"], told["length"]) == ("portal", 130 << 20)


def test_what_even_nginx_will_not_take_is_told_in_words(site: Site) -> None:
    refused = site.ask("POST", f"{PREFIX}/new", None, Content_Length=str(257 << 20))
    assert refused.status == 413 and "Вернитесь назад" in refused.body.decode() and "Go back" in refused.body.decode()
    assert refused.headers["Content-Type"] == "text/html; charset=utf-8"
    assert refused.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert intake.DRAIN_BYTES > (256 << 20), "whatever nginx lets through is read to its end"


def test_the_panels_token_is_not_in_the_access_log(site: Site) -> None:
    site.ask("GET", f"{PREFIX}/panel/very-secret-token")
    site.ask("GET", "/api/orders/?token=very-secret-token")
    site.ask("GET", f"{PREFIX}/seen-in-the-log")
    log = (site.folder / "access.log").read_text()
    assert "seen-in-the-log" in log
    assert "very-secret-token" not in log


def test_the_panel_comes_through_nginx_with_its_own_headers_and_leaves_no_token(
    tmp_path: Path, database_url: str
) -> None:
    (tmp_path / "sessions").mkdir()
    with stage(database_url, tmp_path / "sessions") as shop, stubbed(tmp_path / "templates") as panel:
        app = create_app(shop.settings_with(**panel), run_worker=False)
        with (
            serving(app, "on") as portal,
            serving(echo("bitrix")) as bitrix,
            behind_nginx(tmp_path, portal, bitrix) as it,
        ):
            by_form, by_path = (panel_doors.mint(TOKENS, Link("ivan", 10))[0] for _ in range(2))
            form = {"Content_Type": "application/x-www-form-urlencoded"}
            for answer in (
                it.ask("POST", f"{PREFIX}/panel", f"token={by_form}".encode(), **form),
                it.ask("GET", f"{PREFIX}/panel/{by_path}"),
            ):
                assert answer.status == 200 and b"ticket_id=10" in answer.body
                assert answer.headers.get_all("X-Frame-Options") is None, "the server block's own is not for the panel"
                (policy,) = answer.headers.get_all("Content-Security-Policy") or []
                assert f"frame-ancestors {DESK};" in policy
        written = "".join((tmp_path / name).read_text() for name in ("access.log", "error.log"))
        assert f"POST {PREFIX}/panel " in written
        assert by_form not in written and by_path not in written


def test_it_is_not_in_the_error_log_either_when_the_portal_is_away(tmp_path: Path) -> None:
    """Just then it is good: nobody has spent it."""
    with serving(echo("bitrix")) as bitrix, behind_nginx(tmp_path, "127.0.0.1:1", bitrix) as away:
        for path in (
            f"{PREFIX}/panel/very-secret-token",
            "/api/orders/?token=very-secret-token",
            f"{PREFIX}/told-there",
        ):
            assert away.ask("GET", path).status == 502
        log = (tmp_path / "error.log").read_text()
        assert "told-there" in log and "very-secret-token" not in log
        assert "very-secret-token" not in (tmp_path / "access.log").read_text()


def test_an_address_with_dots_does_not_leave_the_prefix(site: Site) -> None:
    assert site.ask("GET", f"{PREFIX}/../orders/").by == "bitrix"
    assert site.ask("GET", f"{PREFIX}/%2e%2e/orders/").by == "bitrix"


@contextmanager
def whole_portal(folder: Path, database_url: str) -> Iterator[tuple[Stage, Site]]:
    """nginx, the portal with everything it stands on, and a dummy shop."""
    (folder / "sessions").mkdir()
    with stage(database_url, folder / "sessions") as it:
        app = create_app(it.settings, run_worker=False, fresh_seconds=0)
        with (
            serving(app, "on") as portal,
            serving(echo("bitrix")) as bitrix,
            behind_nginx(folder, portal, bitrix) as site,
        ):
            yield it, site


def session_of_a_far_address(it: Stage) -> dict[str, str]:
    """Anna's session, begun at 6.6.6.6 under a policy that ties a session to its address."""
    cookie = it.sign_in(ANNA)
    file = it.sessions / f"sess_{cookie.partition('=')[2]}"
    auth = f'a:2:{{s:6:"POLICY";a:1:{{s:15:"SESSION_IP_MASK";s:15:"255.255.255.255";}}s:7:"CONTEXT";s:12:"{{"userId":{ANNA}}}";}}'
    file.write_text(f'SESS_AUTH|{auth}SESS_IP|s:7:"6.6.6.6";SESS_TIME|i:{int(time.time())};')
    return {"Cookie": cookie}


def test_the_whole_portal_answers_behind_nginx(tmp_path: Path, database_url: str) -> None:
    with whole_portal(tmp_path, database_url) as (it, site):
        out = site.ask("GET", f"{PREFIX}/")
        assert out.status == 302
        assert out.headers["Location"].startswith("/auth/?backurl=%2Fpersonal%2Frequests")
        page = site.ask("GET", f"{PREFIX}/", None, Cookie=it.sign_in(ANNA))
        assert page.status == 200
        style = re.search(rf'href="({PREFIX}/static/[\w.-]+\.css)"', page.body.decode())
        assert style
        assert site.ask("GET", style.group(1)).headers["Content-Type"].startswith("text/css")
        assert page.headers.get_all("X-Frame-Options") == ["DENY"]
        assert site.ask("GET", f"{PREFIX}/999").status == 302
        webhook = site.ask("POST", "/api/hde-webhook.php", b"{}", Content_Type="application/json")
        assert b'"by"' not in webhook.body, "the portal answers, whatever it answers yet"


def test_a_session_tied_to_an_address_is_not_opened_by_naming_that_address(tmp_path: Path, database_url: str) -> None:
    with whole_portal(tmp_path, database_url) as (it, site):
        anna = session_of_a_far_address(it)
        forged = {"X_Forwarded_For": "6.6.6.6", "X_Real_IP": "6.6.6.6"}
        assert site.ask("GET", f"{PREFIX}/", None, **anna, **forged).status == 302


def test_the_same_session_opens_at_its_own_address(tmp_path: Path, database_url: str) -> None:
    """The positive control: asked past nginx, by a proxy that is trusted, the named address counts."""
    with stage(database_url, tmp_path) as it, serving(create_app(it.settings, run_worker=False), "on") as portal:
        direct = Site(int(portal.rpartition(":")[2]), tmp_path)
        anna = session_of_a_far_address(it)
        assert direct.ask("GET", f"{PREFIX}/", None, **anna, X_Real_IP="6.6.6.6").status == 200
        assert direct.ask("GET", f"{PREFIX}/", None, **anna, X_Real_IP="7.7.7.7").status == 302
