"""For Prometheus, not published by nginx: figures of our tables, the same whichever process is asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from litestar import Response, get
from litestar.di import NamedDependency

from portal.errors import DatabaseAway
from portal.store import figures
from portal.store.figures import Figures
from portal.web.site import Site

log = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

INBOX_STATES = ("waiting", "running", "done", "dead", "discarded", "skipped", "stale")
OUTBOX_STATES = ("waiting", "running", "done", "dead", "aside", "discarded")
SCORES = ("good", "bad")
"""Told with 0, too: an alarm on a figure that comes and goes is none."""

Samples = Mapping[str, float]
"""By what stands between the braces, `state="dead"`; "" for a figure without labels."""


@get("/metrics")
async def metrics(site: NamedDependency[Site]) -> Response[str]:
    """The figures in Prometheus's text format; 503 when the database does not answer."""
    try:
        seen = await site.databases.read(figures.look, site.settings.hde_rate)
    except DatabaseAway as error:
        log.warning("no metrics: %s", error)
        return Response("# the database does not answer\n", status_code=503, media_type=CONTENT_TYPE)
    return Response("".join(_lines(seen)), media_type=CONTENT_TYPE)


def _lines(seen: Figures) -> Iterator[str]:
    yield from _gauge("inbox_events", "What came from the help desk.", _by("state", seen.inbox, INBOX_STATES))
    yield from _gauge("outbox_jobs", "What is to be done outside.", _by("state", seen.outbox, OUTBOX_STATES))
    yield from _gauge("outbox_done", "Effects of the last days, by kind.", _by("kind", seen.done))
    oldest = {"inbox": 0.0, "outbox": 0.0, **seen.oldest}
    yield from _gauge("oldest_unfinished_seconds", "Age of the oldest that waits or runs.", _by("table", oldest))
    yield from _gauge("budget_calls", "Calls of the last minute, and those under way.", {"": seen.calls})
    yield from _gauge("budget_calls_allowed", "Calls that a minute may have.", {"": seen.allowed})
    yield from _gauge("ban_active", "1 while the help desk locks the account out.", {"": float(seen.banned > 0)})
    yield from _gauge("ban_seconds", "Until the ban ends.", {"": seen.banned})
    yield from _gauge("worker_beat_age_seconds", "Since a worker was at work.", _maybe(seen.beat_age))
    yield from _gauge("sweep_age_seconds", "Since the last sweep of the help desk's tickets.", _maybe(seen.sweep_age))
    yield from _gauge("ratings", "What customers say of closed requests.", _by("score", seen.ratings, SCORES))
    yield from _gauge("sweep_repairs", "Changes that no webhook told and a sweep found.", {"": seen.repairs})


def _by(label: str, values: Mapping[str, float], known: tuple[str, ...] = ()) -> Samples:
    """One sample for each value, and 0 for those that are known and have none."""
    return {f'{label}="{_escaped(name)}"': value for name, value in (dict.fromkeys(known, 0) | dict(values)).items()}


def _maybe(value: float | None) -> Samples:
    return {} if value is None else {"": value}


def _gauge(name: str, meaning: str, samples: Samples) -> Iterator[str]:
    if not samples:
        return
    yield f"# HELP portal_{name} {meaning}\n# TYPE portal_{name} gauge\n"
    for labels, value in samples.items():
        yield f"portal_{name}{f'{{{labels}}}' if labels else ''} {value:.15g}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
