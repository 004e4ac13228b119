"""The rules table (templates/rules.toml): which event of the help desk sets off what in the shop."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from portal import assets
from portal.config import Settings
from portal.errors import WrongSettings
from portal.model import EventKind, Status

FILE = "rules.toml"


class Effect(StrEnum):
    """What an event may set off."""

    ORDER_FIELD = "order_field"
    MAIL_MANAGER = "mail_manager"
    CRM_TASK = "crm_task"


class By(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; a condition that is None, or no status, holds always."""

    event: EventKind
    effects: frozenset[Effect]
    by: By | None = None
    first: bool | None = None
    statuses: frozenset[Status] = frozenset()

    @property
    def asks_for_the_message(self) -> bool:
        """Whether it cannot be decided without reading what was written."""
        return self.by is not None or self.first is not None


@dataclass(frozen=True, slots=True)
class Told:
    """What the rules look at: `by` and `first` are None when there is no message that a customer can see."""

    event: str
    status: Status
    by: By | None = None
    first: bool | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """All of them, in the file's order."""

    rules: tuple[Rule, ...]

    def effects(self, told: Told) -> frozenset[Effect]:
        """What is set off: the effects of every rule that holds."""
        return frozenset(effect for rule in self.rules if _holds(rule, told) for effect in rule.effects)

    @property
    def ask_for_the_status(self) -> bool:
        """Whether any of them looks at how the ticket stands."""
        return any(rule.statuses for rule in self.rules)

    def ask_for_the_message(self, event: str, on: frozenset[Effect]) -> bool:
        """Whether an event of this kind must be decided by what was written, as far as effects are `on`.

        What tells the shop does so only when the message is none of our own.
        """
        ours = [rule for rule in self.rules if rule.event == event and rule.effects & on]
        tells = event == EventKind.MESSAGE_CREATED and any(rule.effects & on - {Effect.ORDER_FIELD} for rule in ours)
        return tells or any(rule.asks_for_the_message for rule in ours)


def of(settings: Settings) -> Rules:
    """Those of the folder that PORTAL_TEMPLATES names, else ours. Raises WrongSettings."""
    own = Path(settings.templates)
    return read(own if settings.templates and (own / FILE).exists() else assets.folder("templates"))


def read(folder: Path) -> Rules:
    """The rules of the file in `folder`. Raises WrongSettings that names what is wrong in it."""
    try:
        source = tomllib.loads((folder / FILE).read_text("utf-8"))
    except OSError as error:
        raise WrongSettings([f"{FILE} cannot be read: {error.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSettings([f"{FILE} is not TOML: {error}"]) from None
    rows = source.pop("rule", None)
    if source or not isinstance(rows, list):
        raise WrongSettings([f"{FILE} must hold nothing but tables [[rule]]"])
    problems: list[str] = []
    rules = []
    for number, row in enumerate(rows, 1):
        try:
            rules.append(_rule(row))
        except (KeyError, ValueError, TypeError) as error:
            problems.append(f"{FILE}, rule {number}: {_sentence(error)}")
    if problems:
        raise WrongSettings(problems)
    return Rules(tuple(rules))


def _rule(row: Mapping[str, Any]) -> Rule:
    if strange := set(row) - {"event", "effects", "by", "first", "status"}:
        raise ValueError(f"there is no {', '.join(sorted(strange))}")
    if not isinstance(row["effects"], list) or not isinstance(row.get("status", []), list):
        raise TypeError("effects and status are lists")
    if not isinstance(row.get("first", True), bool):
        raise TypeError("first is true or false")
    return Rule(
        EventKind(row["event"]),
        frozenset(Effect(effect) for effect in row["effects"]),
        By(row["by"]) if "by" in row else None,
        row.get("first"),
        frozenset(Status(status) for status in row.get("status", [])),
    )


def _sentence(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)


def _holds(rule: Rule, told: Told) -> bool:
    return (
        rule.event == told.event
        and (rule.by is None or rule.by == told.by)
        and (rule.first is None or rule.first == told.first)
        and (not rule.statuses or told.status in rule.statuses)
    )
