"""The whole product on a stage: a shop's tables in MariaDB, PHP session files, a sandbox help desk, and the portal.

Anna (7) owns what is shown; Boris (8) must not see it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from litestar.testing import TestClient

from portal.app import create_app
from portal.config import Settings
from portal.database import Databases
from portal.sandbox import schema as shop
from portal.sandbox.helpdesk import State, running
from portal.sandbox.helpdesk.director import direct
from portal.sandbox.helpdesk.journal import Entry
from portal.store import links
from portal.store.migrate import migrate

ANNA, BORIS = 7, 8
EMAILS = {ANNA: "anna@shop.example", BORIS: "boris@shop.example"}
PUBLIC_URL = "https://shop.example"
PREFIX = "/personal/requests"


class Stage:
    """Everything the portal stands on, and the ways to act on it."""

    def __init__(self, database_url: str, sessions: Path, helpdesk: str, state: State, dialect: str = "v1") -> None:
        self.sessions = sessions
        self.state = state
        self.settings = Settings(
            database_url=database_url,
            public_url=PUBLIC_URL,
            secret_keys="a-key-for-tests-only",
            sessions=f"files://{sessions}",
            hde_url=f"{helpdesk}/api/{dialect}",
            hde_token="demo-token",
            hde_email="integration@helpdesk.example",
            hde_api_key="00000000-0000-4000-8000-000000000000",
            smtp_url="smtp://127.0.0.1:1",
            mail_from="Shop <shop@shop.example>",
            _env_file=None,
        )  # type: ignore[call-arg, arg-type]
        self.databases = Databases(database_url)
        migrate(self.databases)
        shop.create(self.execute, "new")
        for user, email in EMAILS.items():
            self.execute(
                "INSERT INTO b_user (ID, LOGIN, PASSWORD, ACTIVE, EMAIL, NAME, DATE_REGISTER) "
                f"VALUES ({user}, '{email}', '', 'Y', '{email}', '{email.split('@')[0].title()}', NOW())"
            )

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        return self.databases.run_here(lambda unit: _rows(unit.state.exec_driver_sql(statement.replace("%", "%%"))))

    def settings_with(self, **changes: object) -> Settings:
        return self.settings.model_copy(update=changes)

    def sign_in(self, user: int, **auth: object) -> str:
        """A session as PHP writes it; returns the Cookie header."""
        session = secrets.token_hex(16)
        context = f'{{"userId":{user}}}'
        fields = f's:7:"CONTEXT";s:{len(context)}:"{context}";'
        data = f'SESS_AUTH|a:1:{{{fields}}}SESS_TIME|i:{int(time.time())};fixed_session_id|s:4:"abcd";'
        (self.sessions / f"sess_{session}").write_text(data)
        return f"PHPSESSID={session}"

    def prove(self, user: int) -> None:
        self.databases.run_here(links.prove, user, EMAILS[user], "email-proof")

    def tell(self, name: str, **told: object) -> dict[str, Any]:
        """Direct the sandbox: an act of a customer or an operator, a fault, a limit."""
        return direct(self.state, name, told)

    def ticket(self, user: int, subject: str = "Where is my parcel?", text: str = "Hello", **more: object) -> int:
        """A ticket this customer wrote by e-mail."""
        return int(self.tell("customer/email", email=EMAILS[user], subject=subject, text=text, **more)["ticket_id"])

    def calls(self) -> int:
        """API calls that arrived at the help desk so far, but for the sweep's, which come by the clock."""
        return sum(entry.path.startswith("/api/") and not _is_sweep(entry) for entry in self.state.journal.entries)

    @contextmanager
    def client(self, user: int | None = None, **settings: object) -> Iterator[TestClient[Any]]:
        """A browser at the portal, signed in as `user` or not; follows no redirects."""
        app = create_app(self.settings_with(**settings), run_worker=False)
        with TestClient(app, base_url=PUBLIC_URL, raise_server_exceptions=False) as client:
            if user is not None:
                client.cookies.set("PHPSESSID", self.sign_in(user).partition("=")[2])
            client.follow_redirects = False
            yield client


def _rows(result: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in result] if result.returns_rows else []


@contextmanager
def stage(database_url: str, folder: Path, dialect: str = "v1") -> Iterator[Stage]:
    state = State()
    with running(state) as address:
        made = Stage(database_url, folder, address, state, dialect)
        try:
            yield made
        finally:
            made.databases.close()


__all__ = ["ANNA", "BORIS", "PREFIX", "PUBLIC_URL", "Stage", "stage"]


def _is_sweep(call: Entry) -> bool:
    """Everybody's tickets are asked for by nobody else."""
    return call.method == "GET" and call.path.rstrip("/").endswith("/tickets") and "user" not in call.query
