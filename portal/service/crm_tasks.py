"""Tasks for Bitrix24: made once, whatever becomes of an answer. The same care as delivery.py takes with messages."""

from __future__ import annotations

import hashlib
import logging
import random
from datetime import UTC, datetime, timedelta

from portal.config import Settings
from portal.crm import Crm
from portal.database import Databases
from portal.errors import CrmAway, CrmRefused, CrmUnsure
from portal.service.letters import Render
from portal.store import outbox
from portal.store.outbox import Job

SETTLE_SECONDS = 120.0
"""A call whose answer was lost may still make its task so much later; before that none is asked for again."""

LOOK_SECONDS = 10.0
AWAY_SECONDS, LONGEST_AWAY_SECONDS = 5.0, 300.0
KEY_SECONDS = 600.0
"""A wrong key is mended by a person."""

REFUSALS = 3
LOST_ANSWERS = 6
TITLE_CHARACTERS = 200
MARK = "[portal-"
"""Begins what a task is found by."""

log = logging.getLogger(__name__)


class CrmTasks:
    """Makes the task of one claimed job at a time."""

    def __init__(
        self,
        settings: Settings,
        databases: Databases,
        crm: Crm,
        render: Render,
        *,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._settings = settings
        self._databases = databases
        self._crm = crm
        self._render = render
        self._settle = timedelta(seconds=settle_seconds)

    async def make(self, job: Job) -> None:
        """Make its task, or say when to try again. Raises DatabaseAway."""
        if job.claim.left < 0:
            log.error("outbox %d: %s given up: its worker died at every attempt", job.id, job.kind)
            await self._databases.run(outbox.fail, job, "its worker died at every attempt", None)
            return
        try:
            task_id = await self._made(job)
        except CrmAway as error:
            await self._later(job, error, min(LONGEST_AWAY_SECONDS, AWAY_SECONDS + _age(job) / 10))
        except CrmRefused as error:
            await self._refused(job, error)
        except CrmUnsure as error:
            await self._lost(job, error)
        else:
            if task_id is None:
                await self._later(job, None, LOOK_SECONDS)
            elif await self._databases.run(outbox.finish, job, result_id=task_id):
                log.info("outbox %d: %s became task %d at attempt %d", job.id, job.kind, task_id, job.attempts)
            else:
                log.warning("outbox %d: %s has another worker now", job.id, job.kind)

    async def _made(self, job: Job) -> int | None:
        """The task's id; None when one may still appear, or another worker has the job."""
        marker = _marker(job)
        if job.sent_at:
            if (found := await self._crm.find_task(marker)) is not None:
                return found
            if datetime.now(UTC) - job.sent_at < self._settle:
                return None
        if not await self._databases.run(outbox.sending, job):
            return None
        words = " ".join(self._render("desk/task.title.txt", self._settings.locale, job.payload).split())
        # A customer may write the marker of a request that is to come: no task but its own may be found by it.
        title = words.replace(MARK, MARK.replace("[", "("))
        description = self._render("desk/task.txt", self._settings.locale, job.payload)
        try:
            return await self._crm.add_task(f"{title[:TITLE_CHARACTERS]} {marker}", description)
        except (CrmAway, CrmRefused):
            await self._databases.run(outbox.not_sent, job)
            raise

    async def _lost(self, job: Job, error: CrmUnsure) -> None:
        """Next time it is looked for. A CRM that loses every answer is not asked for ever: a person decides."""
        if job.attempts >= LOST_ANSWERS:
            log.error("outbox %d: %s set aside: %d answers are lost", job.id, job.kind, job.attempts)
            await self._databases.run(outbox.put_aside, job, str(error))
        else:
            log.warning("outbox %d: the answer to %s is lost: %s", job.id, job.kind, error)
            await self._databases.run(outbox.fail, job, str(error), LOOK_SECONDS * 2.0**job.attempts)

    async def _refused(self, job: Job, error: CrmRefused) -> None:
        if error.key:
            log.error("outbox %d: PORTAL_CRM_WEBHOOK_URL is refused: %s", job.id, error)
            await self._later(job, error, KEY_SECONDS)
        elif job.attempts >= REFUSALS:
            log.error("outbox %d: %s cannot be made: %s", job.id, job.kind, error)
            await self._databases.run(outbox.fail, job, f"refused: {error}", None)
        else:
            log.warning("outbox %d: %s refused at attempt %d: %s", job.id, job.kind, job.attempts, error)
            await self._databases.run(outbox.fail, job, str(error), LOOK_SECONDS * 2.0**job.attempts)

    async def _later(self, job: Job, error: Exception | None, seconds: float) -> None:
        reason = str(error) if error else "not there yet"
        log.info("outbox %d: %s waits %.0f s: %s", job.id, job.kind, seconds, reason)
        seconds *= random.uniform(0.75, 1.25)  # noqa: S311  # no secret is made of it
        await self._databases.run(outbox.fail, job, reason, seconds, count=False)


def _marker(job: Job) -> str:
    """Stands in the task's title, and is the same however often the job is put: it follows from what happened."""
    return f"{MARK}{hashlib.sha256(job.payload['occasion'].encode()).hexdigest()[:16]}]"


def _age(job: Job) -> float:
    return (datetime.now(UTC) - job.created_at).total_seconds()
