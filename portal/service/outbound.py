"""What happens in the shop is told to the help desk: who a customer is, and his newest orders.

A job names an account and no more: what the account is like is read when the job is done, so that ten changes are one
write of the newest state, and a job that an earlier one has seen to costs no call. All of it may be done again, so
that a lost answer is no trouble.

An account is told of while it is the one live account with its address; then what was told is taken back. Its contact
is the one with that address, found by nothing else: no field and no link follows an account to another address.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from portal.bitrix import fields as shop_fields
from portal.bitrix import tables, users
from portal.bitrix.orders import Sale
from portal.config import Settings
from portal.database import Databases, Unit
from portal.errors import HelpdeskError, HelpdeskGarbled, HelpdeskMissing, HelpdeskStaff, HelpdeskUnsure
from portal.helpdesk.client import Client
from portal.helpdesk.contacts import Card
from portal.model import Buyer, Order
from portal.service import attempts, cards
from portal.service.attempts import REFUSALS
from portal.service.cards import ORDERS, OURS, USER_ID
from portal.service.letters import Render
from portal.service.order_notes import OrderNotes
from portal.service.outcomes import NotOurs
from portal.service.phones import e164
from portal.store import cursors, outbox, pushed
from portal.store.outbox import Job
from portal.store.pushed import Pushed

log = logging.getLogger(__name__)

CONTACT, ORDER, GONE = "shop.contact", "shop.order", "shop.gone"
KINDS = (CONTACT, ORDER, GONE)

LAST_ORDERS = 5

LONGEST_WAIT_SECONDS = 600.0
"""A help desk that is away is asked again so soon; nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Known:
    """An account as it was at `at`. `buyer` is None when it is gone, or the one that all nameless buyers share.

    `holders`: the live accounts with its address. `told_at`, `contact_id`: when it was told of last, and who had its
    address then.
    """

    sale: Sale
    user_id: int
    at: datetime
    told_at: datetime | None
    contact_id: int | None
    buyer: Buyer | None
    holders: tuple[int, ...]
    orders: tuple[Order, ...]

    @property
    def is_shared(self) -> bool:
        """Whether several live accounts have the address."""
        return len(self.holders) > 1

    @property
    def why_not(self) -> str:
        """Why it is not told of, "" when it is."""
        if self.buyer is None:
            return "it is gone, or is the nameless buyers'"
        if not self.buyer.email:
            return "it has no address"
        if not self.buyer.active:
            return "it is switched off"
        return "" if self.holders == (self.user_id,) else "it is not alone with its address"


@dataclass(frozen=True, slots=True)
class Told:
    """How it ended. `contact_id`: who has the account's address; `tells`: whether that contact tells of the account.

    `freed`: addresses that the account had and has not any more; another account may be alone with one.
    """

    contact_id: int | None = None
    tells: bool = False
    freed: tuple[str, ...] = ()


class Changed(Exception):
    """Another account has come to the address, or left it, while this one was told of."""


