"""Whose requests a customer may read: those of an address he has proven himself, and those he opened with us.

The proof is a signed, expiring link mailed to exactly that address and confirmed by a POST. It lapses when the
account's address changes, and an address that two accounts hold joins neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from portal.database import Unit
from portal.errors import NotFound, TooOften
from portal.model import Customer
from portal.store import limits, links, outbox, profiles
from portal.store.links import Holdings
from portal.store.visits import Seen
from portal.tokens import Tokens

PROOF_MAIL = "mail.proof"
PROOF_SECONDS = 2 * 3600
"""A link older than this proves nothing; long enough for slow mail, short enough for a forgotten mailbox."""

ASKS = ((3, 3600), (10, 86400))
"""Links an account may ask for, and links an address may be sent: (how many, in how many seconds)."""

BY_MAIL = "email-proof"
BY_SHOP = "shop"


class Sight(StrEnum):
    """Why a customer sees what he sees."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    """He has an address nobody has proven yet: the page offers the link."""
    SHARED = "shared"
    """Another account holds the same address; it joins neither."""
    NO_EMAIL = "no_email"


@dataclass(frozen=True, slots=True)
class Person:
    """A customer and what he may see.

    `contacts` are the help desk contacts granted by name; `withdrawn` those that were taken away again. `joins` says on
    what evidence further contacts with his address may be added, None when none may. `own`: tickets that are his
    whatever is proven, each with the contact that must still be its requester. `seen` grants nothing: it says what is
    new to him, and is told of his visits while it is remembered.
    """

    customer: Customer
    sight: Sight
    contacts: frozenset[int] = frozenset()
    withdrawn: frozenset[int] = frozenset()
    joins: str | None = None
    own: Mapping[int, int] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen, compare=False)


def person(customer: Customer, has: Holdings, *, shared: bool, trust_shop: bool) -> Person:
    """What this customer may see, from what we wrote down alone: no help desk, no copy and no cache is asked.

    `shared`: another account holds the same address. `trust_shop`: PORTAL_TRUST_SHOP_EMAIL.
    """
    rows = has.links
    if not customer.email:
        return Person(customer, Sight.NO_EMAIL, own=has.tickets, seen=has.seen)
    if shared:
        return Person(customer, Sight.SHARED, own=has.tickets, seen=has.seen)
    shop_says = trust_shop and customer.confirmed
    here = [row for row in rows if row.email == customer.email]
    good = [row for row in here if row.sees and (row.evidence == BY_MAIL or (row.evidence == BY_SHOP and shop_says))]
    contacts = frozenset(row.contact_id for row in good if row.contact_id != links.ADDRESS)
    address = [row for row in here if row.contact_id == links.ADDRESS]
    if any(row in good for row in address):
        joins: str | None = next(row.evidence for row in address if row in good)
    elif shop_says and not any(not row.sees for row in address):
        joins = BY_SHOP
    else:
        joins = None
    withdrawn = frozenset(row.contact_id for row in here if row.is_withdrawn)
    sight = Sight.PROVEN if contacts or joins else Sight.UNPROVEN
    return Person(customer, sight, contacts, withdrawn, joins, has.tickets, has.seen)


def ask(unit: Unit, who: Customer, locale: str) -> None:
    """Queue the mail with the link that proves this customer's address.

    Raises TooOften beyond ASKS, per account and per address; both are counted in the caller's transaction, so that a
    refusal counts nothing.
    """
    digest = hashlib.sha256(who.email.encode()).hexdigest()[:32]
    for allowed, seconds in ASKS:
        for name in (f"ask:{seconds}:{who.id}", f"ask:{seconds}:{digest}"):
            if wait := limits.hit(unit, name, allowed, seconds):
                raise TooOften(wait)
    outbox.put(unit, PROOF_MAIL, {"to": who.email, "user": who.id, "name": who.name, "locale": locale}, who.id)


def proof_token(tokens: Tokens, user_id: int, email: str, jti: str) -> str:
    """The token of the link: for this account and this address, within PROOF_SECONDS, once for each `jti`."""
    return tokens.sign("email-proof", str(user_id), [email, jti])


def check_proof(tokens: Tokens, who: Customer, token: str) -> str:
    """The jti of `token`. Raises NotFound unless it proves the address that this customer has now."""
    match tokens.read("email-proof", str(who.id), token, PROOF_SECONDS):
        case ([email, str(jti)],) if email == who.email and email:
            return jti
    raise NotFound


def prove(unit: Unit, tokens: Tokens, who: Customer, token: str) -> None:
    """The customer has followed the link and said so by a POST.

    Raises NotFound for a link that proves nothing, or has proven something already: what was withdrawn since must not
    come back by pressing the old button again.
    """
    jti = check_proof(tokens, who, token)
    if limits.hit(unit, f"proof:{jti}", 1, PROOF_SECONDS):
        raise NotFound
    links.prove(unit, who.id, who.email, BY_MAIL)
    profiles.take_over(unit, who.id, who.email)
