"""What programs are, as Azure holds them: user-assigned identities, and apps with their settings.

An identity is a service principal of its own; an app has one where it was assigned one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from devvault.errors import Invalid
from devvault.model.attributes import NO_TAGS
from devvault.model.names import group_scope

IDENTITY_TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
APP_TYPE = "Microsoft.Web/sites"
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
_IDENTITY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}")
_APP = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,58}[a-zA-Z0-9])")
_SETTING = re.compile(r"[A-Za-z0-9_.:-]{1,256}")
_VALUE_LIMIT = 32 * 1024
_SETTINGS_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Identity:
    """A user-assigned managed identity."""

    name: str
    group: str
    location: str
    oid: str
    appid: str
    created: datetime
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)


@dataclass(frozen=True, slots=True)
class App:
    """An app of App Service. `oid` and `appid` are of its own identity, empty where it has none.

    `assigned` holds the ARM ids of the user-assigned identities that it was given.
    """

    name: str
    group: str
    location: str
    created: datetime
    oid: str = ""
    appid: str = ""
    assigned: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=lambda: NO_SETTINGS)
    tags: Mapping[str, str] = field(default_factory=lambda: NO_TAGS)


def identity_scope(subscription: str, group: str, name: str) -> str:
    """Return the ARM id of a user-assigned identity."""
    return f"{group_scope(subscription, group)}/providers/{IDENTITY_TYPE}/{name}"


def app_scope(subscription: str, group: str, name: str) -> str:
    """Return the ARM id of an app."""
    return f"{group_scope(subscription, group)}/providers/{APP_TYPE}/{name}"


def is_identity_name(name: str) -> bool:
    """Say whether an identity may bear this name."""
    return _IDENTITY.fullmatch(name) is not None


def check_identity_name(name: str) -> str:
    """Return the name of an identity, or refuse it.

    Raises:
        Invalid: `InvalidParameter`.
    """
    if not is_identity_name(name):
        raise Invalid(
            f"The identity name '{_shown(name)}' is invalid: it has 3 to 128 letters, digits, '-'"
            " and '_', a letter or digit first.",
            code="InvalidParameter",
        )
    return name


def check_app_name(name: str) -> str:
    """Return the name of an app, or refuse it.

    Raises:
        Invalid: `BadRequest`.
    """
    if _APP.fullmatch(name) is None:
        raise Invalid(
            f"The app name '{_shown(name)}' is invalid: it has 2 to 60 letters, digits and hyphens,"
            " a letter or digit first and last.",
            code="BadRequest",
        )
    return name


def check_settings(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Return an app's settings, or refuse them; no message holds a value.

    Raises:
        Invalid: a name that is none, a value that is too long, or too many of them.
    """
    if len(settings) > _SETTINGS_LIMIT:
        raise Invalid(f"An app has at most {_SETTINGS_LIMIT} settings.", code="BadRequest")
    for name, value in settings.items():
        if _SETTING.fullmatch(name) is None:
            raise Invalid(
                f"AppSetting with name '{_shown(name)}' is not allowed: letters, digits, '.', '_',"
                " ':' and '-' alone.",
                code="BadRequest",
            )
        if len(value.encode("utf-8", "surrogatepass")) > _VALUE_LIMIT or "\0" in value:
            raise Invalid(f"The value of AppSetting '{name}' is too long.", code="BadRequest")
    return settings


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:80])
