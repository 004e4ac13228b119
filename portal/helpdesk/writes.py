"""What the help desk can be told; one method per thing we need.

What would be seen twice if it were done twice is done at most once: when its answer is lost these methods raise
HelpdeskUnsure, and whoever called reads back. All other errors say that nothing was done. HTML comes in escaped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, TypeVar

from cachetools import TTLCache

from portal.config import Settings
from portal.errors import (
    HelpdeskGarbled,
    HelpdeskRefused,
    HelpdeskStaff,
    HelpdeskUnauthorized,
    HelpdeskUnreachable,
    HelpdeskUnsure,
)
from portal.helpdesk import decode
from portal.helpdesk.call import Call
from portal.helpdesk.decode import Row
from portal.helpdesk.dialect import Dialect
from portal.helpdesk.reads import Reads
from portal.helpdesk.wire import Wire
from portal.model import Contact, Ticket, Upload

T = TypeVar("T")

log = logging.getLogger(__name__)

CLOCKS_APART = timedelta(minutes=10)
"""The help desk's clock and ours may differ so far."""

UPLOADED_SECONDS = 1800
MAX_UPLOADED = 1000


@dataclass(frozen=True, slots=True)
class Enclosed:
    """Files that are ready to go with a ticket or a message; `ids`: of those that the help desk has already."""

    files: tuple[Upload, ...] = ()
    ids: tuple[Any, ...] = ()


NOTHING = Enclosed()


