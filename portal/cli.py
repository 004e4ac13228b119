"""portal serve | worker | migrate | events | backfill | demo | sandbox | snippet: what the contract names, no more."""

from __future__ import annotations

import asyncio
import gc
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from portal import logs
from portal.cli_backfill import backfill
from portal.cli_events import events
from portal.config import PublicSettings, Settings
from portal.environment import S, load
from portal.errors import DatabaseAway, WrongSettings

DATABASE_AWAY, WRONG_SETTINGS = 1, 2
GRACE_SECONDS = 10
HEADER_BYTES = 64 * 1024
"""Bitrix's cookies can exceed the usual 8 KB (facts/bitrix.md §9)."""


@click.group()
def main() -> None:
    """My Requests: a customer portal between a 1C-Bitrix shop and a HelpDeskEddy help desk."""
    # The commands import what they need themselves: `portal --help` answers at once.
    logs.start()


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Web processes; they share budget and copies.")
@click.option("--no-worker", is_flag=True, help="Web alone; `portal worker` runs elsewhere.")
@click.option("--no-migrate", is_flag=True, help="The tables are there already.")
def serve(host: str, port: int, workers: int, no_worker: bool, no_migrate: bool) -> None:
    """Web and worker."""
    import uvicorn

    settings = _settings(Settings)
    if not no_migrate:
        _migrate(settings)
    _inspect(settings)
    config = uvicorn.Config(
        partial(_app, run_worker=not no_worker),
        factory=True,
        host=host,
        port=port,
        workers=workers,
        proxy_headers=False,  # the visitor's address is our own business: PORTAL_TRUSTED_PROXIES
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )
    server = uvicorn.Server(config)
    if workers == 1:
        server.run()
        return
    from uvicorn.supervisors import Multiprocess

    Multiprocess(config, sockets=[config.bind_socket()]).run()


def _app(*, run_worker: bool) -> object:
    """Built in each web process by itself: connections and threads do not survive a fork."""
    from portal.app import create_app

    logs.start()
    app = create_app(_settings(Settings), run_worker=run_worker)
    # What is there now stays to the end of the process: a full round of the collector through it would hold up every
    # answer under way (50 ms and more, seen in one pull of orders out of a hundred).
    gc.collect()
    gc.freeze()
    return app


@main.command()
def worker() -> None:
    """The worker alone."""
    from portal.app import run_worker_alone

    settings = _settings(Settings)
    _inspect(settings)
    _migrate(settings)
    asyncio.run(run_worker_alone(settings))


@main.command()
def migrate() -> None:
    """Create or upgrade our tables, custom_hde_*."""
    for name in _migrate(_settings(Settings)):
        click.echo(name)


main.add_command(events)
main.add_command(backfill)


@main.command()
@click.option("--port", default=8080, show_default=True)
@click.option("--check", is_flag=True, help="Walk the main job over HTTP on free ports; exit 0 if all holds.")
def demo(port: int, check: bool) -> None:
    """A demo shop, a demo help desk and the portal in front of both."""
    from portal.sandbox import demo as demonstration

    sys.exit(demonstration.run(port, check, Path(".demo")))


@main.group()
def sandbox() -> None:
    """Play a vendor's part."""


@sandbox.command("helpdesk")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8090, show_default=True)
def play_helpdesk(host: str, port: int) -> None:
    """The demo help desk alone: both dialects, and /_sandbox/ to direct it."""
    from portal.sandbox.helpdesk import State, seed_demo, serve

    state = State()
    seed_demo(state)
    click.echo(f"help desk: http://{host}:{port}/_sandbox/")
    serve(state, host, port)


@main.group()
def snippet() -> None:
    """Print what the shop's developer pastes."""


@snippet.command()
def nginx() -> None:
    """Every nginx location."""
    from portal import snippets

    settings = _settings(PublicSettings)
    click.echo(snippets.nginx(settings.public_url, settings.prefix))


@snippet.command()
def init() -> None:
    """The PHP handlers that tell of changes in the shop, for /local/php_interface/init.php."""
    from portal import snippets

    click.echo(snippets.init(_settings(PublicSettings).public_url))


@snippet.command()
def dispatcher() -> None:
    """The body of the help desk's dispatcher rules, and how to set them."""
    from portal import snippets

    click.echo(snippets.dispatcher(_settings(PublicSettings).public_url))


@snippet.command()
def plugin() -> None:
    """The help desk's plugin with the operator's panel: one HTML file."""
    from portal import snippets

    settings = _settings(PublicSettings)
    click.echo(snippets.plugin(settings.public_url, settings.prefix))


@snippet.command()
def order() -> None:
    """The PHP block for the shop's page of an order: open requests about it, and a link to ask."""
    from portal import snippets

    settings = _settings(PublicSettings)
    click.echo(snippets.order(settings.public_url, settings.prefix))


@snippet.command()
def admin() -> None:
    """The PHP page of the shop's admin that opens the operator's panel for an order."""
    from portal import snippets

    settings = _settings(PublicSettings)
    click.echo(snippets.admin(settings.public_url, settings.prefix))


@snippet.command()
def footer() -> None:
    """The widget's line for the footer of the site's template, and its PHP form."""
    from portal import snippets

    settings = _settings(PublicSettings)
    click.echo(snippets.footer(settings.prefix))
    if settings.secret_keys:
        keys = [key.get_secret_value() for key in settings.secret_keys]
        click.echo("Secret, and needed by the PHP form alone; for /bitrix/.settings.php of the shop:", err=True)
        click.echo(snippets.footer_key(keys), err=True)


@snippet.command()
def whoami() -> None:
    """The PHP file that tells who is signed in, for session stores that are not read directly."""
    from portal import snippets

    keys = [key.get_secret_value() for key in _settings(PublicSettings).secret_keys]
    if not keys:
        click.echo("PORTAL_SECRET_KEYS is not set: this file will answer to nobody", err=True)
    click.echo(snippets.whoami(keys))


def _settings(kind: type[S]) -> S:
    try:
        return load(kind)
    except WrongSettings as error:
        _refuse(error)


def _inspect(settings: Settings) -> None:
    """What only the shop's database, or a file, can tell of the settings is told before anything is served."""
    from portal.bitrix import tables
    from portal.bitrix.sessions import Gate
    from portal.database import Databases
    from portal.service import rules

    databases = Databases(settings.database_url.get_secret_value(), settings.state_url.get_secret_value())
    try:
        rules.of(settings)
        Gate(settings, databases.read_here(tables.inspect))
    except WrongSettings as error:
        _refuse(error)
    except DatabaseAway as error:
        _cannot_ask(error)
    finally:
        databases.close()


def _refuse(error: WrongSettings) -> NoReturn:
    for problem in error.problems:
        click.echo(problem, err=True)
    sys.exit(WRONG_SETTINGS)


def _cannot_ask(error: DatabaseAway) -> NoReturn:
    click.echo(f"PORTAL_DATABASE_URL: the database does not answer ({error})", err=True)
    sys.exit(DATABASE_AWAY)


def _migrate(settings: Settings) -> list[str]:
    from portal.database import Databases
    from portal.store.migrate import migrate as apply

    databases = Databases(settings.database_url.get_secret_value(), settings.state_url.get_secret_value())
    try:
        return apply(databases)
    except DatabaseAway as error:
        _cannot_ask(error)
    finally:
        databases.close()
