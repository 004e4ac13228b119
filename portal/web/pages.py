"""Templates to bytes: the Jinja environments (one a language), the language to speak.

What the templates are given, besides `now` (aware, UTC), `flash` (the name of what is said once, or nothing), `csrf`
(the token of the forms) and `account` (the customer's id):

- requests/list.html: `view` (service.requests.RequestList), `can_prove` (mail is on), `attempt` (see below), `tabs`
  (how many stand behind each), `wish` and `findings` (service.finding)
- requests/show.html: `view` (service.requests.RequestView), `attempt`, `back` (the list's query), `entered`
  (entered.Entered: what is in the form), `beside` (service.beside.Beside), `talk` (talk.Talk)
- requests/new.html: `entered`, `orders` (sequence of model.OrderChoice), `can_write` (the account has an address),
  `similar` (his open requests that look like it)
- requests/kept.html: `one` (service.writing.Written), a new request that is on its way
- requests/back.html: `entered`, `path` (where the form goes), `sign_in`; nothing else, as nobody knows who it is
- requests/gone.html: `status` and `entered`, as error.html: a reply to what is not there
- requests/prove.html: `state`, `email`, `can_prove`, and what the template's first line says
- panel/show.html: what web/panel.py says, and `now`; panel/refused.html: what its first line says; both include
  panel/_frame.html, which takes `panel` (its address) and `framed_by` (the origin that frames it)
- requests/export.html: `export` (store.exports.Export or None), `can_take` (he sees requests at all)
- requests/erase.html: `receipt` (store.erasing.Receipt, None before it is done)
- requests/take.html (a file of its own): `ticket`, `messages`, `saved` (service.taking.Saved), `address`, `as_of`, `up`
  and `index` (the ways up and to the list in an archive, "" outside of one); requests/take_all.html: `requests` (the
  list of an archive) and `more` (how many are not in it); requests/body.html: `html`, a message
- base.html: `dress`, the five pieces of web/dress.py that stand around a page
- error.html: `status`; rendered from nothing else, so it works without a database and is the same bytes every time
- email/prove.txt, email/prove.html, email/prove.subject.txt: `link`, `name`, `shop` (its host), `hours`
- email/manager.*, desk/task.*: `what` has happened (created, message, status), `number`, `subject`, `email`, `status`,
  `orders` (number and address of each), and in a letter `shop`
- desk/message.html, desk/note.html: what goes to the help desk (service/delivery.py)
- desk/orders.txt, desk/orders.html: a customer's orders there (service/order_notes.py)

`attempt` counts how often a page that is still being fetched has refreshed itself (0 at first, `?try=1` on the next);
after ATTEMPTS it says that it takes longer and stops.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache, partial
from types import CodeType
from typing import Any, NamedTuple

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape
from jinja2.bccache import Bucket
from markupsafe import Markup

from portal import assets
from portal.config import Settings
from portal.service import writing
from portal.service.archive import can_be_viewed, is_picture
from portal.service.requests import RequestList, touched
from portal.service.writing import Delivery, Written
from portal.web.dress import PLACE, plain
from portal.web.panel_words import PanelWords, said
from portal.web.statics import Statics
from portal.web.talk import has_files, strip
from portal.web.text import clean, readable
from portal.web.urls import Urls
from portal.web.wishes import CHANNELS, DAYS, without
from portal.web.words import LOCALES, Words, tidy

ATTEMPTS = 10
"""A page being fetched refreshes itself so often, every 3 s, and then leaves it to the person."""

SLOW_SECONDS = 15
"""A message that has not gone out by then is said to be sent later, as the help desk seems to be away."""

WAITING_SHOWN = 20
"""Messages on their way that a conversation draws, the newest; of more it says how many."""

LIMITS = {"files": writing.MAX_FILES, "file_mb": writing.MAX_FILE_BYTES // 2**20, "text": writing.MAX_TEXT,
          "subject": writing.MAX_SUBJECT}  # fmt: skip

OURS = ("requests/", "panel/", "email/", "desk/", "error.html")


class Row(NamedTuple):
    """A request as the list shows it: words ready to be put in, so that a row costs the template no call."""

    url: str
    state: str
    status: str
    subject: str
    number: str
    channel: str
    when: Markup
    reply: Written | None
    """Its state stands in place of the request's."""
    is_new: bool
    id: int


def rows(words: Words, urls: Urls, view: RequestList, now: datetime) -> list[Row]:
    """The rows of the list."""
    nameless = words.nameless
    return [
        Row(
            urls.request(ticket.id),
            reply.delivery.value if (reply := view.replies.get(ticket.id)) else ticket.status.value,
            words.status(ticket),
            tidy(ticket.subject) or nameless,
            tidy(ticket.number),
            words.channel(ticket.channel),
            words.time_ago(touched(ticket, reply), now),
            reply,
            ticket.id in view.news,
            ticket.id,
        )
        for ticket in view.tickets
    ]


def is_late(one: Written, now: datetime) -> bool:
    """Whether a message that has not gone out by now is said to be sent later."""
    return one.delivery is Delivery.SENDING and (now - one.written_at).total_seconds() >= SLOW_SECONDS