class Outbound:
    """Tells of one account at a time; calls for different accounts may run side by side."""

    def __init__(self, settings: Settings, databases: Databases, client: Client, render: Render) -> None:
        self._settings = settings
        self._databases = databases
        self._client = client
        self._sale: Sale | None = None
        self._notes = OrderNotes(settings, databases, client, render)

    @property
    def notes_contacts(self) -> bool:
        """Whether orders are told in notes about people, which are calls of their own."""
        return self._notes.about_people

    async def push(self, job: Job) -> None:
        """Tell what the job's account is like now, or say when to try again. Raises DatabaseAway."""
        if job.claim.left < 0:
            log.error("outbox %d: %s given up: its worker died at every attempt", job.id, job.kind)
            await self._databases.run(outbox.fail, job, "its worker died at every attempt", None)
            return
        try:
            await self._push(job)
        except NotOurs:
            log.warning("outbox %d: %s has another worker now", job.id, job.kind)
        except Changed:
            await self._databases.run(outbox.fail, job, "others have come to the address", 1.0, count=False)
        except (HelpdeskGarbled, HelpdeskMissing, HelpdeskUnsure) as error:
            # Missing: it was there a moment ago. The others may go on for ever, and nobody waits for it.
            await attempts.counted(self._databases, job, error)
        except HelpdeskError as error:
            if attempts.is_refusal(error) and job.attempts >= REFUSALS:
                log.error("outbox %d: %s given up: %s", job.id, job.kind, error)
                await self._databases.run(outbox.fail, job, f"refused: {error}", None)
            else:
                await attempts.again(self._databases, job, error, LONGEST_WAIT_SECONDS)

    async def _push(self, job: Job) -> None:
        known = await self._databases.read(self._look, job.payload["user"])
        is_told = known.told_at is not None and job.created_at < known.told_at
        told = Told(known.contact_id, not known.why_not) if is_told else await self._tell(job, known)
        if told.contact_id and told.tells and job.kind == ORDER and self._notes.in_tickets:
            await self._notes.put_in_ticket(known.sale, known.user_id, told.contact_id, job.payload["order"])
        if is_told:
            await self._databases.run(_finish, job)
        else:
            await self._databases.run(self._finish_told, job, known, told)
        log.info("outbox %d: %s %s at attempt %d", job.id, job.kind, "was told" if is_told else "told", job.attempts)

    def _look(self, unit: Unit, user_id: int) -> Known:
        """The account now. The clock comes first: what changes after it has a job of its own."""
        if self._sale is None:
            settings = self._settings
            self._sale = Sale(tables.inspect(unit), settings.site_id, settings.timezone, settings.locale)
        at, before = cursors.now(unit), pushed.get(unit, user_id)
        buyer = self._sale.buyer(unit, user_id)
        return Known(
            self._sale,
            user_id,
            at,
            before.told_at if before else None,
            before.contact_id if before else None,
            buyer,
            _holders(unit, self._sale, buyer.email if buyer else ""),
            self._sale.page(unit, user_id, LAST_ORDERS, 0) if buyer else (),
        )

    async def _tell(self, job: Job, known: Known) -> Told:
        """Bring the contact with the account's address up to date, or have no contact tell of the account."""
        card = await self._card(known.contact_id) if known.contact_id else None
        buyer = known.buyer
        freed: tuple[str, ...] = (card.contact.email,) if card and known.user_id not in known.holders else ()
        if buyer is None or known.why_not:
            log.info("outbox %d: account %d is not told of: %s", job.id, known.user_id, known.why_not)
            await self._take_back(known.user_id, card)
            freed += await self._take_back_linked(job, known)
            return Told(await self._take_back_shared(known), freed=freed)
        if card is None or card.contact.email != buyer.email or card.contact.is_staff:
            freed = (card.contact.email,) if card else ()
            await self._take_back(known.user_id, card)
            try:
                card = await self._client.ensure_card(buyer.email, buyer.name, e164(buyer.phone), self._fields(known))
            except HelpdeskStaff:
                log.info("outbox %d: account %d is not told of: it is one of the staff", job.id, known.user_id)
                return Told(freed=freed)
        await self._write(card, buyer, known)
        return Told(card.contact.id, tells=True, freed=freed)

    async def _card(self, contact_id: int) -> Card | None:
        try:
            return await self._client.get_card(contact_id, OURS)
        except HelpdeskMissing:
            return None

    def _fields(self, known: Known) -> dict[str, str]:
        orders = self._notes.field(known.orders) if self._notes.in_field else ""
        return {USER_ID: str(known.user_id), ORDERS: orders}

    async def _write(self, card: Card, buyer: Buyer, known: Known) -> None:
        """Bring the contact up to date; no call when it is."""
        change = cards.change(card, buyer, self._fields(known))
        await self._client.update_contact(card.contact, name=change.name, phone=change.phone, fields=change.fields)
        if self._notes.about_people:
            await self._notes.replace(card.contact.id, buyer.id, known.orders)

    async def _take_back(self, user_id: int, card: Card | None) -> None:
        """What a contact tells of the account goes, unless it tells of another one by now."""
        told = str(user_id)
        if card and not card.contact.is_staff and card.fields.get(USER_ID, told) == told:
            await self._empty(card, [user_id])

    async def _take_back_linked(self, job: Job, known: Known) -> tuple[str, ...]:
        """A deleted account's contacts come with its end; gives their addresses."""
        emails = []
        for contact_id in job.payload.get("contacts", ()):
            if contact_id != known.contact_id and (card := await self._card(contact_id)):
                await self._take_back(known.user_id, card)
                emails.append(card.contact.email)
        return tuple(emails)

    async def _take_back_shared(self, known: Known) -> int | None:
        """Of several accounts with one address its contacts tell of none; gives the contact that they share."""
        if known.buyer is None or not known.is_shared:
            return None
        people = [one for one in await self._client.find_contacts(known.buyer.email) if not one.is_staff]
        for contact in people:
            if card := await self._card(contact.id):
                await self._empty(card, known.holders)
        return min((contact.id for contact in people), default=None)

    async def _empty(self, card: Card, user_ids: Collection[int]) -> None:
        left = {name: "" for name, value in card.fields.items() if value}
        await self._client.update_contact(card.contact, fields=left)
        if self._notes.about_people:
            await self._notes.forget(card.contact.id, user_ids)

    def _finish_told(self, unit: Unit, job: Job, known: Known, told: Told) -> None:
        """Written down with the end of the job: when, as whom, and in the shop's own field."""
        _finish(unit, job)
        if known.buyer and _holders(unit, known.sale, known.buyer.email) != known.holders:
            # Accounts are told of side by side: the other one may have looked before we wrote.
            raise Changed
        if known.buyer:
            pushed.put(unit, known.user_id, Pushed(known.at, told.contact_id))
        else:
            pushed.drop(unit, known.user_id)
        if self._settings.user_field:
            for user_id in sorted({known.user_id, *(known.holders if known.is_shared else ())}):
                shop_fields.mirror_contact(
                    unit, self._settings.user_field, user_id, told.contact_id if told.tells else None
                )
        for email in sorted(set(told.freed)):
            left = _holders(unit, known.sale, email)
            if len(left) == 1 and left[0] != known.user_id:
                outbox.put_unless_waiting(unit, CONTACT, {"user": left[0]}, left[0], queue=f"shop:{left[0]}")


def _holders(unit: Unit, sale: Sale, email: str) -> tuple[int, ...]:
    return tuple(users.holders(unit, sale.shape, email)) if email else ()


def _finish(unit: Unit, job: Job) -> None:
    if not outbox.finish(unit, job):
        raise NotOurs
