"""`devvault keyvault create`, `show`, ...: az's words for vaults, over ARM's REST shapes."""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.keyvault import network
from devvault.cli.keyvault.amendment import add_amendments, amended
from devvault.cli.keyvault.grammar import (
    Commands,
    add_command,
    add_flag,
    add_tags,
    read_tags,
    soft_delete_note,
    with_group,
)
from devvault.cli.keyvault.resource import PROVIDER, deleted, find_vault, full, path_of, put_vault
from devvault.cli.keyvault.waiting import add_wait, wait
from devvault.cli.planes import GROUP_VERSION, Planes, open_planes, segment
from devvault.cli.project import find_folder
from devvault.cli.reply import Body, table, text
from devvault.errors import Conflict, NotFound

DEFAULT_GROUP = "devvault"
DEFAULT_LOCATION = "westeurope"
_ALL = {"keys": ["all"], "secrets": ["all"], "certificates": ["all"], "storage": ["all"]}


def add_commands(commands: Commands) -> None:
    """Add the commands of `keyvault` that concern whole vaults."""
    create = add_command(
        commands,
        "create",
        _create,
        "create a vault",
        "keyvault create --name my-app-vault --resource-group my-group --location westeurope",
        no_wait=True,
    )
    add_name(create)
    create.add_argument("--location", "-l", help="where it lies (default: as its group)")
    create.add_argument(
        "--sku",
        choices=("premium", "standard"),
        default="standard",
        help="tier (default: standard)",
    )
    create.add_argument(
        "--retention-days", type=int, metavar="DAYS", help="7 to 90, fixed for good (default: 90)"
    )
    add_flag(create, "--no-self-perms", words="no access policy for yourself")
    _add_settings(create)
    network.add_acls(create)
    add_tags(create)
    update = add_command(
        commands,
        "update",
        _update,
        "change a vault's settings",
        "keyvault update --name my-app-vault --enable-purge-protection true",
        no_wait=True,
    )
    add_name(update)
    update.add_argument("--retention-days", type=int, metavar="DAYS", help="cannot be changed")
    _add_settings(update)
    add_amendments(update)
    show = add_command(commands, "show", _show, "get a vault", "keyvault show --name my-app-vault")
    add_name(show)
    listing = add_command(commands, "list", _list, "list vaults", "keyvault list -o table")
    listing.add_argument("--resource-group", "-g", help="only the vaults of this group")
    listing.add_argument("--resource-type", choices=("vault", "hsm"), help=argparse.SUPPRESS)
    delete = add_command(
        commands,
        "delete",
        _delete,
        "delete a vault; it can be recovered",
        "keyvault delete --name my-app-vault",
        no_wait=True,
    )
    add_name(delete)
    gone = add_command(
        commands,
        "list-deleted",
        _list_deleted,
        "list the deleted vaults",
        "keyvault list-deleted -o table",
    )
    gone.add_argument("--resource-type", choices=("vault", "hsm"), help=argparse.SUPPRESS)
    for name, run, words in (
        ("show-deleted", _show_deleted, "get a deleted vault"),
        ("recover", _recover, "bring a deleted vault back with everything in it"),
        ("purge", _purge, "remove a deleted vault for good"),
    ):
        example = f"keyvault {name} --name my-app-vault"
        long = name != "show-deleted"
        parser = add_command(commands, name, run, words, example, no_wait=long)
        add_name(parser)
        parser.add_argument("--location", "-l", help="where it lay")
    check = add_command(
        commands,
        "check-name",
        _check_name,
        "say whether a vault may bear this name",
        "keyvault check-name --name my-app-vault",
    )
    check.add_argument("--name", "-n", required=True, help="the name")
    check.add_argument("--resource-type", choices=("vault", "hsm"), help=argparse.SUPPRESS)
    add_name(add_wait(commands, _wait, "a vault", "keyvault wait --name my-app-vault --created"))
    network.add_commands(commands)


