"""The verdict, in the words of Jepsen's total-queue, on what the shop, the help desk, the CRM and the mail show."""

from __future__ import annotations

import hashlib
import html
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes

from tests.chaos.scene import Scene, number_of
from tests.chaos.traffic import Reply, Traffic

ENDS = ("done", "stale", "dead")
TWICE = 0.005
"""Of all letters: a mail server cannot be asked what it has (design/goals.md)."""


@dataclass
class Verdict:
    """Each list names what it counts. `letters`: how many came, those that came twice counted once."""

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    mails_twice: list[str] = field(default_factory=list)
    letters: int = 0

    @property
    def is_exact(self) -> bool:
        """Nothing lost, nothing twice, nothing that nobody asked for; letters aside."""
        return not (self.lost or self.unexpected or self.duplicated)

    @property
    def holds(self) -> bool:
        return self.is_exact and len(self.mails_twice) <= TWICE * self.letters

    def line(self, kills: int) -> str:
        return (
            f"acknowledged {self.acknowledged} lost {len(self.lost)} unexpected {len(self.unexpected)} "
            f"duplicated {len(self.duplicated)} mails_twice {len(self.mails_twice)} kills {kills}"
        )

    def details(self) -> Iterator[str]:
        for name in ("lost", "unexpected", "duplicated", "mails_twice"):
            yield from (f"{name}: {what}" for what in getattr(self, name))


def judge(traffic: Traffic) -> Verdict:
    """After the quiet end."""
    verdict = Verdict()
    verdict.acknowledged = sum(one.acknowledged for one in (*traffic.events, *traffic.replies))
    _events(verdict, traffic)
    _occasions(verdict, traffic, "task", Counter(_tasks(traffic.scene)), _task_of, verdict.duplicated)
    letters = Counter(_letters(traffic.scene))
    verdict.letters = len(letters)
    _occasions(verdict, traffic, "letter", letters, _letter_of, verdict.mails_twice)
    _fields(verdict, traffic)
    _replies(verdict, traffic)
    return verdict


def _events(verdict: Verdict, traffic: Traffic) -> None:
    rows = traffic.scene.stage.execute("SELECT event_key, state FROM custom_hde_inbox WHERE event_key LIKE 'b:%'")
    states = {key.decode().removeprefix("b:"): state.decode() for key, state in rows}
    for told in traffic.events:
        state = states.pop(told.key, None)
        if told.acknowledged and state not in ENDS:
            verdict.lost.append(f"event {told.key}, {told.kind} of ticket {told.ticket}, is {state}")
    verdict.unexpected += [f"event {key}" for key in states]


def _occasions(
    verdict: Verdict,
    traffic: Traffic,
    what: str,
    found: Counter[str],
    name_of: Callable[[int], str],
    twice: list[str],
) -> None:
    """Every new ticket is an occasion for one task and one letter, whatever told of it and however often."""
    for told in traffic.events:
        if told.kind != "ticket.created":
            continue
        count = found.pop(name_of(told.ticket), 0)
        if count == 0 and told.acknowledged:
            verdict.lost.append(f"{what} about ticket {told.ticket}")
        if count > 1:
            twice.append(f"{what} about ticket {told.ticket}: {count} times")
    desks = {name_of(reply.ticket) for reply in traffic.replies}
    verdict.unexpected += [f"{what} {name}" for name in found if name not in desks]


def _tasks(scene: Scene) -> Iterator[str]:
    for task in scene.book.tasks:
        yield task["title"].rpartition(" ")[2]


def _task_of(ticket: int) -> str:
    return f"[portal-{hashlib.sha256(f'created:{ticket}'.encode()).hexdigest()[:16]}]"


def _letters(scene: Scene) -> Iterator[str]:
    for file in scene.letters.glob("*.eml"):
        yield str(message_from_bytes(file.read_bytes())["Message-ID"])


def _letter_of(ticket: int) -> str:
    return f"<portal-created-{ticket}@shop.example>"


def _fields(verdict: Verdict, traffic: Traffic) -> None:
    """Each order's field names its tickets, and says of each how it stands now."""
    scene = traffic.scene
    said = dict(scene.stage.execute("SELECT VALUE_ID, UF_HDE_TICKETS FROM b_uts_order"))
    for order, ids in traffic.orders.items():
        tickets = [scene.stage.state.tickets[one] for one in ids]
        right = {f"{one.number} {'closed' if one.status == 'closed' else 'open'}" for one in tickets}
        shown = set((said.get(order) or "").split("; "))
        verdict.lost += [f"{number_of(order)} does not say {one}" for one in sorted(right - shown)]
        verdict.unexpected += [f"{number_of(order)} says {one}" for one in sorted(shown - right - {""})]


def _replies(verdict: Verdict, traffic: Traffic) -> None:
    """In its ticket once; or nobody can say whether it is, and a note tells the operator."""
    rows = traffic.scene.stage.execute("SELECT JSON_VALUE(payload, '$.text'), state FROM custom_hde_outbox")
    aside = {text for text, state in rows if state in (b"aside", b"dead")}
    for reply in traffic.replies:
        posts, notes = _shown(traffic.scene, reply)
        if posts > 1:
            verdict.duplicated.append(f"{reply.text} of ticket {reply.ticket}: {posts} times")
        if posts == 0 and reply.acknowledged and not (reply.text in aside and notes):
            verdict.lost.append(f"{reply.text} of ticket {reply.ticket}")


def _shown(scene: Scene, reply: Reply) -> tuple[int, int]:
    """How many messages, and how many notes for the operator, say it; wherever they are."""
    said = [message for ticket in scene.stage.state.tickets.values() for message in ticket.messages]
    alike = [message for message in said if reply.text in html.unescape(re.sub(r"<[^<>]*>", "", message.html))]
    return sum(not message.internal for message in alike), sum(message.internal for message in alike)
