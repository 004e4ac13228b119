"""The demo's help desk: Anna with a request of every kind, Boris with two, two operators, forty strangers' tickets."""

from __future__ import annotations

import time
from dataclasses import dataclass

from portal.sandbox.helpdesk import acts
from portal.sandbox.helpdesk.seed_anna import ANNAS
from portal.sandbox.helpdesk.seed_others import BORISS, PEOPLE, strangers
from portal.sandbox.helpdesk.seed_stories import HOUR, Line, Story
from portal.sandbox.helpdesk.state import Person, State


@dataclass(frozen=True)
class Cast:
    """Who is on the stage, for tests to name."""

    anna: Person
    boris: Person
    ivan: Person
    maria: Person


def seed_demo(state: State) -> Cast:
    """Fill an empty help desk; the same every time but for the clock: all times are told from now."""
    with state.lock:
        now = time.time()
        cast = Cast(
            anna=_meet(state, now, ("anna@shop.example", "Анна", "Смирнова", "+79161234567")),
            boris=_meet(state, now, ("boris@shop.example", "Борис", "Ким", "8 (903) 111-22-33")),
            maria=_meet(state, now, ("maria@helpdesk.example", "Мария", "", ""), staff=True),
            ivan=_meet(state, now, ("ivan@helpdesk.example", "Иван", "Петров", ""), staff=True),
        )
        cast.boris.organization = "ООО «Ромашка»"
        people = [_meet(state, now, person) for person in PEOPLE]
        told = [(cast.anna, story) for story in ANNAS] + [(cast.boris, story) for story in BORISS]
        told += [(people[number], story) for number, story in strangers()]
        for requester, story in sorted(told, key=lambda pair: -pair[1].hours_ago):
            _tell(state, cast, requester, story, now)
        return cast


def _meet(state: State, now: float, person: tuple[str, str, str, str], *, staff: bool = False) -> Person:
    """`person` is e-mail, name, last name and phone."""
    email, name, lastname, phone = person
    at = now - 40 * 24 * HOUR
    return acts.add_contact(state, email, name, phone, lastname=lastname, staff=staff, created=at, updated=at)


def _tell(state: State, cast: Cast, requester: Person, story: Story, now: float) -> None:
    """Turn a story into a ticket."""
    begun = now - story.hours_ago * HOUR
    first, *rest = story.lines
    ticket = acts.open_ticket(
        state,
        requester,
        story.subject,
        _html(first, begun),
        story.channel,
        files=_attach(state, first),
        fields=dict(story.fields),
        at=begun,
    )
    for line in rest:
        author = {"ivan": cast.ivan, "maria": cast.maria}.get(line.who, requester)
        at = min(begun + line.after * HOUR, now)
        html, files = _html(line, begun), _attach(state, line)
        acts.post(state, ticket, author, html, internal=line.internal, files=files, at=at)
    if story.status:
        acts.set_status(state, ticket, story.status, at=ticket.updated)


def _html(line: Line, begun: float) -> str:
    return line.html if isinstance(line.html, str) else line.html(begun)


def _attach(state: State, line: Line) -> list[int]:
    return [acts.add_file(state, name, kind, content).id for name, kind, content in line.files]
