"""Explaining a decision, and migrating a vault, as the owner asks for it over the socket."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from devvault.access.principals import GROUP, SERVICE, USER
from devvault.errors import Conflict, DevvaultError, Forbidden, Invalid, NotFound
from devvault.model.vault import Policy
from devvault.vault import grants, secrets
from devvault.vault.explaining import Asked, explain_access
from devvault.vault.migrating import migrate
from devvault.vault.principals import get_principal
from devvault.vault.vaults import VaultSpec, create_vault

APP = "11111111-2222-4333-8444-555555555555"
CREW = "22222222-2222-4333-8444-555555555555"
SIGNER = "33333333-2222-4333-8444-555555555555"


def vault_id(plane, name="my-vault"):
    return plane.plane.gate().find_vault(name).id


def give(plane, role, scope, who=APP, kind=SERVICE):
    return grants.assign(plane.plane.gate(), plane.plane.developer(), role, who, kind, scope)


def explain(plane, action="get", identity=APP, **more):
    asked = {"vault": "my-vault", "name": "db", "identity": identity, "action": action, **more}
    return plane.post("/local/access/explain", **asked)


def old_vault(plane, *policies, name="old-kv"):
    gate = plane.plane.gate()
    filled = tuple(replace(one, tenant=gate.tenant) for one in policies)
    spec = VaultSpec(name, "devvault", rbac=False, policies=filled)
    return create_vault(gate, plane.plane.developer(), spec)


def test_allowed_by_which_assignment(plane):
    plane.set("my-vault", "db", "1")
    made = give(plane, "Key Vault Secrets User", vault_id(plane))
    found = explain(plane)
    assert found["allowed"] is True
    assert found["model"] == "roles"
    assert found["assignment"]["role"] == "Key Vault Secrets User"
    assert found["assignment"]["id"].endswith(made.id)
    assert found["operation"] == "GetSecret"
    assert "missing" not in found


def test_by_a_groups_role(plane):
    give(plane, "Key Vault Secrets User", vault_id(plane), CREW, GROUP)
    found = explain(plane, identity=CREW)
    assert found["assignment"]["principalId"] == CREW


@pytest.mark.parametrize(
    ("action", "more", "role", "tail"),
    [
        ("get", {}, "Key Vault Secrets User", "/secrets/db"),
        ("GET", {}, "Key Vault Secrets User", "/secrets/db"),
        ("list", {}, "Key Vault Reader", "/vaults/my-vault"),
        ("set", {}, "Key Vault Secrets Officer", "/secrets/db"),
        ("update", {}, "Key Vault Secrets Officer", "/secrets/db"),
        ("GetDeletedSecret", {}, "Key Vault Reader", "/secrets/db"),
        ("get", {"version": "A" * 32}, "Key Vault Secrets User", f"/db/versions/{'a' * 32}"),
        ("sign", {"kind": "keys"}, "Key Vault Crypto User", "/keys/db"),
        ("get", {"kind": "certificates"}, "Key Vault Reader", "/certificates/db"),
        ("import", {"kind": "certificates"}, "Key Vault Certificates Officer", "/db"),
        ("VaultsDelete", {}, "Key Vault Contributor", "/vaults/my-vault"),
        (
            "Microsoft.Authorization/roleAssignments/write",
            {},
            "User Access Administrator",
            "/vaults/my-vault",
        ),
    ],
    ids=str,
)
def test_for_want_of_which_role_and_the_command_helps(plane, action, more, role, tail):
    plane.set("my-vault", "db", "1")
    found = explain(plane, action, **more)
    assert found["allowed"] is False
    missing = found["missing"]
    assert missing["role"] == role
    assert missing["scope"].endswith(tail)
    words = shlex.split(missing["command"])
    assert words[:4] == ["devvault", "role", "assignment", "create"]
    flags = dict(zip(words[4::2], words[5::2], strict=True))
    give(plane, flags["--role"], flags["--scope"], flags["--assignee-object-id"])
    assert explain(plane, action, **more)["allowed"] is True


def test_what_comes_close_is_named_with_the_reason(plane):
    give(plane, "Key Vault Reader", vault_id(plane))
    give(plane, "Key Vault Secrets User", f"{vault_id(plane)}/secrets/other")
    near = {one["role"]: one["why"] for one in explain(plane)["near"]}
    assert near == {
        "Key Vault Reader": "the role does not have the data action"
        " Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "Key Vault Secrets User": "it is at another scope",
    }


def test_it_says_what_the_gate_does(plane):
    gate = plane.plane.gate()
    old = plane.set("my-vault", "db", "1")
    new = plane.set("my-vault", "db", "2")
    caller = replace(get_principal(gate, "me").caller(gate.tenant), oid=APP)

    def is_allowed(version):
        try:
            secrets.get_secret(gate, caller, "my-vault", "db", version)
        except Forbidden:
            return False
        return True

    for scope in (
        None,
        f"/secrets/db/versions/{old}",
        f"/secrets/db/versions/{new}",
        "/secrets/db",
    ):
        if scope is not None:
            give(plane, "Key Vault Secrets User", vault_id(plane) + scope)
        for version in ("", old, new):
            assert explain(plane, version=version)["allowed"] is is_allowed(version)


def test_under_policies(plane):
    old_vault(plane, Policy("", APP, secrets=("get", "List")), Policy("", CREW, "app", ("get",)))
    give(plane, "Key Vault Administrator", vault_id(plane, "old-kv"))
    assert explain(plane, vault="old-kv")["policy"]["objectId"] == APP
    refused = explain(plane, "delete", vault="old-kv")
    assert refused["model"] == "policies"
    assert refused["missing"]["permission"] == "secrets delete"
    assert refused["missing"]["command"] == (
        f"devvault keyvault set-policy --name old-kv --object-id {APP}"
        " --secret-permissions get list delete"
    )


def test_what_stands_in_the_way_besides_rights(plane):
    gate, me = plane.plane.gate(), plane.plane.developer()
    assert explain(plane, identity="me")["note"] == "there is no secret db in my-vault"
    plane.set("my-vault", "db", "1")
    assert explain(plane, identity="me")["note"] is None
    version = "0" * 32
    assert "no such version" in explain(plane, identity="me", version=version)["note"]
    secrets.delete_secret(gate, me, "my-vault", "db")
    assert explain(plane, identity="me")["note"] == "the secret db is deleted"


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"identity": "nobody"}, NotFound),
        ({"action": "fly"}, Invalid),
        ({"action": "lock"}, Invalid),
        ({"action": "Devvault/home/lock/action"}, Invalid),
        ({"vault": "nope"}, NotFound),
        ({"vault": ""}, Invalid),
        ({"name": "a/b"}, Invalid),
        ({"kind": "storage"}, Invalid),
        ({"action": "delete", "version": "0" * 32}, Invalid),
    ],
    ids=str,
)
def test_what_cannot_be_asked(plane, members, error):
    with pytest.raises(error):
        explain(plane, **members)


def test_only_the_owner_asks(plane):
    gate = plane.plane.gate()
    stranger = replace(plane.plane.developer(), owner=False)
    with pytest.raises(Forbidden):
        explain_access(gate, stranger, Asked("me", "get", "my-vault", "secrets", "db"))


def test_a_migration_gives_and_says_the_same(plane):
    old_vault(
        plane,
        Policy("", APP, secrets=("get", "list")),
        Policy("", SIGNER, keys=("sign",)),
        Policy("", "no-object-id", secrets=("get",)),
    )
    gate = plane.plane.gate()
    planned = plane.post("/local/access/migrate", vault="old-kv")
    assert planned["applied"] is False
    assert planned["ignored"] == ["no-object-id"]
    assert gate.find_vault("old-kv").rbac is False
    done = plane.post("/local/access/migrate", vault="old-kv", apply=True)
    assert done["applied"] is True
    assert {**done, "applied": False} == {
        **planned,
        "identities": [
            {**one, "name": mine["name"], "principalType": mine["principalType"]}
            for one, mine in zip(planned["identities"], done["identities"], strict=True)
        ],
    }
    moved = gate.find_vault("old-kv")
    assert moved.rbac is True
    assert len(moved.policies) == 3
    assert explain(plane, vault="old-kv")["allowed"] is True
    assert explain(plane, "sign", SIGNER, vault="old-kv", kind="keys")["allowed"] is True
    assert explain(plane, "verify", SIGNER, vault="old-kv", kind="keys")["allowed"] is False
    assert get_principal(gate, APP).kind == SERVICE
    with pytest.raises(Conflict):
        plane.post("/local/access/migrate", vault="old-kv")


def test_once_more_uses_the_custom_role_that_is_there(plane):
    old_vault(plane, Policy("", SIGNER, keys=("sign",)))
    plane.post("/local/access/migrate", vault="old-kv", apply=True)
    gate, me = plane.plane.gate(), plane.plane.developer()
    create_vault(gate, me, VaultSpec("old-kv", "devvault", rbac=False))
    again = plane.post("/local/access/migrate", vault="old-kv", apply=True)
    assert again["customRoles"] == []
    custom = [role for role in gate.snapshot().grants.roles.values() if role.custom]
    assert len(custom) == 1
    mine = [one for one in gate.snapshot().assignments if one.principal == SIGNER]
    assert len(mine) == 1


def test_who_may_not_give_roles_migrates_nothing(plane):
    old_vault(plane, Policy("", APP, secrets=("get",)))
    gate = plane.plane.gate()
    give(plane, "Contributor", vault_id(plane, "old-kv"), CREW, USER)
    caller = get_principal(gate, CREW).caller(gate.tenant)
    before = gate.snapshot().assignments
    for role in ("Key Vault Data Access Administrator", ""):
        if role:
            give(plane, role, vault_id(plane, "old-kv"), CREW, USER)
            before = gate.snapshot().assignments
        with pytest.raises(Forbidden):
            migrate(gate, caller, "old-kv")
        assert gate.find_vault("old-kv").rbac is False
        assert gate.snapshot().assignments == before


def test_a_migration_that_fails_half_way_leaves_nothing(plane):
    """Custom roles are made at the group, which an owner of the vault alone may not do."""
    old_vault(plane, Policy("", APP, secrets=("get",)), Policy("", SIGNER, keys=("sign",)))
    gate = plane.plane.gate()
    give(plane, "Owner", vault_id(plane, "old-kv"), CREW, USER)
    caller = get_principal(gate, CREW).caller(gate.tenant)
    before = gate.snapshot().assignments
    with pytest.raises(DevvaultError):
        migrate(gate, caller, "old-kv")
    assert gate.snapshot().assignments == before
    assert gate.find_vault("old-kv").rbac is False
    migrate(gate, caller, "old-kv", custom=False)
    assert gate.find_vault("old-kv").rbac is True


def recommend(plane, identity=APP, **more):
    return plane.post("/local/access/recommend", identity=identity, **more)


def test_the_least_roles_for_what_was_done(plane):
    gate = plane.plane.gate()
    plane.set("my-vault", "db", "1")
    give(plane, "Key Vault Administrator", vault_id(plane))
    caller = get_principal(gate, APP).caller(gate.tenant)
    assert recommend(plane)["roles"] == []
    for _ in range(3):
        secrets.get_secret(gate, caller, "my-vault", "db")
    found = recommend(plane)
    assert (found["records"], found["refused"], found["whole"]) == (3, 0, True)
    (role,) = found["roles"]
    assert role["role"] == "Key Vault Secrets User"
    assert role["scope"].endswith("/secrets/db")
    assert role["for"] == ["Microsoft.KeyVault/vaults/secrets/getSecret/action"]
    (wide,) = found["wide"]
    assert (wide["role"], wide["used"]) == ("Key Vault Administrator", 1)
    later = int(gate.clock.now().timestamp()) + 60
    assert recommend(plane, since=later)["records"] == 0


def test_refusals_count_where_they_are_asked_for(plane):
    gate = plane.plane.gate()
    give(plane, "Key Vault Reader", vault_id(plane))
    caller = get_principal(gate, APP).caller(gate.tenant)
    with pytest.raises(Forbidden):
        secrets.set_secret(gate, caller, "my-vault", "db", "1")
    found = recommend(plane)
    assert (found["records"], found["refused"], found["roles"]) == (0, 1, [])
    (role,) = recommend(plane, refused=True)["roles"]
    assert role["role"] == "Key Vault Secrets Officer"


@pytest.mark.parametrize("since", [-1, True, "x", 2**40])
def test_a_bad_time_is_refused(plane, since):
    with pytest.raises(Invalid):
        recommend(plane, identity="me", since=since)
