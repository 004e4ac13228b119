"""The words and signs around a number that tell an order's from a price, a phone, a date or another document's.

Every pattern looks at a bounded window, or passes over the text once.
"""

from __future__ import annotations

import re
import unicodedata

BEFORE, AFTER = 48, 24
"""Characters around a number that are looked at."""

ORDER, OTHER = "order", "other"

LOOK_ALIKES = str.maketrans("АВЕКМНОРСТУХІЅЈΑΒΕΗΙΚΜΝΟΡΤΥΧ", "ABEKMHOPCTYXISJABEHIKMNOPTYX")
TO_CYRILLIC = str.maketrans("ABEKMHOPCTYX", "АВЕКМНОРСТУХ")
"""Capitals of two alphabets that nobody can tell apart."""

DASHES = "‐‑‒–—―−﹘﹣－⁃"
_KEPT = {ord("№"), ord("º"), ord("™")}


def straight(text: str) -> str:
    """Without marks that nobody sees; a dash is a hyphen, a blank a blank, and a wide character a narrow one."""
    if text.isascii():
        return text
    return "".join(_STRAIGHT.get(char) or _straight(char) for char in text)


_STRAIGHT: dict[str, str] = dict.fromkeys(DASHES, "-")


def _straight(char: str) -> str:
    if char.isascii() or ord(char) in _KEPT or "\u0400" <= char <= "\u04ff":
        return char
    kind = unicodedata.category(char)
    if kind in ("Cf", "Mn", "Me"):
        return ""
    if kind.startswith("Z"):
        return " "
    narrow = unicodedata.normalize("NFKC", char)
    return narrow if len(narrow) == 1 else char


def plain(text: str, *, is_file_name: bool) -> str:
    """The text as it is looked through: addresses of pages and people are blanked, but for an order's page."""
    text = straight(text)
    if is_file_name:
        return f" {re.sub(r'[.][A-Za-z0-9]{1,5}$', '', text[-300:]).replace('_', ' ')} "
    return _WORD.sub(_without_address, text)


_WORD = re.compile(r"\S+")
_ADDRESS = re.compile(r"://|@|^www\.", re.I)
_ORDER_PAGE = re.compile(
    r"(?:orders?(?:/detail|/view)?[/=]|[?&]ORDER_ID=|/orders?/[a-z/]{0,20}\?ID=)((?:[a-z]{1,6}-)?\d[\w-]{0,63})", re.I
)


def _without_address(match: re.Match[str]) -> str:
    word = match[0]
    if not _ADDRESS.search(word):
        return word
    page = _ORDER_PAGE.search(word[:2000]) if "://" in word[:200] else None
    return f" order {page[1]} " if page and any(map(str.isdigit, page[1])) else " "


_CHARS = "0-9A-Za-zА-Яа-яЁёІіЅѕЈј"
TOKEN = re.compile(rf"[{_CHARS}]+(?:[-/_.][{_CHARS}]+)*")
WHOLE = re.compile(
    rf"\s*(?:(?:re|fwd?|fw|ответ|отв)\s*:\s*){{0,5}}(?:[№#]\s*)?[{_CHARS}][{_CHARS}/_.-]{{0,63}}\s*[.?!]?\s*", re.I
)
"""Nothing but a number, as an answer to "which order?" or a subject."""

GOES_ON = re.compile(r"\s*(?:,|;|/|\+|&|,?\s*\b(?:и|или|and|or)\b)\s*(?:№|#)?\s*", re.I)
"""Between two numbers of one list."""

