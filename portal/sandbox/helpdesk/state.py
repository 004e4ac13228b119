"""Everything the help desk knows: people, tickets, files, its settings and its moods, in memory.

One state serves both dialects. Times are epoch seconds; a status is the slug that dialect v2 shows. The server's
thread and a test's thread may both be at it: whoever reads or changes more than one thing holds `lock`.
"""

from __future__ import annotations

import copy
import secrets
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from portal.sandbox.helpdesk.faults import Faults
from portal.sandbox.helpdesk.journal import Journal
from portal.sandbox.helpdesk.limit import Limit
from portal.sandbox.helpdesk.outgoing import Outgoing
from portal.sandbox.helpdesk.plugin import Plugin

API_USER = 1


@dataclass
class Person:
    """A contact or, with `staff`, an operator. `fields` are custom fields by name."""

    id: int
    email: str
    name: str
    lastname: str = ""
    phone: str = ""
    staff: bool = False
    organization: str = ""
    status: str = "active"
    fields: dict[str, Any] = field(default_factory=dict)
    notes: list[dict[str, Any]] = field(default_factory=list)
    api_key: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: float = 0.0
    updated: float = 0.0

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.lastname}".strip()


@dataclass
class File:
    """`key` is the forty hex digits of its address; whoever knows them may read it (as the vendor seems to do)."""

    id: int
    name: str
    type: str
    content: bytes
    key: str = field(default_factory=lambda: secrets.token_hex(20))


@dataclass
class Message:
    """A post, or with `internal` a comment that only the staff may see. `html` is as it came: trust nothing in it."""

    id: int
    author_id: int
    html: str
    internal: bool
    created: float
    updated: float
    files: list[int] = field(default_factory=list)


@dataclass
class Ticket:
    """`waiting`: the shop waits for the customer (v1's "pending"). `messages` are oldest first."""

    id: int
    number: str
    subject: str
    status: str
    user_id: int
    channel: str
    created: float
    updated: float
    owner_id: int = 0
    waiting: bool = False
    locked: bool = False
    deleted: bool = False
    merged_into: int = 0
    parent_id: int = 0
    department_id: int = 2
    priority_id: int = 2
    type_id: int = 0
    sla: float | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


@dataclass
class Quirks:
    """What the vendor is suspected of and can be switched.

    `ignore_filters`: lists answer with everyone's rows. `loose_search`: an exact search of people also finds those
    whose text merely contains the words. `errors_on_200`: failures come with status 200. `closed_refuses`: v2 refuses
    a post to a closed ticket. `files_need_key`: downloads want the API's credentials. `list_lag`: seconds by which
    ticket lists are behind the tickets themselves. `strip_marks`: what is written loses its comments and the attributes
    that a cleaner of HTML may drop (class, id, style, title, data-…). `upload_limit`: bytes of a request's body beyond
    which it answers 413, 0 for none. `keyed_objects`: v2 answers one object in a map under its id.
    """

    ignore_filters: bool = False
    loose_search: bool = True
    errors_on_200: bool = False
    closed_refuses: bool = True
    files_need_key: bool = False
    list_lag: float = 0.0
    strip_marks: bool = False
    upload_limit: int = 0
    keyed_objects: bool = False


class State:
    """The help desk. `token` opens dialect v1; `email` with `api_key` opens v2; `timezone` is the account's clock."""

    def __init__(
        self,
        *,
        token: str = "demo-token",  # noqa: S107
        email: str = "integration@helpdesk.example",
        api_key: str = "00000000-0000-4000-8000-000000000000",
        timezone: str = "Europe/Moscow",
    ) -> None:
        self.token = token
        self.email = email
        self.api_key = api_key
        self.timezone = timezone
        self.lock = threading.RLock()
        self.journal = Journal()
        self.limit = Limit()
        self.faults = Faults()
        self.quirks = Quirks()
        self.effects: list[tuple[str, int]] = []
        self.outgoing = Outgoing()
        self.plugin = Plugin()
        self.clear()

    def clear(self) -> None:
        """Forget people, tickets and files; the API's own user stays, as it does in a fresh account."""
        self.people: dict[int, Person] = {}
        self.tickets: dict[int, Ticket] = {}
        self.files: dict[int, File] = {}
        self.last_id = 0
        self.changes = 0
        self._listed: tuple[float, list[Ticket]] = (0.0, [])
        now = time.time()
        self.add_person(Person(self.next_id(), self.email, "Интеграция", staff=True, api_key=self.api_key), now)

    def next_id(self) -> int:
        """One row of ids for everything: an id of the wrong kind never happens to fit."""
        self.last_id += 1
        return self.last_id

    def changed(self, what: str = "", number: int = 0) -> None:
        """Whoever changes data says so: the keeper writes the file, and the journal tells `what` it was."""
        self.changes += 1
        if what:
            self.effects.append((what, number))

    def add_person(self, person: Person, now: float) -> Person:
        person.created = person.created or now
        person.updated = person.updated or now
        self.people[person.id] = person
        self.changed("contact", person.id)
        return person

    def person_by_email(self, email: str) -> Person | None:
        wanted = email.strip().casefold()
        return next((p for p in self.people.values() if wanted and p.email.casefold() == wanted), None)

    def operators(self) -> list[Person]:
        """The staff, last hired first; the API's own user, whom nobody talks to, at the end."""
        staff = [person for person in self.people.values() if person.staff]
        return sorted(staff, key=lambda person: -person.id)

    def is_staff(self, person_id: int) -> bool:
        person = self.people.get(person_id)
        return person is not None and person.staff

    def file_by_key(self, key: str) -> File | None:
        return next((file for file in self.files.values() if file.key == key), None)

    def listed_tickets(self) -> list[Ticket]:
        """The tickets as lists show them: the vendor's lists come from an index that may be behind."""
        lag = self.quirks.list_lag
        if not lag:
            return [ticket for ticket in self.tickets.values() if not ticket.merged_into]
        at, listed = self._listed
        if time.time() - at >= lag:
            listed = [copy.deepcopy(ticket) for ticket in self.tickets.values() if not ticket.merged_into]
            self._listed = (time.time(), listed)
        return listed

    def ticket(self, ticket_id: int) -> Ticket | None:
        """A ticket to be read; one merged into another is gone (inferred: the vendor does not say)."""
        found = self.tickets.get(ticket_id)
        return None if found is None or found.merged_into else found
