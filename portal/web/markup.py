"""Foreign HTML, read as a browser would and written anew, well nested and in our own words.

The cleaner that judges the result (text.py) takes time that grows with the square of the nesting, and a browser repeats
open formatting in every new paragraph; a message of some kilobytes can be made to cost minutes. What is written here is
nested exactly as deep as counted here, and repeats nothing. It also is what accessibility asks of a page around it: list
items in lists, cells in rows, no foreign headings, no link without a text.

What it lets through is not trusted: the cleaner decides, from its own list.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from html import escape, unescape
from urllib.parse import urlsplit

MAX_DEPTH = 512
MAX_TOKENS = 40_000
"""Tags and the texts between them: about 100 ms of work; a thread of a year's mails has fewer."""
MAX_LENGTH = 2**20
"""Of the result, in characters: pictures inside the HTML (data:) are dropped before and do not count."""

TAGS = frozenset(
    "a b blockquote br code del div em hr i ins li ol p pre s strong sub sup table tbody td tr u ul".split()
)
_SAME_AS = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"),
    **dict.fromkeys("address article aside center dd dl dt fieldset figcaption figure footer form header main".split(), "div"),
    **dict.fromkeys(("section", "legend", "caption", "details", "summary"), "div"),
    **dict.fromkeys(("kbd", "samp", "tt"), "code"),
    "strike": "s",
}  # fmt: skip
_WRITTEN = {"heading": ("<p><strong>", "</strong></p>"), "th": ("<td><strong>", "</strong></td>")}
_BLOCKS = frozenset("p div heading blockquote pre ul ol table hr li".split())
_UNREAD = frozenset("script style title textarea xmp iframe noembed noframes plaintext".split())
_QUOTED = re.compile(r"\b(gmail_quote|yahoo_quoted|protonmail_quote|zmail_extra|tutanota_quote|mailru-blockquote)")
_KEPT_ATTRIBUTES = frozenset(("href", "alt", "class", "colspan", "rowspan"))

_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_GAP = re.compile(r"[\s/]*")
_ATTRIBUTE = re.compile(r"=?[^\s/>=]*")
_EQUALS = re.compile(r"\s*=\s*")
_BARE = re.compile(r"[^\s>]*")
_ADDRESS = re.compile(r"<(?:https?:|mailto:|[^\s<>@/]+@)[^\s<>]*>")
_LAID_OUT = re.compile(
    r"<(?:br|p|div|table|tr|ul|ol|li|pre|blockquote|h[1-6r]|section|article|dl)[\s/>]", re.IGNORECASE
)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_URL = re.compile(r"https?://[^\s\\/?#@]+([/?#]\S*)?|mailto:\S+|tel:\+?[\d().-]+", re.IGNORECASE)
_BARE_URL = re.compile(r"\bhttps?://[^\s<>\"«»]+[^\s<>\"«».,;:!?')\]]", re.IGNORECASE)
_LINE_ENDS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6])[^<>]*>", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^<>]*>")

Token = tuple[str, str, dict[str, str]]


class TooMuch(Exception):
    """The HTML is nested too deeply, or has too many tags or too much text, to be worth cleaning."""


def safe_url(url: str) -> bool:
    """Whether a link may lead there: an absolute address of the web, of mail or of a telephone, and no sign-in in it."""
    return _URL.fullmatch(url) is not None


def text_of(html: str) -> str:
    """The text without its tags, roughly and in linear time whatever it is; lines stay lines."""
    text = unescape(_ANY_TAG.sub("", _LINE_ENDS.sub("\n", html)))
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", _UNPRINTABLE.sub("", text)).strip()


