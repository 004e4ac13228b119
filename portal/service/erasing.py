"""A customer has the copies deleted that we hold of his requests: he stays one, and the help desk keeps its own."""

from __future__ import annotations

from portal.database import Unit
from portal.helpdesk import forgetting
from portal.service.sight import Person
from portal.store import erasing, limits

ASKS = ((10, 86400),)
"""Times an account may do so: (how many, in how many seconds). After each everything is fetched anew."""


def erase(unit: Unit, person: Person) -> None:
    """Delete them, and write the receipt. Raises TooOften.

    Whoever reads them at this moment, here or in another process, forgets them too, and keeps nothing of what he is
    fetching (store/snapshots.py, `wipe`).
    """
    user = person.customer.id
    limits.bound(unit, "erase", user, ASKS)
    tickets = erasing.tickets_of(unit, user)
    # An address that is not proven may be another's: his copies are not this one's to delete.
    emails = [person.customer.email] if person.joins and person.customer.email else []
    copies = forgetting.wipe(unit, sorted(person.contacts), tickets, emails)
    erasing.write(unit, user, {erasing.SNAPSHOTS: copies, **erasing.erase(unit, user)})
