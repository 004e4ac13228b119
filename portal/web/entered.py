"""What a customer has entered into a form, given back to him with what is wrong and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from portal.service.writing import MAX_FILES, Problem


class Why(StrEnum):
    """Why nothing was sent, beside the problems of the fields."""

    SIGNED_OUT = "signed_out"
    STALE = "stale"
    """The form is too old, or was drawn for another account."""
    BACK = "back"
    """It came from the page for somebody we do not know (requests/back.html), who is known now."""
    BROKEN = "broken"
    """It did not come whole."""
    AWAY = "away"
    """Our database."""
    UNKNOWN = "unknown"
    """The help desk cannot be asked whose request it is."""
    TOO_OFTEN = "too_often"
    SIMILAR = "similar"
    """He has asked something like it already, and has not been told so yet."""


STATUSES = {
    Why.SIGNED_OUT: 401, Why.STALE: 403, Why.BACK: 403, Why.BROKEN: 400, Why.AWAY: 503, Why.UNKNOWN: 503,
    Why.TOO_OFTEN: 429, Why.SIMILAR: 409,
}  # fmt: skip
PROBLEMS_STATUS = 422
MAX_LOST = 4096
"""Bytes of the names of files that a form takes along without the files."""


@dataclass(frozen=True, slots=True)
class Entered:
    """The fields as they came, and why they come back.

    `files`: names of files that a browser cannot be given back. `seconds`: how long to wait.
    `extra`: so many files are too many.
    """

    subject: str = ""
    text: str = ""
    order: str = ""
    problems: Sequence[Problem] = ()
    why: Why | None = None
    files: Sequence[str] = ()
    seconds: int = 0
    extra: int = 0

    @property
    def lost(self) -> str:
        """The names of the files for a field of the form, one a line, as many as it may hold."""
        told = ""
        for name in self.files:
            if len(f"{told}{name}\r\n".encode()) > MAX_LOST:
                break
            told += f"{name}\n"
        return told

    @property
    def minutes(self) -> int:
        """How long to wait, as people are told."""
        return -(-self.seconds // 60)

    @property
    def status(self) -> int:
        """Of the answer that gives it back."""
        if self.why:
            return STATUSES[self.why]
        return PROBLEMS_STATUS if self.problems else 200


NOTHING = Entered()


def given_back(
    fields: Mapping[str, str],
    files: Sequence[str] = (),
    *,
    problems: Sequence[Problem] = (),
    why: Why | None = None,
    seconds: int = 0,
) -> Entered:
    """The fields of a form, to be shown in it again."""
    return Entered(
        fields.get("subject", ""),
        fields.get("text", ""),
        fields.get("order", ""),
        problems,
        why,
        tuple(dict.fromkeys(files)),
        seconds,
        max(0, len(files) - MAX_FILES),
    )
