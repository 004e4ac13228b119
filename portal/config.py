"""Settings: the only reader of the environment. Parsed once, typed, and passed in.

Every setting is `PORTAL_<NAME>` in the environment or in `.env`; a secret may instead be `PORTAL_<NAME>_FILE`, the path
of a file that holds it. All that is missing or wrong is told at once, by name and without values.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from portal.environment import Environment, must_be_base64, origin_of, words_of

MIN_KEY_LENGTH = 16

NOT_READ_YET = ("redis:", "memcache:", "cookies:")
WEBHOOK_PROOFS = ("hmac", "standard", "bearer", "basic")
SCRIPT_ADDRESS = r"""^(((https?:)?//[^/\s"'<>\\]+|/[^/\s"'<>\\])[^\s"'<>\\]*)?$"""
SESSION_STORES = ("files:", "database:", "security:", "php:")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class DatabaseSettings(Environment):
    """What the commands for the tables alone need."""

    database_url: SecretStr
    """mysql+pymysql://…: the Bitrix database."""
    state_url: SecretStr = SecretStr("")
    """Where custom_hde_* live; empty = the Bitrix database."""

    @field_validator("database_url", "state_url")
    @classmethod
    def _database(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith("mysql+pymysql://"):
            raise ValueError("must begin with mysql+pymysql://")
        return value


class PublicSettings(Environment):
    """What the printed snippets need: where we are, and what signs."""

    public_url: str
    """https://shop.example, without a path."""
    prefix: str = "/personal/requests"
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Newest first: the first signs, all verify."""

    @field_validator("secret_keys", "webhook_secrets", "panel_secrets", mode="before", check_fields=False)
    @classmethod
    def _key_words(cls, value: object) -> object:
        return words_of(value)

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
            raise ValueError("must be the shop's address, such as https://shop.example, without a path")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("prefix")
    @classmethod
    def _path(cls, value: str) -> str:
        if not re.fullmatch(r"(/[A-Za-z0-9_-]+)+/?", value):
            raise ValueError("must be a path such as /personal/requests")
        return value.rstrip("/")


class Settings(PublicSettings, DatabaseSettings):
    """Everything that can be set. Secrets are SecretStr: their repr is stars."""

    login_url: str = "/auth/"
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = (ipaddress.ip_network("127.0.0.1"),)
    sessions: str
    """files:///path (PHP's save_path, so `files://2;/path` too) | database: | security: | php:http://127.0.0.1/…"""
    session_cookie: str = "PHPSESSID"
    cookie_prefix: str = ""
    """Empty = as b_option says, BITRIX_SM where it says nothing."""
    hde_url: str
    """The path's version chooses the dialect: …/api/v1 or …/api/v2."""
    hde_token: SecretStr = SecretStr("")
    hde_email: str = ""
    hde_api_key: SecretStr = SecretStr("")
    hde_rate: int = Field(default=60, ge=1, le=6000)
    """Calls that may arrive in any sliding minute, over all processes."""
    hde_timezone: ZoneInfo = ZoneInfo("Europe/Moscow")
    cache_seconds: int = Field(default=60, ge=1, le=3600)
    trust_shop_email: bool = False
    smtp_url: SecretStr = SecretStr("")
    mail_from: str = ""
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Several = rotation; `whsec_…` is base64 and serves Standard Webhooks, any other is raw and serves the rest."""
    webhook_auth: Annotated[frozenset[str], NoDecode] = frozenset()
    """Which proofs count, of WEBHOOK_PROOFS; empty = the dialect's own (see `webhook_proofs`)."""
    panel_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Bearer secrets of the help desk's plugin: the order pull and the panel's links answer to them."""
    hde_origin: str = ""
    """Whose pages may frame the operator's panel: https://x.helpdeskeddy.com; empty = no panel."""
    widget: Literal["", "contact", "chat"] = ""
    widget_script: str = Field(default="", pattern=SCRIPT_ADDRESS)
    """Which of the help desk's widgets the shop's pages show, empty = none; and where it is if not at the vendor's."""
    site_id: str = ""
    """The shop's site whose orders count; empty = all sites."""
    order_field: str = "UF_HDE_TICKETS"
    """The order's field (b_uts_order) that says which tickets it has; left alone where there is no such column."""
    user_field: str = ""
    """The account's field (b_uts_user) that mirrors its contact; empty = off."""
    order_push: Literal["fields", "note", "both"] = "fields"
    """Where the help desk sees a customer's orders: fields of the contact, an internal note, or both."""
    on_unknown_email: Literal["anonymous", "profile"] = "anonymous"
    manager_email: str = ""
    """Who gets a letter about new requests; empty = nobody."""
    crm_webhook_url: SecretStr = SecretStr("")
    """Bitrix24's incoming webhook, https://…/rest/1/secret/; empty = no tasks."""
    crm_responsible_id: int = Field(default=1, ge=1)
    locale: Literal["ru", "en"] = "ru"
    timezone: ZoneInfo = ZoneInfo("Europe/Moscow")
    """The shop's clock."""
    templates: str = ""
    """A folder whose templates, and rules.toml, stand in for ours, and whose shop.css is added; empty = ours alone."""
    frame_url: str = ""
    """The shop's page that stands around ours, a path or a whole address; empty = none."""

    @property
    def dialect(self) -> Literal["v1", "v2"]:
        """The help desk's dialect, told by the path of PORTAL_HDE_URL."""
        return "v2" if self.hde_url.endswith("/v2") else "v1"

    @property
    def webhook_proofs(self) -> frozenset[str]:
        """The proofs an event of the help desk may carry; none without a secret."""
        if not self.webhook_secrets:
            return frozenset()
        return self.webhook_auth or frozenset(("hmac", "standard") if self.dialect == "v1" else ("bearer",))

    @property
    def mail(self) -> bool:
        """Whether mail can be sent; without it nobody can prove an address."""
        return bool(self.smtp_url.get_secret_value() and self.mail_from)

    @property
    def panel(self) -> bool:
        """Whether operators have a panel: somebody may ask for its links, and somebody may frame it."""
        return bool(self.panel_secrets and self.hde_origin)

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        words = words_of(value)
        try:
            return tuple(ipaddress.ip_network(word) for word in words) if isinstance(words, tuple) else words
        except ValueError:
            raise ValueError("must be addresses or networks, such as 127.0.0.1,10.0.0.0/8") from None

    @field_validator("order_field", "user_field")
    @classmethod
    def _shop_field(cls, value: str) -> str:
        if not re.fullmatch(r"(UF_[A-Z0-9_]{1,40})?", value):
            raise ValueError("must be the name of a user field, such as UF_HDE_TICKETS, or empty")
        return value

    @field_validator("hde_origin")
    @classmethod
    def _framed_by(cls, value: str) -> str:
        return origin_of(value) if value else ""

    @field_validator("templates")
    @classmethod
    def _folder(cls, value: str) -> str:
        if value and not Path(value).is_dir():
            raise ValueError("must be a folder that is there")
        return value

    @field_validator("frame_url")
    @classmethod
    def _frame(cls, value: str, known: ValidationInfo) -> str:
        parts, prefix = urlsplit(value), known.data.get("prefix")
        if value and not re.fullmatch(r"(https?://[^/\s@]+)?/(?!/)\S*", value):
            raise ValueError("must be a path such as /local/portal_frame.php, or a whole address")
        if prefix and f"{parts.path}/".startswith(f"{prefix}/"):
            raise ValueError("must be a page of the shop, not one of ours")
        return value

    @field_validator("manager_email")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            return validate_email(value, check_deliverability=False).normalized if value else ""
        except EmailNotValidError:
            raise ValueError("must be one e-mail address") from None

    @field_validator("crm_webhook_url")
    @classmethod
    def _crm(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not re.fullmatch(r"https?://[^\s?#]+/rest/[^\s?#]+", value.get_secret_value()):
            raise ValueError("must be Bitrix24's incoming webhook, such as https://…/rest/1/…/")
        return value

    @field_validator("webhook_auth", mode="before")
    @classmethod
    def _proofs(cls, value: object) -> object:
        words = words_of(value)
        if isinstance(words, tuple) and not set(words) <= set(WEBHOOK_PROOFS):
            raise ValueError(f"must be some of {', '.join(WEBHOOK_PROOFS)}")
        return frozenset(words) if isinstance(words, tuple) else words

    @field_validator("webhook_secrets", "panel_secrets")
    @classmethod
    def _door_secrets(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < MIN_KEY_LENGTH for secret in value):
            raise ValueError(f"holds a secret shorter than {MIN_KEY_LENGTH} characters")
        for secret in value:
            if secret.get_secret_value().startswith("whsec_"):
                must_be_base64(secret.get_secret_value().removeprefix("whsec_"))
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not re.match(r"smtps?://[^/\s]+", value.get_secret_value()):
            raise ValueError("must begin with smtp:// or smtps:// and name a host")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str, known: ValidationInfo) -> str:
        smtp = known.data.get("smtp_url")
        if smtp is not None and bool(smtp.get_secret_value()) != bool(value):
            raise ValueError("and PORTAL_SMTP_URL must be set together")
        return value

    @field_validator("hde_timezone", "timezone", mode="before")
    @classmethod
    def _zone(cls, value: object) -> object:
        try:
            return ZoneInfo(value) if isinstance(value, str) else value
        except (ValueError, OSError, KeyError) as error:
            raise ValueError("is not the name of a time zone, such as Europe/Moscow") from error

    @field_validator("hde_url")
    @classmethod
    def _helpdesk(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or not re.search(r"/v[12]/?$", parts.path):
            raise ValueError("must be the help desk's API address and end with /api/v1 or /api/v2")
        if parts.username or parts.password or parts.query:
            raise ValueError("must not carry credentials: they have settings of their own")
        return value.rstrip("/")

    @field_validator("login_url")
    @classmethod
    def _login(cls, value: str) -> str:
        if not re.match(r"(/(?![/\\])|https?://)", value) or any(c in value for c in "\r\n\t "):
            raise ValueError("must be a path such as /auth/, or a whole address")
        return value

    @field_validator("secret_keys")
    @classmethod
    def _keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not value or any(len(key.get_secret_value()) < MIN_KEY_LENGTH for key in value):
            raise ValueError(f"needs at least one key, each of {MIN_KEY_LENGTH} characters or more")
        return value

    @field_validator("sessions")
    @classmethod
    def _sessions(cls, value: str) -> str:
        if value.startswith(NOT_READ_YET):
            raise ValueError(
                "names a session store that is not read directly yet (redis:, memcache:, cookies:); "
                "use php: with the file that `portal snippet whoami` prints"
            )
        if not value.startswith(SESSION_STORES):
            raise ValueError("must be files:///path, database:, security: or php:http://127.0.0.1/…")
        if value.startswith("files:") and not re.fullmatch(r"files://(/?\d+;)?(\d+;)?/.*", value):
            raise ValueError("must name an absolute folder, such as files:///var/lib/php/sessions")
        if value.startswith("php:") and not re.match(r"https?://[^/\s]+/", value[4:]):
            raise ValueError(
                "must name the whoami file's address, such as php:http://127.0.0.1/local/portal_whoami.php"
            )
        return value

    @field_validator("hde_api_key")
    @classmethod
    def _credentials(cls, value: SecretStr, known: ValidationInfo) -> SecretStr:
        token = known.data.get("hde_token")
        if token is not None and not token.get_secret_value() and not (known.data.get("hde_email") and value):
            raise ValueError("must be set together with PORTAL_HDE_EMAIL, unless PORTAL_HDE_TOKEN is")
        return value
