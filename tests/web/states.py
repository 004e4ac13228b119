"""The cast on every page: Anna's requests and conversations, in every state a page has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

from portal import assets
from portal.config import Settings
from portal.model import (
    Attachment,
    Change,
    Channel,
    Conversation,
    Message,
    Order,
    OrderChoice,
    OrderStatus,
    Shipment,
    Status,
    Ticket,
)
from portal.service.beside import Beside
from portal.service.finding import Findings, Wish
from portal.service.requests import RequestView
from portal.service.writing import Delivery, Enclosed, Problem, Written
from portal.store.erasing import Receipt
from portal.store.exports import Export
from portal.store.ratings import Rating
from portal.store.tickets import Counts, Sort
from portal.store.turns import Turn
from portal.web.entered import NOTHING, Entered, Why
from portal.web.pages import Pages
from portal.web.statics import Statics
from portal.web.talk import talk

PREFIX = "/personal/requests"
NOW = datetime(2026, 11, 23, 11, 3, tzinfo=UTC)
EMAIL = "anna@shop.example"

SUBJECTS = {
    "ru": ["Где моя посылка?", "Не подошёл размер, можно обменять?", "Чек на электронную почту не пришёл",
           "Промокод не применяется к заказу со скидкой, хотя в условиях акции написано, что скидки суммируются",
           "Возврат денег за заказ A-1007", "Сверхдлинноесловокотороенепереноситсяникакимобразоминечемегоразорвать"],
    "en": ["Where is my parcel?", "Wrong size, exchange please", "The receipt has not arrived by e-mail",
           "A promo code is not accepted together with a discount, although the rules of the sale say that they add up",
           "Refund for order A-1007", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"],
}  # fmt: skip
STATES = [
    (Status.WAITING, Channel.EMAIL, timedelta(hours=2)),
    (Status.IN_PROGRESS, Channel.PHONE, timedelta(hours=15)),
    (Status.RECEIVED, Channel.SITE, timedelta(minutes=4)),
    (Status.WAITING, Channel.CHAT, timedelta(hours=30)),
    (Status.CLOSED, Channel.PORTAL, timedelta(days=40)),
    (Status.OTHER, Channel.OTHER, timedelta(days=400)),
]
BODIES = [
    "<p>Здравствуйте! Заказ <b>A-1007</b> всё ещё не пришёл.</p><p>Фото квитанции приложила.</p>",
    "<p>Анна, здравствуйте.</p><ul><li>доставка завтра;</li><li>самовывоз: <a href='https://maps.example/x'>адрес</a>.</li></ul>"
    "<table><tr><th>Товар</th><th>Количество</th><th>Стоимость</th><th>Доставка</th><th>Скидка</th></tr>"
    "<tr><td>Лампа настольная</td><td>1</td><td>4590,00</td><td>бесплатно</td><td>отсутствует</td></tr></table>",
    "Спасибо, завтра утром.<br><br>22.11.2026, 10:00, «Поддержка» &lt;help@shop.example&gt;:<blockquote>Анна, здравствуйте.</blockquote>",
    "Хорошо, записали. " + "Оченьдлинноеслово" * 12,
]
FILES = (
    Attachment("a/1", "квитанция.jpg", "x", 1_240_000),
    Attachment("a2", "договор поставки с очень длинным именем, которое не помещается в строку.pdf", "x", 84_000),
)


TYPED = {
    "ru": "Здравствуйте.\n\nКурьер так и не приехал. <b>Когда</b> ждать?\n  - дома после 18:00",
    "en": "Hello.\n\nThe courier has not come. <b>When</b> will he?\n  - at home after 18:00",
}
ORDERS = (
    OrderChoice(1007, "A-1007", NOW - timedelta(days=9), Decimal("4590"), "RUB"),
    OrderChoice(990, "A-0990", NOW - timedelta(days=400), Decimal("1299.50"), "RUB"),
)


def settings() -> Settings:
    """As much of the settings as pages ask about."""
    return cast(
        Settings,
        SimpleNamespace(
            prefix=PREFIX,
            public_url="https://shop.example",
            timezone=ZoneInfo("Europe/Moscow"),
            locale="ru",
            templates="",
            frame_url="",
        ),
    )


def make_pages() -> tuple[Pages, Statics]:
    statics = Statics(assets.folder("static"), PREFIX)
    return Pages(settings(), statics), statics


def ticket(number: int = 1, locale: str = "ru", **changes: Any) -> Ticket:
    status, channel, age = STATES[(number - 1) % len(STATES)]
    moment = NOW - age
    made = Ticket(
        id=number, number=str(10_500 - number), subject=SUBJECTS[locale][(number - 1) % len(STATES)], status=status, status_name="На складе",
        requester_id=7, requester_email=EMAIL, channel=channel, created_at=moment - timedelta(days=2), updated_at=moment,
        last_reply_at=moment, closed=status is Status.CLOSED,
    )  # fmt: skip
    return replace(made, **changes)


def message(number: int = 1, **changes: Any) -> Message:
    staff = number % 2 == 0
    made = Message(
        id=number, author_id=2 if staff else 7, author_name="Иван" if staff else "Анна", from_staff=staff, html=BODIES[(number - 1) % 4],
        created_at=NOW - timedelta(hours=75 - number), files=FILES if number == 1 else (),
    )  # fmt: skip
    return replace(made, **changes)


def requests(tickets: int = 0, locale: str = "ru", **changes: Any) -> SimpleNamespace:
    """A service.requests.RequestList."""
    shown = tuple(ticket(number, locale) for number in range(1, tickets + 1))
    view = {"sight": "proven", "email": EMAIL, "tickets": shown, "page": 1, "pages": 1, "total": tickets, "as_of": NOW, "stale": False,
            "pending": False, "version": "1", "written": (), "replies": {}, "news": frozenset()}  # fmt: skip
    return SimpleNamespace(**{**view, **changes})


TABS = {"all": 12, "open": 3, "mine": 1, "closed": 9}
COUNTS = Counts({Status.WAITING: 1, Status.IN_PROGRESS: 2, Status.CLOSED: 9}, 3, 8)


def findings(locale: str) -> Findings:
    """service.finding.Findings of three requests: words of a message, goods, and nothing to show."""
    said, hit, rest = ("Здравствуйте, где моя ", "посылка", "? Заказ оплачен ещё во вторник. …") if locale == "ru" else (
        "Hello, where is my ", "parcel", "? It was paid for on Tuesday. …")  # fmt: skip
    return Findings(
        COUNTS, 12, {1: [(said, False), (hit, True), (rest, False)]}, {2: ("A-1007", "Кроссовки беговые, 42")}
    )


def conversation(messages: int = 4, locale: str = "ru", **changes: Any) -> SimpleNamespace:
    """A service.requests.RequestView."""
    whole = Conversation(ticket(1, locale), tuple(message(number) for number in range(1, messages + 1)))
    return SimpleNamespace(
        **{
            "ticket_id": 1,
            "conversation": whole,
            "as_of": NOW,
            "stale": False,
            "version": "1",
            "requester_id": 7,
            "written": (),
            "act": None,
            **changes,
        }
    )


TURNS = (Turn(NOW - timedelta(days=2, hours=20), True, ""), Turn(NOW - timedelta(days=2, hours=19), False, ""))


def order(locale: str) -> Order:
    """An order on its way."""
    way, status = ("Передано курьеру", "Выполняется") if locale == "ru" else ("Handed to the courier", "Under way")
    return Order(
        1007, "A-1007", NOW - timedelta(days=5), NOW, OrderStatus("P", status), True, False, Decimal("4590.00"), Decimal("4590.00"),
        Decimal(0), "RUB", "", shipments=(Shipment("СДЭК", OrderStatus("D", way), "1234567890", True),),
        history=(Change(NOW - timedelta(days=1), "SHIPMENT_STATUS_CHANGED", way),),
    )  # fmt: skip


def closed(locale: str) -> Conversation:
    return Conversation(ticket(5, locale, id=1), (message(1), message(2)))


def in_progress(locale: str) -> Conversation:
    return Conversation(
        ticket(2, locale, id=1), (message(1), message(2, author_name="Константин Константинопольский-Заречный"))
    )


def written(number: int = 1, locale: str = "ru", **changes: Any) -> Written:
    """Something Anna wrote here a few seconds ago."""
    made = Written(
        id=number, is_request=False, ticket_id=1, result_id=None, subject=SUBJECTS[locale][number % 6], text=TYPED[locale], order="",
        files=(Enclosed("квитанция.jpg", 1_240_000),) if number == 1 else (), delivery=Delivery.SENDING,
        written_at=NOW - timedelta(seconds=5), finished_at=None,
    )  # fmt: skip
    return replace(made, **changes)


def every_state(locale: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Each state of each page by name: its template and what that is given."""
    common: dict[str, Any] = {
        "now": NOW,
        "flash": None,
        "csrf": "token",
        "account": 7,
        "entered": NOTHING,
        "back": "",
        "can_write": True,
        "orders": (),
        "similar": (),
        "can_prove": True,
        "email": EMAIL,
        "token": "a.b-c",
    }

    def index(view: SimpleNamespace, **more: Any) -> tuple[str, dict[str, Any]]:
        return "requests/list.html", {**common, "view": view, "wish": Wish(), "findings": None, "tabs": {}, **more}

    def show(view: SimpleNamespace, **more: Any) -> tuple[str, dict[str, Any]]:
        beside = more.pop("beside", Beside())
        told = talk(cast(RequestView, view), beside, more.pop("part", 1), more.pop("new_from", None))
        return "requests/show.html", {**common, "view": view, "beside": beside, "talk": told, **more}

    def prove(state: str, **more: Any) -> tuple[str, dict[str, Any]]:
        return "requests/prove.html", {**common, "state": state, **more}

    def new(**more: Any) -> tuple[str, dict[str, Any]]:
        return "requests/new.html", {**common, "orders": ORDERS, **more}

    def kept(**more: Any) -> tuple[str, dict[str, Any]]:
        return "requests/kept.html", {**common, "one": written(1, locale, is_request=True, ticket_id=None, **more)}

    def back(why: Why) -> tuple[str, dict[str, Any]]:
        given = {"entered": replace(full, why=why), "path": f"{PREFIX}/new", "sign_in": "/auth/?backurl=%2F"}
        return "requests/back.html", {"account": 7, **given}

    def archive(**more: Any) -> tuple[str, dict[str, Any]]:
        made = Export(1, 7, locale, {}, 12, 40, 0, None, live=True)
        return "requests/export.html", {**common, "export": replace(made, **more) if more else None, "can_take": True}

    full = Entered(SUBJECTS[locale][0], TYPED[locale], "A-1007", files=("квитанция.jpg",))
    every = replace(full, problems=tuple(Problem), files=tuple(f"{number}.pdf" for number in range(11)), extra=1)
    on_the_way = tuple(written(number, locale, delivery=delivery) for number, delivery in enumerate(Delivery, 1))
    late = written(5, locale, written_at=NOW - timedelta(minutes=5))
    new_ones = tuple(replace(one, is_request=True, ticket_id=None, order="A-1007") for one in on_the_way)
    nothing = {"conversation": None, "as_of": None, "requester_id": None}
    return {
        "list-many": index(requests(25, locale, page=2, pages=9, total=243)),
        "list-one": index(requests(1, locale)),
        "list-empty": index(requests()),
        "list-unproven": index(requests(sight="unproven")),
        "list-unproven-no-mail": index(requests(sight="unproven"), can_prove=False),
        "list-shared": index(requests(sight="shared")),
        "list-no-email": index(requests(sight="no_email", email="")),
        "list-pending": index(requests(pending=True, as_of=None)),
        "list-late": index(requests(pending=True, as_of=None), attempt=10),
        "list-away": index(requests(pending=True, stale=True, as_of=None)),
        "list-stale": index(requests(3, locale, stale=True)),
        "list-proven": index(requests(2, locale), flash="proven"),
        "show": show(conversation(4, locale)),
        "show-long": show(conversation(12, locale)),
        "show-stale": show(conversation(2, locale, stale=True)),
        "show-empty": show(conversation(0, locale)),
        "show-pending": show(conversation(**nothing)),
        "show-away": show(conversation(**nothing, stale=True)),
        "list-written": index(requests(3, locale, written=new_ones)),
        "show-beside": show(conversation(4, locale), beside=Beside(TURNS, (order(locale),)), new_from=message(2).created_at),
        "show-part": show(conversation(120, locale), part=2),
        "show-closing": show(conversation(2, locale, act=replace(written(1, locale), act="close"))),
        "show-not-closed": show(conversation(2, locale, act=replace(written(1, locale), act="close", delivery=Delivery.FAILED))),
        "show-to-rate": show(conversation(conversation=closed(locale)), beside=Beside(rating=Rating("bad", "…", NOW), rating_open=True)),
        "show-rated": show(conversation(conversation=closed(locale)), beside=Beside(rating=Rating("good", "", NOW)), flash="rated"),
        "new-similar": new(entered=Entered(subject="Кроссовки беговые", order="A-1007"), orders=ORDERS, similar=requests(2, locale).tickets),
        "new-again": new(entered=replace(full, files=(), why=Why.SIMILAR), similar=requests(3, locale).tickets),
        "list-tabs": index(requests(8, locale), tabs=TABS),
        "list-found": index(requests(3, locale, total=3), tabs=TABS, wish=Wish("посылка" if locale == "ru" else "parcel"), findings=findings(locale)),
        "list-narrowed": index(requests(3, locale, total=63, pages=3), tabs=TABS, findings=findings(locale),
                               wish=Wish("", False, "", Channel.EMAIL, "A-1007", 90, Sort.STATE)),
        "list-nothing": index(requests(0, locale), tabs=TABS, wish=Wish("9" * 120), findings=Findings(COUNTS, 12)),
        "list-looking": index(requests(0, locale), wish=Wish("x"), findings=Findings(COUNTS, 243)),
        "list-new": index(requests(5, locale, news=frozenset({one.id for one in requests(5, locale).tickets[:2]}))),
        "list-replies": index(requests(5, locale, replies={one.id: replace(one, ticket_id=one.id) for one in (*on_the_way, late)})),
        "list-first-written": index(requests(0, locale, written=new_ones[:1])),
        "list-away-written": index(requests(pending=True, stale=True, as_of=None, written=new_ones[:1])),
        "show-written": show(conversation(2, locale, written=(*on_the_way, late))),
        "show-many-written": show(conversation(2, locale, written=tuple(written(n + 10, locale) for n in range(33)))),
        "show-in-progress": show(conversation(2, locale, conversation=in_progress(locale))),
        "show-closed": show(conversation(2, locale, conversation=closed(locale))),
        "show-opened": show(conversation(**{**nothing, "requester_id": 7}), flash="opened"),
        "show-away-written": show(conversation(**{**nothing, "requester_id": 7}, stale=True, written=(late,))),
        "show-problems": show(conversation(2, locale), entered=every),
        **{f"show-form-{why.value}": show(conversation(2, locale), entered=replace(full, why=why, seconds=1300))
           for why in (Why.STALE, Why.BACK, Why.BROKEN, Why.TOO_OFTEN)},
        "show-unknown": show(conversation(**nothing, stale=True), entered=replace(full, why=Why.UNKNOWN)),
        "new": new(),
        "new-no-orders": new(orders=()),
        "new-problems": new(entered=every),
        "new-stale": new(entered=replace(full, why=Why.STALE)),
        "new-too-often": new(entered=replace(full, why=Why.TOO_OFTEN, seconds=30_000)),
        "new-no-email": new(can_write=False, entered=full),
        "gone": ("requests/gone.html", {"status": 404, "entered": full}),
        "kept": kept(),
        "kept-late": kept(written_at=NOW - timedelta(minutes=5)),
        "kept-unsure": kept(delivery=Delivery.UNSURE),
        "kept-failed": kept(delivery=Delivery.FAILED),
        "back-signed-out": back(Why.SIGNED_OUT),
        "back-away": back(Why.AWAY),
        **{f"prove-{state}": prove(state) for state in ("ask", "asked", "follow", "done", "expired", "shared")},
        "export": archive(),
        "export-looking": archive(total=0),
        "export-building": archive(live=True),
        "export-ready": archive(done=40, finished_at=NOW),
        "export-failed": archive(live=False),
        "export-nothing": ("requests/export.html", {**common, "export": None, "can_take": False}),
        "erase": ("requests/erase.html", {**common, "receipt": None}),
        "erase-receipt": ("requests/erase.html", {**common, "receipt": Receipt(NOW, {"copies": 14, "seen": 3, "delivered": 2})}),
        "prove-ask-no-mail": prove("ask", can_prove=False),
        "prove-too-often": prove("too_often", minutes=22),
        "prove-no-email": prove("no_email", email=""),
        **{f"error-{status}": ("error.html", {"status": status}) for status in (400, 403, 404, 405, 413, 429, 500, 503)},
    }  # fmt: skip
