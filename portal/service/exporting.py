"""Everything of a customer as one archive: asked for by him, made by the worker a request at a time, his for a day.

It goes through the same door as his pages: for each request it is asked anew whether it is his now. Of orders and of
internal notes there is nothing in it, as there is nothing of them in what his pages are made of.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.database import Databases, Unit
from portal.errors import HelpdeskError, HelpdeskPending, NotFound
from portal.helpdesk.cache import Cache
from portal.helpdesk.client import Client
from portal.model import Copy, TicketPage, activity
from portal.service import attempts, taking
from portal.service.archive import safe_name
from portal.service.letters import Render
from portal.service.listing import Desk, contacts_of
from portal.service.requests import RequestView, view_for
from portal.service.sight import Person, Sight
from portal.service.taking import Saved
from portal.store import exports, limits, outbox, snapshots, tickets
from portal.store.exports import Export
from portal.store.outbox import Job

log = logging.getLogger(__name__)

ASKS = ((3, 86400),)
"""Archives an account may ask for: (how many, in how many seconds)."""

MOST_REQUESTS = 5000
FILE_BYTES, FILES_BYTES = 25 * 2**20, 250 * 2**20
"""The largest file that goes along, and all of them together with the pages; the others are named."""

WHOLE_BYTES = 500 * 2**20
"""Of all that is kept of one archive: whoever mails us a megabyte a message fills no disk. Older requests stay out."""

SLICE = 10
"""Requests that are taken for one customer before another's turn."""

PATIENCE_SECONDS = 60.0
AGAIN_SECONDS = 1.0
LATER_SECONDS = 30.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 15, 3600


class _Lost(Exception):
    """The job is another's by now, or was given up: nothing more is to be done here."""


def ask(unit: Unit, person: Person, locale: str) -> None:
    """Have an archive made; one that is being made goes on. Raises TooOften, and NotFound for who can have nothing."""
    if person.sight is not Sight.PROVEN and not person.own:
        raise NotFound
    if exports.begin(unit, person.customer.id, locale):
        limits.bound(unit, "takes", person.customer.id, ASKS)


def of(unit: Unit, person: Person) -> Export | None:
    """His archive as far as it has come; None where there is none, or none that he may still see."""
    export = exports.of(unit, person.customer.id)
    return export if export and (export.plan is None or may_take(unit, person, export.plan)) else None


def may_take(unit: Unit, person: Person, plan: dict[str, Any]) -> bool:
    """Whether everything in it is still his: an archive is handed out whole or not at all.

    His address and the contacts that it was made by must be his now, and no request in it another's, as far as we know.
    """
    by_contact, own = set(plan["contacts"]), {int(ticket): contact for ticket, contact in plan["own"]}
    proven = person.sight is Sight.PROVEN and person.customer.email == plan["email"] and by_contact <= person.contacts
    if by_contact and not proven:
        return False
    if any(person.own.get(ticket) != contact for ticket, contact in own.items()):
        return False
    inside = {ticket: contact for ticket, contact in plan["tickets"] if ticket not in plan["gone"]}
    # Of whose lists we keep none, only the conversation tells: read again after it moved, it is in our index as theirs.
    told = [snapshots.lists_of(unit, list(inside)), tickets.contacts_of(unit, list(inside))]
    return all(
        known.get(ticket, contact) in by_contact | {contact} for known in told for ticket, contact in inside.items()
    )


