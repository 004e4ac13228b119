"""Boris's two requests and the strangers': what nobody but their owners may see."""

from __future__ import annotations

import random

from portal.sandbox.helpdesk.seed_stories import Story, customer, ivan, maria

BORISS = (
    Story(
        "Возврат чайника",
        "email",
        8 * 24,
        (
            customer("<p>Здравствуйте, чайник течёт. Заказ A-2001. Хочу вернуть деньги.</p>"),
            maria("<p>Борис, здравствуйте. Пришлите фото и привезите чайник в магазин, вернём сразу.</p>", 4),
        ),
        fields={"order_number": "A-2001", "reason": "2"},
    ),
    Story("Подарочная карта", "widget", 5, (customer("<p>Как активировать подарочную карту на 3 000 ₽?</p>"),)),
)

PEOPLE = (
    # Addresses that a careless search takes for Anna's.
    ("joanna@shop.example", "Иоанна", "Смирнова", ""),
    ("anna@shop.example.org", "Анна", "Смирнова", ""),
    ("anna.smirnova@post.example", "Анна", "Смирнова", ""),
    # Anna's own telephone, but only a voice: nobody has proved anything.
    ("", "Анна", "", "+79161234567"),
    ("oleg@post.example", "Олег", "Тарасов", "+79260000001"),
    ("lena@post.example", "Елена", "Белова", "+79260000002"),
    ("timur@post.example", "Тимур", "Асланов", "8 926 000 00 03"),
    ("kate@post.example", "Kate", "Brown", ""),
    ("sergey@post.example", "Сергей", "Ильин", "79260000004"),
    ("viktoria@post.example", "Виктория", "Мороз", ""),
)
SUBJECTS = (
    ("Не пришёл чек", "<p>Оплатил заказ, чек на почту не пришёл.</p>", "<p>Отправили ещё раз, проверьте спам.</p>"),
    ("Где заказ?", "<p>Трек-номер не отслеживается.</p>", "<p>Обновится в течение суток.</p>"),
    ("Брак", "<p>На чашке скол.</p>", "<p>Заменим, пришлите фото.</p>"),
    ("Промокод не работает", "<p>Пишет «уже использован».</p>", "<p>Промокод на один заказ.</p>"),
    ("Size guide?", "<p>Where can I find the size guide?</p>", "<p>On every product page, under the photo.</p>"),
    ("Отмена заказа", "<p>Передумала, отмените, пожалуйста.</p>", "<p>Отменили, деньги вернутся за 3 дня.</p>"),
)
CHANNELS = ("email", "email", "widget", "phone", "chat", "telegram", "whatsapp")
ENDS = ("", "", "closed", "closed", "6", "awaiting-client")
STRANGERS_TICKETS = 40


def strangers() -> list[tuple[int, Story]]:
    """Forty stories with the place of their teller in PEOPLE; the same at every call."""
    dice = random.Random(1007)
    told = []
    for number in range(STRANGERS_TICKETS):
        subject, question, answer = dice.choice(SUBJECTS)
        is_answered = dice.random() < 0.7
        lines = (customer(question), ivan(answer, dice.uniform(0.2, 9))) if is_answered else (customer(question),)
        hours_ago = dice.uniform(10, 35 * 24)
        status = dice.choice(ENDS) if is_answered else ""
        told.append((number % len(PEOPLE), Story(subject, dice.choice(CHANNELS), hours_ago, lines, status)))
    return told
