"""The doors of the operator's panel: a link that opens it once, the handle that its forms carry, whom they may name.

A link is about a ticket or an order, never about a person: who that is, is for us to find out. Whoever holds a panel's
handle is its operator, for as long as he is at it. Persons, orders and words are named in its forms by tokens that are
worth something in this panel alone, so that nobody is reached by counting.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from portal.database import Unit
from portal.errors import PortalError, TooOften
from portal.store import limits, panel
from portal.store.panel import Handle, Whom
from portal.tokens import Tokens

LINK_SECONDS = 300
OPERATOR_CHARACTERS = 100
SEARCHES = ((30, 60), (600, 3600))
"""Searches an operator may make, in all of his panels: (how many, in how many seconds)."""

SEARCHES_OF_ALL = ((120, 60), (3000, 3600))
"""Searches of all operators together: who one is, is what a holder of the secret says, and names cost nothing."""

OPEN, FIND, SHOWN = "open", "find", "shown"
_SUBJECT = re.compile(r"(ticket|order):([1-9][0-9]{0,18})")
_JTI = re.compile(r"[A-Za-z0-9_-]{22}")
_HANDLE = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes, as secrets.token_urlsafe writes them."""


class LinkRefused(PortalError):
    """It is not a link of ours, is too old, or has opened a panel already: never told apart."""


class PanelEnded(PortalError):
    """There is no such panel, or none any more."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says: which ticket or order (one of them) its panel is about, and for whom it was made."""

    operator: str
    ticket_id: int | None = None
    order_id: int | None = None


def mint(tokens: Tokens, link: Link) -> tuple[str, datetime]:
    """A token that opens this panel once, and when it ends to do so (UTC). Whether the ticket exists is not asked."""
    audience = f"ticket:{link.ticket_id}" if link.ticket_id else f"order:{link.order_id}"
    now = datetime.now(UTC).replace(microsecond=0)
    token = tokens.sign("panel", audience, [link.operator, secrets.token_urlsafe(16)])
    return token, now + timedelta(seconds=LINK_SECONDS)


def open_panel(unit: Unit, tokens: Tokens, token: str) -> tuple[str, Handle]:
    """Spend the token: the handle for the panel's forms, and what is known by it. Raises LinkRefused."""
    link, jti = _read(tokens, token)
    given = secrets.token_urlsafe(32)
    handle = Handle(panel.digest(given), link.operator, link.ticket_id, link.order_id)
    if not panel.put(unit, handle, jti):
        raise LinkRefused
    panel.audit(unit, handle, OPEN)
    return given, handle


def enter(unit: Unit, given: str) -> Handle:
    """The panel of this handle, which lives on by it. Raises PanelEnded."""
    handle = panel.enter(unit, panel.digest(given)) if _HANDLE.fullmatch(given) else None
    if handle is None:
        raise PanelEnded
    return handle


def begin(unit: Unit, handle: Handle, act: str, whom: Iterable[Whom] = ()) -> None:
    """An operator is about to do that: counted where it may be done so often only, and written down first.

    Raises TooOften; what is refused is not counted.
    """
    if act == FIND:
        own = panel.digest(handle.operator).hex()[:32]  # a name may be of any length and letters, a counter's may not
        for who, searches in ((own, SEARCHES), ("all", SEARCHES_OF_ALL)):
            for allowed, seconds in searches:
                if wait := limits.hit(unit, f"panel:{seconds}:{who}", allowed, seconds):
                    raise TooOften(wait)
    panel.audit(unit, handle, act, whom)


def shown(unit: Unit, handle: Handle, whom: Iterable[Whom]) -> None:
    """Whom the page that follows an act shows to the operator."""
    panel.audit(unit, handle, SHOWN, whom)


def ref(tokens: Tokens, handle: Handle, kind: str, number: int) -> str:
    """A name for this person, order or word, good in this panel's forms alone."""
    return tokens.sign("panel-ref", handle.digest.hex(), [kind, number])


def named(tokens: Tokens, handle: Handle, given: str) -> Whom | None:
    """Whom a name from this panel's forms means; None for anything else."""
    match tokens.read("panel-ref", handle.digest.hex(), given, panel.LIFE_SECONDS):
        case ([str(kind), int(number)],):
            return kind, number
    return None


def _read(tokens: Tokens, token: str) -> tuple[Link, str]:
    match tokens.open("panel", token, LINK_SECONDS):
        case (audience, [str(operator), str(jti)]) if (about := _SUBJECT.fullmatch(audience)) and _JTI.fullmatch(jti):
            number = int(about[2])
            return (Link(operator, number) if about[1] == "ticket" else Link(operator, order_id=number)), jti
    raise LinkRefused
