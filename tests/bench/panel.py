"""The way into the operator's panel, for its benchmark."""

from __future__ import annotations

import json
import re
import urllib.request
from urllib.parse import urlencode

from tests.bench.paced import Question
from tests.bench.stage import DESK, PANEL, PREFIX


def opened(address: str, ticket: int) -> str:
    """A panel of this ticket: the handle of its forms."""
    told = json.dumps({"ticket_id": ticket, "operator": "ivan"}).encode()
    headers = {"authorization": f"Bearer {PANEL}", "content-type": "application/json"}
    asked = urllib.request.Request(f"{address}/api/panel/links", told, headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        token = json.load(answer)["token"]
    form = urlencode({"token": token}).encode()
    asked = urllib.request.Request(f"{address}{PREFIX}/panel", form, {"origin": DESK})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        found = re.search(r'name="handle" value="([^"]+)"', answer.read().decode())
    assert found
    return found[1]


def shown(handle: str, orders: int) -> Question:
    """The panel again, as its button asks for it; the right one counts so many orders."""
    body = urlencode({"handle": handle}).encode()
    headers = {"origin": "null", "sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
    return Question(f"{PREFIX}/panel/show", headers, "POST", body, holds=b'<span class="meta">%d</span>' % orders)
