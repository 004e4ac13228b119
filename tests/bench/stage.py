"""The real parts: MariaDB, PHP session files, the sandbox help desk, php-fpm and portal behind one nginx."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from portal import assets, snippets
from portal.web.pages import icons
from tests.bench.cast import UNLIMITED, WARM_SECONDS, Shop
from tests.bench.processes import free_port, listens, running
from tests.bench.webhooks import SECRET
from tests.conftest import MariaDB

PREFIX = "/personal/requests"
PUBLIC_URL = "https://shop.example"
PANEL = "a-panel-secret-for-benchmarks"
DESK = "https://desk.example"
PHP = Path(__file__).with_name("php")
SPRITES = {
    "list": ("received", "in_progress", "waiting", "closed", "other", "back", "next", "mail", "away", "info"),
    "conversation": ("received", "in_progress", "waiting", "closed", "other", "back", "down", "file", "away"),
}


@dataclass(frozen=True)
class Served:
    """Something that serves pages: where, and the processes behind it (the database aside)."""

    address: str
    pids: tuple[int, ...]


@dataclass
class Stage:
    """What stands from the first figure to the last."""

    folder: Path
    shop: Shop
    mariadb: int
    helpdesk: str

    def environment(self, helpdesk: str, calls: int) -> dict[str, str]:
        """The portal's settings, with so many calls a minute; what is not told here keeps its default."""
        return {
            "PORTAL_DATABASE_URL": self.shop.database_url,
            "PORTAL_PUBLIC_URL": PUBLIC_URL,
            "PORTAL_SECRET_KEYS": "a-key-for-benchmarks-only",
            "PORTAL_SESSIONS": f"files://{self.shop.sessions}",
            "PORTAL_HDE_URL": f"{helpdesk}/api/v1",
            "PORTAL_HDE_TOKEN": "demo-token",
            "PORTAL_PANEL_SECRETS": PANEL,
            "PORTAL_HDE_ORIGIN": DESK,
            "PORTAL_HDE_RATE": str(calls),
            "PORTAL_CACHE_SECONDS": str(WARM_SECONDS),
            "PORTAL_WEBHOOK_SECRETS": SECRET,
        }

    @contextmanager
    def portal(
        self,
        *,
        workers: int = 1,
        strict: bool = False,
        helpdesk: str | None = None,
        calls: int = UNLIMITED,
        worker: bool = True,
    ) -> Iterator[Served]:
        """`portal serve`, or with `strict` the portal that remembers no visitor."""
        port = free_port()
        command = _python("-m", "tests.bench.serve", "strict") if strict else [_portal(), "serve"]
        log = self.folder / f"portal-{port}.log"
        command += ["--port", str(port), "--workers", str(workers), *([] if worker else ["--no-worker"])]
        with running(command, log, lambda: listens(port), self.environment(helpdesk or self.helpdesk, calls)) as pid:
            yield Served(f"http://127.0.0.1:{port}", (pid,))

    @contextmanager
    def constant(self, page: bytes) -> Iterator[Served]:
        """These bytes from the same server."""
        port, file = free_port(), self.folder / "constant.html"
        file.write_bytes(page)
        command = _python("-m", "tests.bench.serve", "constant", "--port", str(port))
        log = self.folder / "constant.log"
        with running(command, log, lambda: listens(port), {"BENCH_CONSTANT": str(file)}) as pid:
            yield Served(f"http://127.0.0.1:{port}", (pid,))

    @contextmanager
    def php(self, children: int) -> Iterator[tuple[Path, int]]:
        """php-fpm with opcache: the socket and the pid of the pool with so many children.

        `pm = static`: a pool that forks while it is measured would measure the fork.
        """
        socket = self.folder / f"php-{children}.sock"
        config = self.folder / f"php-{children}.conf"
        config.write_text(
            _FPM.format(log=self.folder / "php.log", socket=socket, children=children, sessions=self.shop.sessions)
        )
        root = ["-R"] if os.geteuid() == 0 else []
        command = [_program("php-fpm*"), "-F", *root, "-y", str(config)]
        with running(command, self.folder / f"php-{children}.out", socket.exists) as pid:
            yield socket, pid

    @contextmanager
    def behind_nginx(self, served: Served) -> Iterator[Served]:
        """A portal behind nginx, with the very locations that `portal snippet nginx` prints."""
        with self._nginx(snippets.nginx(PUBLIC_URL, PREFIX, served.address.removeprefix("http://"))) as front:
            yield Served(front.address, (*front.pids, *served.pids))

    @contextmanager
    def php_behind_nginx(self, children: int) -> Iterator[Served]:
        """The bare PHP component behind nginx."""
        pages = self.folder / "php"
        if not pages.exists():
            shutil.copytree(PHP, pages)
            (pages / "sprite.php").write_text(_sprite())
            (self.folder / "php-cache").mkdir()
        with self.php(children) as (socket, pid):
            dsn = f"mysql:unix_socket={self.folder / 'db/s'};dbname=shop;charset=utf8mb4"
            locations = _PHP_LOCATIONS.format(
                prefix=PREFIX,
                socket=socket,
                pages=pages,
                dsn=dsn,
                cache=self.folder / "php-cache",
                hde=f"{self.helpdesk}/api/v1",
                seconds=WARM_SECONDS,
            )
            with self._nginx(locations) as front:
                yield Served(front.address, (*front.pids, pid))

    @contextmanager
    def _nginx(self, locations: str) -> Iterator[Served]:
        port = free_port()
        home = self.folder / f"nginx-{port}"
        home.mkdir()
        user = "user root;" if os.geteuid() == 0 else ""
        (home / "nginx.conf").write_text(_NGINX.format(user=user, home=home, port=port, locations=locations))
        command = [_program("nginx"), "-p", str(home), "-c", "nginx.conf", "-e", str(home / "error.log")]
        with running(command, home / "out.log", lambda: listens(port)) as pid:
            yield Served(f"http://127.0.0.1:{port}", (pid,))


