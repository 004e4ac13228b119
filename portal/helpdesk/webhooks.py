"""What the help desk sends us: who really sent it (proofs), and what it says has happened (an Event). No I/O.

The vendor has no signature, no event id and no time of its own (facts/helpdeskeddy.md §5): its dispatcher fills in the
template that `portal snippet dispatcher` prints. The document's dialect signs; both kinds of body are read from either.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import parse_qsl

from portal.config import Settings
from portal.errors import PortalError
from portal.helpdesk.decode import moment_or_none, number
from portal.model import Event, EventKind

Headers = Sequence[tuple[bytes, bytes]]
"""As they came, duplicates too; names in lower case."""

CLOCK_SECONDS = 300
"""How far the sender's clock may be from ours, either way (Standard Webhooks)."""

MAX_FIELDS = 100
MAX_KIND = 64
MAX_KEY = 200

OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
FUTURE = timedelta(days=1)

SIGNATURES = re.compile(rb"v[0-9]+[a-z]*,[A-Za-z0-9+/=]+( v[0-9]+[a-z]*,[A-Za-z0-9+/=]+)*")
"""One space between two; a proxy that folds two headers into one makes something else of it."""

FORM = "application/x-www-form-urlencoded"
SYNONYMS = {"ticket.replied": EventKind.MESSAGE_CREATED}
"""What rules that were written before ours call it."""


class NotAnEvent(PortalError):
    """The body is not JSON (or a form), or names no ticket; the text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The sender holds a secret of ours. `id`: the webhook-id, where it is under the signature too."""

    id: bytes = b""


class Proofs:
    """The proofs that count, and the secrets they are made of; several secrets are a rotation, each is as good."""

    def __init__(self, settings: Settings) -> None:
        secrets = [secret.get_secret_value() for secret in settings.webhook_secrets]
        raw = [secret.encode() for secret in secrets if not secret.startswith("whsec_")]
        signing = [base64.b64decode(secret[6:]) for secret in secrets if secret.startswith("whsec_")]
        ways: dict[str, tuple[_Way, list[bytes]]] = {
            "hmac": (_signed, raw),
            "standard": (_standard, signing),
            "bearer": (_bearer, raw),
            "basic": (_basic, raw),
        }
        self._ways = [ways[name] for name in sorted(settings.webhook_proofs) if ways[name][1]]

    @property
    def can_pass(self) -> bool:
        """Whether there is any proof that would do; without one the door is shut."""
        return bool(self._ways)

    def check(self, headers: Headers, body: bytes, now: float) -> Proven | None:
        """Whether one of the proofs that count holds for these very bytes at `now` (epoch seconds); None if none."""
        found = [way(headers, body, secrets, now) for way, secrets in self._ways]
        return max((one for one in found if one), key=lambda one: one.id, default=None)


_Way = Callable[[Headers, bytes, Sequence[bytes], float], Proven | None]


def _signed(headers: Headers, body: bytes, secrets: Sequence[bytes], _now: float) -> Proven | None:
    """X-HDE-Signature: the HMAC-SHA256 of the raw body in hex, with or without its name before it."""
    told = _only(headers, b"x-hde-signature").removeprefix(b"sha256=")
    if not re.fullmatch(rb"[0-9A-Fa-f]{64}", told):
        return None
    given = bytes.fromhex(told.decode())
    return _if_any(hmac.compare_digest(given, hmac.digest(secret, body, "sha256")) for secret in secrets)


