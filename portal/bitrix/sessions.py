"""From cookies to a customer: the session, "remember me", or the shop's own word; b_user decides in the end.

Reads what Bitrix wrote and writes nothing (facts: cores 12.5 to 25.7).
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, replace

from cachetools import LRUCache

from portal.bitrix import cookies, php, policy, session_facts, stored_auth, users
from portal.bitrix.session_facts import Facts
from portal.bitrix.session_stores import is_session_id, open_store
from portal.bitrix.tables import Shape
from portal.bitrix.users import ShopOptions
from portal.bitrix.whoami import Whoami
from portal.config import Settings
from portal.database import Unit
from portal.model import Customer

OPTIONS_SECONDS = 60
REMEMBERED = 10_000
"""Sessions whose decoding is remembered; about 0.5 KB each. The same bytes mean the same, so this is never stale."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who it is. `set_cookies` are the shop's Set-Cookie headers, to be passed on to the browser."""

    customer: Customer
    set_cookies: tuple[str, ...] = ()


class Gate:
    """Built once; used by many threads at once."""

    def __init__(self, settings: Settings, shape: Shape) -> None:
        self._shape = shape
        self._session_cookie = settings.session_cookie
        self._cookie_prefix = settings.cookie_prefix
        self._whoami = Whoami(settings) if settings.sessions.startswith("php:") else None
        self._store = None if self._whoami else open_store(settings.sessions, shape)
        self._options = ShopOptions()
        self._options_until = 0.0
        self._read: LRUCache[str, tuple[bytes, Facts]] = LRUCache(REMEMBERED)
        self._lock = threading.Lock()

    def sign_in(self, unit: Unit, cookie_header: str, client_ip: str, now: float | None = None) -> SignedIn | None:
        """The customer whom these cookies stand for, None for nobody, whatever they hold.

        `cookie_header` is the raw header in latin-1, `client_ip` what PORTAL_TRUSTED_PROXIES let through, `now` Unix
        seconds. Runs inside Databases.read. Raises ShopAway when only the shop's PHP can tell and does not answer, and
        what the database raises.
        """
        jar = cookies.parse(cookie_header)
        options = self._shop_options(unit)
        prefix = self._cookie_prefix or options.cookie_prefix
        if self._whoami:
            if not any(jar.get(name) for name in (self._session_cookie, f"{prefix}_UIDH", f"{prefix}_kernel")):
                return None
            user_id, set_cookies = self._whoami.ask(cookie_header, client_ip)
            account = users.account(unit, self._shape, options, user_id) if user_id else None
            return SignedIn(account.customer, set_cookies) if account else None
        facts = self._session(
            unit, jar.get(self._session_cookie, ""), client_ip, options, time.time() if now is None else now
        )
        if facts and (account := users.account(unit, self._shape, options, facts.user_id)):
            if account.logouts - facts.performed and not facts.keeps:
                # Bitrix will end this session, and forget the remembered sign-in with it, at its own next page.
                return None
            return SignedIn(account.customer)
        login, secret = jar.get(f"{prefix}_UIDL", ""), jar.get(f"{prefix}_UIDH", "")
        user_id = stored_auth.check(unit, options, login, secret, client_ip) if login and secret else 0
        # Forced logouts concern sessions that were there before; a remembered sign-in begins a new one.
        account = users.account(unit, self._shape, options, user_id) if user_id else None
        return SignedIn(account.customer) if account else None

    def _session(self, unit: Unit, session_id: str, client_ip: str, options: ShopOptions, now: float) -> Facts | None:
        """The facts of a session that is alive and somebody's."""
        facts = self._facts(unit, session_id)
        if facts and facts.destroyed_at is not None:
            # Its id was renewed. For a moment the old one leads to the new one, once.
            if facts.destroyed_at < now - session_facts.MOVED_SECONDS:
                return None
            facts = self._facts(unit, facts.new_id)
            if facts and facts.destroyed_at is not None:
                return None
        if not facts or not facts.user_id:
            return None
        if facts.timeout is None:
            # A session without its policy: Bitrix works it out from the groups.
            rules = policy.of_user(unit, facts.user_id)
            facts = replace(facts, timeout=rules.session_timeout, ip_mask=rules.session_ip_mask)
        return facts if session_facts.holds(facts, options.server_uniq_id, client_ip, now) else None

    def _facts(self, unit: Unit, session_id: str) -> Facts | None:
        """What the stored session says, decoded only when its bytes are new."""
        if not self._store or not is_session_id(session_id):
            return None
        with self._lock:
            known = self._read.get(session_id)
        data = self._store.load(unit, session_id, known is not None)
        if data is None:
            return None
        digest = hashlib.blake2b(data, digest_size=32).digest()
        if known and known[0] == digest:
            return known[1]
        try:
            facts = session_facts.read(data)
        except php.Malformed:
            return None
        with self._lock:
            self._read[session_id] = digest, facts
        return facts

    def _shop_options(self, unit: Unit) -> ShopOptions:
        """The shop's options, at most OPTIONS_SECONDS old."""
        if time.monotonic() >= self._options_until:
            self._options = users.options(unit)
            self._options_until = time.monotonic() + OPTIONS_SECONDS
        return self._options
