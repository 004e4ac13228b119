"""What is said while processes die: signed events at the webhook's doors, and customers' replies; and who said yes."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from portal.errors import DatabaseAway
from portal.model import Customer
from portal.service import writing
from portal.service.sight import Person, Sight
from portal.service.writing import Draft
from tests.chaos.scene import SECRET, Scene, email_of, number_of

CALLERS = 4
ANSWER_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
"""The help desk tries again for longer than that; who is not heard for so long has found a defect."""

REPEATED = 5
"""Every so many events come twice, as they do when an answer is lost on its way to the help desk."""


@dataclass
class Told:
    """One event: `key` as it is kept; acknowledged when a door has said 202 or 200."""

    key: str
    kind: str
    ticket: int
    message: int | None
    acknowledged: bool = False


@dataclass
class Reply:
    """One message of a customer; acknowledged when it was committed."""

    text: str
    ticket: int
    acknowledged: bool = False


@dataclass
class Traffic:
    """`strange`: answers that no door may give. `heard`: when (monotonic) a door said yes, in order."""

    scene: Scene
    events: list[Told] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    orders: dict[int, list[int]] = field(default_factory=dict)
    strange: list[int] = field(default_factory=list)
    away: int = 0
    heard: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _caller: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=ANSWER_SECONDS))

    def run(self, events: int, replies: int, seconds: float) -> None:
        """All of it, spread over so many seconds; returns when each was acknowledged, or patience has ended."""
        began = time.monotonic()
        desks = {customer: self._ticket_of(customer) for customer in self.scene.customers}
        acts = self._acts()
        under_way: list[Future[None]] = []
        with ThreadPoolExecutor(CALLERS) as callers:
            for number in range(events):
                under_way.append(callers.submit(self._ring, next(acts), number))
                if number * replies // events < (number + 1) * replies // events:
                    reply_to = self.scene.customers[len(self.replies) % len(self.scene.customers)]
                    reply = Reply(f"Reply {len(self.replies):05d}.", desks[reply_to])
                    self.replies.append(reply)
                    under_way.append(callers.submit(self._write, reply_to, reply))
                time.sleep(max(0.0, began + (number + 1) * seconds / events - time.monotonic()))
        self._caller.close()
        for one in under_way:
            one.result()

    def _ticket_of(self, customer: int) -> int:
        """Where a customer writes; no event tells of it, so that the sweep has something to find."""
        told = self.scene.stage.tell("customer/email", email=email_of(customer), subject="My desk", text="Hello")
        return int(told["ticket_id"])

    def _acts(self) -> Iterator[Told]:
        """A new ticket that names an order, another message in it, another status; the next ticket."""
        tell = self.scene.stage.tell
        while True:
            order = self.scene.orders[sum(map(len, self.orders.values())) % len(self.scene.orders)]
            email = email_of(self.scene.customer_of(order))
            subject = f"About {number_of(order)}"
            made = tell("customer/email", email=email, subject=subject, text="Where is it?")
            ticket = int(made["ticket_id"])
            self.orders.setdefault(order, []).append(ticket)
            yield self._told("ticket.created", ticket, made["message_id"])
            said = tell("customer/email", email=email, ticket_id=ticket, text="And when?")
            yield self._told("message.created", ticket, said["message_id"])
            tell("operator/status", ticket_id=ticket, status=random.choice(("closed", "process")))
            yield self._told("ticket.status_changed", ticket, None)

    def _told(self, kind: str, ticket: int, message: int | None) -> Told:
        told = Told(f"loop-{len(self.events)}", kind, ticket, message)
        self.events.append(told)
        return told

    def _ring(self, told: Told, number: int) -> None:
        told.acknowledged = self._at_a_door(told)
        if told.acknowledged and number % REPEATED == 0:
            self._at_a_door(told)

    def _at_a_door(self, told: Told) -> bool:
        """Ring until somebody says that he has heard."""
        body = _body(told)
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-HDE-Signature": f"sha256={signature}", "Content-Type": "application/json"}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            door = f"http://127.0.0.1:{random.choice(self.scene.fleet.ports)}/api/hde-webhook"
            try:
                status = self._caller.post(door, content=body, headers=headers).status_code
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if status in (200, 202):
                self.heard.append(time.monotonic())
                return True
            with self._lock:
                if status == 503:
                    self.away += 1
                else:
                    self.strange.append(status)
            time.sleep(0.2)
        return False

    def _write(self, customer: int, reply: Reply) -> None:
        """What the form does; after an error the customer sends the same form again."""
        person = Person(Customer(customer, email_of(customer), email_of(customer), "Customer"), Sight.PROVEN)
        contact = self.scene.stage.state.tickets[reply.ticket].user_id
        draft = Draft(reply.text, once=reply.text)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reply.acknowledged and time.monotonic() < deadline:
            try:
                self.scene.stage.databases.run_here(writing.reply, person, reply.ticket, contact, draft)
                reply.acknowledged = True
            except DatabaseAway:
                time.sleep(0.2)


def _body(told: Told) -> bytes:
    message = {"message": {"id": told.message}} if told.message else {}
    now = datetime.now(UTC).isoformat()
    return json.dumps(
        {"id": told.key, "event": told.kind, "created_at": now, "ticket": {"id": told.ticket}, **message}
    ).encode()
