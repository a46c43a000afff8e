"""Who may give and take roles: never outside her own scope, never more than her role says."""

from __future__ import annotations

import uuid
from typing import Any

from devvault.access.principals import Caller
from tests.server.planes import STRANGER, Azure

ROLES = "providers/Microsoft.Authorization/roleAssignments"
SOMEBODY = "aaaaaaaa-0000-4000-8000-000000000001"


def give(
    azure: Azure,
    scope: str,
    role: str,
    *,
    caller: Caller | None = None,
    principal: str = STRANGER.oid,
) -> Any:
    properties = {
        "roleDefinitionId": role,
        "principalId": principal,
        "principalType": "ServicePrincipal",
    }
    path = f"{scope}/{ROLES}/{uuid.uuid4()}"
    return azure.arm("PUT", path, {"properties": properties}, caller=caller)


def test_an_assignment_is_taken_away_at_its_own_scope_alone(azure: Azure) -> None:
    azure.create("other")
    give(azure, azure.vault_id("other"), "User Access Administrator")
    victim = give(azure, azure.vault, "Key Vault Secrets User", principal=SOMEBODY).body["name"]
    direct = azure.arm("DELETE", f"{azure.vault}/{ROLES}/{victim}", caller=STRANGER)
    around = azure.arm("DELETE", f"{azure.vault_id('other')}/{ROLES}/{victim}", caller=STRANGER)
    assert direct.status == 403
    assert around.status == 204
    assert azure.arm("GET", f"{azure.vault}/{ROLES}/{victim}").status == 200


def test_a_data_access_administrator_gives_data_roles_alone(azure: Azure) -> None:
    give(azure, azure.vault, "Key Vault Data Access Administrator")
    assert give(azure, azure.vault, "Owner", caller=STRANGER).status == 403
    user = give(azure, azure.vault, "Key Vault Secrets User", caller=STRANGER)
    assert user.status == 201
    assert azure.arm("DELETE", user.body["id"], caller=STRANGER).status == 200
    kept = give(azure, azure.vault, "Reader", principal=SOMEBODY).body["id"]
    assert azure.arm("DELETE", kept, caller=STRANGER).status == 403


def test_who_may_not_give_roles_does_not_learn_which_there_are(azure: Azure) -> None:
    for role in ("Reader", "No Such Role", str(uuid.uuid4())):
        refused = give(azure, azure.vault, role, caller=STRANGER, principal=SOMEBODY)
        assert (refused.status, refused.error["code"]) == (403, "AuthorizationFailed")
    assert give(azure, azure.vault, "No Such Role").status == 404
