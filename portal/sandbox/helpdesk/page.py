"""The director's desk as plain pages: who wrote what, and buttons to answer, to write, to break and to mend."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader

from portal.sandbox.helpdesk.faults import KINDS
from portal.sandbox.helpdesk.limit import BAN_FORMS
from portal.sandbox.helpdesk.state import State, Ticket
from portal.sandbox.helpdesk.words import STATUSES, Name

SHOWN = 200

ENVIRONMENT = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)


def render_index(state: State, words: str) -> str:
    """The newest tickets, those only whose subject, number or requester has `words` in it."""
    with state.lock:
        tickets = sorted((t for t in state.tickets.values() if not t.merged_into), key=lambda t: -t.updated)
        rows = [
            {
                "id": ticket.id,
                "number": ticket.number,
                "subject": ticket.subject,
                "who": _who(state, ticket),
                "status": _word(STATUSES[ticket.status]),
                "channel": ticket.channel,
                "updated": _time(state, ticket.updated),
            }
            for ticket in tickets
        ]
        found = [row for row in rows if words.casefold() in f"{row['subject']} {row['number']} {row['who']}".casefold()]
        return ENVIRONMENT.get_template("index.html").render(
            title="Help desk's sandbox",
            tickets=tickets,
            rows=found[:SHOWN],
            q=words,
            calls=state.journal.count,
            busiest=state.journal.busiest(),
            limit=state.limit,
            banned=round(state.limit.seconds_left()),
            faults=state.faults.active,
            kinds=KINDS,
            ban_forms=BAN_FORMS,
            webhooks=state.outgoing,
        )


def render_conversation(state: State, ticket: Ticket) -> str:
    """Messages as the text they are made of: nothing of them runs here."""
    with state.lock:
        messages = [
            {
                "author": _name(state, message.author_id),
                "kind": "internal"
                if message.internal
                else "staff"
                if state.is_staff(message.author_id)
                else "customer",
                "at": _time(state, message.created),
                "html": message.html,
                "files": [state.files[number].name for number in message.files],
            }
            for message in ticket.messages
        ]
        return ENVIRONMENT.get_template("conversation.html").render(
            title=ticket.subject,
            ticket=ticket,
            messages=messages,
            who=_who(state, ticket),
            requester=state.people.get(ticket.user_id),
            status=_word(STATUSES[ticket.status]),
            statuses={slug: _word(name) for slug, name in STATUSES.items()},
            operators=state.operators(),
        )


def _name(state: State, person_id: int) -> str:
    person = state.people.get(person_id)
    return person.full_name if person else "nobody any more"


def _who(state: State, ticket: Ticket) -> str:
    person = state.people.get(ticket.user_id)
    return f"{person.full_name} {person.email or person.phone}" if person else "nobody any more"


def _word(name: Name) -> str:
    return name if isinstance(name, str) else name.get("en") or name["ru"]


def _time(state: State, moment: float) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo(state.timezone)).strftime("%Y-%m-%d %H:%M:%S")