def add_name(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name one vault."""
    parser.add_argument("--name", "-n", required=True, help="the vault")
    parser.add_argument("--resource-group", "-g", help=f"its group (default: {DEFAULT_GROUP})")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    for flag, words in (
        ("--enable-rbac-authorization", "roles decide (default); false: access policies do"),
        ("--enable-purge-protection", "nothing can be purged early; never goes back to false"),
        ("--enabled-for-deployment", "virtual machines may fetch certificates"),
        ("--enabled-for-disk-encryption", "disk encryption may fetch secrets"),
        ("--enabled-for-template-deployment", "templates may fetch secrets"),
        ("--enable-soft-delete", argparse.SUPPRESS),
    ):
        add_flag(parser, flag, words=words)
    parser.add_argument("--bypass", choices=("AzureServices", "None"), help="firewall: who passes")
    parser.add_argument("--default-action", choices=("Allow", "Deny"), help="firewall: all others")
    parser.add_argument(
        "--public-network-access",
        choices=("Disabled", "Enabled", "SecuredByPerimeter"),
        help="firewall: all of it",
    )


def _create(args: argparse.Namespace) -> int:
    planes = open_planes()
    group: str = args.resource_group or DEFAULT_GROUP
    path = path_of(group, args.name)
    try:
        planes.arm("GET", path)
    except NotFound:
        pass
    else:
        raise Conflict(
            f"The specified vault: {args.name} already exists",
            hint=f"devvault keyvault show --name {args.name}",
        )
    rbac: bool = args.enable_rbac_authorization is not False
    wanted: dict[str, object] = {
        "tenantId": text(planes.status(), "tenant"),
        "sku": {"family": "A", "name": args.sku},
        "accessPolicies": [] if rbac or args.no_self_perms else [_own_policy(planes)],
        "enableRbacAuthorization": rbac,
        "enableSoftDelete": soft_delete_note(args) is not False,
        "softDeleteRetentionInDays": 90 if args.retention_days is None else args.retention_days,
        **_settings(args),
    }
    acls = network.read_acls(args, planes, group)
    if acls is not None:
        wanted["networkAcls"] = acls
    body: dict[str, object] = {
        "location": args.location or _group_location(planes, group),
        "properties": wanted,
        "tags": read_tags(args.tags) or {},
    }
    made = planes.arm("PUT", path, body)
    folder = find_folder()
    planes.local("POST", "/local/trust", {"folder": str(folder), "vault": text(made, "name")})
    say.note(f"{folder} may resolve from {text(made, 'name')}")
    say.show(args, full(made))
    return 0


def _update(args: argparse.Namespace) -> int:
    planes = open_planes()
    found = find_vault(planes, args.name, args.resource_group)
    settings = {**table(found, "properties"), **_settings(args)}
    if args.enable_rbac_authorization is not None:
        settings["enableRbacAuthorization"] = args.enable_rbac_authorization
    if soft_delete_note(args) is False:
        settings["enableSoftDelete"] = False
    if args.retention_days is not None:
        settings["softDeleteRetentionInDays"] = args.retention_days
    if args.bypass or args.default_action:
        acls = table(settings, "networkAcls")
        acls["bypass"] = args.bypass or acls.get("bypass") or "AzureServices"
        acls["defaultAction"] = args.default_action or acls.get("defaultAction") or "Allow"
        settings["networkAcls"] = acls
    made = put_vault(planes, amended(args, full({**found, "properties": settings})))
    say.show(args, full(made))
    _model_note(table(found, "properties"), table(made, "properties"), text(made, "name"))
    return 0


def _model_note(before: Body, after: Body, name: str) -> None:
    """Say what a change of the access model does to those who had rights."""
    if before.get("enableRbacAuthorization") == after.get("enableRbacAuthorization"):
        return
    if after.get("enableRbacAuthorization"):
        if after.get("accessPolicies"):
            say.note(
                "access policies count no longer; to give their holders roles instead, turn this"
                f" back and type: devvault keyvault migrate-to-rbac --name {name}"
            )
    else:
        say.note(f"role assignments give no access to what is in {name} any more; policies do")


def _wait(args: argparse.Namespace) -> int:
    planes = open_planes()
    return wait(args, lambda: find_vault(planes, args.name, args.resource_group))


def _show(args: argparse.Namespace) -> int:
    say.show(args, full(find_vault(open_planes(), args.name, args.resource_group)))
    return 0


def _list(args: argparse.Namespace) -> int:
    planes = open_planes()
    below = f"resourceGroups/{segment(args.resource_group)}/" if args.resource_group else ""
    found = planes.arm_list(f"{below}{PROVIDER}/vaults") if args.resource_type != "hsm" else []
    if not args.resource_group:
        kept = ("id", "location", "name", "tags", "type")
        found = [{name: item.get(name) for name in kept} | {"systemData": None} for item in found]
        say.show(args, [with_group(item) for item in found])
    else:
        say.show(args, [full(item) for item in found])
    return 0


def _delete(args: argparse.Namespace) -> int:
    planes = open_planes()
    found = find_vault(planes, args.name, args.resource_group)
    planes.arm("DELETE", text(found, "id"))
    say.note(
        "the vault is soft-deleted: its name is held until it is recovered or purged, and its"
        " role assignments are gone"
    )
    return 0


def _list_deleted(args: argparse.Namespace) -> int:
    wanted = args.resource_type != "hsm"
    found = open_planes().arm_list(f"{PROVIDER}/deletedVaults") if wanted else []
    say.show(args, [deleted(item) for item in found])
    return 0


def _show_deleted(args: argparse.Namespace) -> int:
    say.show(args, deleted(_find_deleted(open_planes(), args.name)))
    return 0


def _recover(args: argparse.Namespace) -> int:
    planes = open_planes()
    gone = table(_find_deleted(planes, args.name), "properties")
    body = {
        "location": text(gone, "location"),
        "properties": {
            "tenantId": text(planes.status(), "tenant"),
            "sku": {"family": "A", "name": "standard"},
            "createMode": "recover",
        },
    }
    say.show(args, full(planes.arm("PUT", text(gone, "vaultId"), body)))
    return 0


def _purge(args: argparse.Namespace) -> int:
    planes = open_planes()
    gone = _find_deleted(planes, args.name)
    location = text(table(gone, "properties"), "location")
    name = text(gone, "name")
    planes.arm("POST", f"{PROVIDER}/locations/{location}/deletedVaults/{name}/purge")
    return 0


def _check_name(args: argparse.Namespace) -> int:
    body = {"name": args.name, "type": "Microsoft.KeyVault/vaults"}
    found = open_planes().arm("POST", f"{PROVIDER}/checkNameAvailability", body)
    nothing: Body = {"message": None, "reason": None}
    say.show(args, {**nothing, **found})
    return 0


def _settings(args: argparse.Namespace) -> dict[str, object]:
    given: dict[str, object] = {
        "enablePurgeProtection": args.enable_purge_protection,
        "enabledForDeployment": args.enabled_for_deployment,
        "enabledForDiskEncryption": args.enabled_for_disk_encryption,
        "enabledForTemplateDeployment": args.enabled_for_template_deployment,
        "publicNetworkAccess": args.public_network_access,
    }
    return {name: found for name, found in given.items() if found is not None}


def _find_deleted(planes: Planes, name: str) -> Body:
    for found in planes.arm_list(f"{PROVIDER}/deletedVaults"):
        if text(found, "name").lower() == name.lower():
            return found
    raise NotFound(
        f"No deleted Vault was found with name '{name}'",
        hint="devvault keyvault list-deleted -o table",
    )


def _group_location(planes: Planes, group: str) -> str:
    found = planes.arm("GET", f"resourceGroups/{segment(group)}", version=GROUP_VERSION)
    return text(found, "location") or DEFAULT_LOCATION


def _own_policy(planes: Planes) -> Body:
    from devvault.cli.azure.role import developer

    tenant = text(planes.status(), "tenant")
    return {"tenantId": tenant, "objectId": developer(planes), "permissions": _ALL}
