"""The Bearer secrets of the help desk's plugin (PORTAL_PANEL_SECRETS), compared in one place."""

from __future__ import annotations

import hmac

from portal.config import Settings
from portal.web.visitor import AnyRequest


def has_panel_secret(settings: Settings, request: AnyRequest) -> bool:
    """Whether the request carries one of the secrets, in the one Authorization header that it has."""
    said = [value for name, value in request.scope["headers"] if name == b"authorization"]
    secrets = [secret.get_secret_value().encode() for secret in settings.panel_secrets]
    if len(said) != 1:
        return False
    scheme, _, given = said[0].partition(b" ")
    # All of them are compared: how long it takes must not tell which one it was.
    good = sum(hmac.compare_digest(given, secret) for secret in secrets)
    return scheme.lower() == b"bearer" and bool(good)
