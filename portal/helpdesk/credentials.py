"""The Authorization header: Bearer with a token, Basic with an address and its key, whichever is set."""

from __future__ import annotations

import base64

from portal.config import Settings


def bearer(settings: Settings) -> str:
    """With PORTAL_HDE_TOKEN; "" when it is not set."""
    token = settings.hde_token.get_secret_value()
    return f"Bearer {token}" if token else ""


def basic(settings: Settings) -> str:
    """With PORTAL_HDE_EMAIL and PORTAL_HDE_API_KEY; "" when they are not set."""
    key = settings.hde_api_key.get_secret_value()
    pair = f"{settings.hde_email}:{key}"
    return "Basic " + base64.b64encode(pair.encode()).decode() if settings.hde_email and key else ""
