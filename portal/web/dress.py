"""What stands around our content: nothing, or the shop's header and footer, cut out of a page of the shop.

A page is rendered with PLACE where that goes, and is dressed afterwards: rendered pages are kept for a while, and the
shop's frame may have changed since. What the frame may bring is text, links, pictures and stylesheets of the shop's own
origin. Its scripts, inline styles and forms stay behind, so that our policy stays as strict as without it; the shop's
stylesheets are in the lowest layer, and `framed_sheet` keeps theirs and ours apart.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import nh3

from portal import assets
from portal.config import Settings
from portal.service.shop_frame import ShopFrame, Unfit
from portal.web.framed_sheet import framed_sheet
from portal.web.statics import Statics
from portal.web.words import LOCALES

PLACE = secrets.token_urlsafe(18)
"""Where a rendered page takes a piece of its dress: the attributes of <html> after `lang`, the stylesheets, the
beginning of the body, what comes between the link to the content and the content, and what comes after it."""

MARKER = re.compile(r"<!--\s*portal\s*-->")
BODY, BODY_END = re.compile(r"<body\b", re.IGNORECASE), re.compile(r"</body\s*>", re.IGNORECASE)
MOST_SHEETS = 20
MOST_REPEATED = 500_000
"""What is set in bold, say, and never closed is opened anew in each paragraph by whoever reads it: so often at most."""
SCHEME = '<meta name="color-scheme" content="{}">'
SHEETS = {"framed.css": True, "framed-light.css": False}
"""Our stylesheet inside of a frame, and whether it may be dark there."""


def _words(*texts: str) -> set[str]:
    return set(" ".join(texts).split())


SHAPES = _words("svg g path circle ellipse rect line polyline polygon symbol use")
TAGS = SHAPES | _words(
    "a abbr address article aside b bdi bdo blockquote br center cite code dd defs del details div dl dt em figcaption",
    "figure footer h1 h2 h3 h4 h5 h6 header hr i img ins li mark menu nav ol p picture pre q s search section small",
    "span strong sub summary sup table tbody td tfoot th thead time tr u ul wbr",
)
REPEATED = _words("b big code em font i s small strike strong tt u")
WITH_ALL_INSIDE = _words(
    "script style form button select textarea label iframe object noscript template title video audio canvas dialog"
)
ATTRIBUTES = {
    "*": _words("class id title lang dir role hidden tabindex"),
    "a": _words("href target rel"),
    "img": _words("src alt width height loading"),
    **dict.fromkeys(("table", "tr", "th", "td"), _words("colspan rowspan width align valign")),
    **dict.fromkeys(
        SHAPES,
        _words(
            "viewBox width height d x y x1 x2 y1 y2 cx cy r rx ry points transform fill stroke stroke-width",
            "stroke-linecap stroke-linejoin fill-rule clip-rule href xlink:href preserveAspectRatio",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Dress:
    """The pieces of PLACE in their order, by language; and what the policy must say of the inline stylesheet."""

    pieces: Mapping[str, tuple[bytes, bytes, bytes, bytes, bytes]]
    style: str = ""

    def on(self, page: bytes, locale: str) -> bytes:
        """The page that was rendered with PLACE, dressed."""
        parts, worn = page.split(PLACE.encode()), [*self.pieces[locale], b""]
        return b"".join(piece for pair in zip(parts, worn, strict=True) for piece in pair)


def plain(sheet: str) -> Dress:
    """Our own pages, as they are without a frame; `sheet` is the address of app.css."""
    head = f'{SCHEME.format("light dark")}<link rel="stylesheet" href="{escape(sheet)}">'
    return Dress(dict.fromkeys(LOCALES, (b' class="portal"', head.encode(), b"<body>", b"", b"")))


def shop_frame(settings: Settings, statics: Statics) -> ShopFrame[Dress] | None:
    """What fetches the shop's frame and makes a dress of it; None where the settings name none."""
    if not settings.frame_url:
        return None
    address, css = urljoin(settings.public_url, settings.frame_url), statics.text("app.css")
    for name, dark in SHEETS.items():
        statics.add(name, framed_sheet(css, dark=dark).encode())
    sheets = {dark: statics.url(name) for name, dark in SHEETS.items()}
    return ShopFrame(address, cut_by(address, settings.public_url, sheets))


