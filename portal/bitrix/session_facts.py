"""What a decoded Bitrix session says: three generations of the auth array, and the checks of every hit."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from dataclasses import dataclass

from portal.bitrix import php
from portal.bitrix.policy import ip2long
from portal.bitrix.throttled import Throttled

MOVED_SECONDS = 100
"""How long the id before a regeneration still leads to the new session."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Facts:
    """A session without its texts. `user_id` is 0 for a visitor who is not signed in.

    `timeout` is in minutes and `ip_mask` dotted; both None when the session carries no policy. `seen_at`,
    `terminate_at` and `destroyed_at` are Unix seconds, 0 when not set. `performed` are the forced logouts
    (ids of b_user_auth_action) that this session has been through; `keeps` says that they do not concern it.
    """

    user_id: int = 0
    ip: bytes = b""
    seen_at: int = 0
    timeout: int | None = None
    ip_mask: bytes | None = None
    terminate_at: int = 0
    sign: bytes | None = None
    expired: bool = False
    destroyed_at: int | None = None
    new_id: str = ""
    performed: frozenset[int] = frozenset()
    keeps: bool = False


def read(data: bytes) -> Facts:
    """The facts of a session as PHP serialized it. Raises php.Malformed."""
    session = php.decode_session(data)
    auth = _array(session.get("SESS_AUTH"))
    policy = auth.get(b"POLICY")
    rules = _array(policy)
    sign = session.get("BX_SESSION_SIGN")
    ip = session.get("SESS_IP")
    return Facts(
        user_id=identity(auth),
        ip=ip if isinstance(ip, bytes) else b"",
        seen_at=php.whole(session.get("SESS_TIME")),
        timeout=php.whole(rules.get(b"SESSION_TIMEOUT")) if isinstance(policy, dict) else None,
        ip_mask=_bytes(rules.get(b"SESSION_IP_MASK")) if isinstance(policy, dict) else None,
        terminate_at=php.whole(session.get("BX_SESSION_TERMINATE_TIME")),
        sign=None if sign in (None, b"") else _bytes(sign) or b"\0",
        expired=session.get("IS_EXPIRED") is True,
        destroyed_at=php.whole(session["destroyed"]) if session.get("destroyed") is not None else None,
        new_id=php.text(session.get("newSid")),
        performed=_ids(session.get("AUTH_ACTIONS_PERFORMED")),
        keeps=auth.get(b"SELF_CHANGED_PASSWORD") is True or auth.get(b"AUTH_ACTION_SKIP_LOGOUT") is True,
    )


def identity(auth: php.Array) -> int:
    """The account an auth array stands for, 0 for nobody; application passwords open nothing here.

    A and B say AUTHORIZED and USER_ID; C has a CONTEXT in JSON instead. The array alone proves nothing: visitors who
    are not signed in have one, too.
    """
    if _is_set(auth.get(b"APPLICATION_ID")):
        return 0
    if auth.get(b"CONTEXT") is None:
        return _id(auth.get(b"USER_ID")) if auth.get(b"AUTHORIZED") == b"Y" else 0
    if b"AUTHORIZED" in auth and auth[b"AUTHORIZED"] != b"Y":
        return 0
    context = _context(auth[b"CONTEXT"])
    if _is_set(context.get("applicationId")) or _is_set(context.get("applicationPasswordId")):
        return 0
    said = _id(context.get("userId"))
    beside = auth.get(b"USER_ID")
    return said if beside is None or _id(beside) == said else 0


def holds(facts: Facts, server_uniq_id: str, client_ip: str, now: float) -> bool:
    """Whether Bitrix would go on with this session at this hit (main/include.php, cores 12.5 to 25.7)."""
    if facts.expired or (facts.terminate_at > 0 and now > facts.terminate_at):
        return False
    if facts.timeout and facts.timeout > 0 and facts.seen_at > 0 and now - facts.timeout * 60 > facts.seen_at:
        return False
    if facts.sign is not None and not hmac.compare_digest(facts.sign, session_sign(server_uniq_id)):
        return False
    mask = ip2long(facts.ip_mask) if facts.ip_mask else 0
    if not mask or not facts.ip or mask & ip2long(facts.ip) == mask & ip2long(client_ip):
        return True
    if _is_private(facts.ip) and not _is_private(client_ip.encode("latin-1", "replace")):
        _hidden.warning("sessions of the shop carry a private address: its web server does not see the visitors' own")
        return True
    return False


def session_sign(server_uniq_id: str) -> bytes:
    """BX_SESSION_SIGN of every session of this shop: a copy from another shop does not have it."""
    said = f"nobody{server_uniq_id}nowhere".encode("utf-8", "surrogateescape")
    return hashlib.md5(said, usedforsecurity=False).hexdigest().encode()


_hidden = Throttled(log)
_private = re.compile(
    rb"127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1$|f[cd][0-9a-f]{2}:|fe80:", re.IGNORECASE
).match


def _is_private(address: bytes) -> bool:
    return _private(address) is not None


def _array(value: object) -> php.Array:
    return value if isinstance(value, dict) else {}


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _is_set(value: object) -> bool:
    return value is not None and value not in (b"", "", False)


def _id(value: object) -> int:
    """A positive id, from a number or its digits; 0 for anything else, true and 1.5 included."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"[0-9]{1,10}", value) else 0
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else 0


def _ids(value: object) -> frozenset[int]:
    """AUTH_ACTIONS_PERFORMED: the ids are the keys, and the values say true."""
    return frozenset(key for key, done in _array(value).items() if isinstance(key, int) and done)


def _context(value: object) -> dict[str, object]:
    """The JSON of generation C; {} when it is not an object."""
    try:
        context = json.loads(value) if isinstance(value, bytes) else None
    except (ValueError, RecursionError):
        return {}
    return context if isinstance(context, dict) else {}
