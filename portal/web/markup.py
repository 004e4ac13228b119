"""Foreign HTML, read as a browser would and written anew, well nested and in our own words.

The cleaner that judges the result (text.py) takes time that grows with the square of the nesting, and a browser repeats
open formatting in every new paragraph; a message of some kilobytes can be made to cost minutes. What is written here
is nested as deep as counted here, and repeats nothing. It also is what accessibility asks of the page around it: list
items in lists, cells in rows, no foreign headings, no link without a text.

What it lets through is not trusted: the cleaner decides, from its own list.
"""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from urllib.parse import urlsplit

from portal.web.reader import tokens

MAX_DEPTH = 512
MAX_TOKENS = 20_000
"""Tags and the texts between them: a quarter of a second at worst; a long thread of mails has fewer."""
MAX_LENGTH = 2**20
"""Of the result, in characters: pictures inside the HTML (data:) are dropped before and do not count."""

_PLAIN = ["a", "b", "blockquote", "code", "del", "div", "em", "i", "ins", "li", "ol", "p", "pre", "s", "strong", "sub"]
TAGS = frozenset([*_PLAIN, "br", "hr", "sup", "table", "tbody", "td", "tr", "u", "ul"])
_SAME_AS = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"),
    **dict.fromkeys(
        ("address", "article", "aside", "caption", "center", "dd", "details", "dl", "dt", "fieldset"), "div"
    ),
    **dict.fromkeys(
        ("figcaption", "figure", "footer", "form", "header", "legend", "main", "section", "summary"), "div"
    ),
    **dict.fromkeys(("kbd", "samp", "tt"), "code"),
    "strike": "s",
}
_WRITTEN = {"heading": ("<p><strong>", "</strong></p>"), "th": ("<td><strong>", "</strong></td>")}
_BLOCKS = frozenset(["blockquote", "div", "heading", "li", "ol", "p", "pre", "table", "ul"])
_QUOTED = re.compile(r"\b(gmail_quote|yahoo_quoted|protonmail_quote|zmail_extra|tutanota_quote|mailru-blockquote)")

_LAID_OUT = re.compile(
    r"<(?:br|p|div|table|tr|ul|ol|li|pre|blockquote|h[1-6r]|section|article|dl)[\s/>]", re.IGNORECASE
)
_URL = re.compile(r"https?://[^\s\\/?#@]+([/?#]\S*)?|mailto:\S+|tel:\+?[\d().-]+", re.IGNORECASE)
_BARE_URL = re.compile(r"\bhttps?://[^\s<>\"«»]+[^\s<>\"«».,;:!?')\]]", re.IGNORECASE)


class TooMuch(Exception):
    """The HTML is nested too deeply, or has too many tags or too much text, to be worth cleaning."""


def safe_url(url: str) -> bool:
    """Whether a link may lead there: an absolute address of the web, of mail or of a telephone."""
    return _URL.fullmatch(url) is not None


def rebuild(html: str) -> str:
    """The same message, written anew with TAGS alone. Raises TooMuch.

    A body without any layout of its own is plain text: its line breaks stay.
    """
    writer = _Writer(plain=not _LAID_OUT.search(html))
    for count, (kind, name, attributes) in enumerate(tokens(html)):
        if count > MAX_TOKENS:
            raise TooMuch
        if kind == "text":
            writer.text(name)
        elif kind == "close":
            writer.close(_SAME_AS.get(name, name))
        else:
            writer.open(_SAME_AS.get(name, name), attributes)
    return writer.finish()


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
        if name == "img":
            if attributes.get("alt", "").strip():
                self.text(attributes["alt"])
        elif name == "a":
            self._open_link(attributes.get("href", ""))
        elif name in ("br", "hr"):
            self._make_room()
            if name == "hr":
                self._close_paragraph()
            self._write(f"<{name}>")
        elif name in ("td", "th", "tr"):
            self._open_in_table(name, attributes)
        elif name in ("div", "blockquote") and _QUOTED.search(attributes.get("class", "")):
            self._open_plain("blockquote")
        elif name in TAGS or name in _WRITTEN:
            self._open_plain(name)

    def _open_plain(self, name: str) -> None:
        if name == "tbody":
            return  # the cleaner puts it where it belongs
        if name == "li" and (self._has("ul") or self._has("ol")):
            # The item before this one ends, whatever is still open in it.
            self._close_to(max(self._last("ul"), self._last("ol")) + 1)
        else:
            name = "div" if name == "li" else name
            self._make_room()
        if name in _BLOCKS:
            self._close_paragraph()
        self._push(name)

    def close(self, name: str) -> None:
        if name in ("td", "th", "tr"):
            if name != "tr":
                name = "td" if self._in_row("td") else "th"
            if self._in_row(name):
                self._close_to(self._last(name))
        elif name == "table":
            if self._where["table"]:
                self._close_to(self._last("table"))
        elif name == "br":
            self.open("br", {})
        elif name == "div" and self._has("blockquote") and self._last("div") < self._last("blockquote"):
            self._close_to(self._last("blockquote"))  # it came as a <div> that some mail program calls a quote
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

    def _close_paragraph(self) -> None:
        self._close_if_open("p")
        self._close_if_open("heading")

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