def cut_by(address: str, public_url: str, sheets: Mapping[bool, str]) -> Callable[[str], Dress]:
    """What makes a dress of the text of the shop's page at `address`.

    `sheets`: the addresses of our framed sheet, with dark or without. The returned function raises Unfit.
    """
    hosts = {urlsplit(address).netloc, urlsplit(public_url).netloc}
    reserved = frozenset(_our_ids())

    def here(url: str) -> str | None:
        """An address of the shop's, as a path; None for one of anybody else's.

        It begins with one slash: two of them, or one and its mirror image, are another host to a browser.
        """
        parts = urlsplit(urljoin(address, url.strip()))
        if parts.scheme not in ("http", "https") or parts.netloc not in hosts:
            return None
        return urlunsplit(("", "", "/" + parts.path.lstrip("/\\"), parts.query, parts.fragment))

    def attribute(tag: str, name: str, value: str) -> str | None:
        try:
            if name == "id":
                return None if value in reserved else value
            if name == "class":
                return _not_ours(value)
            if name in ("href", "xlink:href") and value.startswith("#"):
                return value
            if name in ("src", "href", "xlink:href"):
                return here(value) or (value if tag == "a" and not value.startswith("/") else None)
        except ValueError:  # no address at all
            return None
        return value

    cleaner = nh3.Cleaner(
        tags=TAGS,
        clean_content_tags=WITH_ALL_INSIDE,
        attributes=ATTRIBUTES,
        attribute_filter=attribute,
        generic_attribute_prefixes={"aria-"},
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel=None,
    )

    def cut(text: str) -> Dress:
        body = _body(text)
        if len(MARKER.findall(body)) != 1:
            raise Unfit("it has not exactly one <!-- portal --> in its body")
        head = _Head()
        head.feed(text)
        if head.repeated > MOST_REPEATED:
            raise Unfit("it has too much that it never closes")
        # An element, which no attribute can hold as it is written here.
        place = f'<div class="{secrets.token_hex(16)}"></div>'
        before, there, after = cleaner.clean(MARKER.sub(place, body)).partition(place)
        if not there:
            raise Unfit("its <!-- portal --> stands where no element can stand")
        found = [(path, media) for url, media in head.sheets if (path := here(url))][:MOST_SHEETS]
        style = "@layer shop;" + "".join(f'@import url("{_in_css(path)}") layer(shop){media};' for path, media in found)
        scheme = SCHEME.format("light dark" if head.is_dark else "light")
        sheet = f'{scheme}<style>{style}</style><link rel="stylesheet" href="{escape(sheets[head.is_dark])}">'
        if head.body.get("id") in reserved:
            del head.body["id"]
        tag, lang = _tag("body", head.body), head.html.get("lang", "")
        said = f' lang="{escape(lang)}"' if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*", lang) else ""
        return Dress(
            {
                locale: (
                    _tag("", {"class": head.html.get("class", "")}).encode(),
                    sheet.encode(),
                    f'<{tag}{said}><div class="portal" lang="{locale}">'.encode(),
                    f'</div>{before}<div class="portal" lang="{locale}">'.encode(),
                    f"</div>{after}".encode(),
                )
                for locale in LOCALES
            },
            f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'",
        )

    return cut


class _Head(HTMLParser):
    """What the shop's page says of itself beside its content."""

    def __init__(self) -> None:
        super().__init__()
        self.html: dict[str, str] = {}
        self.body: dict[str, str] = {}
        self.sheets: list[tuple[str, str]] = []
        """Addresses, and for which media, with a blank before it."""
        self.is_dark = False
        self.repeated = 0
        """How often a browser may open REPEATED anew: as many as are open, with each tag."""
        self._open: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        told["class"] = _not_ours(told.get("class", ""))
        self.repeated += self._open.total()
        if tag in REPEATED:
            self._open[tag] += 1
        if tag == "html":
            self.html = told
        elif tag == "body":
            self.body = {name: told.get(name, "") for name in ("class", "id")}
        elif tag == "meta" and told.get("name", "").lower() == "color-scheme":
            self.is_dark = "dark" in told.get("content", "")
        elif tag == "link" and told.get("rel", "").lower().split() == ["stylesheet"] and told.get("href"):
            media = told.get("media", "").strip()
            if re.fullmatch(r"[\w\s(),:.-]*", media):
                self.sheets.append((told["href"], f" {media}" if media else ""))

    def handle_endtag(self, tag: str) -> None:
        self.repeated += self._open.total()
        if self._open[tag]:
            self._open[tag] -= 1


def _body(text: str) -> str:
    """What stands in the body, "" where there is none; in one pass, whatever it is."""
    start = BODY.search(text)
    inside = text.find(">", start.end()) + 1 if start else 0
    if not inside:
        return ""
    end = BODY_END.search(text, inside)
    return text[inside : end.start() if end else len(text)]


def _not_ours(classes: str) -> str:
    """The shop's classes: what it calls by the name of our part would be looked upon as ours."""
    return " ".join(one for one in classes.split() if one != "portal")


def _tag(name: str, attributes: Mapping[str, str]) -> str:
    return name + "".join(f' {one}="{escape(value)}"' for one, value in attributes.items() if value)


def _in_css(path: str) -> str:
    """As it may stand between quotes in a stylesheet that stands in HTML."""
    return quote(path, safe="/%?&=+,:;@~!$*-._")


def _our_ids() -> list[str]:
    """The ids of our pages: the shop's may not lead our links astray."""
    templates = assets.folder("templates")
    texts = [path.read_text("utf-8") for path in (templates / "base.html", *(templates / "requests").glob("*.html"))]
    texts.append((assets.folder("static") / "icons.svg").read_text("utf-8"))
    return [one for text in texts for one in re.findall(r'\bid="([\w-]+)"', text)]
