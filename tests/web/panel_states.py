"""The operator's panel in every state it has: Anna's sheet, and those of people who are harder to tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from portal.bitrix.dossiers import Archived
from portal.model import Change, Money, Order, OrderLine, OrderStatus, Payment, Shipment, Status
from portal.service.evidence import Evidence, Kind, Node
from portal.service.identity import Candidate, Reach
from portal.service.panel_sheet import Face, Found, Hit, Moment, Named, News, Sheet, Subject, Who, Worth
from tests.web.states import EMAIL, NOW, PREFIX, ticket

TRACK = "RA123456789RU"
STATUS = {"ru": ("Собирается", "Передан в доставку", "Выполнен"), "en": ("Being packed", "Sent", "Done")}
THINGS = {
    "ru": ("Кружка «Рассвет»", "Чай листовой", "Цвет", "синий", "шт", "кг", "Банковская карта", "Курьер", "Отгружен"),
    "en": ("Mug “Sunrise”", "Leaf tea", "Colour", "blue", "pcs", "kg", "Bank card", "Courier", "Shipped"),
}
HOSTILE = "<img src=x onerror=alert(1)>\u202e</script><b>"


def order(id: int = 1007, locale: str = "ru", **changes: Any) -> Order:
    """The order of the first glance: paid, on its way with a courier."""
    mug, tea, colour, blue, pcs, kg, card, courier, shipped = THINGS[locale]
    at = NOW - timedelta(days=1015 - id, hours=3)
    made = Order(
        id=id, number=f"A-{id}", created_at=at, updated_at=at, status=OrderStatus("P", STATUS[locale][0]), paid=True,
        canceled=False, sum=Decimal("4590.00"), paid_sum=Decimal("4590.00"), delivery_sum=Decimal("300.00"), currency="RUB",
        admin_path=f"/bitrix/admin/sale_order_view.php?ID={id}",
        lines=(
            OrderLine(mug, Decimal(2), pcs, Decimal("1900.00"), Decimal("3800.00"), 1, ((colour, blue),)),
            OrderLine(tea, Decimal("0.25"), kg, Decimal("1960.00"), Decimal("490.00"), 2),
        ),
        payments=(Payment(card, Decimal("4590.00"), paid=True, paid_at=at),),
        shipments=(Shipment(courier, OrderStatus("DF", shipped), TRACK, shipped=True),),
        history=(
            Change(at, "ORDER_ADDED"), Change(at + timedelta(minutes=2), "PAYMENT_PAID", card),
            Change(at + timedelta(days=1), "ORDER_STATUS_CHANGED", STATUS[locale][0]),
            Change(at + timedelta(days=2), "SHIPMENT_SHIPPED", courier),
        ),
    )  # fmt: skip
    return replace(made, **changes)


def orders(locale: str) -> tuple[Order, ...]:
    return (
        order(1012, locale, status=OrderStatus("N", STATUS[locale][0]), paid=False, paid_sum=Decimal("1000.00"), shipments=()),
        order(1007, locale),
        order(990, locale, status=OrderStatus("F", STATUS[locale][2]), sum=Decimal("1299.50")),
        order(960, locale, canceled=True, paid=False, paid_sum=Decimal(0), shipments=()),
    )  # fmt: skip


def archived(locale: str) -> Archived:
    at = NOW - timedelta(days=900)
    return Archived(501, "A-0501", 7, at, NOW - timedelta(days=90), OrderStatus("F", STATUS[locale][2]), True, False, Decimal("2100.00"), "RUB")  # fmt: skip


def sheet(locale: str = "ru", **changes: Any) -> Sheet:
    """Anna, who asks about A-1007."""
    mine = orders(locale)
    asked = tuple(ticket(number, locale) for number in (2, 3, 4, 5))
    who = Who(
        "Анна Смирнова" if locale == "ru" else "Anna Smirnova", NOW - timedelta(days=930), (Reach(EMAIL, True), Reach("a.smirnova@work.example", False)),
        (Reach("+79161234567", True),), locale, accounts=(), contacts=(41, 42),
    )  # fmt: skip
    made = Sheet(
        Subject(ticket_id=1), Face.PERSON, who, ("contact", 41), Worth(12, 1, (Money(Decimal("45900.00"), "RUB"),), (Money(Decimal("1200.00"), "RUB"),)),
        ticket(1, locale), (Named(1007, "A-1007", "linked", "chosen", 7, order=mine[1]),), mine, (), {1007: [10499, 10377]}, asked, 4,
        (Moment(NOW - timedelta(hours=2), "touched", ticket=asked[0]), Moment(mine[0].created_at, "ordered", order=mine[0]),
         Moment(asked[0].created_at, "opened", ticket=asked[0]), Moment(mine[1].created_at, "ordered", order=mine[1])),
        (), (), 1, 1, NOW, NOW - timedelta(minutes=4), whom=(("account", 7),),
    )  # fmt: skip
    return replace(made, **changes)


def candidates(locale: str) -> tuple[Candidate, ...]:
    me, other, third = Node("account", 7), Node("account", 9), Node("contact", 43)
    phone = Evidence((me, other), Kind.SAME_PHONE, "order", "+79161234567")
    name = Evidence((me, other), Kind.SAME_NAME, "account", "Анна Смирнова")
    mail = Evidence((me, third), Kind.SAME_EMAIL, "contact", "a.smirnova@work.example", shared=True)
    return (
        Candidate(other, "Анна Смирнова-Петрова" if locale == "ru" else "Anna Smirnova-Petrova", "ann@mail.example", (phone, name)),
        Candidate(third, "", "a.smirnova@work.example", (mail,)),
    )  # fmt: skip


def words_said() -> tuple[Evidence, ...]:
    pair = (Node("account", 7), Node("contact", 42))
    return (
        Evidence(pair, Kind.SAID_SAME, "operator", at=NOW - timedelta(days=3), author="Иван", word_id=3),
        Evidence(pair, Kind.SAID_NOT, "operator", at=NOW - timedelta(days=1), author="Ольга", word_id=4),
    )


def hits(locale: str) -> tuple[Hit, ...]:
    name = "Анна" if locale == "ru" else "Anna"
    return (
        Hit(("account", 7), f"{name} Смирнова", EMAIL, "name", orders=12),
        Hit(("account", 9), f"{name} Петрова", "ann@mail.example", "order", "A-1012", 1),
        Hit(("contact", 43), "", "anna@work.example", "email"),
    )


def panel_states(locale: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Each state by name: its template and what that is given."""
    common: dict[str, Any] = {
        "now": NOW, "panel": f"{PREFIX}/panel", "framed_by": "https://desk.example", "found": None, "q": "", "said": "",
        "handle": "h" * 43, "view": "", "act": lambda name: f"{PREFIX}/panel/{name}", "ref": lambda whom: f"{whom[0]}.{whom[1]}",
        "deeds": frozenset(("same", "not-same", "undo", "link", "unlink")), "shop": "https://shop.example",
    }  # fmt: skip

    def show(drawn: Sheet, **more: Any) -> tuple[str, dict[str, Any]]:
        return "panel/show.html", {**common, "sheet": drawn, **more}

    anna = sheet(locale)
    assert anna.who
    nobody = replace(
        anna,
        face=Face.NOBODY,
        who=None,
        me=None,
        worth=Worth(),
        about=(),
        orders=(),
        requests=(),
        requests_total=0,
        timeline=(),
    )
    contact = replace(
        anna,
        face=Face.CONTACT,
        worth=Worth(),
        about=(),
        orders=(),
        who=replace(anna.who, registered_at=None, language="", emails=anna.who.emails[1:]),
    )
    euro = order(1013, locale, currency="EUR", sum=Decimal("191.52"), paid_sum=Decimal("0"), paid=False, shipments=())
    spoilt = order(1007, "ru", lines=(replace(order().lines[0], name="РљСЂСѓР¶РєР° РґР»СЏ С‡Р°СЏ"),))
    bad_line = replace(order().lines[0], name=HOSTILE * 3, options=((HOSTILE, HOSTILE),))
    bad = order(
        1007,
        locale,
        number=HOSTILE,
        lines=(bad_line,),
        status=OrderStatus("P", HOSTILE),
        shipments=(Shipment(HOSTILE, OrderStatus("D", HOSTILE), HOSTILE, shipped=True),),
    )
    long_word = "Сверхдлинноеслово" * 8
    long_order = order(
        1007,
        locale,
        number="A" * 60,
        shipments=(Shipment(long_word, OrderStatus("D", long_word), "T" * 90, shipped=True),),
    )
    long_who = replace(anna.who, name=long_word, emails=(Reach(f"{'a' * 60}@{'b' * 60}.example", True),))
    foreign = Named(2002, "A-2002", "foreign", "text", 8)

    def about(one: Order, **more: Any) -> tuple[Named, ...]:
        return (Named(one.id, one.number, "linked", "text", 7, order=one, **more),)

    return {
        "panel": show(anna),
        "panel-probable": show(replace(anna, probable=candidates(locale), words=words_said())),
        "panel-typed": show(replace(anna, typed=True)),
        "panel-foreign": show(replace(anna, about=(foreign, *anna.about))),
        "panel-suggested": show(replace(anna, about=(replace(anna.about[0], state="suggested"),))),
        "panel-more": show(replace(anna, orders=tuple(order(1000 + n, locale) for n in range(19, -1, -1)), page=2, pages=10, worth=Worth(200, 3, anna.worth.spent))),
        "panel-no-orders": show(replace(anna, orders=(), about=(), worth=Worth(), requests=(), requests_total=0)),
        "panel-nobody": show(nobody),
        "panel-contact": show(contact),
        "panel-guest": show(replace(anna, who=replace(anna.who, guest=True, emails=anna.who.emails[1:], phones=()))),
        "panel-nameless": show(replace(nobody, face=Face.NAMELESS, subject=Subject(order_id=1007), about=about(order(1007, locale)))),
        "panel-archived": show(replace(anna, archived=(archived(locale),), about=(Named(501, "A-0501", "linked", "text", 7, archived=archived(locale)),))),
        "panel-currency": show(replace(anna, about=about(euro), worth=replace(anna.worth, spent=(*anna.worth.spent, Money(Decimal("191.52"), "EUR"))))),
        "panel-spoilt": show(replace(anna, who=replace(anna.who, name="РђРЅРЅР° РЎРјРёСЂРЅРѕРІР°"), about=about(spoilt))),
        "panel-hostile": show(replace(anna, who=replace(anna.who, name=HOSTILE), about=about(bad), orders=(bad,), requests=(ticket(1, locale, subject=HOSTILE),), probable=(replace(candidates(locale)[0], name=HOSTILE),))),
        "panel-long": show(replace(anna, who=long_who, about=about(long_order), orders=(long_order,), requests=(ticket(6, locale),))),
        "panel-away": show(replace(anna, news=News.AWAY, requests=(), requests_at=None, timeline=())),
        "panel-pending": show(replace(anna, news=News.PENDING, requests=(), requests_at=None)),
        "panel-stale": show(replace(anna, news=News.STALE, requests_at=NOW - timedelta(hours=3))),
        "panel-no-ticket": show(replace(nobody, face=Face.NO_TICKET, ticket=None)),
        "panel-no-order": show(replace(nobody, face=Face.NO_ORDER, subject=Subject(order_id=5))),
        "panel-found": show(anna, found=Found("анна", hits(locale), more=True), q="анна"),
        "panel-found-nobody": show(anna, found=Found("щщ", nameless=("A-77",), helpdesk_away=True, newest=200_000), q="щщ"),
        "panel-found-short": show(anna, found=Found("щ", short=True), q="щ"),
        "panel-viewed": show(replace(anna, subject=Subject(user_id=7), about=(), requests=(ticket(1, locale, status=Status.CLOSED, closed=True),)), view="account.7", said="same"),
        **{f"panel-refused-{why}": ("panel/refused.html", {**{k: common[k] for k in ("now", "panel", "framed_by")}, "why": why, "minutes": 3}) for why in ("ended", "too_often")},
    }  # fmt: skip