def rebuild(html: str) -> str:
    """The same message, written anew with TAGS alone. Raises TooMuch.

    A body without any layout of its own is plain text: its line breaks stay.
    """
    writer = _Writer(plain=not _LAID_OUT.search(html))
    for count, (kind, name, attributes) in enumerate(_tokens(_UNPRINTABLE.sub("", html))):
        if count > MAX_TOKENS:
            raise TooMuch
        if kind == "text":
            writer.text(name)
        elif kind == "close":
            writer.close(_SAME_AS.get(name, name))
        else:
            writer.open(_SAME_AS.get(name, name), attributes)
    return writer.finish()


def _tokens(html: str) -> Iterator[Token]:
    """("text", text, {}), ("open", name, attributes) and ("close", name, {}), as a browser would tell them apart.

    Every step moves on or ends the reading, so the time is linear in the length.
    """
    at = 0
    while (start := html.find("<", at)) >= 0:
        if start > at:
            yield "text", unescape(html[at:start]), {}
        closes = html.startswith("/", start + 1)
        if name := _NAME.match(html, start + 1 + closes):
            if address := _ADDRESS.match(html, start):
                yield "text", unescape(address[0]), {}
                at = address.end()
                continue
            found = _attributes(html, name.end())
            if found is None:
                return
            attributes, at = found
            tag = name[0].lower()
            yield ("close" if closes else "open"), tag, attributes
            if tag in _UNREAD and not closes:
                end = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(html, at)
                if end is None:
                    return
                at = end.start()
        elif html.startswith(("!", "?", "/"), start + 1):
            end_mark = "-->" if html.startswith("<!--", start) else ">"
            end_at = html.find(end_mark, start + 2)
            if end_at < 0:
                return
            at = end_at + len(end_mark)
        else:
            yield "text", "<", {}
            at = start + 1
    if at < len(html):
        yield "text", unescape(html[at:]), {}


def _attributes(html: str, at: int) -> tuple[dict[str, str], int] | None:
    """The attributes we ask about and where the tag ends; None when it never does."""
    found: dict[str, str] = {}
    while True:
        at = _GAP.match(html, at).end()  # type: ignore[union-attr]  # matches nothing, too
        if html.startswith(">", at):
            return found, at + 1
        name = _ATTRIBUTE.match(html, at)
        if name is None or at >= len(html):
            return None
        at, value = name.end(), ""
        if equals := _EQUALS.match(html, at):
            at = equals.end()
            quote = html[at : at + 1]
            if quote in ('"', "'"):
                end = html.find(quote, at + 1)
                if end < 0:
                    return None
                value, at = html[at + 1 : end], end + 1
            else:
                bare = _BARE.match(html, at)
                value, at = bare[0], bare.end()  # type: ignore[index,union-attr]  # matches nothing, too
        if name[0].lower() in _KEPT_ATTRIBUTES:
            found.setdefault(name[0].lower(), unescape(value))