class Exporter:
    """Makes archives, one at a time. Its calls belong in the last lane of the budget: nobody else waits for it."""

    def __init__(self, settings: Settings, databases: Databases, client: Client, shape: Shape, render: Render) -> None:
        self._settings, self._databases, self._client = settings, databases, client
        self._shape, self._render = shape, render
        self._desk = self._new_desk()

    async def make(self, job: Job) -> None:
        """Some requests more of the job's archive, and its end when they are all in it."""
        # A memory of its own for each, as it hears of nothing that is forgotten elsewhere.
        self._desk = self._new_desk()
        try:
            await self._make(job)
        except _Lost:
            log.info("outbox %d: the archive was given up", job.id)
        except HelpdeskError as error:
            await self._databases.run(outbox.fail, job, type(error).__name__, LATER_SECONDS, count=False)
        except Exception as error:
            wait = attempts.back_off(job.attempts, FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)
            await self._databases.run(outbox.fail, job, type(error).__name__, wait)
            raise
        finally:
            await self._desk.cache.close()

    def _new_desk(self) -> Desk:
        return Desk(Cache(self._client, self._databases, self._settings.cache_seconds), self._databases)

    async def _make(self, job: Job) -> None:
        export = await self._databases.read(exports.one, int(job.payload["export"]))
        person = await self._person(job) if export else None
        if export is None or person is None:
            if job.user_id is not None:
                await self._databases.run(exports.drop, job.user_id)
            raise _Lost
        if export.plan is None:
            plan = await self._plan(job, person)
            _must(await self._databases.run(exports.plan, job, export.id, plan, len(plan["tickets"])))
            done, size = 0, 0
        else:
            plan, done, size = export.plan, export.done, export.size
        planned = plan["tickets"]
        for place in range(done, min(done + SLICE, len(planned))):
            if size >= WHOLE_BYTES:
                plan["more"] += len(planned) - place
                del planned[place:]
                _must(await self._databases.run(exports.plan, job, export.id, plan, len(planned)))
                break
            _must(await self._databases.run(exports.clear, job, export.id, place))
            try:
                size += await self._one(job, export, place, planned[place][0], FILES_BYTES - size)
            except NotFound:
                plan["gone"].append(planned[place][0])
                _must(await self._databases.run(exports.plan, job, export.id, plan, len(planned)))
            _must(await self._databases.run(exports.advance, job, export.id, place + 1, size))
        if done + SLICE < len(planned):
            await self._databases.run(outbox.fail, job, "", 0.0, count=False)  # others first, then on from here
            return
        last = await self._last(export, len(planned), plan["more"])
        _must(await self._databases.run(exports.finish, job, export.id, len(planned), last))
        log.info("outbox %d: an archive of %d requests is ready", job.id, len(planned))

    async def _person(self, job: Job) -> Person | None:
        if job.user_id is None:
            return None
        return await self._databases.read(taking.person_of, self._settings, self._shape, job.user_id)

    async def _plan(self, job: Job, person: Person) -> dict[str, Any]:
        """Which requests, newest first, each with its requester; `more`: how many are too many.

        `gone`: those that turned out not to be his any more when it was their turn.
        """
        contacts = await contacts_of(person, self._desk, _until())
        found: dict[int, tuple[datetime | None, int]] = {ticket: (None, whose) for ticket, whose in person.own.items()}
        for contact in contacts:
            page, pages = 1, 1
            while page <= pages and len(found) <= MOST_REQUESTS:
                # Whoever has his copies deleted meanwhile gets none of them back.
                _must(await self._databases.run(outbox.prolong, job, exports.LEASE_SECONDS))
                copy: Copy[TicketPage] = await self._desk.cache.tickets(contact, page, _until())
                for ticket in copy.value.tickets:
                    if ticket.requester_email in ("", person.customer.email):
                        found[ticket.id] = activity(ticket), ticket.requester_id
                page, pages = page + 1, copy.value.pages
        newest = sorted(
            found, key=lambda ticket: (found[ticket][0] is not None, found[ticket][0], ticket), reverse=True
        )
        taken = [[ticket, found[ticket][1]] for ticket in newest[:MOST_REQUESTS]]
        own = [[ticket, whose] for ticket, whose in person.own.items() if whose not in contacts]
        return {"email": person.customer.email, "contacts": sorted(contacts), "own": own, "tickets": taken,
                "more": len(newest) - len(taken), "gone": []}  # fmt: skip

    async def _one(self, job: Job, export: Export, place: int, ticket_id: int, room: int) -> int:
        """One request with its files; how many bytes it is. Raises NotFound for one that is not his any more."""
        person = await self._person(job)
        if person is None:
            raise _Lost
        view = await self._view(person, ticket_id)
        assert view.conversation  # noqa: S101  # _view waits for it
        saved, size = Saved(), 0
        folder = f"files/{_base(place, view)}"
        files = taking.whole_files(self._client, view, FILE_BYTES, room)
        async for file, content in files:
            if isinstance(content, str):
                saved.left_out[file.id] = content
                continue
            number = len(saved.paths) + 1
            path = f"{folder}/{number:02}-{safe_name(file.name, 'file')}"
            _must(await self._databases.run(exports.put, job, export.id, place, [(path, content)]))
            saved.paths[file.id] = path
            size += len(content)
        page, note = await asyncio.to_thread(self._written, export, place, view, saved)
        _must(await self._databases.run(exports.put, job, export.id, place, [*page, ("", note)]))
        return size + sum(len(content) for _, content in page)

    async def _view(self, person: Person, ticket_id: int) -> RequestView:
        """The conversation, however long the help desk's minute takes. Raises NotFound when it is not his now."""
        # His own list has named it. Whether it is his is decided all the same, by its requester as he is now.
        self._desk.his[person.customer.id, ticket_id] = True
        until = _until()
        while True:
            view = await view_for(person, self._desk, ticket_id)
            if view.conversation is not None:
                return view
            if asyncio.get_running_loop().time() > until:
                raise HelpdeskPending("conversation")
            await asyncio.sleep(AGAIN_SECONDS)

    def _written(
        self, export: Export, place: int, view: RequestView, saved: Saved
    ) -> tuple[Sequence[tuple[str, bytes]], bytes]:
        """The request as a page and as JSON, and what the list of them says of it."""
        address = f"{self._settings.public_url}{self._settings.prefix}/{view.ticket_id}"
        base = f"requests/{_base(place, view)}"
        shown = {**taking.context(view, saved, address), "up": "../", "index": "../index.html"}
        page = self._render("requests/take.html", export.locale, shown).encode("utf-8", "replace")
        told = self._told(view, saved, address, export.locale)
        ticket = {key: value for key, value in told.items() if key != "messages"}
        note = {**ticket, "page": f"{base}.html", "data": f"{base}.json", "messages": len(told["messages"])}
        return [(f"{base}.html", page), (f"{base}.json", _json(told))], _json(note)

    def _told(self, view: RequestView, saved: Saved, address: str, locale: str) -> dict[str, Any]:
        """The shape that README.md documents."""
        assert view.conversation  # noqa: S101  # as above
        ticket = view.conversation.ticket
        messages = [
            {
                "at": message.created_at.isoformat(),
                "from": "support" if message.from_staff else "customer",
                "author": message.author_name,
                "html": self._render("requests/body.html", locale, {"html": message.html}).strip(),
                "files": [
                    {"name": file.name, "size": file.size, "path": saved.paths.get(file.id),
                     "left_out": saved.left_out.get(file.id)}
                    for file in message.files
                ],
            }
            for message in view.conversation.messages
        ]  # fmt: skip
        return {
            "number": ticket.number, "subject": ticket.subject, "status": ticket.status.value,
            "channel": ticket.channel.value, "address": address, "created_at": ticket.created_at.isoformat(),
            "updated_at": activity(ticket).isoformat(),
            "as_of": view.as_of.isoformat() if view.as_of else None, "messages": messages,
        }  # fmt: skip

    async def _last(self, export: Export, place: int, more: int) -> list[tuple[str, bytes]]:
        """The list of all requests, as a page and as JSON."""
        notes = [json.loads(note) for note in await self._databases.read(exports.notes, export.id)]
        for note in notes:
            note["at"] = datetime.fromisoformat(note["updated_at"])
        shown = {"requests": notes, "more": more}
        page = await asyncio.to_thread(self._render, "requests/take_all.html", export.locale, shown)
        told = [{key: value for key, value in note.items() if key != "at"} for note in notes]
        return [
            ("index.html", page.encode("utf-8", "replace")),
            ("requests.json", _json({"version": 1, "requests": told, "left_out": more})),
        ]


def _base(place: int, view: RequestView) -> str:
    """A name that no other request of the archive has, whatever numbers the help desk gives."""
    assert view.conversation  # noqa: S101  # as above
    return f"{place + 1:04}-{safe_name(view.conversation.ticket.number, 'request')[:40]}"


def _until() -> float:
    return asyncio.get_running_loop().time() + PATIENCE_SECONDS


def _json(told: object) -> bytes:
    return json.dumps(told, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def _must(ours: bool) -> None:  # what a step of the archive returns
    if not ours:
        raise _Lost
