"""What happens in the shop is told to the help desk: who a customer is, and his newest orders.

A job names an account and no more: what the account is like is read when the job is done, so that ten changes are one
write of the newest state, and a job that an earlier one has seen to costs no call. All of it may be done again, so
that a lost answer is no trouble.

An account is told of while it is the one live account with its address; then what was told is taken back. Its contact
is the one with that address, found by nothing else: no field and no link follows an account to another address.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from portal.bitrix import fields as shop_fields
from portal.bitrix import tables, users
from portal.bitrix.orders import Sale
from portal.config import Settings
from portal.database import Databases, Unit
from portal.errors import HelpdeskError, HelpdeskGarbled, HelpdeskMissing, HelpdeskStaff
from portal.helpdesk.client import Client
from portal.helpdesk.contacts import Card
from portal.model import Buyer, Order
from portal.service import attempts, cards
from portal.service.attempts import REFUSALS
from portal.service.cards import ORDERS, OURS, USER_ID
from portal.service.letters import Render
from portal.service.outcomes import NotOurs
from portal.service.readback import bare
from portal.store import cursors, outbox
from portal.store.outbox import Job

log = logging.getLogger(__name__)

CONTACT, ORDER, GONE = "shop.contact", "shop.order", "shop.gone"
KINDS = (CONTACT, ORDER, GONE)

LAST_ORDERS = 5
LINES = 8
"""Of an order; what is more is counted. All together stays below what a field holds (decode.MAX_FIELD)."""

LONGEST_WAIT_SECONDS = 600.0
"""A help desk that is away is asked again so soon; nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Known:
    """An account as it was at `at`. `buyer` is None when it is gone, or the one that all nameless buyers share.

    `holders`: the live accounts with its address. `told_at`, `contact_id`: when it was told of last, and as whom.
    """

    user_id: int
    at: datetime
    told_at: datetime | None
    contact_id: int | None
    buyer: Buyer | None
    holders: tuple[int, ...]
    orders: tuple[Order, ...]

    @property
    def why_not(self) -> str:
        """Why it is not told of, "" when it is."""
        if self.buyer is None:
            return "it is gone, or is the nameless buyers'"
        if not self.buyer.email:
            return "it has no address"
        if not self.buyer.active:
            return "it is switched off"
        return "" if self.holders == (self.user_id,) else "others have its address"