_NUMBER_WORD = r"(?:номер\w{0,2}|number|num|no\.?|nr\.?|n[°º.]?|id|ref(?:erence)?\.?|№|#|nomer)"
_ORDER_NOUN = (
    r"(?:заказ(?:а|у|ом|е|ы|ов|ам|ами|ах|ик|ика|ику|иком)?|зак\."
    r"|orders?(?:'s)?|ord\.?|purchase|покупк[аеиу]|zakaz[au]?)"
)
_FILLER = rf"(?:\s|[:=\-–(«\"“'№#,]|\b(?:под|с|со|за|is|:)\s|\b{_NUMBER_WORD}(?=\W|$))*"
_ORDER_BEFORE = re.compile(rf"\b{_ORDER_NOUN}(?![\w]){_FILLER}$", re.I)
_TO_ORDER = re.compile(
    r"(?:\b(?:like|want(?:ed|s)?|need|wish|able|possible|going|how|trying|ready|planning|love|hop(?:e|ing)|decided) to"
    r"|\b(?:i|we|you|they|can|could)) order\s*$",
    re.I,
)
"""A verb."""
_NUMBER_OF_ORDER = re.compile(
    rf"\b{_ORDER_NOUN}(?!\w)[^.!?\d]{{1,40}}(?:\bномер\w{{0,2}}|\bnumber|№|#)\s*[:\-–]?\s*$", re.I
)
SIGN = re.compile(r"(?:№|#|\bномер\w{0,2}|\bnumber|\bno\.?|\bid)\s*[:\-]?\s*[«\"“(]?$", re.I)
MARK = re.compile(r"[№#]\s*[«\"“(]?$")

_OTHER_NOUN = (
    r"(?:обращени\w*|тикет\w*|ticket|заявк\w*|запрос\w*|request|case|претензи\w*|invoice|inv|сч[её]т\w*|фактур\w*|накладн\w*|"
    r"упд|акт\w?|чек\w{0,2}|receipt|плат[её]ж\w*|поручени\w*|payment|транзакци\w*|transaction|договор\w*|contract|возврат\w*|return|"
    r"трек\w*|tracking|trace|track(?=\s*(?:no|number|#|:))|посылк\w*|parcel|сдэк|cdek|дом|д\.|кв\.?|квартир\w*|flat|apt|офис\w*|office|кабинет\w*|room|подъезд\w*|корпус\w*|"
    r"школ\w*|магазин\w*|store|отделени\w*|пункт\w*|постамат\w*|ячейк\w*|автобус\w*|поезд\w*|рейс\w*|flight|box|"
    r"карт\w*|card|сертификат\w*|купон\w*|coupon|промокод\w*|код\w?|code|pin|пин|индекс\w*|zip|postcode|паспорт\w*|"
    r"инн|кпп|бик|огрн|р/с|гост|артикул\w*|арт\.?|товар\w*|sku|item|part|article|модел\w*|model|размер\w*|size|"
    r"серийн\w*|serial|s/n|штрихкод\w*|ean|ошибк\w*|error|верси\w*|version|ios|android|пункт\w*|"
    r"тел\.?|телефон\w*|phone|tel|доб\.?|ext|отзыв\w*|бонус\w*|балл\w*|year|год\w?)"
)
_OTHER_BEFORE = re.compile(
    rf"(?<![\w]){_OTHER_NOUN}(?![\w])(?:\s|[:=\-(«\"“'№#•*]|\b{_NUMBER_WORD}(?=\W|$)|"
    r"\b(?:на оплату|ending(?: in)?|номер|есть|от|is|из смс|получения|visa|курьера?|выдачи)\b)*$",
    re.I,
)
_OTHER_WORD_BEFORE = re.compile(rf"(?<!\w){_OTHER_NOUN}\s\w{{1,20}}\s(?:{_NUMBER_WORD}\s?)$", re.I)
"""One more word in between: a post office's number."""


def noun_before(before: str) -> str:
    """What the number is said to be the number of: ORDER, OTHER, or "" for nothing said."""
    if _OTHER_BEFORE.search(before):
        return OTHER
    if _ORDER_BEFORE.search(before):
        return "" if _TO_ORDER.search(before) else ORDER
    if _OTHER_WORD_BEFORE.search(before):
        return OTHER
    near = _NUMBER_OF_ORDER.search(before)
    return ORDER if near and not re.search(rf"\b{_OTHER_NOUN}(?!\w)", near[0], re.I) else ""


ORDER_AFTER = re.compile(
    r"(?:-?(?:му|м|го|й))?\s+заказ(?:а|у|ом|е)?\b(?!\s?[№#]?\s?\d)|\s*(?:-|это)?\s*(?:мой )?номер (?:моего )?заказа"
    r"|\s?[,-] ?(?:the|my|that) order\b|\s+is (?:the|my) (?:order )?number\b",
    re.I,
)
"""The word may come after: по 3046 заказу."""

