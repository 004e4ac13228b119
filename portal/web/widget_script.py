"""widget.js: rendered once at start from the settings, the same bytes for everybody and for every page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal import assets
from portal.config import Settings

PATIENCE_SECONDS = 3
"""How long the widget waits to know who is here before it shows itself to nobody in particular."""

CONTACT_SCRIPT = "//cdn5.helpdeskeddy.com//js/contact-widget.js"
CHAT_SCRIPT = "https://cdn5.helpdeskeddy.com/js/modules/chat_widget/hde.js"
"""The vendor's embeds as its accounts hand them out (facts: §6)."""

OFF = b"// The widget is off: PORTAL_WIDGET is not set.\n"


@dataclass(frozen=True, slots=True)
class WidgetScript:
    """The script as it goes over the wire, and its entity tag, quoted."""

    body: bytes
    etag: str


def widget_script(settings: Settings) -> WidgetScript:
    """The script for these settings; without a widget, one that does nothing."""
    body = _render(settings) if settings.widget else OFF
    return WidgetScript(body, f'"{hashlib.sha256(body).hexdigest()[:20]}"')


def _render(settings: Settings) -> bytes:
    environment = Environment(  # noqa: S701  # a script, with nothing in it but what tojson makes
        loader=FileSystemLoader(assets.folder("templates") / "widget"), undefined=StrictUndefined
    )
    script = environment.get_template("widget.js").render(
        identity=f"{settings.prefix}/widget/identity", vendor=_vendor(settings), patience_ms=PATIENCE_SECONDS * 1000
    )
    return script.encode()


def _vendor(settings: Settings) -> dict[str, str]:
    """The attributes of the vendor's own line."""
    host = {"data-host": urlsplit(settings.hde_url).netloc, "data-lang": settings.locale}
    if settings.widget == "chat":
        source = settings.widget_script or CHAT_SCRIPT
        return {"id": "hde-chat-widget", **host, "data-position": "bottom-right", "src": source}
    source = settings.widget_script or CONTACT_SCRIPT
    parts = urlsplit(source)
    assets_host = f"{parts.scheme}{':' if parts.scheme else ''}//{parts.netloc}/" if parts.netloc else "/"
    return {"id": "hde-contact-widget", "data-assets-host": assets_host, **host, "src": source}
