"""What is written down in our tables around shop accounts and contacts, for operators: one query for many of them.

Each kind of row is read up to a limit a node, so that what a thousand share costs no more than what a few do.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import TextClause, text

from portal.database import Unit

EDGES = 40
"""Rows of one kind read of one node; the newest tickets."""

HOLDERS = 8
"""Accounts and contacts read that hold one address or phone."""


class Row(NamedTuple):
    """`tag` says what it is, and so what the rest means.

    link: account a, contact b (0: the address itself), by `value`; `word` is its evidence, `flag` whether it grants.
    own: account a opened a ticket of contact b; `word` is the evidence. said: between kinds `word` ("account contact"),
    ids a and b, by operator `value`; `flag`: the same, `id` the word's. trace: `value` is of account a, by its order b.
    profile: contact a has the address `value`, the name `name` and the phone `word`.
    """

    tag: str
    a: int
    b: int
    value: str
    word: str
    flag: bool
    id: int
    name: str
    at: datetime | None


def around(unit: Unit, accounts: Collection[int], contacts: Collection[int], ticket_id: int = 0) -> list[Row]:
    """All rows about these, and who opened the ticket (0 for none), in one query; none when nobody is asked about."""
    if not accounts and not contacts and not ticket_id:
        return []
    told: dict[str, object] = {f"a{n}": id_ for n, id_ in enumerate(sorted(accounts))}
    told |= {f"c{n}": id_ for n, id_ in enumerate(sorted(contacts))}
    told |= {"ticket": ticket_id} if ticket_id else {}
    statement = _around(len(accounts), len(contacts), bool(ticket_id))
    return [_read(row) for row in unit.state.execute(statement, told)]


def holders(unit: Unit, values: Collection[str], written: Collection[str]) -> list[Row]:
    """Who holds these addresses and phones: traces of accounts, and profiles. One row an account and value.

    `written`: the ways in which the phones may stand in a profile, where they are kept as somebody wrote them.
    """
    if not values and not written:
        return []
    told: dict[str, object] = {f"v{n}": value.encode() for n, value in enumerate(sorted(values))}
    told |= {f"w{n}": value.encode() for n, value in enumerate(sorted(written))}
    return [_read(row) for row in unit.state.execute(_holders(len(values), len(written)), told)]


def _read(row: tuple[object, ...]) -> Row:
    tag, a, b, value, word, flag, id_, name, at = row
    moment = at.replace(tzinfo=UTC) if isinstance(at, datetime) else None
    return Row(_text(tag), _int(a), _int(b), _text(value), _text(word), bool(flag), _int(id_), _text(name), moment)


def _int(value: object) -> int:
    return int(str(value or 0))  # a UNION makes decimals of unsigned and signed numbers


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


# S608 below: what is put together are parts of ours; values are parameters.
_LINK = (
    "SELECT 'link' AS tag, user_id AS a, contact_id AS b, email AS value, evidence AS word, sees AS flag, 0 AS id, "
    "'' AS name, created_at AS at FROM custom_hde_user_map WHERE {key} = :{name}"
)
_OWN = (
    "SELECT 'own', user_id, contact_id, '', MIN(evidence), 1, MAX(ticket_id), '', MIN(created_at) "
    "FROM custom_hde_ticket_owner WHERE {key} = :{name} GROUP BY user_id, contact_id"
)
_THIS = (
    "SELECT 'own', user_id, contact_id, '', evidence, 1, ticket_id, '', created_at "
    "FROM custom_hde_ticket_owner WHERE ticket_id = :ticket"
)
_SAID = (
    "SELECT 'said', a_id, b_id, operator, CONCAT(a_kind, ' ', b_kind), verdict = 'same', word_id, '', said_at "
    "FROM custom_hde_said WHERE {end}_kind = '{kind}' AND {end}_id = :{name}"
)
# A buyer of a thousand orders has few phones; those of the newest orders come first.
_TRACES = (
    "SELECT 'trace', user_id, MAX(order_id), value, '', 1, 0, '', NULL FROM custom_hde_trace "
    "WHERE user_id = :{name} GROUP BY user_id, value ORDER BY MAX(order_id) DESC"
)
_HELD = (
    "SELECT 'trace', user_id, MAX(order_id), value, '', 1, 0, '', NULL FROM custom_hde_trace "
    "WHERE value = :{name} GROUP BY value, user_id"
)
_PROFILE = (
    "SELECT 'profile', contact_id, 0, email, phone, 1, 0, name, created_at FROM custom_hde_profile "
    "WHERE {key} = :{name}"
)


@lru_cache(64)
def _around(accounts: int, contacts: int, ticket: bool) -> TextClause:
    parts = [_THIS] if ticket else []
    for short, kind, key, more, count in (
        ("a", "account", "user_id", _TRACES, accounts),
        ("c", "contact", "contact_id", _PROFILE, contacts),
    ):
        for name in (f"{short}{n}" for n in range(count)):
            said = [_SAID.format(end=end, kind=kind, name=name) for end in ("a", "b")]
            parts += [
                _LINK.format(key=key, name=name),
                _OWN.format(key=key, name=name),
                *said,
                more.format(key=key, name=name),
            ]
    return text(" UNION ALL ".join(f"({part} LIMIT {EDGES})" for part in parts))


@lru_cache(64)
def _holders(values: int, written: int) -> TextClause:
    parts = [_HELD.format(name=f"v{n}") for n in range(values)]
    parts += [_PROFILE.format(key="email", name=f"v{n}") for n in range(values)]
    parts += [_PROFILE.format(key="phone", name=f"w{n}") for n in range(written)]
    return text(" UNION ALL ".join(f"({part} LIMIT {HOLDERS})" for part in parts))
