"""Bitrix cookies → Visitor: the only way in. And what an unsafe request must show: where it comes from, and a token."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

from cachetools import TTLCache
from litestar import Request

from portal.bitrix import cookies, users
from portal.bitrix.sessions import Gate
from portal.config import Settings
from portal.database import Databases, Unit
from portal.errors import PortalError
from portal.service import sight
from portal.service.sight import Person
from portal.store import links
from portal.tokens import Tokens
from portal.web.address import client_address
from portal.web.headers import SHOP_COOKIES

FRESH_SECONDS = 5.0
"""How old our copy of a visitor's session, account and links may be (facts/bitrix.md §3.3: seconds, not more)."""

REMEMBERED = 10_000
"""Visitors remembered for those seconds, at most; about 2 KB each."""

REMEMBERED_HEADERS = 256

FORM_SECONDS = 24 * 3600
FORM_BYTES = 15
"""Of chance in a form's name: 20 characters, and with the account's id before them no more than the outbox takes."""

FLASH_COOKIE = "portal_flash"

AnyRequest = Request[Any, Any, Any]


class SignedOut(PortalError):
    """Nobody is signed in: a page answers 302 to the shop's own sign-in."""


class CrossSite(PortalError):
    """An unsafe request that another site made the browser send, or that lacks our token."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is asking."""

    person: Person


class Visitors:
    """Tells who is asking, from the cookies alone; remembers it for `fresh_seconds`.

    Whoever has just changed something carries the flash cookie, and is read anew by whichever process he comes to.
    """

    def __init__(
        self, settings: Settings, databases: Databases, gate: Gate, fresh_seconds: float = FRESH_SECONDS
    ) -> None:
        self._trusted = settings.trusted_proxies
        self._trust_shop = settings.trust_shop_email
        self._databases = databases
        self._gate = gate
        self._fresh: TTLCache[bytes, Visitor] | None = (
            TTLCache(REMEMBERED, fresh_seconds, timer=time.monotonic) if fresh_seconds else None
        )

    async def of(self, request: AnyRequest, *, newly: bool = False) -> Visitor:
        """The visitor; read anew with `newly`. Raises SignedOut, and DatabaseAway."""
        header = request.headers.get("cookie", "")
        if not header:
            raise SignedOut
        address = self._address(request)
        if f"{FLASH_COOKIE}=" in header:
            # He is remembered as he will be without it: the next page must not fall back to what was before.
            newly = True
            crumbs = (crumb.strip() for crumb in header.split(";"))
            header = "; ".join(crumb for crumb in crumbs if not crumb.startswith(f"{FLASH_COOKIE}="))
        key = hashlib.blake2b(f"{address} {header}".encode("utf-8", "surrogateescape"), digest_size=16).digest()
        if self._fresh is not None and not newly and (known := self._fresh.get(key)):
            return known
        found = await self._databases.read(self._load, header, address)
        if found is None:
            raise SignedOut
        visitor, request.scope["state"][SHOP_COOKIES], has_moved = found
        if has_moved:
            await self._databases.run(links.lapse, visitor.person.customer.id, visitor.person.customer.email)
        if self._fresh is not None:
            self._fresh[key] = visitor
        return visitor

    def _address(self, request: AnyRequest) -> str:
        client = request.scope.get("client")
        return client_address(client[0] if client else "", request.headers, self._trusted)

    def _load(self, unit: Unit, cookie_header: str, address: str) -> tuple[Visitor, Sequence[str], bool] | None:
        """One thread hop: the session, the account, its links."""
        signed_in = self._gate.sign_in(unit, cookie_header, address)
        if signed_in is None:
            return None
        customer = signed_in.customer
        shared = bool(customer.email) and users.others_with_email(unit, customer.id, customer.email)
        has = links.of(unit, customer.id)
        person = sight.person(customer, has, shared=shared, trust_shop=self._trust_shop)
        has_moved = any(row.email != customer.email for row in has.links)
        return Visitor(person), signed_in.set_cookies, has_moved


def login_address(settings: Settings, request: AnyRequest) -> str:
    """The shop's sign-in page with a local way back to where the visitor was going."""
    query = request.scope["query_string"].decode("latin-1")
    return login_address_to(settings, own_path(request) + (f"?{query}" if query else ""))


def login_address_to(settings: Settings, back: str) -> str:
    """The shop's sign-in page, which leads on to the local address `back`."""
    sign = "&" if "?" in settings.login_url else "?"
    return f"{settings.login_url}{sign}backurl={quote(back, safe='')}"


def own_path(request: AnyRequest) -> str:
    """The path of this request as the browser wrote it; two leading slashes would be another host to a browser."""
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    return "/" + raw.partition(b"?")[0].decode("latin-1").lstrip("/\\")


def form_token(tokens: Tokens, person: Person) -> str:
    """The token of our forms: bound to the account, not to the session, which may be renewed while somebody writes.

    It names the form, so that the same form sent twice can be told from two of them.
    """
    return tokens.sign("form", str(person.customer.id), secrets.token_urlsafe(FORM_BYTES))


def check_form(tokens: Tokens, person: Person, form: Mapping[str, object]) -> str:
    """The name of the form. Raises CrossSite unless it carries this account's token."""
    token = form.get("csrf")
    carried = tokens.read("form", str(person.customer.id), token, FORM_SECONDS) if isinstance(token, str) else None
    if carried is None or not isinstance(carried[0], str):
        raise CrossSite
    return carried[0]


def check_origin(request: AnyRequest, public_url: str) -> None:
    """Raises CrossSite when the browser says that another origin sends this; a sibling host is another origin.

    The origin is PORTAL_PUBLIC_URL, or the host the request came to when the browser itself calls it the same origin (a
    shop that answers under two names). A browser that says nothing at all is left to the form's token.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin"):
        raise CrossSite
    if origin in (None, public_url):
        return
    if site is None or _host(origin) is None or _host(origin) != _host(f"//{request.headers.get('host', '')}"):
        raise CrossSite


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def cookie_choice(request: AnyRequest, name: str) -> str | None:
    """A cookie as PHP would read it: the first of its name."""
    return _cookies(request.headers.get("cookie", "")).get(name)


@lru_cache(REMEMBERED_HEADERS)
def _cookies(header: str) -> Mapping[str, str]:
    """A page asks for three of them, and asks again a moment later."""
    return cookies.parse(header)
