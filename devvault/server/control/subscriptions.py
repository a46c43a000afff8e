"""The home as az sees it: one tenant with one subscription."""

from __future__ import annotations

from devvault.model import operations as op
from devvault.model.names import subscription_scope
from devvault.server.reply import Reply, Request, json_reply
from devvault.vault.gate import Gate, Target
from devvault.vault.grants import has_any


def list_subscriptions(request: Request, gate: Gate) -> Reply:
    """GET /subscriptions: empty for whoever was given nothing in it."""
    if not has_any(gate, request.caller):
        return json_reply(200, {"value": []})
    return json_reply(200, {"value": [_show(gate)], "count": {"type": "Total", "value": 1}})


def get_subscription(request: Request, gate: Gate, _subscription: str) -> Reply:
    """GET /subscriptions/{id}."""
    target = Target(subscription_scope(gate.subscription))
    gate.read(request.caller, op.GET_SUBSCRIPTION, target, lambda _reading: None)
    return json_reply(200, _show(gate))


def list_tenants(request: Request, gate: Gate) -> Reply:
    """GET /tenants: the caller's own, which a token names anyway."""
    del request
    tenant = {
        "id": f"/tenants/{gate.tenant}",
        "tenantId": gate.tenant,
        "displayName": "devvault local",
        "tenantCategory": "Home",
    }
    return json_reply(200, {"value": [tenant]})


def _show(gate: Gate) -> dict[str, object]:
    return {
        "id": subscription_scope(gate.subscription),
        "subscriptionId": gate.subscription,
        "tenantId": gate.tenant,
        "displayName": "devvault local",
        "state": "Enabled",
        "subscriptionPolicies": {"spendingLimit": "Off"},
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }
