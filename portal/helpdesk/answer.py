"""What an answer of the help desk means: data, an error of its own, or a ban in one of its many forms. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from portal.errors import (
    HelpdeskError,
    HelpdeskGarbled,
    HelpdeskMissing,
    HelpdeskRefused,
    HelpdeskUnauthorized,
    HelpdeskUnreachable,
)
from portal.helpdesk.decode import Row

BAN_SECONDS = 20 * 60.0
LONGEST_BAN = 48 * 3600.0
"""An old copy of the vendor's page speaks of 48 hours; nothing longer is believed."""

LONGEST_ERROR = 4096
"""Bytes. A longer answer under status 200 is data, and is not read twice."""

_BAN = re.compile(r"\bban\b|API limit", re.IGNORECASE)
_LENGTH = re.compile(r"\bban\w* for (\d{1,4}) ?(min|hour|h\b|day)", re.IGNORECASE)
_UNITS = {"min": 60, "hour": 3600, "h": 3600, "day": 86400}


def ban_seconds(status: int, headers: Mapping[str, str], body: bytes) -> float | None:
    """How long we are locked out, None when this is no ban: 429, or 401 or 403 that speak of one.

    A wrong key answers 401 as well: only the text tells them apart. Where errors come under status 200, a ban does too.
    """
    if status not in (401, 403, 429) and not (status == 200 and len(body) < LONGEST_ERROR):
        return None
    said = " ".join(f"{row.get('title', '')} {row.get('details', '')}" for row in _errors(_json_or_none(body)))
    if status != 429 and not _BAN.search(said):
        return None
    if length := _LENGTH.search(said):
        seconds = float(length[1]) * _UNITS[length[2].lower()]
    else:
        seconds = _retry_after(headers.get("retry-after", "")) or BAN_SECONDS
    return min(max(seconds, 1.0), LONGEST_BAN)


def data_of(status: int, body: bytes) -> Row:
    """The answer as an object with `data`, None where it tells of nothing but success. Raises what else it stands for.

    HelpdeskMissing and HelpdeskRefused say that the call had no effect; after any other error it may have had one.
    """
    if status >= 500 or status == 408:
        raise HelpdeskUnreachable(f"status {status}")
    if 300 <= status < 400:
        raise HelpdeskGarbled(f"status {status}: redirects are not followed")
    answer = _json_or_none(body)
    if problem := _problem(status, answer):
        raise problem
    if not isinstance(answer, dict) or not ("data" in answer or _errors(answer)):
        raise HelpdeskGarbled("no envelope")
    return {"data": None, **answer}


def _problem(status: int, answer: Any) -> HelpdeskError | None:
    """The error that an answer tells, by its status or, with status 200, in its list of errors."""
    # Success is told in the same list, by codes that begin with s-.
    codes = [str(row.get("code", "")) for row in _errors(answer)]
    wrong = [code for code in codes if not code.startswith("s-")]
    if status < 400 and wrong and answer.get("data"):
        return HelpdeskGarbled("an error and what was asked for, at once")
    said = next((int(code[2:]) for code in wrong if re.fullmatch(r"e-\d{3}", code)), 0) if status < 400 else status
    if said >= 500:
        return HelpdeskUnreachable(f"error {said}")
    if said in (401, 403):
        return HelpdeskUnauthorized(f"status {said}")
    if said == 404 or "e-404" in wrong:
        return HelpdeskMissing("no such thing")
    if status >= 400 or wrong:
        return HelpdeskRefused(f"status {said or status}")
    return None


def _errors(answer: Any) -> list[Mapping[str, Any]]:
    """The errors an answer tells, in either dialect's way."""
    if not isinstance(answer, dict):
        return []
    found = answer.get("errors")
    if isinstance(answer.get("error"), dict):
        found = [{"code": answer["error"].get("code"), "title": answer["error"].get("message")}]
    if isinstance(found, dict):
        found = list(found.values())
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _retry_after(value: str) -> float | None:
    """Seconds, or a date of HTTP."""
    if re.fullmatch(r"\d{1,6}", value.strip()):
        return float(value)
    try:
        return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
