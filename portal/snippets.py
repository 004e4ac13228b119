"""What the shop's developer pastes: rendered from templates/, with the settings that the public may know."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal import assets
from portal.bitrix import whoami as shop_whoami
from portal.service import widget
from portal.store import shop_events
from portal.tokens import Tokens

UPSTREAM = "127.0.0.1:8000"
"""Where `portal serve` listens unless told otherwise."""


def nginx(public_url: str, prefix: str, upstream: str = UPSTREAM) -> str:
    """Every nginx location, for a file inside the shop's server block; the settings are validated by config.py."""
    return _rendered("nginx/portal.conf", public_url=public_url, prefix=prefix, upstream=upstream)


def footer(prefix: str) -> str:
    """The widget's line for the site's template, the same for everyone; after it, the link for the account's menu with
    the number of requests that hold something new, and the widget's PHP form for who wants it inline.

    Neither holds a secret: the PHP form reads the key of `footer_key` from the shop's own settings.
    """
    line = f'<script src="{prefix}/widget.js" defer></script>'
    php = _rendered("bitrix/widget.php", line=line, field=widget.FIELD)
    menu = _rendered("bitrix/menu.html", prefix=prefix)
    return f"{line}\n\n{menu}\n\n{php}"


def footer_key(secret_keys: Sequence[str]) -> str:
    """The line of /bitrix/.settings.php with the key that the PHP form signs with; a secret."""
    return f"'portal_widget_key' => array('value' => '{widget.signing_key(Tokens(secret_keys))}', 'readonly' => true),"


def whoami(secret_keys: Sequence[str]) -> str:
    """The PHP file that tells who is signed in; it answers to the holders of `secret_keys` alone."""
    return shop_whoami.whoami_file(secret_keys)


def init(public_url: str) -> str:
    """The PHP handlers that tell us of the shop's changes; they hold no secret and make no request."""
    environment = Environment(  # noqa: S701  # PHP, with nothing in it but an address that config.py has checked
        loader=FileSystemLoader(assets.folder("templates") / "bitrix"), undefined=StrictUndefined
    )
    kinds = {"user": shop_events.USER, "gone": shop_events.GONE, "order": shop_events.ORDER}
    return environment.get_template("init.php").render(public_url=public_url, table=shop_events.TABLE, **kinds)


def order(public_url: str, prefix: str) -> str:
    """The block for the shop's page of an order: a link, and the customer's requests where his browser runs scripts."""
    return _rendered("bitrix/order.php", public_url=public_url, prefix=prefix)


def admin(public_url: str, prefix: str) -> str:
    """The page of the shop's admin that opens the operator's panel for an order; it holds no secret."""
    return _rendered("bitrix/admin.php", public_url=public_url, prefix=prefix)


def dispatcher(public_url: str) -> str:
    """The help desk's rules that send its events here, and how to set them; the secret is named and not printed."""
    return _rendered("helpdesk/dispatcher.txt", public_url=public_url)


def plugin(public_url: str, prefix: str) -> str:
    """The help desk's plugin that shows the operator's panel in a ticket: one HTML file, without a secret."""
    return _rendered("helpdesk/plugin.html", public_url=public_url, prefix=prefix)


def _rendered(template: str, **values: str) -> str:
    # Not HTML: what is put in are addresses and paths that config.py has checked; nginx and PHP know no HTML escapes.
    environment = Environment(loader=FileSystemLoader(assets.folder("templates")), undefined=StrictUndefined)  # noqa: S701
    environment.filters["entities"] = _entities
    return environment.get_template(template).render(**values)


def _entities(text: str) -> str:
    """Words for HTML that read the same in every charset a shop may have."""
    return text.encode("ascii", "xmlcharrefreplace").decode()
