"""The account's dictionaries: statuses, departments, custom fields. Their names are as uneven as the vendor's."""

from __future__ import annotations

from typing import Any

Name = dict[str, str] | str

STATUSES: dict[str, Name] = {
    "open": {"ru": "Открыто", "en": "Open", "ua": "Відкрито"},
    "process": {"ru": "В процессе", "en": "In progress", "ua": "В процесі"},
    "closed": {"ru": "Выполнено", "en": "Closed"},
    "awaiting-client": {"ru": "Ждёт клиента"},
    "6": "Передано в доставку",
    "v-processe": "Возврат оформляется",
}
DEPARTMENTS: dict[int, Name] = {1: {"ru": "Продажи", "en": "Sales"}, 2: {"ru": "Отдел поддержки"}, 3: "Доставка"}
PRIORITIES: dict[int, Name] = {
    1: {"ru": "Срочно", "en": "Urgent"},
    2: {"ru": "Стандартно", "en": "Normal"},
    3: {"ru": "Средний", "en": "Medium"},
}
TYPES: dict[int, Name] = {0: {"ru": "Без типа", "en": "No type"}, 1: {"ru": "Вопрос"}, 2: "Рекламация"}
GROUPS: dict[int, tuple[str, Name]] = {
    1: ("user", {"ru": "Клиент", "en": "Client", "ua": "Клиент"}),
    2: ("staff", {"ru": "Сотрудник", "en": "Staff"}),
}
USER_STATUSES: dict[int, Name] = {1: {"ru": "На месте", "en": "Here"}, 2: {"ru": "Отошёл", "en": "Away"}}

# id -> (name in dialect v1, type, shown name, options of a select)
Field = tuple[str, str, Name, dict[int, str]]
USER_FIELDS: dict[int, Field] = {
    87: ("bitrix_user_id", "text", {"ru": "bitrix_user_id"}, {}),
    88: ("orders", "textarea", {"ru": "Заказы", "en": "Orders"}, {}),
    89: ("level", "select", "Уровень", {1: "Обычный", 2: "Золотой"}),
    90: ("bitrix_orders", "textarea", "bitrix_orders", {}),
}
TICKET_FIELDS: dict[int, Field] = {
    3: ("order_number", "text", {"ru": "Номер заказа", "en": "Order number"}, {}),
    4: ("callback", "checkbox", {"ru": "Перезвонить"}, {}),
    5: ("reason", "select", "Причина", {1: "Размер", 2: "Брак", 3: "Передумал"}),
    6: ("portal_token", "text", {"ru": "portal_token"}, {}),
}


def field_id(fields: dict[int, Field], name: str) -> int | None:
    return next((number for number, spec in fields.items() if spec[0] == name), None)


def by_name(fields: dict[int, Field], values: Any) -> dict[str, Any]:
    """v2's map of numeric id to value, as the state keeps it; ids nobody defined are ignored, as the vendor does."""
    if not isinstance(values, dict):
        return {}
    return {fields[int(key)][0]: value for key, value in values.items() if str(key).isdecimal() and int(key) in fields}
