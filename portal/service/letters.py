"""The letters we send, as messages ready for the mail server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Protocol
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from portal.config import Settings
from portal.service.sight import PROOF_SECONDS, proof_token
from portal.tokens import Tokens


class Render(Protocol):
    """Renders a letter's template: (name, locale, what it shows) to text."""

    def __call__(self, template: str, locale: str, context: Mapping[str, Any]) -> str: ...


class Undeliverable(Exception):
    """No mail server can be asked to deliver to this address."""


def proof(settings: Settings, tokens: Tokens, render: Render, job_id: int, payload: Mapping[str, Any]) -> EmailMessage:
    """The letter that proves an address: a link that expires, and who asked for it.

    The token is made here, when the letter is sent, so that no token rests in the database. The Message-ID follows from
    the job: a letter sent twice by a crash is one letter to the mail program. Raises Undeliverable.
    """
    token = proof_token(tokens, payload["user"], payload["to"], str(job_id))
    link = f"{settings.public_url}{settings.prefix}/prove/{token}"
    shop = urlsplit(settings.public_url).hostname or ""
    context = {"link": link, "name": payload["name"], "shop": shop, "hours": PROOF_SECONDS // 3600}
    message = EmailMessage()
    message["From"] = _from(settings.mail_from)
    message["To"] = _to(payload["to"])
    message["Subject"] = render("email/prove.subject.txt", payload["locale"], context).strip()
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<portal-proof-{job_id}@{shop}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(render("email/prove.txt", payload["locale"], context))
    message.add_alternative(render("email/prove.html", payload["locale"], context), subtype="html")
    return message


def manager(
    settings: Settings, _tokens: Tokens, render: Render, _job_id: int, payload: Mapping[str, Any]
) -> EmailMessage:
    """The letter to the shop's manager about something that happened in the help desk.

    The Message-ID follows from what happened (payload["occasion"]), so that however often it is sent it is one letter
    to the mail program. Raises Undeliverable.
    """
    shop = urlsplit(settings.public_url).hostname or ""
    context = {**payload, "shop": shop}
    message = EmailMessage()
    message["From"] = _from(settings.mail_from)
    message["To"] = _to(settings.manager_email)
    message["Subject"] = _one_line(render("email/manager.subject.txt", settings.locale, context))
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<portal-{payload['occasion'].replace(':', '-')}@{shop}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(render("email/manager.txt", settings.locale, context))
    message.add_alternative(render("email/manager.html", settings.locale, context), subtype="html")
    return message


def _one_line(words: str) -> str:
    """What may stand in a header: a customer's own words are in it."""
    return "".join(letter for letter in " ".join(words.split()) if letter.isprintable())


def _from(setting: str) -> Address:
    name, address = parseaddr(setting)
    return Address(name, addr_spec=address)


def _to(address: str) -> Address:
    """The address alone: a name typed by a customer into his profile has no place in a header."""
    try:
        return Address(addr_spec=validate_email(address, check_deliverability=False).normalized)
    except (EmailNotValidError, ValueError) as error:
        raise Undeliverable(type(error).__name__) from None