@contextmanager
def stage() -> Iterator[Stage]:
    """Database, help desk and session files, in a temporary folder; gone afterwards."""
    with ExitStack() as parts:
        folder = Path(tempfile.mkdtemp(prefix="portal-bench-"))
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        database = folder / "db"
        database.mkdir()
        mariadb = MariaDB(database)
        mariadb.start()
        parts.callback(mariadb.kill)
        mariadb.execute("CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        sessions = folder / "sessions"
        sessions.mkdir(mode=0o700)
        shop = Shop(mariadb.url("shop"), sessions)
        shop.open()
        helpdesk = parts.enter_context(help_desk(folder))
        assert mariadb.process
        yield Stage(folder, shop, mariadb.process.pid, helpdesk)


@contextmanager
def help_desk(folder: Path, *options: str) -> Iterator[str]:
    """The sandbox help desk in a process of its own; its address."""
    port = free_port()
    command = _python("-m", "tests.bench.helpdesk", "--port", str(port), *options)
    with running(command, folder / f"helpdesk-{port}.log", lambda: listens(port)):
        yield f"http://127.0.0.1:{port}"


def _python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def _portal() -> str:
    return str(Path(sys.executable).with_name("portal"))


def _program(pattern: str) -> str:
    """A program by its name; php-fpm carries its version in it."""
    for folder in [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/usr/local/sbin"]:
        for found in sorted(Path(folder or ".").glob(pattern), reverse=True):
            if os.access(found, os.X_OK):
                return str(found)
    sys.exit(f"{pattern} is not installed: tests/needs tells what is, and installs it for root")


def _sprite() -> str:
    """Our icons for the PHP pages, so that both send the same."""
    source = (assets.folder("static") / "icons.svg").read_text("utf-8")
    symbols = {page: re.sub(r"^<svg[^>]*>|</svg>$", "", str(icons(source, *names))) for page, names in SPRITES.items()}
    cases = "".join(f"'{page}' => '{drawn}', " for page, drawn in symbols.items())
    return f"<?php\nfunction sprite(string $page): string {{ return match ($page) {{ {cases} }}; }}\n"


_FPM = """
[global]
error_log = {log}
[www]
listen = {socket}
listen.mode = 0600
pm = static
pm.max_children = {children}
php_admin_flag[opcache.enable] = on
php_admin_flag[opcache.validate_timestamps] = off
php_admin_value[session.save_path] = {sessions}
php_admin_value[session.gc_probability] = 0
php_admin_value[date.timezone] = Europe/Moscow
php_admin_value[expose_php] = off
"""

_NGINX = """
{user}
daemon off;
worker_processes 2;
pid nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port};
        {locations}
    }}
}}
"""

_PHP_LOCATIONS = """
fastcgi_param REQUEST_METHOD $request_method;
fastcgi_param REQUEST_URI $request_uri;
fastcgi_param QUERY_STRING $query_string;
fastcgi_param SERVER_PROTOCOL $server_protocol;
fastcgi_param REMOTE_ADDR $remote_addr;
fastcgi_param BENCH_DSN "{dsn}";
fastcgi_param BENCH_CACHE "{cache}";
fastcgi_param BENCH_CACHE_SECONDS {seconds};
fastcgi_param BENCH_HDE "{hde}";
fastcgi_param BENCH_TICKET $ticket;
fastcgi_param SCRIPT_FILENAME "{pages}/$script.php";
fastcgi_buffers 8 32k;
set $ticket "";
set $script list;
location = {prefix}/ {{ fastcgi_pass unix:{socket}; }}
location ~ ^{prefix}/([0-9]+)$ {{ set $ticket $1; set $script conversation; fastcgi_pass unix:{socket}; }}
"""
