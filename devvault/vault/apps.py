"""Apps as App Service holds them: their settings, and an identity of their own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from devvault.access.principals import SERVICE, Caller, Principal
from devvault.errors import NotFound
from devvault.model import operations as op
from devvault.model.app import APP_TYPE, App, app_scope, check_app_name, check_settings
from devvault.model.attributes import check_tags
from devvault.model.names import fold, group_scope, subscription_scope
from devvault.store.base import Reading, Writing
from devvault.vault.codecs import pack_app, unpack_app
from devvault.vault.credentials import drop_credentials
from devvault.vault.gate import Gate, Target
from devvault.vault.grouped import Grouped
from devvault.vault.groups import find_group
from devvault.vault.principals import (
    USER_ASSIGNED,
    check_no_word,
    drop_principal,
    find_principal,
    write_principal,
)
from devvault.vault.records import APP

_APPS = Grouped(APP, pack_app, unpack_app)


@dataclass(frozen=True, slots=True)
class AppSpec:
    """What is asked of an app; None leaves what is there, or is the default of a new one."""

    name: str
    group: str
    location: str = ""
    has_identity: bool | None = None
    assigned: Sequence[str] | None = None
    tags: Mapping[str, str] | None = None


def put_app(gate: Gate, caller: Caller, spec: AppSpec) -> App:
    """Make an app, or change the one that is there.

    An identity that it has stays the same one; one that it is not to have any more is gone.

    Raises:
        Invalid: the name is none.
        NotFound: `ResourceGroupNotFound`.
    """
    check_app_name(spec.name)
    check_no_word(spec.name)
    target = Target(app_scope(gate.subscription, spec.group, spec.name))

    def act(writing: Writing) -> App:
        within = find_group(gate, writing, spec.group)
        app = _APPS.find(gate, writing, spec.group, spec.name) or App(
            spec.name, within.name, spec.location or within.location, gate.clock.now()
        )
        app = _with_identity(gate, writing, app, spec.has_identity)
        if spec.assigned is not None:
            # What it has may be gone by now; it is only not given anew.
            known = {fold(id) for id in app.assigned}
            _check_assigned(gate, writing, [id for id in spec.assigned if fold(id) not in known])
            app = replace(app, assigned=tuple({fold(id): id for id in spec.assigned}.values()))
        if spec.tags is not None:
            app = replace(app, tags=check_tags(spec.tags))
        _APPS.put(gate, writing, app)
        return app

    return gate.change_access(caller, op.PUT_APP, target, act)


def get_app(gate: Gate, caller: Caller, group: str, name: str) -> App:
    """Return an app.

    Raises:
        NotFound: `ResourceNotFound`.
    """
    target = Target(app_scope(gate.subscription, group, name))
    return gate.read(caller, op.GET_APP, target, lambda reading: _get(gate, reading, group, name))


def list_apps(gate: Gate, caller: Caller, group: str = "") -> tuple[App, ...]:
    """Return every app, or those of a group."""
    root = group_scope(gate.subscription, group) if group else subscription_scope(gate.subscription)

    return gate.read(
        caller, op.LIST_APPS, Target(root), lambda reading: _APPS.listed(gate, reading, group)
    )


def delete_app(gate: Gate, caller: Caller, group: str, name: str) -> bool:
    """Delete an app with its settings and its identity; return whether there was one."""
    target = Target(app_scope(gate.subscription, group, name))

    def act(writing: Writing) -> bool:
        found = _APPS.find(gate, writing, group, name)
        if found is None:
            return False
        _drop(writing, found)
        return True

    gone = gate.change_access(caller, op.DELETE_APP, target, act)
    gate.secure_point()
    return gone


def get_settings(gate: Gate, caller: Caller, group: str, name: str) -> Mapping[str, str]:
    """Return an app's settings, values included: they may be secrets.

    Raises:
        NotFound: `ResourceNotFound`.
    """
    target = Target(app_scope(gate.subscription, group, name))

    def act(reading: Reading) -> Mapping[str, str]:
        return _get(gate, reading, group, name).settings

    return gate.read(caller, op.LIST_APP_SETTINGS, target, act)


def put_settings(
    gate: Gate, caller: Caller, group: str, name: str, settings: Mapping[str, str]
) -> Mapping[str, str]:
    """Replace all of an app's settings.

    Raises:
        Invalid: a name or a value that cannot be.
        NotFound: `ResourceNotFound`.
    """
    check_settings(settings)
    target = Target(app_scope(gate.subscription, group, name))

    def act(writing: Writing) -> Mapping[str, str]:
        app = replace(_get(gate, writing, group, name), settings=dict(settings))
        _APPS.put(gate, writing, app)
        return app.settings

    kept = gate.write(caller, op.PUT_APP_SETTINGS, target, act)
    gate.secure_point()
    return kept


def drop_apps(gate: Gate, writing: Writing, group: str) -> None:
    """Drop all of a group that is being deleted, inside its transaction."""
    for found in _APPS.of(gate, writing, group):
        _drop(writing, found)


def _check_assigned(gate: Gate, writing: Writing, ids: Sequence[str]) -> None:
    snapshot = gate.directory.read(writing)
    for id in ids:
        if USER_ASSIGNED.lower() not in id.lower() or find_principal(gate, id, snapshot) is None:
            raise NotFound(
                f"The identity '{id}' was not found.",
                code="FailedIdentityOperation",
                hint="devvault identity list -o table",
            )


def _with_identity(gate: Gate, writing: Writing, app: App, wanted: bool | None) -> App:
    if wanted is None or wanted == bool(app.oid):
        return app
    if not wanted:
        _drop_identity(writing, app)
        return replace(app, oid="", appid="")
    made = replace(app, oid=str(uuid.uuid4()), appid=str(uuid.uuid4()))
    id = app_scope(gate.subscription, app.group, app.name)
    write_principal(gate, writing, Principal(made.oid, app.name, SERVICE, made.appid, id))
    return made


def _drop(writing: Writing, app: App) -> None:
    _APPS.drop(writing, app)
    if app.oid:
        _drop_identity(writing, app)


def _drop_identity(writing: Writing, app: App) -> None:
    drop_principal(writing, app.oid)
    drop_credentials(writing, app.oid)


def _get(gate: Gate, reading: Reading, group: str, name: str) -> App:
    found = _APPS.find(gate, reading, group, name)
    if found is None:
        raise NotFound(
            f"The Resource '{APP_TYPE}/{name}' under resource group '{group}' was not found.",
            hint=f"devvault webapp identity assign --name {name}",
        )
    return found
