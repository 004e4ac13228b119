"""Where the settings come from: the environment, files that it names, and `.env`; all problems told at once.

Every setting is `PORTAL_<NAME>`; a secret may instead be `PORTAL_<NAME>_FILE`, the path of a file that holds it, as
container platforms hand secrets over.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from portal.errors import WrongSettings

PREFIX = "PORTAL_"
SECRETS = (
    "database_url",
    "state_url",
    "secret_keys",
    "hde_token",
    "hde_api_key",
    "smtp_url",
    "webhook_secrets",
    "panel_secrets",
    "crm_webhook_url",
)


class SecretFiles(PydanticBaseSettingsSource):
    """PORTAL_<SECRET>_FILE: the path of a file that holds the secret, as container platforms hand it over."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The secret of one field, None without a file or with one that cannot be read."""
        if field_name in SECRETS and (path := os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")):
            with contextlib.suppress(OSError, UnicodeDecodeError):  # told by load(), with all other problems
                return Path(path).read_text("utf-8").strip(), field_name, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All secrets that come from files."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Environment(BaseSettings):
    """How every set of settings is read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
        extra="ignore",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then the files that PORTAL_…_FILE name, then `.env`."""
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings


S = TypeVar("S", bound=BaseSettings)


def load(kind: type[S]) -> S:
    """Read the settings (all, or those of the snippets). Raises WrongSettings with every problem at once."""
    problems = [f"{name} cannot be read" for name in _unreadable()]
    try:
        settings = kind()
    except ValidationError as error:
        raise WrongSettings(problems + [_sentence(problem) for problem in error.errors()]) from None
    if problems:
        raise WrongSettings(problems)
    return settings


def _unreadable() -> list[str]:
    names = (f"{PREFIX}{secret.upper()}_FILE" for secret in SECRETS)
    return [name for name in names if os.environ.get(name) and not os.access(os.environ[name], os.R_OK)]


def _sentence(problem: ErrorDetails) -> str:
    name = f"{PREFIX}{str(problem['loc'][0]).upper()}"
    if problem["type"] == "missing":
        return f"{name} is missing"
    what = problem["msg"].removeprefix("Value error, ")
    return f"{name} {what[:1].lower()}{what[1:]}"


def must_be_base64(text: str) -> None:
    """Raises ValueError in words fit for the person who set it."""
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("holds a whsec_ secret that is not base64") from None


def words_of(value: object) -> object:
    """What is separated by commas, as a tuple; what is no text stays as it is."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def origin_of(text: str) -> str:
    """An origin as browsers write it: no path, no port that goes without saying. Raises ValueError for no origin."""
    found = re.fullmatch(r"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::([0-9]{1,5}))?/?", text.strip().lower())
    if not found:
        raise ValueError("must be one origin, such as https://example.helpdeskeddy.com, without a path")
    scheme, host, port = found.groups()
    usual = {"http": "80", "https": "443"}[scheme]
    return f"{scheme}://{host}" + (f":{port}" if port and port != usual else "")
