"""Sending a message over SMTP. Called from the outbox only, so that a failing mail server loses nothing."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

TIMEOUT_SECONDS = 20


def send(smtp_url: str, message: EmailMessage) -> None:
    """Hand `message` to the server of smtp://user:pass@host:port (or smtps://), blocking, 20 s at most a step.

    Credentials travel only over TLS: with a user in the address and no STARTTLS offered this refuses to sign in.
    Raises OSError or smtplib.SMTPException; the caller tries again later.
    """
    parts = urlsplit(smtp_url)
    host, user = parts.hostname or "localhost", unquote(parts.username or "")
    tls = ssl.create_default_context()
    with (
        smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=tls)
        if parts.scheme == "smtps"
        else smtplib.SMTP(host, parts.port or 25, timeout=TIMEOUT_SECONDS)
    ) as server:
        server.ehlo_or_helo_if_needed()
        if parts.scheme != "smtps" and server.has_extn("starttls"):
            server.starttls(context=tls)
            server.ehlo()
        elif user and parts.scheme != "smtps":
            raise smtplib.SMTPNotSupportedError("the server offers no STARTTLS, so the password is not sent")
        if user:
            server.login(user, unquote(parts.password or ""))
        server.send_message(message)
