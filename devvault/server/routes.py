"""The flat table of both planes: method and path -> handler. api-version is checked here.

A request's path comes decoded, once; nothing is decoded again here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from devvault.errors import DevvaultError, Invalid, NotFound
from devvault.server.control import groups, roles, vaults
from devvault.server.data import deleted, secrets
from devvault.server.data.secrets import vault_of
from devvault.server.headers import control_headers, data_headers
from devvault.server.reply import Reply, Request, error_reply, json_reply
from devvault.vault.gate import Gate

Handler = Callable[..., Reply]

# What the service knows (specification: access, section 4).
DATA_VERSIONS = (
    "2015-06-01",
    "2016-10-01",
    "7.0",
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6",
    "2025-07-01",
    "2026-04-01",
)
_LATEST = DATA_VERSIONS[-1]
_PREVIEW = re.compile(r"7\.6-preview\.2|202[56]-\d\d-\d\d-preview")
_CONTROL_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
_OVERRIDES = {"PATCH", "DELETE", "PUT"}

_NAME = "([^/]*)"
_SUBSCRIPTION = "/subscriptions/([^/]+)"
_GROUP = f"{_SUBSCRIPTION}/resourcegroups/([^/]+)"
_VAULTS = "/providers/microsoft\\.keyvault/vaults"
_DELETED = f"{_SUBSCRIPTION}/providers/microsoft\\.keyvault/deletedvaults"
_DELETED_AT = (
    f"{_SUBSCRIPTION}/providers/microsoft\\.keyvault/locations/([^/]+)/deletedvaults/([^/]+)"
)
_AUTHORIZATION = "(/subscriptions/.+?)/providers/microsoft\\.authorization"
# Built-in roles are found without a subscription too: that is how role ids are often written.
_DEFINITIONS = "(|/subscriptions/.+?)/providers/microsoft\\.authorization/roledefinitions"
_HSMS = f"{_SUBSCRIPTION}/providers/microsoft\\.keyvault/(?:managedhsms|deletedmanagedhsms)"


def _table(
    rows: tuple[tuple[str, str, Handler], ...],
) -> tuple[tuple[str, re.Pattern[str], Handler], ...]:
    return tuple(
        (method, re.compile(path, re.IGNORECASE), handler) for method, path, handler in rows
    )


DATA = _table(
    (
        ("GET", "/secrets", secrets.list_secrets),
        ("POST", "/secrets/restore", secrets.restore_secret),
        ("PUT", f"/secrets/{_NAME}", secrets.set_secret),
        ("GET", f"/secrets/{_NAME}/versions", secrets.list_versions),
        ("POST", f"/secrets/{_NAME}/backup", secrets.backup_secret),
        ("DELETE", f"/secrets/{_NAME}", secrets.delete_secret),
        ("GET", f"/secrets/{_NAME}", secrets.get_secret),
        ("GET", f"/secrets/{_NAME}/{_NAME}", secrets.get_secret),
        ("PATCH", f"/secrets/{_NAME}", secrets.update_secret),
        ("PATCH", f"/secrets/{_NAME}/{_NAME}", secrets.update_secret),
        ("GET", "/deletedsecrets", deleted.list_deleted),
        ("GET", f"/deletedsecrets/{_NAME}", deleted.get_deleted),
        ("POST", f"/deletedsecrets/{_NAME}/recover", deleted.recover),
        ("DELETE", f"/deletedsecrets/{_NAME}", deleted.purge),
    )
)

CONTROL = _table(
    (
        ("GET", f"{_SUBSCRIPTION}/resourcegroups", groups.list_groups),
        ("PUT", _GROUP, groups.put_group),
        ("GET", _GROUP, groups.get_group),
        ("DELETE", _GROUP, groups.delete_group),
        ("GET", f"{_SUBSCRIPTION}/resources", vaults.list_resources),
        ("GET", f"{_SUBSCRIPTION}{_VAULTS}", vaults.list_vaults),
        ("GET", f"{_GROUP}{_VAULTS}", vaults.list_in_group),
        ("PUT", f"{_GROUP}{_VAULTS}/([^/]+)", vaults.put_vault),
        ("PATCH", f"{_GROUP}{_VAULTS}/([^/]+)", vaults.patch_vault),
        ("GET", f"{_GROUP}{_VAULTS}/([^/]+)", vaults.get_vault),
        ("DELETE", f"{_GROUP}{_VAULTS}/([^/]+)", vaults.delete_vault),
        ("PUT", f"{_GROUP}{_VAULTS}/([^/]+)/accesspolicies/([^/]+)", vaults.put_policies),
        (
            "POST",
            f"{_SUBSCRIPTION}/providers/microsoft\\.keyvault/checknameavailability",
            vaults.check_name,
        ),
        ("GET", _DELETED, vaults.list_deleted),
        ("GET", _DELETED_AT, vaults.get_deleted),
        ("POST", f"{_DELETED_AT}/purge", vaults.purge_deleted),
        ("GET", f"{_AUTHORIZATION}/roleassignments", roles.list_assignments),
        ("PUT", f"{_AUTHORIZATION}/roleassignments/([^/]+)", roles.put_assignment),
        ("GET", f"{_AUTHORIZATION}/roleassignments/([^/]+)", roles.get_assignment),
        ("DELETE", f"{_AUTHORIZATION}/roleassignments/([^/]+)", roles.delete_assignment),
        ("GET", _DEFINITIONS, roles.list_roles),
        ("GET", f"{_DEFINITIONS}/([^/]+)", roles.get_role),
        ("PUT", f"{_AUTHORIZATION}/roledefinitions/([^/]+)", roles.put_role),
        ("DELETE", f"{_AUTHORIZATION}/roledefinitions/([^/]+)", roles.delete_role),
        ("GET", _HSMS, vaults.list_no_hsms),
    )
)


def dispatch_data(request: Request, gate: Gate) -> Reply:
    """Answer a request to a vault."""
    try:
        reply = _data(_tidy(request), gate)
    except DevvaultError as error:
        reply = error_reply(error)
    vault = gate.find_vault(vault_of(request))
    return _with(reply, data_headers(request, vault.location if vault else ""))


def dispatch_control(request: Request, gate: Gate) -> Reply:
    """Answer a request to Azure Resource Manager."""
    try:
        reply = _control(_tidy(request), gate)
    except Invalid as error:
        # The vaults' own word for a malformed request is not ARM's.
        reply = error_reply(_arm(error) if error.code == Invalid.code else error)
    except DevvaultError as error:
        reply = error_reply(error)
    return _with(reply, control_headers(request))


def _data(request: Request, gate: Gate) -> Reply:
    version = request.query.get("api-version")
    if not version:
        raise Invalid("The api-version query parameter is required.")
    known = version.lower().removesuffix("-preview") in DATA_VERSIONS
    if not known and _PREVIEW.fullmatch(version.lower()) is None:
        raise Invalid(
            f"The specified version ({version}) is not recognized. Consider using the latest"
            f" supported version ({_LATEST})."
        )
    return _dispatch(DATA, request, gate)


def _control(request: Request, gate: Gate) -> Reply:
    version = request.query.get("api-version")
    if not version:
        raise Invalid(
            "The api-version query parameter (?api-version=) is required for all requests.",
            code="MissingApiVersionParameter",
        )
    if _CONTROL_VERSION.fullmatch(version) is None:
        raise Invalid(
            f"The api-version '{version}' is invalid. The format is yyyy-MM-dd or"
            " yyyy-MM-dd-preview.",
            code="InvalidApiVersionParameter",
        )
    named = re.match(_SUBSCRIPTION, request.path, re.IGNORECASE)
    if named is not None and named[1].lower() != gate.subscription.lower():
        raise NotFound(
            f"The subscription '{named[1]}' could not be found.",
            code="SubscriptionNotFound",
            hint="devvault daemon status",
        )
    return _dispatch(CONTROL, request, gate)


def _arm(error: Invalid) -> Invalid:
    return Invalid(error.message, code="BadRequest", hint=error.hint, fields=error.fields)


def _tidy(request: Request) -> Request:
    """Return the request as the table knows it.

    Old clients send a doubled slash; a closing one means the current version, or nothing. A POST
    may stand for another method where the client cannot send that.
    """
    path = re.sub("/{2,}", "/", request.path).rstrip("/") or "/"
    method = request.method.upper()
    override = request.headers.get("x-http-method", "").upper()
    if method == "POST" and override in _OVERRIDES:
        method = override
    return replace(request, method=method, path=path)


def _with(reply: Reply, headers: dict[str, str]) -> Reply:
    return replace(reply, headers={**headers, **reply.headers})


def _dispatch(
    table: tuple[tuple[str, re.Pattern[str], Handler], ...], request: Request, gate: Gate
) -> Reply:
    allowed = []
    for method, pattern, handler in table:
        found = pattern.fullmatch(request.path)
        if found is None:
            continue
        if method == request.method:
            return handler(request, gate, *found.groups())
        allowed.append(method)
    if allowed:
        body = {
            "error": {
                "code": "MethodNotAllowed",
                "message": f"The HTTP method {request.method} is not allowed here.",
            }
        }
        return json_reply(405, body, {"allow": ", ".join(dict.fromkeys(allowed))})
    raise NotFound(f"The resource at {request.path} was not found.")