class Writes(Reads):
    """Writes as the customer himself, but for notes, which are the API user's."""

    def __init__(self, settings: Settings, dialect: Dialect, wire: Wire) -> None:
        super().__init__(settings, dialect, wire)
        self._uploaded: TTLCache[bytes, Any] = TTLCache(MAX_UPLOADED, UPLOADED_SECONDS)

    async def ensure_contact(
        self, email: str, name: str, phone: str = "", fields: Mapping[str, str] | None = None
    ) -> Contact:
        """The contact that carries this address, made when there is none; what is there already is left as it is.

        `fields`: custom fields of a new contact, by what the dialect's `field_key` told.

        Of several the oldest that is no member of staff. May be repeated at will: never raises HelpdeskUnsure, and
        HelpdeskUnreachable when a new contact was asked for and cannot be seen yet. Raises HelpdeskStaff when only the
        staff has the address.
        """
        email, name = decode.email(email), decode.words(name)
        if (known := await self._contact_of(email)) is not None:
            return known
        called = name or email.partition("@")[0]
        try:
            answer = await self._wire.call(self._dialect.create_contact(email, called, phone, fields or {}))
            made = decode.sensible(decode.one(answer["data"]), self._dialect.contact)
            if made.email == email and not made.is_staff:
                return made
            problem: Exception = HelpdeskUnreachable("another contact than the one asked for")
        except HelpdeskUnauthorized:
            raise
        except (HelpdeskRefused, HelpdeskUnreachable, HelpdeskGarbled) as error:
            # Refused perhaps because somebody else has just made it: no document says how that is told.
            problem = error
        if (known := await self._contact_of(email)) is not None:
            return known
        if isinstance(problem, HelpdeskRefused):
            raise problem
        raise HelpdeskUnreachable("a new contact cannot be seen") from problem

    async def enclose(self, files: Sequence[Upload]) -> Enclosed:
        """Make files ready to go with a ticket or a message; may be repeated.

        One dialect takes them before their message, a call each. A file that has gone a moment ago does not go again: a
        job that was interrupted goes on where it stopped.
        """
        ids = []
        for file in files:
            call = self._dialect.upload(file)
            if call is None:
                continue  # it goes with its message
            key = blake2b(
                f"{file.name}\0{file.type}\0".encode("utf-8", "surrogatepass") + file.content, digest_size=16
            ).digest()
            if key not in self._uploaded:
                answer = await self._wire.call(call)
                self._uploaded[key] = decode.sensible(decode.one(answer["data"]), lambda row: row["id"])
            ids.append(self._uploaded[key])
        return Enclosed(tuple(files), tuple(ids))

    async def open_ticket(self, contact: Contact, subject: str, html: str, enclosed: Enclosed = NOTHING) -> Ticket:
        """A new ticket of this contact, its text written by himself. Raises HelpdeskUnsure.

        What comes back must be new, his and about that: a help desk that merges may answer with an older one, which
        may be anybody's who uses the same address.
        """
        known = await self._known()
        call = self._dialect.create_ticket(
            contact.id, decode.whole(subject), decode.whole(html), enclosed.files, enclosed.ids
        )
        began = datetime.now(UTC)

        def read(row: Row) -> Ticket:
            ticket = self._dialect.ticket(row, known)
            if ticket.requester_id != contact.id or ticket.created_at < began - CLOCKS_APART:
                raise ValueError("another ticket")
            return ticket

        made = await self._once(call, read)
        self._spend(enclosed)
        return made

    async def post_message(self, ticket: Ticket, html: str, enclosed: Enclosed = NOTHING) -> int:
        """A public message in the ticket, written by its requester; gives its id. Raises HelpdeskUnsure.

        A ticket that is closed or locked may refuse it (HelpdeskRefused, dialect v2).
        """
        call = self._dialect.create_message(ticket, decode.whole(html), enclosed.files, enclosed.ids)
        made = await self._once(call, lambda row: self._dialect.written(row, ticket.id, internal=False))
        self._spend(enclosed)
        return made

    async def add_note(self, ticket_id: int, html: str) -> int:
        """A note in the ticket that only the staff sees; gives its id. Raises HelpdeskUnsure."""
        call = self._dialect.create_note(ticket_id, decode.whole(html))
        return await self._once(call, lambda row: self._dialect.written(row, ticket_id, internal=True))

    async def reopen(self, ticket_id: int) -> None:
        """Open a closed ticket. May be repeated: a lost answer is HelpdeskUnreachable or HelpdeskGarbled."""
        await self._turn(self._dialect.reopen(ticket_id), closed=False)

    async def close_ticket(self, ticket_id: int) -> None:
        """Close a ticket. May be repeated, like `reopen`."""
        await self._turn(self._dialect.close_ticket(ticket_id), closed=True)

    async def _turn(self, call: Call, *, closed: bool) -> None:
        answer = await self._wire.call(call)
        if answer["data"] is None:
            return  # success, told in a word
        known = await self._known()
        ticket = decode.sensible(decode.one(answer["data"]), lambda row: self._dialect.ticket(row, known))
        if ticket.closed != closed:
            raise HelpdeskRefused(f"the ticket stays {'open' if closed else 'closed'}")

    async def visitor_id(self, email: str, name: str) -> str | None:
        """Who this is to the help desk's chat; as good as a password to his history there. None: there is no such id.

        May be repeated: the same person gets the same id.
        """
        call = self._dialect.visitor(decode.email(email), decode.words(name))
        if call is None:
            return None
        answer = await self._wire.call(call)
        return decode.sensible(decode.one(answer["data"]), _visitor)

    async def _contact_of(self, email: str) -> Contact | None:
        """The contact to write as, None when nobody has the address yet."""
        found, whole = await self._search(email)
        people = [contact for contact in found if not contact.is_staff]
        if people:
            return min(people, key=lambda contact: contact.id)
        if found:
            raise HelpdeskStaff("the address is a member of staff's")
        if not whole:
            # A help desk that ignores the address asked for: to make a contact now could overwrite one it has.
            raise HelpdeskGarbled("a search for an address that does not end")
        return None

    def _spend(self, enclosed: Enclosed) -> None:
        """These files belong to a message now; the same file goes with another message as a new one."""
        for key in [key for key, number in self._uploaded.items() if number in enclosed.ids]:
            del self._uploaded[key]

    async def _once(self, call: Call, read: Callable[[Row], T]) -> T:
        """What a call made. An answer that is not what was promised leaves its effect unknown as a lost one does."""
        answer = await self._wire.call(call)
        try:
            return decode.sensible(decode.one(answer["data"]), read)
        except HelpdeskGarbled as error:
            log.error("help desk: the answer to a call that wrote is not what was promised: %s", error)
            raise HelpdeskUnsure(str(error)) from None


def _visitor(row: Row) -> str:
    if found := decode.words(row["id"]):
        return found
    raise ValueError("no id")
