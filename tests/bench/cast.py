"""Who is on the stage of the benchmarks: regular customers, strangers, one with 2,500 requests, and a crowd."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from portal.database import Databases, Unit
from portal.sandbox import php_session, schema
from portal.sandbox.helpdesk import State, acts
from portal.store import links
from portal.store.migrate import migrate

REGULARS = range(101, 121)
"""Their pages are warm: 25 requests each, the newest a conversation of 12 messages."""
STRANGERS = range(201, 221)
"""Like them, but nobody has asked for their pages yet."""
BUSY = 301
"""One customer with 2,500 requests."""
LOYAL = 302
"""One with LOYAL_TICKETS requests and LOYAL_ORDERS orders, whom operators look at."""
CROWD = range(1001, 2001)

TICKETS = 25
FEW_TICKETS = 10
"""Of each of the crowd: the sandbox sorts all tickets for every list, and 1,000 lists are to be had in a minute."""
MANY_TICKETS = 2500
LOYAL_TICKETS = 100
LOYAL_ORDERS = 200
MESSAGES = 12
UNLIMITED = 6000
"""Calls a minute, the most that PORTAL_HDE_RATE takes: the budget is measured elsewhere."""
WARM_SECONDS = 900
"""How long both sides keep what the help desk told: no renewal shall fall into a round of one and not of the other."""

SUBJECT = "Где моя посылка? Жду третий день"
WORDS = "<p>Здравствуйте! Заказ А-1007 обещали ещё вчера, а в пункте выдачи его нет.</p><p>Проверьте, пожалуйста.</p>"


def email(user: int) -> str:
    return f"customer{user}@shop.example"


def helpdesk_for(customers: Sequence[int]) -> State:
    """A help desk with their tickets. The newest ticket of each has MESSAGES messages, the others two."""
    state = State()
    # Two help desks take turns behind one database: what is kept of one must not pass for the other's.
    state.last_id = 1_000_000 * customers[0]
    state.limit.per_minute = 10 * UNLIMITED
    operator = acts.add_contact(state, "ivan@helpdesk.example", "Иван", staff=True)
    now = time.time()
    for user in customers:
        contact = acts.add_contact(state, email(user), f"Покупатель {user}")
        tickets = {BUSY: MANY_TICKETS, LOYAL: LOYAL_TICKETS}.get(user, FEW_TICKETS if user in CROWD else TICKETS)
        for number in range(tickets):
            # Times within the last hours and days, so that the pages show all the ways of telling a time.
            age = (tickets - number) * 7 * 3600.0 - 5 * 3600
            ticket = acts.open_ticket(state, contact, SUBJECT, WORDS, "email", at=now - age)
            for place in range(1, MESSAGES if number == tickets - 1 else 2):
                acts.post(state, ticket, operator if place % 2 else contact, WORDS, at=now - age + 60 * place)
    return state


@dataclass(frozen=True)
class Shop:
    """The shop's side: a database and a folder of PHP sessions."""

    database_url: str
    sessions: Path

    def open(self) -> None:
        """Tables of both sides, the accounts, and the proof of each one's address."""
        databases = Databases(self.database_url)
        try:
            migrate(databases)
            databases.run_here(_fill)
        finally:
            databases.close()

    def execute(self, statement: str) -> None:
        """One statement, committed."""
        databases = Databases(self.database_url)
        try:
            databases.run_here(lambda unit: unit.state.exec_driver_sql(statement))
        finally:
            databases.close()

    def sign_in(self, user: int) -> str:
        """A session as Bitrix keeps it, about 2 KB; returns the Cookie header of the browser."""
        session_id = php_session.new_id()
        php_session.write(self.sessions, session_id, _session(user))
        return f"PHPSESSID={session_id}; BITRIX_SM_LOGIN=customer{user}; BITRIX_SM_SOUND_LOGIN_PLAYED=Y"


def _fill(unit: Unit) -> None:
    schema.create(unit.shop.exec_driver_sql, "new")
    users = [*REGULARS, *STRANGERS, BUSY, LOYAL, *CROWD]
    unit.shop.execute(
        text(
            "INSERT INTO b_user (ID, LOGIN, PASSWORD, ACTIVE, EMAIL, NAME, LAST_NAME, DATE_REGISTER, LID, LANGUAGE_ID) "
            "VALUES (:id, :login, '', 'Y', :email, 'Анна', 'Смирнова', NOW(), 's1', 'ru')"
        ),
        [{"id": user, "login": f"customer{user}", "email": email(user)} for user in users],
    )
    for user in users:
        links.prove(unit, user, email(user), "email-proof")


def _session(user: int) -> dict[str, php_session.Value]:
    """The auth array of a core of today (its CONTEXT tells who it is), and what a shop's pages leave beside it."""
    policy: php_session.Value = {
        "SESSION_TIMEOUT": 24,
        "SESSION_IP_MASK": "0.0.0.0",
        "MAX_STORE_NUM": 10,
        "STORE_IP_MASK": "0.0.0.0",
        "STORE_TIMEOUT": 60 * 24 * 365,
        "CHECKWORD_TIMEOUT": 60 * 24 * 365,
        "PASSWORD_LENGTH": 6,
        "PASSWORD_UPPERCASE": "N",
        "PASSWORD_DIGITS": "N",
        "LOGIN_ATTEMPTS": 0,
    }
    context: dict[str, object] = {
        "userId": user,
        "applicationId": None,
        "applicationPasswordId": None,
        "storedAuthId": None,
    }
    return {
        "fixed_session_id": "0123456789abcdef0123456789abcdef",
        "SESS_IP": "127.0.0.1",
        "SESS_TIME": int(time.time()),
        "SESS_AUTH": {
            "LOGIN": f"customer{user}",
            "EMAIL": email(user),
            "NAME": "Анна Смирнова",
            "FIRST_NAME": "Анна",
            "LAST_NAME": "Смирнова",
            "ADMIN": False,
            "POLICY": policy,
            "GROUPS": [2, 3, 5],
            "CONTEXT": json.dumps(context),
        },
        "SALE_USER_ID": user,
        "SALE_BASKET_NUM_PRODUCTS": {"s1": 2},
        "CATALOG_VIEWED": [
            {"ID": str(4000 + number), "NAME": "Кроссовки беговые", "AT": number} for number in range(12)
        ],
        "BX_SESSION_COUNTER": 17,
    }
