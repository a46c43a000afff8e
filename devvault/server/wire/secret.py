"""Secrets as the data plane shows them; ids bear the host that the client used.

`api` is the API version that the client asked for: older ones know fewer members.
"""

from __future__ import annotations

from typing import Any

from devvault.errors import Invalid
from devvault.model.attributes import Change
from devvault.model.names import ObjectId
from devvault.model.secret import DeletedSecret, SecretVersion
from devvault.server.versions import RECOVERABLE_DAYS, knows
from devvault.server.wire.fields import Body, flag, member, moment


def bundle(host: str, version: SecretVersion, api: str) -> Body:
    """Return a SecretBundle; the value only where the operation gives one."""
    shown: Body = {}
    if version.value is not None:
        shown["value"] = version.value
    if version.content_type is not None:
        shown["contentType"] = version.content_type
    shown["id"] = str(ObjectId(host, "secrets", version.name, version.version))
    shown["attributes"] = attributes(version, api)
    if version.tags:
        shown["tags"] = dict(version.tags)
    return shown


def item(host: str, version: SecretVersion, api: str, *, versioned: bool) -> Body:
    """Return a SecretItem of a list: of secrets (base id) or of versions (full id)."""
    name = ObjectId(host, "secrets", version.name, version.version if versioned else "")
    shown: Body = {}
    if version.content_type is not None:
        shown["contentType"] = version.content_type
    shown["id"] = str(name)
    shown["attributes"] = attributes(version, api)
    if version.tags:
        shown["tags"] = dict(version.tags)
    return shown


def deleted(host: str, gone: DeletedSecret, api: str, *, listed: bool = False) -> Body:
    """Return a DeletedSecretBundle, or a DeletedSecretItem of a list."""
    shown = {
        "recoveryId": f"https://{host}/deletedsecrets/{gone.current.name}",
        "deletedDate": int(gone.deleted.timestamp()),
        "scheduledPurgeDate": int(gone.purge_at.timestamp()),
    }
    if listed:
        return {**shown, **item(host, gone.current, api, versioned=False)}
    return {**shown, **bundle(host, gone.current, api)}


def attributes(version: SecretVersion, api: str) -> Body:
    """Return the attributes; absent times are left out, not null."""
    at = version.attributes
    shown: dict[str, Any] = {"enabled": at.enabled}
    if at.nbf is not None:
        shown["nbf"] = int(at.nbf.timestamp())
    if at.exp is not None:
        shown["exp"] = int(at.exp.timestamp())
    shown["created"] = int(at.created.timestamp())
    shown["updated"] = int(at.updated.timestamp())
    shown["recoveryLevel"] = version.recovery_level
    if knows(api, RECOVERABLE_DAYS):
        shown[RECOVERABLE_DAYS] = version.recoverable_days
    return shown


def read_change(body: Body) -> Change:
    """Return the change to attributes that a request asks for."""
    asked = member(body, "attributes")
    return Change(flag(asked, "enabled"), moment(asked, "nbf"), moment(asked, "exp"))


def read_value(body: Body) -> str:
    """Return the value to set.

    Raises:
        Invalid: there is none, or it is no string.
    """
    value = body.get("value")
    if not isinstance(value, str):
        raise Invalid("The property 'value' is required and must be a string.")
    return value