class _Writer:
    """Writes tags so that each closes what it opened, and only where the standard allows it."""

    def __init__(self, *, plain: bool) -> None:
        self._plain = plain
        self._out: list[str] = []
        self._length = 0
        self._open: list[tuple[str, str]] = []
        self._where: defaultdict[str, list[int]] = defaultdict(list)
        self._words = 0
        self._links: list[tuple[int, str]] = []

    def text(self, text: str) -> None:
        if text.isspace():
            self._write(text)
            return
        self._make_room()
        self._words += 1
        if not self._has("a"):
            text = _BARE_URL.sub(lambda url: f"\0{url[0]}\0", text)
        parts = text.split("\0")
        for place, part in enumerate(parts):
            safe = escape(part)
            if self._plain:
                safe = safe.replace("\r\n", "\n").replace("\n", "<br>\n")
            self._write(f'<a href="{safe}">{safe}</a>' if place % 2 and safe_url(part) else safe)

    def open(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("div", "blockquote") and _QUOTED.search(attributes.get("class", "")):
            name = "blockquote"
        if name == "img":
            if attributes.get("alt", "").strip():
                self.text(attributes["alt"])
        elif name == "a":
            self._open_link(attributes.get("href", ""))
        elif name in ("br", "hr"):
            self._make_room()
            if name == "hr":
                self._close_if_open("p")
            self._write(f"<{name}>")
        elif name in ("td", "th", "tr"):
            self._open_in_table(name, attributes)
        elif name in TAGS or name in _WRITTEN:
            if name == "li" and not self._in_list():
                name = "div"
            if name == "li":
                self._close_item()
            else:
                self._make_room()
            if name in _BLOCKS:
                self._close_if_open("p")
            if name != "tbody":
                self._push(name)

    def close(self, name: str) -> None:
        if name == "td" or name == "th":
            name = "td" if self._in_row("td") else "th"
        if name in ("td", "th", "tr"):
            if self._in_row(name):
                self._close_to(self._where[name][-1])
        elif name == "table":
            if self._where["table"]:
                self._close_to(self._where["table"][-1])
        elif name == "br":
            self.open("br", {})
        elif name == "div" and not self._has("div") and self._has("blockquote"):
            self._close_to(self._where["blockquote"][-1])
        else:
            self._close_if_open(name)

    def finish(self) -> str:
        self._close_to(0)
        return "".join(self._out)

    def _write(self, piece: str) -> None:
        self._length += len(piece)
        if self._length > MAX_LENGTH:
            raise TooMuch
        self._out.append(piece)

    def _push(self, name: str, attributes: str = "") -> None:
        if len(self._open) >= MAX_DEPTH:
            raise TooMuch
        start, end = _WRITTEN.get(name, (f"<{name}>", f"</{name}>"))
        self._write(start.replace(">", f"{attributes}>", 1))
        self._where[name].append(len(self._open))
        self._open.append((name, end))

    def _close_to(self, depth: int) -> None:
        while len(self._open) > depth:
            name, end = self._open.pop()
            self._where[name].pop()
            if name == "a":
                words, url = self._links.pop()
                if words == self._words:
                    self._write(escape(urlsplit(url).hostname or url.partition(":")[2]))
            self._write(end)

    def _last(self, name: str) -> int:
        return self._where[name][-1] if self._where[name] else -1

    def _cell(self) -> int:
        return max(self._last("td"), self._last("th"))

    def _has(self, name: str) -> bool:
        """Whether `name` is open within this cell: an end tag in a cell closes nothing outside of it."""
        return self._last(name) > self._cell()

    def _close_if_open(self, name: str) -> None:
        if self._has(name):
            self._close_to(self._last(name))

    def _in_list(self) -> bool:
        return self._has("ul") or self._has("ol")

    def _close_item(self) -> None:
        """The item before this one ends, whatever is open in it."""
        self._close_to(max(self._last("ul"), self._last("ol")) + 1)

    def _in_row(self, name: str) -> bool:
        return self._last(name) > self._last("table") >= 0

    def _open_in_table(self, name: str, attributes: dict[str, str]) -> None:
        if not self._where["table"]:
            return
        if name == "tr":
            self._close_to(self._last("table") + 1)
            self._push("tr")
            return
        if not self._in_row("tr"):
            self._close_to(self._last("table") + 1)
            self._push("tr")
        self._close_to(self._last("tr") + 1)
        spans = "".join(f' {key}="{escape(attributes[key])}"' for key in ("colspan", "rowspan") if key in attributes)
        self._push(name, spans)

    def _open_link(self, url: str) -> None:
        self._close_if_open("a")
        url = re.sub(r"[\t\r\n]", "", url).strip().replace(" ", "%20")
        if safe_url(url):
            self._make_room()
            self._links.append((self._words, url))
            self._push("a", f' href="{escape(url)}"')

    def _make_room(self) -> None:
        """Text and ordinary tags straight in a list or a table get the item or the cell they lack."""
        top = self._open[-1][0] if self._open else ""
        if top in ("ul", "ol"):
            self._push("li")
        elif top == "table":
            self._push("tr")
            self._push("td")
        elif top == "tr":
            self._push("td")
