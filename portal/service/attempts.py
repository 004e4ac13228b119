"""When a job of the outbox that the help desk did not take is tried again, and what counts as an attempt.

Nobody's job may die of an outage, a ban or a wrong key: only a help desk that understood and said no is believed.
"""

from __future__ import annotations

import logging
import random
from datetime import UTC, datetime

from portal.database import Databases
from portal.errors import HelpdeskBanned, HelpdeskError, HelpdeskRefused, HelpdeskUnauthorized
from portal.store import outbox
from portal.store.outbox import Job

log = logging.getLogger(__name__)

REFUSALS = 3
"""A help desk that said no so often will not change its mind."""

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 15, 3600

LONGEST_WAIT_FOR_A_KEY = 600.0
"""A wrong key is mended by a person; until then each question costs a call."""


def back_off(attempts: int, first: float, last: float) -> float:
    """Seconds until the next attempt: from `first` doubling to `last`, with jitter, so that whoever comes back is not
    run over."""
    return min(last, first * 2.0 ** (attempts - 1)) * random.uniform(0.75, 1.25)  # noqa: S311  # no secret


def is_refusal(error: HelpdeskError) -> bool:
    """Whether it understood and said no to this very job; a wrong key says nothing about it."""
    return isinstance(error, HelpdeskRefused) and not isinstance(error, HelpdeskUnauthorized)


async def again(databases: Databases, job: Job, error: HelpdeskError, longest_wait: float) -> None:
    """Try it again: counted after a refusal, else as soon as somebody can be asked; `longest_wait` is in seconds."""
    if is_refusal(error):
        await counted(databases, job, error)
    elif isinstance(error, HelpdeskUnauthorized):
        await later(databases, job, error, _soon(job, LONGEST_WAIT_FOR_A_KEY))
    elif isinstance(error, HelpdeskBanned):
        await later(databases, job, error, (error.until - datetime.now(UTC)).total_seconds() + _jitter(5))
    else:
        await later(databases, job, error, _soon(job, longest_wait))


async def later(databases: Databases, job: Job, error: HelpdeskError, seconds: float) -> None:
    """Again in so many seconds; nothing was tried, so that nothing is counted."""
    log.info("outbox %d: %s waits %.0f s: %s", job.id, job.kind, seconds, type(error).__name__)
    await databases.run(outbox.fail, job, str(error), max(seconds, 1.0), count=False)


async def counted(databases: Databases, job: Job, error: HelpdeskError) -> None:
    """Again later and later, until its attempts are used up."""
    log.warning("outbox %d: %s failed at attempt %d: %s", job.id, job.kind, job.attempts, error)
    seconds = back_off(job.attempts + 1, FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)
    await databases.run(outbox.fail, job, str(error), seconds)


def _soon(job: Job, longest: float) -> float:
    """Seconds: a fresh job is tried again at once, an old one now and then."""
    age = (datetime.now(UTC) - job.created_at).total_seconds()
    return min(longest, max(2.0, age / 10)) + _jitter(1)


def _jitter(seconds: float) -> float:
    return random.uniform(0, seconds)  # noqa: S311  # no secret is made of it
