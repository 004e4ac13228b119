"""What the cache keeps its copies in: kept ones, renewals under way, and the kinds of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec

from portal.errors import HelpdeskError, HelpdeskRefused
from portal.helpdesk.coverage import LONGEST
from portal.model import Copy
from portal.store.snapshots import Snapshot

T = TypeVar("T")

log = logging.getLogger(__name__)

CONTACTS, CONTACT, TICKETS, CONVERSATIONS = "contacts", "contact", "tickets", "conversation"
"""Names of kinds, as they stand in the table: who carries an address, a contact by his number (`41`), pages of a
contact's tickets (`41:1`), and conversations (`10`)."""

FORMAT = b"1"
"""The first byte of a kept copy; copies of another format count as absent."""


@dataclass(slots=True)
class Kept(Generic[T]):
    copy: Copy[T]
    until: float
    size: int


def kept_until(_key: object, kept: Kept[Any], _now: float) -> float:
    """How long a copy stays in memory: past its time it is of use while the sweep covers it."""
    return kept.until + LONGEST.total_seconds()


@dataclass(slots=True)
class Flight(Generic[T]):
    """A renewal under way, and the old copy it has found meanwhile."""

    task: asyncio.Task[Copy[T]]
    old: Copy[T] | None = None


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A sort of copies: its name in the table, its type, how to fetch one, how long it is fresh (seconds).

    `swept`: the sweep sees when one has changed (coverage.py).
    """

    name: str
    type: Any
    fetch: Callable[[str], Awaitable[T]]
    fresh: Callable[[T], float]
    brief: Callable[[T], bytes] = lambda _value: b""
    swept: bool = False


def glance(body: bytes | None, kind: type[T]) -> T | None:
    """The little that `kind` names of a kept copy; None where there is none that we can read."""
    if not body or body[:1] != FORMAT:
        return None
    try:
        return msgspec.json.decode(body[1:], type=kind)
    except msgspec.MsgspecError:
        return None


def decoded(kind: Kind[T], found: Snapshot | None) -> Copy[T] | None:
    """A kept copy, whatever its age; None when there is none that can be read."""
    if found is None or found.body is None or found.body[:1] != FORMAT:
        return None
    try:
        value = msgspec.json.decode(found.body[1:], type=kind.type)
    except msgspec.MsgspecError:
        return None
    return Copy(value, found.fetched_at, False, blake2b(found.body, digest_size=9).hexdigest())


def tell_failure(name: str, error: BaseException) -> None:
    """A renewal of this kind has failed: the help desk's bad days are told without a trace, our defects with one."""
    if isinstance(error, HelpdeskRefused):
        log.error("help desk: %s refused (%s): are PORTAL_HDE_TOKEN, or _EMAIL and _API_KEY, right?", name, error)
    elif isinstance(error, HelpdeskError):
        log.info("help desk: %s not renewed: %s", name, error)
    else:
        log.error("help desk: %s not renewed", name, exc_info=error)
