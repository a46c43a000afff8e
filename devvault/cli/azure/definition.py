"""`devvault role definition ...`: az's words for the roles that there are, and for custom ones.

A custom role comes as az takes it: JSON, or the name of a file that holds it, `@` before it or
not; member names begin with a capital or a small letter.
"""

from __future__ import annotations

import argparse
import json
import uuid
from pathlib import Path

from devvault.cli import say
from devvault.cli.keyvault.grammar import Commands, add_command
from devvault.cli.planes import ROLE_VERSION, Planes, open_planes, segment
from devvault.cli.reply import Body, items, table, text, texts
from devvault.cli.times import as_az
from devvault.errors import NotFound, WrongUse

PROVIDER = "providers/Microsoft.Authorization"
_NULLS = ("createdBy", "createdOn", "systemData", "updatedBy", "updatedOn")
_LIMIT = 1024 * 1024
_EXAMPLE = "role definition create --role-definition @writer.json"
_SHAPE = (
    '{"Name": "Secret Writer", "DataActions":'
    ' ["Microsoft.KeyVault/vaults/secrets/setSecret/action"], "AssignableScopes":'
    ' ["/subscriptions/ID"]}'
)


def add_definitions(commands: Commands) -> None:
    """Add the commands of `role definition`."""
    listing = add_command(
        commands,
        "list",
        _list,
        "list the roles",
        'role definition list --name "Key Vault Secrets User"',
    )
    listing.add_argument("--name", "-n", help="only the role of this name or id")
    _add_where(listing)
    show = add_command(
        commands,
        "show",
        _show,
        "get a role",
        "role definition show --name 4633458b-17de-408a-b874-0445c86b69e6",
    )
    which = show.add_mutually_exclusive_group(required=True)
    which.add_argument("--name", "-n", help="its GUID, or its name")
    which.add_argument("--id", help="its full resource id")
    show.add_argument("--scope", help=argparse.SUPPRESS)
    for name, run, words in (
        ("create", _create, "make a custom role"),
        ("update", _update, "change a custom role"),
    ):
        parser = add_command(commands, name, run, words, _EXAMPLE.replace("create", name))
        parser.add_argument(
            "--role-definition", required=True, metavar="JSON|@FILE", help=f"the role: {_SHAPE}"
        )
    delete = add_command(
        commands,
        "delete",
        _delete,
        "remove a custom role that nobody has",
        'role definition delete --name "Secret Writer"',
    )
    delete.add_argument("--name", "-n", required=True, help="its name or GUID")
    _add_where(delete)


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scope", help="roles that can be assigned here")
    parser.add_argument("--resource-group", "-g", help="roles for this group")
    parser.add_argument(
        "--custom-role-only",
        nargs="?",
        const="true",
        choices=("true", "false"),
        help="only custom roles",
    )


def all_roles(planes: Planes, scope: str = "") -> list[Body]:
    """Return the role definitions that can be assigned at a scope, as ARM shows them."""
    at = f"{scope.rstrip('/')}/" if scope else ""
    return planes.arm_list(f"{at}{PROVIDER}/roleDefinitions", version=ROLE_VERSION)


def flat_role(item: Body) -> Body:
    """Return a role as az prints it: without `properties`."""
    rest = {name: found for name, found in item.items() if name != "properties"}
    facts = {name: as_az(found) for name, found in table(item, "properties").items()}
    facts["roleType"] = facts.pop("type", "BuiltInRole")
    facts["permissions"] = [
        {"condition": None, "conditionVersion": None, **one} for one in items(facts, "permissions")
    ]
    return {**dict.fromkeys(_NULLS), **rest, **facts}


def _chosen(planes: Planes, args: argparse.Namespace) -> list[Body]:
    scope: str = args.scope or ""
    if args.resource_group:
        scope = f"/subscriptions/{planes.subscription}/resourceGroups/{args.resource_group}"
    roles = [flat_role(item) for item in all_roles(planes, scope)]
    if args.custom_role_only == "true":
        roles = [role for role in roles if role.get("roleType") == "CustomRole"]
    # An unset shell variable must not mean every role.
    return [role for role in roles if args.name is None or _is(role, args.name)]


def _is(role: Body, name: str) -> bool:
    return name.lower() in (text(role, "name").lower(), text(role, "roleName").lower())


