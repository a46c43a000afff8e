"""The control plane's table: method and path -> handler. The data plane's is in data/routes.py.

A request's path comes decoded, once; nothing is decoded again here.
"""

from __future__ import annotations

import re

from devvault.errors import DevvaultError, Invalid, NotFound
from devvault.model import operations as op
from devvault.server.control import apps, groups, identities, roles, subscriptions, vaults
from devvault.server.data.routes import dispatch_data
from devvault.server.headers import control_headers
from devvault.server.reply import Reply, Request, error_reply, with_headers
from devvault.server.table import Handler, tidied, wrong_method
from devvault.vault.gate import Gate, Target

__all__ = ["CONTROL", "dispatch_control", "dispatch_data"]

_SHOWN = 300  # of an address that is refused
_CONTROL_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")

_SUBSCRIPTION = "/subscriptions/([^/]+)"
_GROUP = f"{_SUBSCRIPTION}/resourcegroups/([^/]+)"
_IDENTITIES = "/providers/microsoft\\.managedidentity/userassignedidentities"
_SITES = "/providers/microsoft\\.web/sites"
_SITE = f"{_GROUP}{_SITES}/([^/]+)"
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


CONTROL = _table(
    (
        ("GET", "/subscriptions", subscriptions.list_subscriptions),
        ("GET", _SUBSCRIPTION, subscriptions.get_subscription),
        ("GET", "/tenants", subscriptions.list_tenants),
        ("GET", f"{_SUBSCRIPTION}/resourcegroups", groups.list_groups),
        ("PUT", _GROUP, groups.put_group),
        ("GET", _GROUP, groups.get_group),
        ("HEAD", _GROUP, groups.head_group),
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
            f"{_SUBSCRIPTION}/providers/microsoft\\.keyvault/(?:checknameavailability|checkmhsmnameavailability)",
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
        ("GET", f"{_SUBSCRIPTION}{_IDENTITIES}", identities.list_identities),
        ("GET", f"{_GROUP}{_IDENTITIES}", identities.list_identities),
        ("PUT", f"{_GROUP}{_IDENTITIES}/([^/]+)", identities.put_identity),
        ("PATCH", f"{_GROUP}{_IDENTITIES}/([^/]+)", identities.put_identity),
        ("GET", f"{_GROUP}{_IDENTITIES}/([^/]+)", identities.get_identity),
        ("DELETE", f"{_GROUP}{_IDENTITIES}/([^/]+)", identities.delete_identity),
        ("GET", f"{_SUBSCRIPTION}{_SITES}", apps.list_apps),
        ("GET", f"{_GROUP}{_SITES}", apps.list_apps),
        ("PUT", _SITE, apps.put_app),
        ("PATCH", _SITE, apps.put_app),
        ("GET", _SITE, apps.get_app),
        ("DELETE", _SITE, apps.delete_app),
        ("POST", f"{_SITE}/config/appsettings/list", apps.list_settings),
        ("PUT", f"{_SITE}/config/appsettings", apps.put_settings),
        ("GET", f"{_SITE}/config/([^/]+)", apps.get_config),
    )
)


def dispatch_control(request: Request, gate: Gate) -> Reply:
    """Answer a request to Azure Resource Manager."""
    try:
        reply = _control(tidied(request), gate)
    except DevvaultError as error:
        if not error.recorded:
            # A refusal before the gate was asked is in the trail like every other.
            target = Target(request.path[:_SHOWN], id=f"https://{request.host}"[:_SHOWN])
            gate.note(request.caller, op.OTHER_CONTROL, target, error)
        # The vaults' own word for a malformed request is not ARM's.
        ours = isinstance(error, Invalid) and error.code == Invalid.code
        reply = error_reply(_arm(error) if ours else error)
    return with_headers(reply, control_headers(request))


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


def _arm(error: DevvaultError) -> Invalid:
    return Invalid(error.message, code="BadRequest", hint=error.hint, fields=error.fields)


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
        raise wrong_method(request.method, allowed)
    raise NotFound(f"The resource at {request.path} was not found.")
