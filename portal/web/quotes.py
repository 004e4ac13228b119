"""The history that mail programs repeat under every answer, found and folded away.

Works on clean HTML alone (text.py): well nested, no attributes but a link's or a cell's. Dividers of mere layout are
dissolved into lines and paragraphs first, so that "from here to the end" means the same in every mail program. Nothing
is removed: what is folded opens with a click, without any script. A message that is all quotation is left open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import groupby

from markupsafe import Markup

_TOKEN = re.compile(r"<(/?)([a-z0-9]+)[^>]*>|[^<]+")
_TAG = re.compile(r"<[^>]*>")
_BLOCKS = frozenset(["blockquote", "div", "hr", "li", "ol", "p", "pre", "table", "ul"])

_SEPARATOR = re.compile(
    r"[-_—]{3,}\s*((original|reply) message|(исходное|первоначальное|оригинальное) сообщение)\b",
    re.IGNORECASE,
)
_FROM = re.compile(r"\W{0,2}(from|от|от кого)\W{0,2}:", re.IGNORECASE)
_HEADERS = re.compile(
    r"^\W{0,2}(sent|date|to|cc|subject|отправлено|дата|кому|копия|тема)\W{0,2}:", re.IGNORECASE | re.MULTILINE
)
_ON_WROTE = re.compile(r"on\b.+\bwrote:", re.IGNORECASE)
_WROTE = re.compile(r"\b(?:написала?|написал\(а\)|пишет|писала?|писал\(а\)):?\Z", re.IGNORECASE)
_EARLY_DIGIT = re.compile(r"\D{0,25}\d")
_ADDRESS = re.compile(r"\W*[^\s<>@]+@[^\s<>@:]+>?\W{0,2}")
_RULE = re.compile(r"[-_—*\s]{3,}")
_LONGEST_INTRODUCTION = 400
_HEADER_LINES = 6


@dataclass(frozen=True, slots=True)
class Unit:
    """A line, or a whole block such as a list; lines of one `group` belong to one paragraph (`wrap` p) or divider."""

    html: str
    text: str
    kind: str  # line, block or quote
    group: int = 0
    wrap: str = ""

    @property
    def blank(self) -> bool:
        return self.kind == "line" and not self.text

    @property
    def quoted(self) -> bool:
        return self.kind == "quote" or (self.kind == "line" and self.text.startswith(">"))


def fold(html: str, label: str) -> Markup:
    """Clean HTML with each quotation in a <details>; `label` names it to those who do not see its "…"."""
    units = list(_units(html))
    spans = _spans(units)
    out, at = [], 0
    opening = Markup(
        '<details><summary title="{0}"><span aria-hidden="true">…</span><span class="label">{0}</span></summary><div>'
    ).format(label)
    for start, end in spans:
        inside = [place for place in range(start, end) if not units[place].blank]
        out += [*_drawn(units[at:start]), opening, *_drawn(units[inside[0] : inside[-1] + 1]), "</div></details>"]
        at = end
    return Markup("".join([*out, *_drawn(units[at:])]))  # noqa: S704  # pieces of clean HTML, each well nested


def _units(html: str) -> Iterator[Unit]:
    tokens = [(match[0], match[2] or "", bool(match[1])) for match in _TOKEN.finditer(html)]
    line: list[str] = []
    wraps, group, at = [""], 0, 0
    while at < len(tokens):
        _, name, closes = tokens[at]
        whole = 1
        if name and not closes and name not in ("br", "hr", "div", "p"):
            whole = _length(tokens, at)
        piece = "".join(part for part, _, _ in tokens[at : at + whole])
        block = name in _BLOCKS or (whole > 1 and any(inner in _BLOCKS for _, inner, _ in tokens[at : at + whole]))
        at += whole
        if not block and name != "br":
            line.append(piece)
            continue
        if name == "br" or "".join(line).strip():
            yield _line(line, group, wraps[-1])
        line = []
        if name in ("div", "p"):
            group += 1
            if closes:
                wraps.pop()
            else:
                wraps.append(name)
        elif name != "br":
            group += 1
            yield Unit(piece, _text(piece), "quote" if name == "blockquote" else "block")
    if "".join(line).strip():
        yield _line(line, group, wraps[-1])


def _line(pieces: Sequence[str], group: int, wrap: str) -> Unit:
    html = "".join(pieces).strip()
    return Unit(html, _text(html), "line", group, wrap)


def _text(html: str) -> str:
    return unescape(_TAG.sub("", html)).replace("\xa0", " ").strip()


def _length(tokens: Sequence[tuple[str, str, bool]], start: int) -> int:
    """How many tokens the element that opens at `start` takes."""
    depth = 0
    for at in range(start, len(tokens)):
        _, name, closes = tokens[at]
        if name and name not in ("br", "hr"):
            depth += -1 if closes else 1
        if depth == 0:
            return at - start + 1
    return len(tokens) - start


def _spans(units: Sequence[Unit]) -> list[tuple[int, int]]:
    """Where the quotations are, as (first, after last), in order; none when they would leave nothing."""
    spans: list[tuple[int, int]] = []
    at = 0
    while at < len(units):
        end = _quotation(units, at)
        if end is None:
            at += 1
            continue
        while end < len(units) and units[end].blank:
            end += 1
        start = at
        while start > (spans[-1][1] if spans else 0) and (units[start - 1].blank or _is_rule(units[start - 1])):
            start -= 1
        spans.append((start, end))
        at = end
    folded = {place for start, end in spans for place in range(start, end)}
    fresh = any(unit.text for place, unit in enumerate(units) if place not in folded)
    return spans if fresh else []


def _quotation(units: Sequence[Unit], at: int) -> int | None:
    """Where a quotation that begins at `at`, introduction included, ends; None when none begins there."""
    unit = units[at]
    if unit.blank or not unit.text:
        return None
    if unit.quoted:
        return _quoted_until(units, at)
    if unit.kind != "line":
        return None
    if _SEPARATOR.match(unit.text) or _is_header(units, at):
        return len(units)
    return _introduced(units, at)


def _introduced(units: Sequence[Unit], at: int) -> int | None:
    """As _quotation, for "On … wrote:" and its like, on one line or broken into two."""
    first = " ".join(units[at].text.split())
    if _introduces(first):
        return _introduced_until(units, at + 1, first)
    second = units[at + 1] if at + 1 < len(units) else None
    if second is None or second.kind != "line" or second.quoted or not any(map(str.isdigit, first)):
        return None
    both = " ".join(f"{first} {second.text}".split())
    return _introduced_until(units, at + 2, both) if _introduces(both) and not _introduces(second.text) else None


def _introduces(text: str) -> bool:
    """Whether a line may introduce a quotation: it says who wrote, or begins with a date and ends with an address."""
    if not 10 < len(text) <= _LONGEST_INTRODUCTION:
        return False
    return _says_wrote(text) or bool(_EARLY_DIGIT.match(text) and _ADDRESS.fullmatch(text.rsplit(maxsplit=1)[-1]))


def _says_wrote(text: str) -> bool:
    return any(map(str.isdigit, text)) and bool(_ON_WROTE.fullmatch(text) or _WROTE.search(text))


def _introduced_until(units: Sequence[Unit], at: int, text: str) -> int | None:
    """Where the quotation after an introduction ends; with no marks on it, it goes on to the end of the message."""
    following = _next(units, at)
    if following is not None and units[following].quoted:
        return _quoted_until(units, following)
    return len(units) if _says_wrote(text) else None


def _quoted_until(units: Sequence[Unit], at: int) -> int:
    end = at
    while (following := _next(units, end)) is not None and units[following].quoted:
        end = following + 1
    return end


def _next(units: Sequence[Unit], at: int) -> int | None:
    """The first unit from `at` on that is not blank."""
    return next((place for place in range(at, len(units)) if not units[place].blank), None)


def _is_header(units: Sequence[Unit], at: int) -> bool:
    """Whether "From: … Sent: … To: … Subject: …" begins here, as Outlook puts it above what it quotes."""
    if not _FROM.match(units[at].text):
        return False
    following = "\n".join(unit.text for unit in units[at : at + _HEADER_LINES] if unit.kind == "line")
    return len({match[1].lower() for match in _HEADERS.finditer(following)}) >= 2


def _is_rule(unit: Unit) -> bool:
    return unit.html == "<hr>" or (unit.kind == "line" and _RULE.fullmatch(unit.text) is not None)


def _drawn(units: Sequence[Unit]) -> Iterator[str]:
    for (kind, _, wrap), same in groupby(units, key=lambda unit: (unit.kind, unit.group, unit.wrap)):
        if kind == "line":
            tag = wrap or "div"
            yield f"<{tag}>{'<br>'.join(unit.html for unit in same) or '<br>'}</{tag}>"
        else:
            for unit in same:
                # A table of several columns may be wider than a telephone: it scrolls, and so must take the focus.
                scrolls = unit.html.startswith("<table>") and "</td><td" in unit.html
                yield unit.html.replace("<table>", '<table tabindex="0">', 1) if scrolls else unit.html
