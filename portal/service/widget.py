"""The site's widget: who it says is writing, and what its word is worth.

Name and address in a widget are what anybody may type, so they prove nothing. The token that we sign for a signed-in
account vouches for the one ticket that carries it, once: never for that ticket's contact, nor for its other tickets.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from time import monotonic

from cachetools import TTLCache

from portal.database import Databases, Unit
from portal.errors import DatabaseAway, HelpdeskError, HelpdeskMissing
from portal.helpdesk.client import Client
from portal.model import Customer
from portal.service.sight import Person, Sight
from portal.store import inbox, links
from portal.tokens import Tokens

FIELD = "portal_token"
"""The ticket's custom field that carries the token; its administrator makes it (text, not for the customer)."""

TOKEN_SECONDS = 24 * 3600
"""A page that stays open for longer has a widget that vouches for nobody."""

SKEW_SECONDS = 60
"""How far the help desk's clock may be behind ours."""

JTI = re.compile(r"[A-Za-z0-9_-]{1,64}")
BY_WIDGET = "widget"
ADOPT = "desk.adopt"
"""The job that asks whether a new ticket carries a token of ours."""

VISITOR_SECONDS = 24 * 3600
VISITOR_RETRY_SECONDS = 600
VISITOR_PATIENCE_SECONDS = 1.0
"""A page view does not wait longer for a visitor id; the next one finds it."""

MAX_VISITORS = 10_000
MINTS_AT_ONCE = 2

log = logging.getLogger(__name__)

Mint = Callable[[str, str], Awaitable[str | None]]
"""(e-mail, name) → the help desk's id of a chat visitor, None where it has none to give."""


def mint(tokens: Tokens, user_id: int) -> str:
    """A token that says: whoever opens a ticket with it is this account; good for one ticket within TOKEN_SECONDS."""
    return tokens.sign("widget", str(user_id), secrets.token_urlsafe(16))


def signing_key(tokens: Tokens) -> str:
    """The key of these tokens alone, as hex: the shop's own PHP signs with it what `mint` would."""
    return tokens.derived_key("widget").hex()


async def adopt(client: Client, databases: Databases, tokens: Tokens, ticket_id: int) -> None:
    """A ticket was opened: when it carries our token, it is the ticket of the account that the token names.

    Raises HelpdeskError and DatabaseAway; may be repeated. A token that proves nothing is told in the log and is no
    error: anybody can write anything into a widget.
    """
    try:
        ticket, token = await client.ticket_and_field(ticket_id, FIELD)
    except HelpdeskMissing:
        return  # it has been deleted, or merged, since the event
    if not token:
        return
    vouched = _check(tokens, token, ticket.created_at)
    if vouched is None:
        log.warning("ticket %d carries a widget token that proves nothing", ticket.id)
        return
    user_id, jti = vouched
    if await databases.run(_own, ticket.id, user_id, ticket.requester_id, jti):
        log.info("ticket %d is customer %d's: it carries his widget token", ticket.id, user_id)
    else:
        log.info("ticket %d is somebody's by now, or its widget token has vouched for another", ticket.id)


def _own(unit: Unit, ticket_id: int, user_id: int, contact_id: int, jti: str) -> bool:
    if not links.own(unit, ticket_id, user_id, contact_id, BY_WIDGET, jti=jti):
        return False
    inbox.tell_whose(unit, ticket_id, contact_id)
    return True


def _check(tokens: Tokens, token: str, opened_at: datetime) -> tuple[int, str] | None:
    """(account, jti) when the token was good at the moment the ticket was opened.

    A ticket that is older than the token was not opened with it: somebody has put it there since.
    """
    found = tokens.open_dated("widget", token)
    if found is None:
        return None
    account, jti, signed_at = found
    if not signed_at - timedelta(seconds=SKEW_SECONDS) <= opened_at <= signed_at + timedelta(seconds=TOKEN_SECONDS):
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,17}", account) or not isinstance(jti, str) or not JTI.fullmatch(jti):
        return None
    return int(account), jti


class VisitorIds:
    """Chat visitor ids, each a key to a person's chat history: for customers with a proven address, and nobody else.

    Page views are many and calls are not: an id is kept for a day, asked for once however many pages want it, and a
    page that would have to wait for it goes without.
    """

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._known: TTLCache[tuple[int, str], str] = TTLCache(MAX_VISITORS, VISITOR_SECONDS, timer=monotonic)
        self._refused: TTLCache[tuple[int, str], bool] = TTLCache(MAX_VISITORS, VISITOR_RETRY_SECONDS, timer=monotonic)
        self._flights: dict[tuple[int, str], asyncio.Task[None]] = {}

    async def of(self, person: Person) -> str | None:
        """The id, None when there is none, or none yet."""
        customer = person.customer
        key = customer.id, customer.email
        if person.sight is not Sight.PROVEN or key in self._refused:
            return None
        if key not in self._known:
            flight = self._flights.get(key) or self._take_off(key, customer)
            if flight is None:
                return None
            await asyncio.wait((flight,), timeout=VISITOR_PATIENCE_SECONDS)
        return self._known.get(key)

    async def close(self) -> None:
        """End what is under way."""
        for flight in tuple(self._flights.values()):
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)

    def _take_off(self, key: tuple[int, str], customer: Customer) -> asyncio.Task[None] | None:
        if len(self._flights) >= MINTS_AT_ONCE:
            return None
        flight = self._flights[key] = asyncio.create_task(self._ask(key, customer))
        flight.add_done_callback(lambda _done: self._flights.pop(key, None))
        return flight

    async def _ask(self, key: tuple[int, str], customer: Customer) -> None:
        try:
            found = await self._mint(customer.email, customer.name)
        except (HelpdeskError, DatabaseAway) as error:
            log.info("help desk: no chat visitor id: %s", error)
            found = None
        if found:
            self._known[key] = found
        else:
            self._refused[key] = True
