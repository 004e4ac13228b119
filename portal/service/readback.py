"""Has it arrived? A call that writes went out and its answer was lost: what the help desk shows now decides.

Matched by our marker first, which is as unique as the message. A help desk that strips it leaves author, words and
time; that is not enough to be sure, but enough not to send it again.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.model import Message

MARKER = re.compile(r"\bportal-([0-9a-f]{16})\b")
"""What a message that went out from here has in its HTML (templates/desk/message.html)."""

CLOCKS_APART = timedelta(minutes=10)
"""The help desk's clock and ours may differ so far."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What went out at `at` (aware), as plain text, in the name of this contact."""

    mark: str
    text: str
    author_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found: `certain` is our message; `doubtful` may be it, or may be the same words written once more."""

    certain: Message | None = None
    doubtful: Message | None = None


def look_for(sent: Sent, messages: Iterable[Message], known: Collection[int]) -> Trace:
    """Look for what was sent among a ticket's messages.

    `known`: messages that are accounted for, as other jobs made them. An honest second "ok" is not taken for the first.
    """
    doubtful = None
    for message in messages:
        if marker(sent.mark) in message.html:
            return Trace(certain=message)
        if (
            message.id not in known
            and not message.from_staff
            and message.author_id == sent.author_id
            and message.created_at >= sent.at - CLOCKS_APART
            and not MARKER.search(message.html)
            and bare(message.html) == bare(html.escape(sent.text))
        ):
            doubtful = message
    return Trace(doubtful=doubtful)


def marker(mark: str) -> str:
    """The marker as it stands in the message's HTML (templates/desk/message.html)."""
    return f"portal-{mark}"


def bare(source: str) -> str:
    """The words alone: whatever the help desk does to tags and white space is no difference."""
    return "".join(html.unescape(re.sub(r"<[^<>]*>", "", source)).split())
