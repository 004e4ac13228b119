"""Everything that can go wrong and has a name, and whether trying again can help.

PortalError
├── WrongSettings            the environment does not let us start                no
├── NotFound                 not there, or not this customer's: never told apart  no
├── TooOften                 asked more often than allowed                        later, by the person
├── DatabaseAway             the database cannot be reached                       yes: 503 and Retry-After
├── CrmError
│   ├── CrmRefused           Bitrix24 understood and said no                       when a person has mended it
│   ├── CrmAway              certainly nothing was done: no connection, a limit    yes
│   └── CrmUnsure            a task was asked for, and the answer was lost         after looking for it
└── HelpdeskError
    ├── HelpdeskMissing      the help desk says there is no such thing            no
    ├── HelpdeskRefused      it understood and said no (4xx)                      no
    │   ├── HelpdeskUnauthorized  our key is wrong, or has not the right              when a person has mended it
    │   └── HelpdeskStaff    it would concern a member of staff: never asked for      no
    ├── HelpdeskGarbled      its answer is not what either contract promises      yes
    ├── HelpdeskUnreachable  no answer: refused, timed out, 5xx                   yes
    ├── HelpdeskUnsure       a write went out, and its answer was lost            after reading back
    ├── HelpdeskBanned       it has locked the account out, until a known time    after `until`
    ├── HelpdeskBusy         our own budget has no free slot right now            yes
    └── HelpdeskPending      being fetched; nothing to show within the patience   yes: the page refreshes itself

No message carries a secret, a customer's text or a body of the help desk.
"""

from __future__ import annotations

from datetime import datetime


class PortalError(Exception):
    """The root of the tree in the module's docstring."""

    retry = False


class WrongSettings(PortalError):
    """Settings that are missing or wrong, all at once, by name and without their values."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class NotFound(PortalError):
    """Not there or not yours; both get one and the same answer."""


class TooOften(PortalError):
    """The person asked more often than allowed; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"again in {retry_after} s")
        self.retry_after = retry_after


class DatabaseAway(PortalError):
    """The database cannot be reached or went away in the middle of a unit of work."""

    retry = True


class CrmError(PortalError):
    """Bitrix24 did not do what we asked of it."""


class CrmRefused(CrmError):
    """It understood and refused. `key`: it is the webhook's key or right that is wrong, and not what was asked."""

    def __init__(self, reason: str, *, key: bool = False) -> None:
        super().__init__(reason)
        self.key = key


class CrmAway(CrmError):
    """Nothing was done: it cannot be reached, or has had enough calls for now."""

    retry = True


class CrmUnsure(CrmError):
    """No usable answer came: what was asked for may have been done, or may be done yet."""


class HelpdeskError(PortalError):
    """The help desk did not do what we asked of it."""


class HelpdeskMissing(HelpdeskError):
    """There is no such ticket, contact or file."""


class HelpdeskRefused(HelpdeskError):
    """The help desk understood and refused; the same call again gives the same answer."""


class HelpdeskUnauthorized(HelpdeskRefused):
    """Our key is wrong or has not the right (401, 403): what waits to be sent may wait until that is mended."""


class HelpdeskStaff(HelpdeskRefused):
    """The address or the contact is a member of staff's, and is left alone."""


class HelpdeskGarbled(HelpdeskError):
    """The answer is cut, not JSON, or of another shape than the contract's."""

    retry = True


class HelpdeskUnreachable(HelpdeskError):
    """No usable answer: connection refused, timed out, or 5xx."""

    retry = True


class HelpdeskUnsure(HelpdeskError):
    """A call that writes went out and no usable answer came: it may have had its effect, or may have it yet."""


class HelpdeskBanned(HelpdeskError):
    """The account is locked out until `until` (UTC); nobody calls before that."""

    retry = True

    def __init__(self, until: datetime) -> None:
        super().__init__(f"locked out until {until:%H:%M:%S} UTC")
        self.until = until


class HelpdeskBusy(HelpdeskError):
    """Every slot of our own budget is taken."""

    retry = True


class HelpdeskPending(HelpdeskError):
    """It is being fetched, and there is no copy to show meanwhile."""

    retry = True
