"""Foreign HTML made harmless: what a help desk hands over as a message, made fit to stand in our page."""

from __future__ import annotations

import nh3
from markupsafe import Markup

from portal.web.markup import TAGS, TooMuch, rebuild, safe_url
from portal.web.quotes import fold
from portal.web.reader import text_of

_ATTRIBUTES: dict[str, set[str]] = {"*": set(), "a": {"href"}, "td": {"colspan", "rowspan"}}


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href":
        return value if safe_url(value) else None
    if name in ("colspan", "rowspan"):
        return value if value.isdecimal() and len(value) < 3 else None
    return value  # what the cleaner itself sets: rel and target


_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    clean_content_tags={"script", "style"},
    attributes=_ATTRIBUTES,
    attribute_filter=_attribute,
    url_schemes={"http", "https", "mailto", "tel"},
    link_rel="noopener noreferrer nofollow ugc",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


def clean(html: str) -> Markup:
    """The message as harmless HTML: text, lists, tables and links to other sites; nothing that loads or runs.

    Nothing keeps a style, a class or an id; images give way to their alternative text. A body that is too big or nested
    too deeply to be cleaned in reasonable time (`rebuild` says when) is shown as plain text.
    """
    try:
        return Markup(_CLEANER.clean(rebuild(html)))  # noqa: S704  # this is the one place that vouches for it
    except TooMuch:
        return Markup("<pre>{}</pre>").format(text_of(html))


def readable(html: str, label: str = "…") -> Markup:
    """A message as a person reads it: clean, with the history it quotes folded away under `label`."""
    return fold(clean(html), label)
