"""What is asked of the help desk, as the dialects put it and the wire sends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.model import Upload


@dataclass(frozen=True)
class Call:
    """A path below the API's address with its query; what is no GET has `json`, or `form` and `files` beside it.

    `files`: the form's name for each, and the file. `once`: done twice it would be seen twice, as a second message or
    ticket is; when the answer to such a call is lost nobody may repeat it (HelpdeskUnsure).
    """

    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    method: str = "GET"
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    files: Sequence[tuple[str, Upload]] = ()
    once: bool = False