GLUED = re.compile(r"(?:заказ|zakaz|order|ord|no|nr|n|№)[-_]?(\d[\w/-]*)", re.I)
ENDING = re.compile(r"(.*\d)-?(?:й|го|му|м|ый|ого|ому|ым)", re.I)

DATE = re.compile(
    r"(?:0?[1-9]|[12]\d|3[01])[./-](?:0?[1-9]|1[0-2])(?:[./-](?:\d{4}|\d{2}))?"
    r"|(?:19|20)\d\d[./-](?:0?[1-9]|1[0-2])[./-](?:0?[1-9]|[12]\d|3[01])"
)
NOT_BARE = re.compile(
    r"[A-Z]{2}\d{9}[A-Z]{2}|1Z[0-9A-Z]{16}"  # parcels
    r"|\d{2,4}-\d{2}-\d{2}(?:-\d{2})?|\d{3}-\d{4}|[78]-?\d{3}-\d{3}-\d{2}-?\d{2}|[78]\d{10}|9\d{9}"  # phones
    r"|\d{1,2}\.\d{2}-\d{1,2}\.\d{2}|v?\d+(?:\.\d+){1,4}"  # hours, versions
    r"|(?:19|20)\d{2}(?:0\d|1[0-2])(?:[0-2]\d|3[01])|(?:[0-2]\d|3[01])(?:0\d|1[0-2])(?:19|20)\d{2}"  # dates
    r"|x{2,4}-\d{4}|(?:IMG|DSC|SCAN|PXL|MVI|P)[-_]?\d{4,}|\d{1,6}(?:x|х)\d{1,6}|[A-Z]+(?:19|20)\d\d",
    re.I,
)
POSTCODE = re.compile(r"\d{6}")
PLACE_AFTER = re.compile(r",\s*(?:[А-ЯA-Z]|г\.|ул|пр|пер|обл|д\.)")
"""What follows a postcode."""
PHONE_BEFORE = re.compile(r"(?:\+\s*\d{1,3}|\b8)[\s(-]*(?:\d{1,4}[\s)-]*){0,4}$|\d\s$")
"""Groups of digits: the rest of a phone, of a card, of a passport."""

_MONEY = r"(?:руб\w*|р\.|р\b|₽|rub\w*|usd|eur|gbp|kzt|byn|тенге|[$€£]|тыс|коп\w*|dollars?|euros?)"
_UNITS = (
    r"(?:шт|штук\w*|pcs|pieces?|items?|units?|пар[аы]?|кг|kg|г|гр|g|мл|ml|л|см|мм|м|cm|mm|вт|w|гб|gb|мб|mb|км|km|"
    r"дн(?:я|ей)|день|days?|час\w*|hours?|минут\w*|мин|minutes?|недел\w*|weeks?|месяц\w*|months?|год[ау]?|г\.|лет|years?|раза?|times|"
    r"процент\w*|человек|people|позици\w*|товар\w*|упаков\w*|коробк\w*|коробок|баллов|балла|балл|бонус\w*|points|"
    r"январ\w*|феврал\w*|марта|апрел\w*|мая|июн\w*|июл\w*|август\w*|сентябр\w*|октябр\w*|ноябр\w*|декабр\w*|"
    r"jan\w*|feb\w*|mar(?:ch)?|apr\w*|may|june?|july?|aug\w*|sep\w*|oct\w*|nov\w*|dec\w*|этаж\w*|роз|of)"
)
_ELSE_AFTER = re.compile(
    rf"(?:[ ,.]\d{{3}})*(?:[.,]\d{{1,2}})?\s?(?:{_MONEY}|%)|\s?{_UNITS}(?!\w)|:\d\d(?!\d)|\s?[xх]\s?\d|\s?°", re.I
)
_ELSE_BEFORE = re.compile(r"(?:[$€£₽+*•]\s?|\d:|\b(?:usd|eur|rub|gbp)\s|\d [xх] )$|\*{2,}[\s-]*$", re.I)


def is_something_else(before: str, after: str) -> bool:
    """Whether it is a sum, a quantity, a time or a card's last digits by what touches it."""
    return bool(_ELSE_BEFORE.search(before) or _ELSE_AFTER.match(after))
