"""The shop of these tests: its tables in both generations, Anna and Boris, and sessions as Bitrix writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from portal.bitrix import tables
from portal.bitrix.sessions import Gate, SignedIn
from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.database import Databases, Unit

ANNA = 1_234_567
BORIS = 8_901_234
"""Far from Anna's id: no single change of a digit makes one of the other."""

NOW = 1_795_478_400.0
HOME = "203.0.113.7"
SID = "abcdefghijklmnopqrstuvwxyz012345"
KEY = "k" * 32


class Shop:
    """One shop's database; what a test puts into it is gone after the test."""

    def __init__(self, url: str, generation: str) -> None:
        self.url, self.generation = url, generation
        self.databases = Databases(url)
        self.shape: Shape = self.read(tables.inspect)

    def read(self, work: Callable[..., Any], *args: Any) -> Any:
        return self.databases.read_here(work, *args)

    def execute(self, statement: str, **values: Any) -> None:
        def work(unit: Unit) -> None:
            unit.shop.execute(text(statement), values)

        self.databases.run_here(work)

    def insert(self, table: str, **row: Any) -> None:
        raw = {name: value for name, value in row.items() if isinstance(value, Sql)}
        values = ", ".join(str(raw[name]) if name in raw else f":{name}" for name in row)
        bound = {name: value for name, value in row.items() if name not in raw}
        self.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})", **bound)

    def user(self, user_id: int, login: str, **fields: Any) -> None:
        row = {"ID": user_id, "LOGIN": login, "PASSWORD": "x", "DATE_REGISTER": Sql("NOW()"), "LID": "s1"} | fields
        self.insert("b_user", **row)

    def option(self, name: str, value: str, site: str | None = None) -> None:
        self.insert("b_option", MODULE_ID="main", NAME=name, VALUE=value, SITE_ID=site)

    def logout(self, user_id: int, action_id: int = 41, when: str = "NOW()", **fields: Any) -> None:
        row = {"ID": action_id, "USER_ID": user_id, "ACTION": "logout", "ACTION_DATE": Sql(when)} | fields
        self.insert("b_user_auth_action", **row)

    def stored(self, user_id: int, secret: str, *, minutes: int = 1, temporary: str = "N", ip: int = 0) -> None:
        self.insert(
            "b_user_stored_auth", USER_ID=user_id, STORED_HASH=secret, TEMP_HASH=temporary, IP_ADDR=ip, DATE_REG=Sql("NOW()"),
            LAST_AUTH=Sql(f"NOW() - INTERVAL {minutes} MINUTE"),
        )  # fmt: skip

    def group(self, group_id: int, policy: bytes | None, *members: int, **fields: Any) -> None:
        row = {"ID": group_id, "NAME": f"group {group_id}", "SECURITY_POLICY": policy and policy.decode()} | fields
        self.insert("b_group", **row)
        for member in members:
            self.insert("b_user_group", USER_ID=member, GROUP_ID=group_id)

    def gate(self, sessions: str, **changed: Any) -> Gate:
        return Gate(settings(sessions=sessions, database_url=self.url, **changed), self.shape)

    def sign_in(self, gate: Gate, cookies: str, ip: str = HOME, now: float = NOW) -> SignedIn | None:
        return self.read(gate.sign_in, cookies, ip, now)


class Sql(str):
    """An expression instead of a value."""


def settings(**changed: Any) -> Settings:
    known = {
        "database_url": "mysql+pymysql://root@/x", "public_url": "https://shop.example", "secret_keys": KEY, "sessions": "files:///x",
        "hde_url": "https://x.helpdeskeddy.com/api/v1", "hde_token": "t",
    }  # fmt: skip
    return Settings(_env_file=None, **(known | changed))


def serialize(value: Any) -> bytes:
    """What PHP's serialize() writes; checked against PHP in test_php."""
    match value:
        case None:
            return b"N;"
        case bool():
            return b"b:%d;" % value
        case int():
            return b"i:%d;" % value
        case float():
            return b"d:%r;" % value
        case str():
            return serialize(value.encode())
        case bytes():
            return b's:%d:"%s";' % (len(value), value)
        case list() | tuple():
            return serialize(dict(enumerate(value)))
    items = b"".join(serialize(key) + serialize(item) for key, item in value.items())
    return b"a:%d:{%s}" % (len(value), items)


def session(handler: str = "php", **variables: Any) -> bytes:
    if handler == "php_serialize":
        return serialize(variables)
    if handler == "php_binary":
        return b"".join(bytes([len(name)]) + name.encode() + serialize(value) for name, value in variables.items())
    return b"".join(name.encode() + b"|" + serialize(value) for name, value in variables.items())


POLICY = {
    "SESSION_TIMEOUT": 24,
    "SESSION_IP_MASK": "0.0.0.0",
    "MAX_STORE_NUM": 10,
    "STORE_IP_MASK": "0.0.0.0",
    "STORE_TIMEOUT": 525600,
}


def auth(generation: str = "A", user_id: int = ANNA, **changed: Any) -> dict[str, Any]:
    """SESS_AUTH of one of the three generations."""
    common = {"LOGIN": "anna", "NAME": "Анна", "POLICY": POLICY, "GROUPS": [2, 5]}
    if generation == "C":
        context = {
            "userId": user_id,
            "applicationId": None,
            "applicationPasswordId": None,
            "storedAuthId": None,
            "hitAuthId": None,
            "method": "password",
        }
        return common | {"ADMIN": False, "CONTEXT": json.dumps(context | changed.pop("context", {}))} | changed
    own = {"AUTHORIZED": "Y", "USER_ID": str(user_id), "APPLICATION_ID": None, "SESSION_HASH": "h"}
    return own | common | ({"PASSWORD_HASH": "p"} if generation == "A" else {}) | changed


def signed_in(
    generation: str = "A", *, handler: str = "php", sess_auth: dict[str, Any] | None = None, **changed: Any
) -> bytes:
    """A whole session of Anna's at home, a minute old."""
    variables = {
        "SESS_AUTH": sess_auth if sess_auth is not None else auth(generation), "SESS_IP": HOME, "SESS_TIME": int(NOW) - 60,
        "fixed_session_id": "d41d8cd98f00b204e9800998ecf8427e",
    }  # fmt: skip
    return session(handler, **(variables | changed))
