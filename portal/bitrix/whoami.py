"""Asking Bitrix itself who somebody is, through a small PHP file of ours on the shop's own host.

For the session stores that are not read directly. The file is a door for whoever knows the secret, so it opens for the
portal alone: a secret derived from PORTAL_SECRET_KEYS, of which the file holds only the hash, and a loopback caller.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal.assets import folder
from portal.bitrix.throttled import Throttled
from portal.config import Settings
from portal.database import THREADS
from portal.errors import DatabaseAway

TIMEOUT_SECONDS = 2.0
MAX_ANSWER = 16 * 1024

PLACES = THREADS // 2
"""Questions under way at once: a shop that is slow must leave threads for what does not need it."""

PLACE_SECONDS = 0.5

log = logging.getLogger(__name__)
_trouble = Throttled(log)


class ShopAway(DatabaseAway):
    """The shop's PHP does not say who the visitor is; nobody else can, so the answer is 503 and not "signed out"."""


class Whoami:
    """Calls the whoami file at PORTAL_SESSIONS=php:…; built once, used by many threads."""

    def __init__(self, settings: Settings) -> None:
        address = urlsplit(settings.sessions.removeprefix("php:"))
        public = urlsplit(settings.public_url)
        self._connection = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._host, self._port = address.hostname or "", address.port
        self._path = address.path + (f"?{address.query}" if address.query else "")
        self._places = threading.BoundedSemaphore(PLACES)
        self._headers = {
            "Host": public.netloc,
            "Accept": "application/json",
            "User-Agent": "my-requests-portal",
            "X-Portal-Whoami": whoami_secret(settings.secret_keys[0].get_secret_value()),
            "X-Portal-Scheme": public.scheme,
        }

    def ask(self, cookie_header: str, client_ip: str) -> tuple[int, tuple[str, ...]]:
        """The id of the account, 0 for nobody, and the shop's Set-Cookie headers. Raises ShopAway."""
        if not self._places.acquire(timeout=PLACE_SECONDS):
            _trouble.warning("the shop's whoami file is slow: %s questions are waiting for it", PLACES)
            raise ShopAway("whoami is busy")
        try:
            return self._ask(cookie_header, client_ip)
        finally:
            self._places.release()

    def _ask(self, cookie_header: str, client_ip: str) -> tuple[int, tuple[str, ...]]:
        # Not X-Real-IP: web servers in front of PHP rewrite that one, in either direction.
        headers = self._headers | {"Cookie": cookie_header, "X-Portal-Visitor": client_ip}
        connection = self._connection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", self._path, headers=headers)
            answer = connection.getresponse()
            body = answer.read(MAX_ANSWER + 1)
            set_cookies = tuple(value for name, value in answer.getheaders() if name.lower() == "set-cookie")
        except ValueError:
            return 0, ()  # the visitor's header is one that cannot be sent
        except (OSError, http.client.HTTPException) as error:
            _trouble.warning("the shop's whoami file does not answer: %s", type(error).__name__)
            raise ShopAway("whoami does not answer") from None
        finally:
            connection.close()
        if answer.status != 200 or len(body) > MAX_ANSWER:
            _trouble.warning(
                "the shop's whoami file answers %s: print it anew with `portal snippet whoami`", answer.status
            )
            raise ShopAway("whoami refuses")
        return _user_id(body), set_cookies


def whoami_secret(key: str) -> str:
    """The secret that one of PORTAL_SECRET_KEYS makes for the whoami file, as hex."""
    return hmac.new(key.encode(), b"whoami", hashlib.sha256).hexdigest()


def whoami_file(keys: Sequence[str]) -> str:
    """The PHP file to put on the shop's host. It opens for any of `keys` (PORTAL_SECRET_KEYS); without, for nobody."""
    hashes = [hashlib.sha256(whoami_secret(key).encode()).hexdigest() for key in keys]
    environment = Environment(
        loader=FileSystemLoader(folder("templates")),
        autoescape=False,  # noqa: S701  # PHP, with nothing in it but hex digits
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("bitrix/whoami.php").render(hashes=hashes)


def _user_id(body: bytes) -> int:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    user_id = said.get("id") if isinstance(said, dict) else None
    if not isinstance(user_id, int) or isinstance(user_id, bool) or user_id < 0:
        _trouble.warning("the shop's whoami file answers something else than it should")
        raise ShopAway("whoami is garbled")
    return user_id
