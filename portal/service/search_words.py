"""What somebody looks for as words, and where they stand in a text. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence

from portal.helpdesk.indexing import folded

LONGEST_QUERY = 200
MOST_WORDS = 8
SNIPPET = 160
"""Characters around the first match."""

_ENDING = re.compile(
    r"(?:иями|ями|ами|ого|его|ому|ему|ыми|ими|иях|ях|ах|ов|ев|ей|ой|ий|ый|ая|яя|ое|ее|ие|ые|ую|юю|ом|ем|ам|ям|ок|ек"
    r"|[аеиоуыьэюяй]|ing|ies|es|ed|s)$"
)

Pieces = Sequence[tuple[str, bool]]
"""A text in pieces; True for those that were looked for."""


def words_of(query: str) -> list[str]:
    """The words that are looked for, folded and without their endings."""
    said = [word.strip("№#.,;:!?\"'«»()[]<>") for word in folded(query[:LONGEST_QUERY]).split()]
    return list(dict.fromkeys(stem(word) for word in said if word))[:MOST_WORDS]


def stem(word: str) -> str:
    """A folded word without what its case and number have added, as far as that is easily told."""
    if len(word) < 5 or not word.isalpha():
        return word
    cut = _ENDING.sub("", word)
    if len(cut) < 4:
        return word
    return cut[:-1] if cut.endswith("к") and len(cut) > 5 else cut


def snippet(said: str, words: Sequence[str]) -> Pieces:
    """What stands around the first of the words in a text, in pieces; nothing when none of them is in it."""
    looked_for = re.compile("|".join(re.escape(word).replace("е", "[её]") for word in words) or r"(?!)", re.I)
    shown = " ".join("".join(char if char.isprintable() else " " for char in said).split())
    first = looked_for.search(shown)
    if first is None:
        return ()
    begin = max(0, first.start() - SNIPPET // 3)
    if begin and (space := shown.find(" ", begin, first.start())) > 0:
        begin = space + 1
    end = min(len(shown), begin + SNIPPET)
    pieces: list[tuple[str, bool]] = [("… " if begin else "", False)]
    at = begin
    for match in looked_for.finditer(shown, begin, end):
        pieces += [(shown[at : match.start()], False), (match[0], True)]
        at = match.end()
    pieces += [(shown[at:end], False), (" …" if end < len(shown) else "", False)]
    return [piece for piece in pieces if piece[0]]
