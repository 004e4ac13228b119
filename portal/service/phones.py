"""Phone numbers as the help desk gets them: E.164, of what people type into a shop's form."""

from __future__ import annotations

import phonenumbers

HOME = "RU"
"""The country of a number that names none; an extension (доб. 5) is read, and is no part of E.164."""


def e164(typed: str) -> str:
    """The number, "" when it is none that could be called."""
    try:
        number = phonenumbers.parse(typed, HOME)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def ways(number: str) -> tuple[str, ...]:
    """How a number of E.164 may stand in a profile: as the help desk told it."""
    digits = number.removeprefix("+")
    return (number, digits, "8" + digits[1:]) if digits.startswith("7") else (number, digits)
