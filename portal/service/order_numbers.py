"""Numbers of orders in what people write: candidates, which the shop is then asked for. Pure, and linear in the text.

A number is what the shop says it is: nothing here is one until an order goes by it. So a candidate may be a word too
much, but never a price, a phone or a date that happens to be somebody's order: what stands around it decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from portal.service import order_cues as cues

MOST = 40
"""Candidates of one text; of more, those that a word introduces, and then the first."""

LOOKED_AT = 1000
"""Words with digits in one text that are looked at; what has more is a table, and its first ones will do."""

LONGEST = 64
"""Characters of a number (the shop's may have 100; none that people type is as long)."""

T = TypeVar("T")


class Where(StrEnum):
    """Where a number stands."""

    SUBJECT = "subject"
    TEXT = "text"
    QUOTE = "quote"
    FILE_NAME = "file_name"


class Certainty(StrEnum):
    """How sure it is that an order's number is meant, if the shop has such a one."""

    NAMED = "named"
    """A word that says order, № or # stands before it, or nothing but it stands there."""
    SHAPED = "shaped"
    """Letters and digits, as no quantity and no year looks."""
    BARE = "bare"
    """Many digits, and no word about what they are."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A candidate. `readings`: what may be meant, the likeliest first: one number each, or a few that stand together.

    1007/1008 is one number in one shop, and two in another.
    """

    readings: tuple[tuple[str, ...], ...]
    certainty: Certainty
    where: Where

    @property
    def number(self) -> str:
        """As it stands there."""
        return self.readings[0][0]


def mentions(text: str, *, where: Where) -> list[Mention]:
    """The candidates in `text`, at most MOST, in the order in which they stand there."""
    plain = cues.plain(text, is_file_name=where == Where.FILE_NAME)
    found: list[Mention] = []
    end, listed = -1, False
    whole = cues.WHOLE.fullmatch(plain) is not None
    for match in islice(filter(_may_be_one, cues.TOKEN.finditer(plain)), LOOKED_AT):
        before = plain[max(0, match.start() - cues.BEFORE) : match.start()]
        after = plain[match.end() : match.end() + cues.AFTER]
        goes_on = listed and cues.GOES_ON.fullmatch(plain[end : match.start()][:16]) is not None
        certainty = _certainty(match[0], before, after, goes_on=goes_on, whole=whole, where=where)
        end, listed = match.end(), certainty == Certainty.NAMED
        if certainty is not None:
            found.append(Mention(_readings(match[0], certainty), certainty, where))
    return _bounded(found)


def meant(mention: Mention, known: Mapping[str, T]) -> list[T]:
    """What is meant of what the shop has; `known` goes by `alike` of its number."""
    for reading in mention.readings:
        if there := [known[alike(number)] for number in reading if alike(number) in known]:
            return there
    return []


def alike(number: str) -> str:
    """The same for numbers that look the same: letters of both alphabets, small and capital, every kind of dash."""
    return cues.straight(number).upper().translate(cues.LOOK_ALIKES)


def spellings(found: Iterable[Mention]) -> set[str]:
    """All that the shop is asked for: the numbers as they stand there, and in one alphabet or the other."""
    asked = set()
    for mention in found:
        for number in (number for reading in mention.readings for number in reading):
            big = number.upper()
            asked |= {number, alike(number), big.translate(cues.TO_CYRILLIC), _letters_first(big)}
    return asked


def _may_be_one(match: re.Match[str]) -> bool:
    return len(match[0]) <= LONGEST and any(map(str.isdigit, match[0]))


def _certainty(  # noqa: PLR0911  # a table
    word: str, before: str, after: str, *, goes_on: bool, whole: bool, where: Where
) -> Certainty | None:
    """What the words around it make of it; None: no order's number."""
    if cues.is_something_else(before, after):
        return None
    glued = cues.GLUED.fullmatch(word)
    sign = cues.SIGN.search(before) is not None
    noun = cues.noun_before(before)
    if noun == cues.OTHER:
        return None
    if glued or noun == cues.ORDER or cues.ORDER_AFTER.match(after) or (goes_on and len(word) > 2):
        if cues.DATE.fullmatch(word) and not sign:
            return None
        return Certainty.NAMED if sign or len(word) > 2 or glued else None
    if sign and (cues.MARK.search(before) or not cues.NOT_BARE.fullmatch(word)):
        return Certainty.NAMED if len(word) > 2 else None
    if cues.DATE.fullmatch(word) or cues.NOT_BARE.fullmatch(word):
        return None
    if whole and len(word) > 2 and where != Where.FILE_NAME:
        return Certainty.NAMED
    return _shape(word, before, after, where)


def _shape(word: str, before: str, after: str, where: Where) -> Certainty | None:
    """What a number is taken for that no word introduces."""
    digits = sum(map(str.isdigit, word))
    if any(map(str.isalpha, word)):
        return Certainty.SHAPED if digits >= 3 else None
    if where == Where.FILE_NAME or cues.PHONE_BEFORE.search(before):
        return None
    if cues.POSTCODE.fullmatch(word) and cues.PLACE_AFTER.match(after):
        return None
    return Certainty.BARE if digits >= 6 else None


def _readings(word: str, certainty: Certainty) -> tuple[tuple[str, ...], ...]:
    readings: list[tuple[str, ...]] = [(word,)]
    if glued := cues.GLUED.fullmatch(word):
        readings.append((glued[1],))
    if ending := cues.ENDING.fullmatch(word):
        readings.append((ending[1],))
    if certainty == Certainty.NAMED and "/" in word:
        readings.append(tuple(part for part in word.split("/") if len(part) > 2)[:4])
    return tuple(reading for reading in readings if reading)


def _letters_first(number: str) -> str:
    """The letters before the first digit in Cyrillic, the rest in Latin: А-1007B."""
    head = re.match(r"\D*", number)
    length = head.end() if head else 0
    return number[:length].translate(cues.TO_CYRILLIC) + number[length:].translate(cues.LOOK_ALIKES)


def _bounded(found: list[Mention]) -> list[Mention]:
    if len(found) <= MOST:
        return found
    first = sorted(range(len(found)), key=lambda place: (found[place].certainty != Certainty.NAMED, place))[:MOST]
    return [found[place] for place in sorted(first)]