def _list(args: argparse.Namespace) -> int:
    say.show(args, _chosen(open_planes(), args), table=_columns)
    return 0


def _show(args: argparse.Namespace) -> int:
    wanted: str = args.name or args.id.rsplit("/", 1)[-1]
    for role in map(flat_role, all_roles(open_planes())):
        if _is(role, wanted):
            say.show(args, role, table=_columns)
            return 0
    raise NotFound(
        f"Role '{say.printable(wanted)}' doesn't exist.", hint="devvault role definition list"
    )


def _create(args: argparse.Namespace) -> int:
    wanted = _read(args.role_definition)
    name = text(wanted, "roleName") or text(wanted, "name")
    if not name:
        raise _wrong("please provide role name")
    say.show(args, flat_role(_put(open_planes(), str(uuid.uuid4()), name, wanted)))
    return 0


def _update(args: argparse.Namespace) -> int:
    wanted = _read(args.role_definition)
    planes = open_planes()
    id = text(wanted, "id").rsplit("/", 1)[-1]
    name = text(wanted, "roleName") or text(wanted, "name")
    known = [flat_role(item) for item in all_roles(planes)]
    # As az: with an id the name may be a new one, without one it says which role is meant.
    found = next((role for role in known if _is(role, id or name)), None)
    if found is None:
        raise NotFound(
            f"No definition was found with the name of '{say.printable(id or name)}'",
            hint="devvault role definition list --custom-role-only",
        )
    guid = text(found, "name")
    chosen = name if id and name.lower() != guid.lower() else text(found, "roleName")
    say.show(args, flat_role(_put(planes, guid, chosen, wanted)))
    return 0


def _delete(args: argparse.Namespace) -> int:
    planes = open_planes()
    found = [role for role in _chosen(planes, args) if role.get("roleType") == "CustomRole"]
    if not found:
        raise NotFound(
            "no matched role definition was found to delete",
            hint="devvault role definition list --custom-role-only",
        )
    for role in found:
        scopes = texts(role, "assignableScopes")
        at = scopes[0] if scopes else f"/subscriptions/{planes.subscription}"
        path = f"{at}/{PROVIDER}/roleDefinitions/{text(role, 'name')}"
        planes.arm("DELETE", path, version=ROLE_VERSION)
    return 0


def _put(planes: Planes, guid: str, name: str, wanted: Body) -> Body:
    scopes = texts(wanted, "assignableScopes")
    if not scopes:
        raise _wrong("please provide 'assignableScopes'")
    permissions = wanted.get("permissions")
    properties: Body = {
        "roleName": name,
        "description": wanted.get("description"),
        "type": "CustomRole",
        "assignableScopes": scopes,
        "permissions": permissions
        if isinstance(permissions, list)
        else [
            {
                member: wanted.get(member) or []
                for member in ("actions", "notActions", "dataActions", "notDataActions")
            }
        ],
    }
    path = f"/subscriptions/{planes.subscription}/{PROVIDER}/roleDefinitions/{segment(guid)}"
    return planes.arm("PUT", path, {"properties": properties}, version=ROLE_VERSION)


def _read(given: str) -> Body:
    """Return the role that a user gave, its member names beginning with a small letter."""
    source = given.removeprefix("@")
    raw = given
    if given.startswith("@") or not given.lstrip().startswith("{"):
        try:
            with Path(source).open("rb") as file:
                data = file.read(_LIMIT + 1)
            raw = data.decode("utf-8-sig")
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            raise _wrong(f"{say.printable(source)}: {reason}") from error
        except UnicodeDecodeError as error:
            raise _wrong(f"{say.printable(source)} is not text in UTF-8") from error
        if len(data) > _LIMIT:
            raise _wrong(f"{say.printable(source)} is longer than 1 MiB")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _wrong("the role definition is not valid JSON") from error
    if not isinstance(found, dict):
        raise _wrong("Invalid role definition. A valid dictionary JSON representation is expected")
    return {name[:1].lower() + name[1:]: value for name, value in found.items()}


def _wrong(words: str) -> WrongUse:
    return WrongUse(words, hint=f"devvault role definition create --role-definition '{_SHAPE}'")


def _columns(result: object) -> object:
    if isinstance(result, dict):
        result = [result]
    if not isinstance(result, list):
        return result
    return [
        {"Name": item["roleName"], "Type": item["type"], "Description": item.get("description")}
        for item in result
    ]