class Outbound:
    """Tells of one account at a time; calls for different accounts may run side by side."""

    def __init__(self, settings: Settings, databases: Databases, client: Client, render: Render) -> None:
        self._settings = settings
        self._databases = databases
        self._client = client
        self._render = render
        self._sale: Sale | None = None
        self._notes = settings.order_push != "fields" and client.notes_contacts
        self._fields = settings.order_push != "note" or not self._notes

    async def push(self, job: Job) -> None:
        """Tell what the job's account is like now, or say when to try again. Raises DatabaseAway."""
        try:
            await self._push(job)
        except NotOurs:
            log.warning("outbox %d: %s has another worker now", job.id, job.kind)
        except (HelpdeskGarbled, HelpdeskMissing) as error:
            # Missing: it was there a moment ago. Garbled: nothing waits behind it that could not wait as well.
            await attempts.counted(self._databases, job, error)
        except HelpdeskError as error:
            if attempts.is_refusal(error) and job.attempts >= REFUSALS:
                log.error("outbox %d: %s given up: %s", job.id, job.kind, error)
                await self._databases.run(outbox.fail, job, f"refused: {error}", None)
            else:
                await attempts.again(self._databases, job, error, LONGEST_WAIT_SECONDS)

    async def _push(self, job: Job) -> None:
        known = await self._databases.read(self._look, job.payload["user"])
        if known.told_at and job.created_at < known.told_at:
            await self._databases.run(_finish, job)
            log.info("outbox %d: %s has been told already", job.id, job.kind)
            return
        contact_id = await self._tell(job, known)
        await self._databases.run(self._told, job, known, contact_id)
        log.info("outbox %d: %s done at attempt %d", job.id, job.kind, job.attempts)

    def _look(self, unit: Unit, user_id: int) -> Known:
        """The account now. The clock comes first: what changes after it has a job of its own."""
        if self._sale is None:
            settings = self._settings
            self._sale = Sale(tables.inspect(unit), settings.site_id, settings.timezone, settings.locale)
        at, told_at = cursors.now(unit), cursors.get(unit, _pushed(user_id))
        contact_id = cursors.get(unit, _contact(user_id))
        buyer = self._sale.buyer(unit, user_id)
        return Known(
            user_id,
            at,
            datetime.fromisoformat(told_at).replace(tzinfo=UTC) if told_at else None,
            int(contact_id) if contact_id else None,
            buyer,
            tuple(users.holders(unit, self._sale.shape, buyer.email)) if buyer and buyer.email else (),
            self._sale.page(unit, user_id, LAST_ORDERS, 0) if buyer else (),
        )

    async def _tell(self, job: Job, known: Known) -> int | None:
        """The contact that tells of the account now; None when it must not be told of, and nothing tells of it."""
        card = await self._card(known.contact_id) if known.contact_id else None
        if known.why_not or known.buyer is None:
            log.info("outbox %d: account %d is not told of: %s", job.id, known.user_id, known.why_not)
            await self._take_back(known, card)
            if len(known.holders) > 1 and known.buyer:
                await self._clear(known.buyer.email)
            return None
        if card is None or card.contact.email != known.buyer.email or card.contact.is_staff:
            await self._take_back(known, card)
            try:
                contact = await self._client.ensure_contact(known.buyer.email, known.buyer.name)
            except HelpdeskStaff:
                log.info("outbox %d: account %d is not told of: it is one of the staff", job.id, known.user_id)
                return None
            card = await self._client.get_card(contact.id, OURS)
        await self._write(card, known.buyer, known.orders)
        return card.contact.id

    async def _card(self, contact_id: int) -> Card | None:
        try:
            return await self._client.get_card(contact_id, OURS)
        except HelpdeskMissing:
            return None

    async def _write(self, card: Card, buyer: Buyer, orders: tuple[Order, ...]) -> None:
        """Bring the contact up to date; no call when it is."""
        fields = {USER_ID: str(buyer.id), **({ORDERS: self._text("desk/orders.txt", orders)} if self._fields else {})}
        change = cards.change(card, buyer, fields)
        await self._client.update_contact(card.contact, name=change.name, phone=change.phone, fields=change.fields)
        if self._notes:
            await self._replace_note(card.contact.id, buyer.id, orders)

    async def _take_back(self, known: Known, card: Card | None) -> None:
        """What a contact tells of the account goes, unless it tells of another one by now."""
        told = str(known.user_id)
        if card is None or card.contact.is_staff or card.fields.get(USER_ID, told) != told:
            return
        await self._empty(card)
        if self._notes:
            await self._replace_note(card.contact.id, known.user_id, ())

    async def _clear(self, email: str) -> None:
        """Several accounts have this address: its contacts tell of none of them."""
        for contact in await self._client.find_contacts(email):
            if not contact.is_staff and (card := await self._card(contact.id)):
                await self._empty(card)

    async def _empty(self, card: Card) -> None:
        left = {name: "" for name, value in card.fields.items() if value}
        await self._client.update_contact(card.contact, fields=left)

    async def _replace_note(self, contact_id: int, user_id: int, orders: tuple[Order, ...]) -> None:
        """One note of ours about this account, with these orders, or none; the new one comes first."""
        heading = f"{urlsplit(self._settings.public_url).hostname} #{user_id}:"
        wanted = self._text("desk/orders.html", orders, heading) if orders else ""
        notes = await self._client.contact_notes(contact_id)
        ours = [note for note in notes if bare(note.html).startswith(bare(heading))]
        kept = next((note for note in ours if bare(note.html) == bare(wanted)), None)
        if wanted and kept is None:
            await self._client.add_contact_note(contact_id, wanted)
        for note in ours:
            if note is not kept:
                await self._client.drop_contact_note(contact_id, note.id)

    def _text(self, template: str, orders: tuple[Order, ...], heading: str = "") -> str:
        context = {"orders": orders, "most": LINES, "now": datetime.now(UTC), "heading": heading}
        return self._render(template, self._settings.locale, context).strip()

    def _told(self, unit: Unit, job: Job, known: Known, contact_id: int | None) -> None:
        """Written down with the end of the job: as whom, when, and in the shop's own field."""
        _finish(unit, job)
        cursors.put(unit, _pushed(known.user_id), known.at.isoformat(" "))
        if contact_id is None:
            cursors.drop(unit, _contact(known.user_id))
        else:
            cursors.put(unit, _contact(known.user_id), str(contact_id))
        if self._settings.user_field:
            for user_id in {known.user_id, *known.holders}:
                shop_fields.mirror_contact(unit, self._settings.user_field, user_id, contact_id)


def _finish(unit: Unit, job: Job) -> None:
    if not outbox.finish(unit, job):
        raise NotOurs


def _pushed(user_id: int) -> str:
    return f"pushed:{user_id}"


def _contact(user_id: int) -> str:
    return f"contact:{user_id}"
