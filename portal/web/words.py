"""How a language says times, sizes, states and ways in: small, prepared once, cheap enough for every row of a list."""

from __future__ import annotations

import gettext
import io
import unicodedata
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import get_month_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, get_currency_symbol
from markupsafe import Markup

from portal.model import Channel, Status, Ticket

LOCALES = ("ru", "en")
_CATALOGUES = Path(__file__).parent.parent / "locale"
_HOURS_STAY = 6 * 3600
"""Shortly after midnight a reply of last night is still "5 hours ago", later it is "yesterday"."""


def translations(locale: str) -> gettext.NullTranslations:
    """The catalogue of a language, read from its .po file: the message ids are the English texts."""
    path = _CATALOGUES / locale / "LC_MESSAGES" / "portal.po"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as source:
        catalogue = read_po(source, locale=locale, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def tidy(text: str) -> str:
    """Foreign text of one line (a subject, a name): no controls, no invisible or direction-turning characters.

    Those could make `exe.jpg` of `gpj.exe`, or a name that looks like another's. White space becomes single spaces.
    """
    if not text.isprintable():
        text = "".join(
            " " if char.isspace() else char for char in text if char.isspace() or unicodedata.category(char)[0] != "C"
        )
    return " ".join(text.split())


class Words:
    """The words of one language by one clock."""

    def __init__(self, locale: str, zone: ZoneInfo) -> None:
        self.locale = locale
        self._zone = zone
        self.translations = translations(locale)
        self._short = _months("abbreviated", locale)
        self._long = _months("wide", locale)
        self.nameless = self._("No subject")

    def _(self, message: str) -> str:
        return self.translations.gettext(message)

    def _n(self, one: str, many: str, n: int) -> str:
        return self.translations.ngettext(one, many, n) % {"num": n}

    def ago(self, moment: datetime, now: datetime) -> str:
        """How long ago: "2 hours ago", "yesterday", "20 Nov", "20 Nov 2025"."""
        return self._ago(moment, now, moment.astimezone(self._zone))

    def _ago(self, moment: datetime, now: datetime, local: datetime) -> str:
        seconds = (now - moment).total_seconds()
        if seconds < 60:
            return self._("just now")
        if seconds < 3600:
            return self._n("%(num)d minute ago", "%(num)d minutes ago", int(seconds // 60))
        today = now.astimezone(self._zone)
        days = today.toordinal() - local.toordinal()
        if days == 0 or seconds < _HOURS_STAY:
            return self._n("%(num)d hour ago", "%(num)d hours ago", int(seconds // 3600))
        return self._("yesterday") if days == 1 else self._date(local, today)

    def day(self, moment: datetime, now: datetime) -> str:
        """The day and the time: "20 Nov, 10:00", with the year when it is not this one."""
        local = moment.astimezone(self._zone)
        return f"{self._date(local, now.astimezone(self._zone))}, {_clock(local)}"

    def clock(self, moment: datetime, now: datetime) -> str:
        """The time, "14:03"; with its day when that is not today."""
        local = moment.astimezone(self._zone)
        return _clock(local) if local.date() == now.astimezone(self._zone).date() else self.day(moment, now)

    def date(self, moment: datetime, now: datetime) -> str:
        """The day alone: "20 Nov"."""
        return self._date(moment.astimezone(self._zone), now.astimezone(self._zone))

    def full_date(self, moment: datetime, now: datetime) -> str:
        """The day in full words: "3 May", «3 мая», with the year when it is not this one."""
        local = moment.astimezone(self._zone)
        year = "" if local.year == now.astimezone(self._zone).year else f" {local.year}"
        return f"{local.day} {self._long[local.month]}{year}"

    def _date(self, local: datetime, today: datetime) -> str:
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local.day} {self._short[local.month]}{year}"

    def time_ago(self, moment: datetime, now: datetime) -> Markup:
        """`ago` as a machine-readable <time>, exact on hover; the page's script keeps it true."""
        local = moment.astimezone(self._zone)
        return self._time(local, self._ago(moment, now, local), " data-ago")

    def time_day(self, moment: datetime, now: datetime) -> Markup:
        """`day` as a machine-readable <time>."""
        return self._time(moment.astimezone(self._zone), self.day(moment, now))

    def time_date(self, moment: datetime, now: datetime) -> Markup:
        """`date` as a machine-readable <time>."""
        return self._time(moment.astimezone(self._zone), self.date(moment, now))

    def time_clock(self, moment: datetime, now: datetime) -> Markup:
        """`clock` as a machine-readable <time>."""
        return self._time(moment.astimezone(self._zone), self.clock(moment, now))

    def _time(self, local: datetime, text: str, mark: str = "") -> Markup:
        exact = self._exact(local)
        iso = local.isoformat("T", "seconds")
        return Markup(f'<time datetime="{iso}" title="{exact}"{mark}>{text}</time>')  # noqa: S704  # all words of ours

    def time_exact(self, moment: datetime) -> Markup:
        """The day, the time and the zone in full, for what is read far from here: "3 May 2026, 10:00 UTC+3"."""
        local = moment.astimezone(self._zone)
        iso = local.isoformat("T", "seconds")
        return Markup(f'<time datetime="{iso}">{self._exact(local)}</time>')  # noqa: S704  # all words of ours

    def _exact(self, local: datetime) -> str:
        hours, minutes = divmod(int((local.utcoffset() or timedelta()).total_seconds()) // 60, 60)
        zone = "UTC" + (f"{hours:+}" if hours or minutes else "") + (f":{minutes:02}" if minutes else "")
        return f"{local.day} {self._long[local.month]} {local.year}, {_clock(local)} {zone}"

    def size(self, size: int) -> str:
        """A number of bytes for people: "840 KB", "1.2 MB"."""
        if size < 1000:
            return self._n("%(num)d byte", "%(num)d bytes", size)
        if size < 1_000_000:
            return self._("%(size)s KB") % {"size": round(size / 1000)}
        number = f"{size / 1_000_000:.1f}".removesuffix(".0")
        return self._("%(size)s MB") % {"size": number.replace(".", ",") if self.locale == "ru" else number}

    def count(self, number: int) -> str:
        """A number in the language's digits: "20 000"."""
        return format_decimal(number, locale=self.locale)

    def number(self, number: Decimal) -> str:
        """A quantity in the language's digits: "0,25"."""
        return format_decimal(number, locale=self.locale)

    def money(self, amount: Decimal, currency: str) -> str:
        """A sum of money as the language writes it, "4 590 ₽"; no hundredths where there are none."""
        pattern = Locale.parse(self.locale).currency_formats["standard"].pattern
        if amount == amount.to_integral_value():
            pattern = pattern.replace(".00", "")
        if get_currency_symbol(currency, self.locale).isalpha():
            pattern = pattern.replace("¤#", "¤\N{NO-BREAK SPACE}#")
        return format_currency(amount, currency, pattern, locale=self.locale, currency_digits=False)

    def kind(self, name: str) -> str:
        """The type of a file as people name it, "PDF"; "" when its name does not tell."""
        ending = tidy(name).rpartition(".")[2]
        return ending.upper() if "." in name and ending.isascii() and ending.isalnum() and len(ending) < 6 else ""

    def status(self, ticket: Ticket) -> str:
        """The state of a request; one unknown to us is named as the help desk names it."""
        return self._statuses.get(ticket.status) or tidy(ticket.status_name) or self._("In progress")

    def channel(self, channel: Channel) -> str:
        """The way a request came in; "" when unknown."""
        return self._channels.get(channel, "")

    @cached_property
    def _statuses(self) -> dict[Status, str]:
        return {
            Status.RECEIVED: self._("Received"),
            Status.IN_PROGRESS: self._("In progress"),
            Status.WAITING: self._("Waiting for you"),
            Status.CLOSED: self._("Closed"),
        }

    @cached_property
    def _channels(self) -> dict[Channel, str]:
        return {
            Channel.EMAIL: self._("by e-mail"),
            Channel.PHONE: self._("by phone"),
            Channel.SITE: self._("from the site"),
            Channel.CHAT: self._("in the chat"),
            Channel.PORTAL: self._("from this page"),
        }


def _clock(local: datetime) -> str:
    return f"{local.hour:02}:{local.minute:02}"


def _months(width: str, locale: str) -> dict[int, str]:
    """Month names as they stand beside a day; Russian abbreviations lose their full stop: "20 ноя"."""
    return {number: name.rstrip(".")[: 3 if width == "abbreviated" else None]
            for number, name in get_month_names(width, locale=locale).items()}  # type: ignore[arg-type]  # fmt: skip