def _standard(headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> Proven | None:
    """Standard Webhooks: HMAC-SHA256 of `id.timestamp.body`; the header may hold several, of several keys."""
    told_id, told_time = _only(headers, b"webhook-id"), _only(headers, b"webhook-timestamp")
    if not told_id or not re.fullmatch(rb"[0-9]{1,12}", told_time) or abs(now - int(told_time)) > CLOCK_SECONDS:
        return None
    content = b".".join((told_id, told_time, body))
    right = [b"v1," + base64.b64encode(hmac.digest(secret, content, "sha256")) for secret in secrets]
    told = _only(headers, b"webhook-signature")
    if not SIGNATURES.fullmatch(told):
        return None
    given = told.split(b" ")
    return _if_any((hmac.compare_digest(one, other) for one in given for other in right), told_id)


def _bearer(headers: Headers, _body: bytes, secrets: Sequence[bytes], _now: float) -> Proven | None:
    """Authorization: Bearer, or X-Webhook-Secret: for a vendor that cannot sign."""
    given = (_credentials(headers, b"bearer"), _only(headers, b"x-webhook-secret"))
    return _if_any(hmac.compare_digest(one, secret) for one in given for secret in secrets)


def _basic(headers: Headers, _body: bytes, secrets: Sequence[bytes], _now: float) -> Proven | None:
    """Authorization: Basic; the secret is the password, whoever the user is."""
    try:
        pair = base64.b64decode(_credentials(headers, b"basic"), validate=True)
    except ValueError:
        return None
    password = pair.partition(b":")[2]
    return _if_any(hmac.compare_digest(password, secret) for secret in secrets)


def _if_any(matches: Any, proven_id: bytes = b"") -> Proven | None:
    """All of them are compared: how long it takes does not tell which one was right."""
    return Proven(proven_id) if any(list(matches)) else None


def _only(headers: Headers, name: bytes) -> bytes:
    """The header's value; b"" when it is missing or came more than once, as nobody can say which one counts."""
    found = [value.strip() for key, value in headers if key.lower() == name]
    return found[0] if len(found) == 1 else b""


def _credentials(headers: Headers, scheme: bytes) -> bytes:
    told, _, rest = _only(headers, b"authorization").partition(b" ")
    return rest.strip() if told.lower() == scheme else b""


def read_event(body: bytes, content_type: str, proven: Proven, zone: tzinfo, now: datetime) -> Event:
    """What the body says, in either dialect's words. Raises NotAnEvent.

    v1: {"id"?, "event", "created_at", "ticket": {"id", "user_id"…}, "message"?: {"id"…}}. v2, JSON or form: {"event",
    "ticket_id", "user_id", "last_post_id", "updated"}, all texts. Only the ticket must be there: all else is a hint.
    """
    fields = _form(body) if content_type.partition(";")[0].strip().lower() == FORM else _json(body)
    ticket, message = fields.get("ticket"), fields.get("message")
    if isinstance(ticket, Mapping):
        ids = ticket.get("id"), ticket.get("user_id"), message.get("id") if isinstance(message, Mapping) else None
        time = fields.get("created_at") or ticket.get("updated_at")
    else:
        ids = fields.get("ticket_id"), fields.get("user_id"), fields.get("last_post_id")
        time = fields.get("updated") or fields.get("created_at")
    ticket_id, contact_id, message_id = (_id(value) for value in ids)
    if ticket_id is None:
        raise NotAnEvent("it names no ticket")
    kind, said = _kind(fields.get("event")), _text(time)
    return Event(
        kind,
        ticket_id,
        contact_id,
        message_id,
        _sane(moment_or_none(said, zone), now),
        _key(proven.id, _text(fields.get("id")), [kind, ticket_id, message_id, said]),
        is_vague=not (proven.id or _text(fields.get("id")) or message_id or said),
    )


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAnEvent("it is not JSON") from None
    if not isinstance(value, Mapping):
        raise NotAnEvent("it is not a JSON object")
    return value


def _form(body: bytes) -> Mapping[str, Any]:
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=MAX_FIELDS))
    except ValueError:
        raise NotAnEvent("it is a form of too many fields") from None


def _id(value: Any) -> int | None:
    try:
        return number(value)
    except ValueError:
        return None


def _text(value: Any) -> str:
    """A text or a whole number as text; "" for everything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _kind(value: Any) -> str:
    """The event's name, fit to be kept and told: whatever it is called, it is no reason to lose it."""
    name = re.sub(r"[^A-Za-z0-9_.:-]", "?", _text(value)[:MAX_KIND]) or "unnamed"
    return str(SYNONYMS.get(name, name))


def _sane(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment and OLDEST <= moment <= now + FUTURE else None


def _key(webhook_id: bytes, body_id: str, meaning: list[Any]) -> bytes:
    """The identity: the signed id, else the body's own, else what it means. Its first letter tells which."""
    if webhook_id:
        return _short(b"w:", webhook_id)
    if body_id:
        return _short(b"b:", body_id.encode("utf-8", "surrogatepass"))
    return b"m:" + hashlib.sha256(json.dumps(meaning).encode()).digest()


def _short(mark: bytes, key: bytes) -> bytes:
    return mark + key if len(key) <= MAX_KEY else mark + b"#" + hashlib.sha256(key).digest()
