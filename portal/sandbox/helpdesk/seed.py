"""The demo's help desk: Anna, Boris, two operators and forty strangers."""

from __future__ import annotations

from portal.sandbox.helpdesk import acts
from portal.sandbox.helpdesk.state import State


def seed_demo(state: State) -> None:
    operator = acts.add_contact(state, "ivan@helpdesk.example", "Иван", lastname="Петров", staff=True)
    anna = acts.add_contact(state, "anna@shop.example", "Анна", "+79161234567", lastname="Смирнова")
    boris = acts.add_contact(state, "boris@shop.example", "Борис", "+79031112233")
    for number in range(12):
        ticket = acts.open_ticket(state, anna, f"Где моя посылка? {number}", "<p>Здравствуйте</p>", "email")
        if number % 2:
            acts.post(state, ticket, operator, "<p>Уточняем</p>")
    for number in range(2):
        acts.open_ticket(state, boris, f"Размер {number}", "<p>Добрый день</p>", "widget")
