"""What the handlers are given: everything that create_app built, once, and how an answer is made of it."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from cachetools import LRUCache, TTLCache

from portal.config import Settings
from portal.database import Databases
from portal.helpdesk.client import Client
from portal.helpdesk.webhooks import Proofs
from portal.service import writing
from portal.service.beside import Beside, Besides
from portal.service.feed import Feed
from portal.service.finding import Finder
from portal.service.listing import Desk
from portal.service.live import Streams
from portal.service.orders import Orders
from portal.service.panel import Panel
from portal.service.panel_acts import Deed
from portal.service.permits import Permits
from portal.service.shop_frame import ShopFrame
from portal.service.widget import VisitorIds
from portal.service.writing import Draft, Written
from portal.store.tickets import Counts
from portal.tokens import Tokens
from portal.web.dress import Dress, plain
from portal.web.headers import SHEET
from portal.web.pages import Pages, choose_locale
from portal.web.refusals import Refusals
from portal.web.statics import Statics
from portal.web.visitor import AnyRequest, Visitor, Visitors, cookie_choice
from portal.web.widget_script import WidgetScript
from portal.web.words import LOCALES

LANGUAGE_COOKIE = "portal_lang"
LANGUAGES_READ = 256
"""Characters of what a browser says of languages: it is remembered, and anybody may say anything."""

LIST_COOKIE = "portal_list"
"""What the list was narrowed down to last: the way back from a request leads there."""
FLASH_SECONDS = 60
UPLOADS_AT_ONCE = 2
KEPT_BYTES = 6 * 2**20
BESIDES_KEPT = 2_000
BESIDE_SECONDS = 3.0
"""What stands beside a conversation may be so old: an order moves on by the hour. Who has just done something reads it
anew, like himself (visitor.py)."""

COUNTS_KEPT = 2_000
COUNTS_SECONDS = 60
"""The index may have learnt more by then."""
FORM_PLACE = secrets.token_urlsafe(18)
"""Stands for the form's token in kept pages. Nobody can guess it: in a foreign text it would be replaced there, too."""

NONCE_PLACE = secrets.token_urlsafe(18)
"""The same for the nonce, which is replaced in every answer, too."""


@dataclass(frozen=True)
class Site:
    """The parts, and nothing else: no setting is read and no connection opened behind their backs."""

    settings: Settings
    databases: Databases
    visitors: Visitors
    desk: Desk
    orders: Orders
    finder: Finder
    besides: Besides
    panel: Panel
    permits: Permits
    client: Client
    pages: Pages
    statics: Statics
    tokens: Tokens
    cookie_prefix: str
    proofs: Proofs
    widget: WidgetScript
    visitor_ids: VisitorIds
    streams: Streams
    feed: Feed
    deeds: Mapping[str, Deed]
    frame: ShopFrame[Dress] | None = None
    refusals: Refusals = field(default_factory=Refusals)
    open_files: Counter[int] = field(default_factory=Counter)
    """By customer, how many files are on their way to him."""
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS_AT_ONCE))
    beside: TTLCache[tuple[int, int], Beside] = field(default_factory=lambda: TTLCache(BESIDES_KEPT, BESIDE_SECONDS))
    counts: TTLCache[tuple[int, str], Counts] = field(default_factory=lambda: TTLCache(COUNTS_KEPT, COUNTS_SECONDS))
    kept: LRUCache[tuple[Any, ...], tuple[int, bytes]] = field(
        default_factory=lambda: LRUCache(KEPT_BYTES, getsizeof=lambda kept: len(kept[1]))
    )

    def dressed(self, request: AnyRequest, page: bytes, locale: str) -> bytes:
        """A rendered page as it is answered: with the shop's frame, where the settings name one and there is a copy."""
        if not self.frame:
            return page
        dress = self.frame.kept or plain(self.statics.url("app.css"))
        request.scope["state"][SHEET] = dress.style
        return dress.on(page, locale)

    def keeping(self, draft: Draft) -> AbstractAsyncContextManager[None]:
        """To be held while a draft is kept: files take long, and the database's threads are everybody's."""
        return self.uploads if draft.files else nullcontext()

    async def written(self, customer_id: int, *, newly: bool) -> Sequence[Written]:
        """What a customer wrote here and the help desk's copies may not show yet; `newly`: he has written just now.

        Nobody else's page costs a question.
        """
        if not newly and not self.feed.is_busy(customer_id):
            return ()
        return await self.databases.read(writing.written, customer_id)

    async def forget(self, customer_id: int) -> None:
        """Our copies of his have just gone: what this process remembers of them goes, too. The others hear of it."""
        for key in [key for key in self.kept if key[1] == customer_id]:
            del self.kept[key]
        for counted in [counted for counted in self.counts if counted[0] == customer_id]:
            del self.counts[counted]
        await self.feed.hear()

    def locale(self, request: AnyRequest, visitor: Visitor | None = None) -> str:
        """The language: chosen here, else the shop's own cookie, else the browser's, else the account's."""
        account = visitor.person.customer.language if visitor else ""
        ours, shops = (cookie_choice(request, name) for name in (LANGUAGE_COOKIE, f"{self.cookie_prefix}_LANG"))
        return choose_locale(
            (ours or "")[:LANGUAGES_READ],
            (shops or "")[:LANGUAGES_READ],
            request.headers.get("accept-language", "")[:LANGUAGES_READ],
            account if account in LOCALES else self.settings.locale,
        )