class Pages:
    """Every template, compiled once a language."""

    def __init__(self, settings: Settings, statics: Statics) -> None:
        words = {locale: Words(locale, settings.timezone) for locale in LOCALES}
        self._templates = {locale: _compiled(_environment(locale, words, settings, statics)) for locale in LOCALES}

    def render(self, template: str, *, locale: str, nonce: str = "", **context: Any) -> bytes:
        """A page in UTF-8. `nonce` may be a placeholder that the caller replaces in kept bytes."""
        return self._templates[locale][template].render(nonce=nonce, **context).encode()


class _Code(BytecodeCache):
    """The code of templates, by their source: what they say differs between the languages, what they do does not."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Put into the bucket what has been compiled from the same source."""
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        if bucket.code:
            self._code[bucket.key, bucket.checksum] = bucket.code


_CODE = _Code()
"""Of the process: compiling is most of what a start takes."""


def _environment(locale: str, all_words: Mapping[str, Words], settings: Settings, statics: Statics) -> Environment:
    words, urls = all_words[locale], Urls(settings.prefix)
    environment = Environment(
        loader=FileSystemLoader([*filter(None, [settings.templates]), assets.folder("templates")]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=_CODE,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(words.translations, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(
        tidy=tidy, masked=masked, readable=readable, cleaned=clean, speakable=speakable, said=said
    )
    environment.globals.update(
        locale=locale,
        dress=_dress(locale, settings, statics),
        words=words,
        panel_words=PanelWords(words, all_words, settings.locale),
        urls=urls,
        static=statics.url,
        icons=partial(icons, (assets.folder("static") / "icons.svg").read_text("utf-8")),
        page_numbers=page_numbers,
        rows=partial(rows, words, urls),
        strip=strip,
        can_be_viewed=can_be_viewed,
        is_picture=is_picture,
        has_files=has_files,
        ATTEMPTS=ATTEMPTS,
        is_late=is_late,
        WAITING_SHOWN=WAITING_SHOWN,
        CHANNELS=CHANNELS,
        DAYS=DAYS,
        without=without,
        limits=LIMITS,
        site_address=settings.public_url,
    )
    return environment


def _dress(locale: str, settings: Settings, statics: Statics) -> Sequence[Markup]:
    """What base.html puts around a page; with a frame of the shop's that is only known when the page is answered."""
    pieces = [PLACE.encode()] * 5 if settings.frame_url else plain(statics.url("app.css")).pieces[locale]
    return [Markup(piece.decode()) for piece in pieces]  # noqa: S704  # of ours


def _compiled(environment: Environment) -> dict[str, Template]:
    """Ours alone: the folder also holds what others draw or print."""
    ours = environment.list_templates(filter_func=lambda name: name.startswith(OURS))
    return {name: environment.get_template(name) for name in ours}


@lru_cache(1024)
def choose_locale(
    cookie_choice: str | None, shop_language: str | None, accept_language: str | None, default: str
) -> str:
    """The first of these that names a language we speak: chosen here, the shop's, the browser's by its weights."""
    for wish in (cookie_choice, shop_language):
        if wish and (language := wish[:2].lower()) in LOCALES and not wish[2:3].isalpha():
            return language
    weighed = [_weighed(part) for part in (accept_language or "").split(",")[:20]]
    best = max(((weight, -place, language) for place, (language, weight) in enumerate(weighed) if weight), default=None)
    return best[2] if best else default


def _weighed(part: str) -> tuple[str, float]:
    match = re.fullmatch(
        r"\s*([a-z]{2})(?:-[\w-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?", part, re.IGNORECASE | re.ASCII
    )
    if not match or match[1].lower() not in LOCALES:
        return "", 0
    return match[1].lower(), float(match[2] or 1)


def masked(email: str) -> str:
    """An address its owner recognises and a passer-by does not learn: `a…@shop.example`."""
    name, at, host = tidy(email).rpartition("@")
    return f"{name[:1]}…{at}{host}"


def speakable(name: str) -> bool:
    """Whether a name may stand in a letter: whoever opens an account types it, and another may get the letter.

    Letters and what joins them; nothing that a mail program would turn into a link, and not a text.
    """
    return len(name) <= 40 and re.fullmatch(r"[^\W\d_]+(?:[ '’-][^\W\d_]+){0,3}", name) is not None


def page_numbers(page: int, pages: int) -> Sequence[int | None]:
    """The numbers to draw: the first, the last and those around this one; None where some are left out.

    A gap of one is drawn as the number itself.
    """
    near = sorted({1, pages, *range(max(1, page - 1), min(pages, page + 1) + 1)})
    drawn: list[int | None] = []
    for number, previous in zip(near, [0, *near], strict=False):
        if number - previous == 2:
            drawn.append(number - 1)
        elif number - previous > 2:
            drawn.append(None)
        drawn.append(number)
    return drawn


@cache
def icons(sprite: str, *names: str) -> Markup:
    """The symbols a page uses, to stand once in its body. Beside the text they cost less than a request of their own.

    KeyError for a name that the sprite does not have.
    """
    symbols = {match[1]: match[0] for match in re.finditer(r'<symbol id="([\w-]+)".*?</symbol>', sprite, re.DOTALL)}
    return Markup('<svg width="0" height="0" class="sprite" aria-hidden="true">{}</svg>').format(
        Markup("".join(symbols[name] for name in names))  # noqa: S704  # a file of ours
    )
