"""One conversation as a customer takes it away: his, whole, with its files as far as they may go along."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.bitrix import users
from portal.bitrix.tables import Shape
from portal.config import Settings
from portal.database import Unit
from portal.errors import HelpdeskBanned, HelpdeskBusy, HelpdeskError, HelpdeskMissing, HelpdeskRefused
from portal.helpdesk.client import Client
from portal.model import Attachment
from portal.service import sight
from portal.service.archive import is_picture, picture
from portal.service.requests import RequestView
from portal.service.sight import Person
from portal.store import limits, links

log = logging.getLogger(__name__)

FILES_TAKEN = ((30, 3600),)
"""Files that an account may have made: (how many, in how many seconds). They cost calls, and are packed each time."""

PICTURES, PICTURE_BYTES, PICTURES_BYTES = 12, 3 * 2**20, 12 * 2**20
"""Pictures that stand in a saved conversation: how many, the largest of them, and all of them."""

TOO_LARGE, NOT_THERE = "too_large", "not_there"
"""Why a file is only named: it is too large to go along; the help desk does not give it."""


class TooLarge(Exception):
    """A file is larger than may be taken along."""


@dataclass(slots=True)
class Saved:
    """What goes along with a conversation, by the file's id: pictures as addresses that hold them, paths beside the
    page, and why a file is only named."""

    pictures: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def person_of(unit: Unit, settings: Settings, shape: Shape, user_id: int) -> Person | None:
    """A customer who is not here himself, as he would be seen if he was; None when his account is gone or blocked."""
    account = users.account(unit, shape, users.options(unit), user_id)
    if account is None:
        return None
    customer = account.customer
    shared = bool(customer.email) and users.others_with_email(unit, user_id, customer.email)
    return sight.person(customer, links.of(unit, user_id), shared=shared, trust_shop=settings.trust_shop_email)


def count(unit: Unit, user_id: int) -> None:
    """One more is made for him: a conversation, the files of one, or his archive. Raises TooOften."""
    limits.bound(unit, "take", user_id, FILES_TAKEN)


def files_of(view: RequestView) -> Iterator[Attachment]:
    """Every file of a conversation once, oldest first."""
    seen: set[str] = set()
    for message in view.conversation.messages if view.conversation else ():
        for file in message.files:
            if file.id not in seen:
                seen.add(file.id)
                yield file


async def chunks_of(client: Client, file: Attachment, most: int) -> AsyncGenerator[bytes]:
    """A file bit by bit, the last one maybe empty. Raises TooLarge, at once where its size is told, and what
    Client.open_file raises.
    """
    if (file.size or 0) > most:
        raise TooLarge
    size = 0
    async with client.open_file(file) as opened:
        if (opened.size or 0) > most:
            raise TooLarge
        async for chunk in opened.chunks():
            size += len(chunk)
            if size > most:
                raise TooLarge
            yield chunk
    yield b""  # so that an empty file is one, too


async def content_of(client: Client, file: Attachment, most: int) -> bytes | None:
    """A file whole, None when it is larger than that. Raises what Client.open_file raises."""
    try:
        return b"".join([chunk async for chunk in chunks_of(client, file, most)])
    except TooLarge:
        return None


async def with_pictures(client: Client, view: RequestView) -> Saved:
    """The pictures of a conversation, as many as may stand in one page; every other file is named there.

    Nobody waits longer for a help desk that does not give them: what does not come is named, too.
    """
    saved, room = Saved(), PICTURES_BYTES
    candidates = [file for file in files_of(view) if is_picture(file.name)][:PICTURES]
    for file in candidates:
        try:
            content = await content_of(client, file, min(PICTURE_BYTES, room))
        except (HelpdeskBanned, HelpdeskBusy):
            break
        except HelpdeskError as error:
            log.info("a picture of request %d is left out: %s", view.ticket_id, error)
            continue
        if content and (shown := picture(content)):
            saved.pictures[file.id] = shown
            room -= len(content)
    return saved


async def whole_files(client: Client, view: RequestView, most: int, room: int) -> Any:
    """(file, content or why it is only named) of each file of a conversation, while `room` bytes last.

    Raises HelpdeskError when nobody can say now: the whole is tried again later.
    """
    for file in files_of(view):
        try:
            content = await content_of(client, file, min(most, room))
        except (HelpdeskMissing, HelpdeskRefused):
            yield file, NOT_THERE
            continue
        if content is None:
            yield file, TOO_LARGE
            continue
        room -= len(content)
        yield file, content


def context(view: RequestView, saved: Saved, address: str) -> Mapping[str, Any]:
    """What requests/take.html is given."""
    assert view.conversation  # noqa: S101  # whoever calls has looked
    return {"ticket": view.conversation.ticket, "messages": view.conversation.messages, "saved": saved,
            "address": address, "as_of": view.as_of}  # fmt: skip
