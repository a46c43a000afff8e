"""`devvault keyvault set-policy`, `delete-policy`: az's words for access policies.

As az does it, the whole vault is fetched, changed and put back; on a vault whose roles decide both
are refused before anything is sent.
"""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.keyvault.grammar import Commands, add_command
from devvault.cli.keyvault.resource import find_vault, full
from devvault.cli.keyvault.vault import add_name
from devvault.cli.planes import Planes, open_planes
from devvault.cli.reply import Body, flag, items, table, text
from devvault.errors import Conflict, NotFound

# The permissions of each kind of object, in az's spelling; either case is read.
_KEY = """
all backup create decrypt delete encrypt get getrotationpolicy import list purge recover release
restore rotate setrotationpolicy sign unwrapKey update verify wrapKey
"""
_SECRET = "all backup delete get list purge recover restore set"  # noqa: S105  # permissions
_CERTIFICATE = """
all backup create delete deleteissuers get getissuers import list listissuers managecontacts
manageissuers purge recover restore setissuers update
"""
_STORAGE = """
all backup delete deletesas get getsas list listsas purge recover regeneratekey restore set setsas
update
"""
_KINDS = {
    "key": ("keys", _KEY.split()),
    "secret": ("secrets", _SECRET.split()),
    "certificate": ("certificates", _CERTIFICATE.split()),
    "storage": ("storage", _STORAGE.split()),
}


def add_commands(commands: Commands) -> None:
    """Add both commands."""
    grant = add_command(
        commands,
        "set-policy",
        _set,
        "let a principal do something with the objects of a vault",
        "keyvault set-policy --name my-app-vault --object-id ID --secret-permissions get list",
        no_wait=True,
    )
    _add_who(grant)
    for kind, (member, words) in _KINDS.items():
        grant.add_argument(
            f"--{kind}-permissions",
            nargs="*",
            type=_spelled,
            choices=words,
            metavar="PERMISSION",
            help=f"for {member}; replaces what was there, none takes all away",
        )
    take = add_command(
        commands,
        "delete-policy",
        _delete,
        "take a principal's access policy away",
        "keyvault delete-policy --name my-app-vault --object-id ID",
        no_wait=True,
    )
    _add_who(take)


def _add_who(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--object-id", help="object id of the principal, or 'me'")
    who.add_argument("--spn", help="application id or name of a service principal")
    who.add_argument("--upn", help="name of a user; yourself is 'me'")
    parser.add_argument("--application-id", help="the application that acts for the principal")


def _spelled(word: str) -> str:
    """Return a permission as az spells it."""
    known = {found.lower(): found for _, words in _KINDS.values() for found in words}
    return known.get(word.lower(), word)


def _set(args: argparse.Namespace) -> int:
    planes = open_planes()
    vault, policies = _open(planes, args, "set")
    principal = _principal(planes, args)
    given: dict[str, list[str] | None] = {
        member: getattr(args, f"{kind}_permissions") for kind, (member, _) in _KINDS.items()
    }
    chosen = {
        member: list(dict.fromkeys(found)) for member, found in given.items() if found is not None
    }
    found = next((one for one in policies if _is_theirs(one, principal, args)), None)
    if found is None:
        found = {
            "tenantId": text(table(vault, "properties"), "tenantId"),
            "objectId": principal,
            "permissions": {},
        }
        if args.application_id:
            found["applicationId"] = args.application_id
        policies.append(found)
    found["permissions"] = {**table(found, "permissions"), **chosen}
    say.show(args, full(_put(planes, vault, policies)))
    return 0


def _delete(args: argparse.Namespace) -> int:
    planes = open_planes()
    vault, policies = _open(planes, args, "delete")
    principal = _principal(planes, args)
    kept = [one for one in policies if not _is_theirs(one, principal, args)]
    if len(kept) == len(policies):
        raise NotFound(
            "No matching policies found", hint=f"devvault keyvault show --name {args.name}"
        )
    say.show(args, full(_put(planes, vault, kept)))
    return 0


def _open(planes: Planes, args: argparse.Namespace, what: str) -> tuple[Body, list[Body]]:
    """Return the vault and its policies.

    Raises:
        Conflict: roles decide in this vault.
    """
    vault = find_vault(planes, args.name, args.resource_group)
    properties = table(vault, "properties")
    if flag(properties, "enableRbacAuthorization"):
        raise Conflict(
            f"Cannot {what} policies to a vault with '--enable-rbac-authorization' specified",
            hint=f"devvault role assignment create --scope {text(vault, 'id')} --assignee ID"
            ' --role "Key Vault Secrets User"',
        )
    return vault, items(properties, "accessPolicies")


def _put(planes: Planes, vault: Body, policies: list[Body]) -> Body:
    body: Body = {
        "location": text(vault, "location"),
        "tags": vault.get("tags") or {},
        "properties": {**table(vault, "properties"), "accessPolicies": policies},
    }
    return planes.arm("PUT", text(vault, "id"), body)


def _is_theirs(policy: Body, principal: str, args: argparse.Namespace) -> bool:
    application: str = args.application_id or ""
    return (
        text(policy, "objectId").lower() == principal.lower()
        and text(policy, "applicationId").lower() == application.lower()
    )


def _principal(planes: Planes, args: argparse.Namespace) -> str:
    """Return an object id; a user that is named first is registered.

    Raises:
        NotFound: no service principal is known by that word.
    """
    from devvault.cli.azure.directory import find_who, get_who

    wanted: str = args.object_id or ""
    if wanted:
        found = find_who(planes, wanted)
        return wanted if found is None else found.id
    return get_who(planes, args.spn or args.upn, "User" if args.upn else "ServicePrincipal").id
