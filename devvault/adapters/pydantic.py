"""pydantic-settings: `BaseSettings` whose environment and `.env` may hold references.

`AzureKeyVaultSettingsSource` takes the place of pydantic-settings' own: the fields of a model by
their names in a vault, in one round trip, with names mapped (`db_password` is `db-password`).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic_settings import BaseSettings as _BaseSettings
from pydantic_settings import EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from devvault.resolver.onevault import find_values
from devvault.resolver.settings import load_settings

__all__ = [
    "AzureKeyVaultSettingsSource",
    "BaseSettings",
    "DevvaultSettingsSource",
    "SettingsConfigDict",
    "VaultSettings",
]

_NESTED = "__"
_DEEPEST = 8


class DevvaultSettingsSource(EnvSettingsSource):
    """The environment and the project's settings files, references resolved in one round trip."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        found = load_settings()
        if self.case_sensitive:
            return {name: found[name] for name in found if found[name] or not self.env_ignore_empty}
        return {
            name.lower(): value
            for name in found
            if (value := found[name]) or not self.env_ignore_empty
        }


class VaultSettings(_BaseSettings):
    """pydantic-settings' class, its environment and `.env` being devvault's."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[_BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # ours takes its place
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the usual sources in their order."""
        ours = DevvaultSettingsSource(settings_cls)
        return init_settings, ours, dotenv_settings, file_secret_settings


BaseSettings = VaultSettings  # what an app's import is called stays


class AzureKeyVaultSettingsSource(EnvSettingsSource):
    """The secrets of one vault, by the fields' names.

    `url` is the vault's address, or its name. The credential is not needed here: whoever runs the
    program is who asks. A field whose secret is not there is left to other sources and defaults.
    """

    def __init__(
        self,
        settings_cls: type[_BaseSettings],
        url: str,
        credential: object = None,  # noqa: ARG002  # the cloud's source needs one
        *,
        dash_to_underscore: bool = True,  # noqa: ARG002  # names are mapped in any case
        snake_case_conversion: bool = True,  # noqa: ARG002  # as above
        case_sensitive: bool | None = None,
        env_prefix: str | None = None,
        env_parse_none_str: str | None = None,
        env_parse_enums: bool | None = None,
    ) -> None:
        self._vault = (urlsplit(url).hostname or url).partition(".")[0]
        super().__init__(
            settings_cls,
            case_sensitive=case_sensitive,
            env_prefix=env_prefix,
            env_nested_delimiter=_NESTED,
            env_ignore_empty=False,
            env_parse_none_str=env_parse_none_str,
            env_parse_enums=env_parse_enums,
        )

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return find_values(self._vault, list(dict.fromkeys(self._names(self.settings_cls, "", 0))))

    def _names(self, model: type[BaseModel], before: str, depth: int) -> Iterator[str]:
        """Go through the names that fields may have, nested ones behind `__`."""
        if depth > _DEEPEST:
            return
        for name, field in model.model_fields.items():
            if before:
                own = [before + alias for alias in _aliases(name, field.validation_alias)]
            else:
                own = [found for _, found, _ in self._extract_field_info(field, name)]
            yield from own
            for inner in _models(field.annotation):
                for one in own:
                    yield from self._names(inner, one + _NESTED, depth + 1)


def _aliases(name: str, alias: object) -> list[str]:
    return [alias.lower()] if isinstance(alias, str) else [name.lower()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Go through the models that a field may hold."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
