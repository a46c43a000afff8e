"""`devvault role assignment|definition ...`: az's words for who may do what."""

from __future__ import annotations

import argparse
import re
import uuid

from devvault.cli import say
from devvault.cli.azure.definition import PROVIDER, add_definitions, all_roles
from devvault.cli.azure.directory import TYPES, Who, find_who, get_who, names_of
from devvault.cli.keyvault.grammar import (
    Commands,
    Run,
    add_command,
    add_flag,
    add_group,
    with_group,
)
from devvault.cli.planes import ROLE_VERSION, Planes, open_planes, segment
from devvault.cli.reply import Body, flag, table, text
from devvault.cli.times import as_az
from devvault.errors import Conflict, NotFound, WrongUse

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `role` and its commands."""
    parser.epilog = "example: devvault role assignment list --all -o table"
    kinds = parser.add_subparsers(metavar="COMMAND", required=True)
    words = "who is given which role, and where"
    _add_assignments(add_group(kinds, "assignment", words, "role assignment list --all -o table"))
    words = "the roles that there are"
    add_definitions(add_group(kinds, "definition", words, "role definition list -o table"))


def _add_assignments(commands: Commands) -> None:
    create = add_command(
        commands,
        "create",
        _create,
        "give a principal a role",
        'role assignment create --assignee me --role "Key Vault Secrets User" --scope SCOPE',
    )
    _add_who(create, required=True)
    create.add_argument("--name", "-n", help="the assignment's GUID (default: a new one)")
    create.add_argument("--assignee-principal-type", choices=TYPES, help="what the principal is")
    create.add_argument("--description", help="a note on what it is for")
    create.add_argument("--condition", help="holds only so far: a condition on names of secrets")
    create.add_argument("--condition-version", help="of the condition's grammar (2.0)")
    listing = add_command(
        commands, "list", _list, "list role assignments", "role assignment list --all -o table"
    )
    _add_who(listing, required=False)
    listing.add_argument("--all", action="store_true", help="everything in the subscription")
    listing.add_argument("--include-inherited", action="store_true", help="from scopes above too")
    listing.add_argument("--include-groups", action="store_true", help=argparse.SUPPRESS)
    for name in ("--fill-role-definition-name", "--fill-principal-name"):  # both always are
        add_flag(listing, name, words=argparse.SUPPRESS)
    delete = add_command(
        commands,
        "delete",
        _delete,
        "take roles away",
        'role assignment delete --assignee ID --role "Key Vault Reader" --scope SCOPE',
    )
    _add_who(delete, required=False)
    delete.add_argument("--include-inherited", action="store_true", help=argparse.SUPPRESS)
    delete.add_argument("--ids", nargs="+", metavar="ID", help="assignment ids")
    delete.add_argument("--yes", "-y", action="store_true", help=argparse.SUPPRESS)


def _add_who(parser: argparse.ArgumentParser, *, required: bool) -> None:
    who = parser.add_mutually_exclusive_group(required=required)
    who.add_argument("--assignee", help="who: a name, an object id, an application id, or 'me'")
    who.add_argument("--assignee-object-id", help="object id of the principal")
    parser.add_argument("--role", required=required, help="the role's name or id")
    parser.add_argument("--scope", help="the resource id (default: the subscription)")
    parser.add_argument("--resource-group", "-g", help="the scope of this group")


def main(args: argparse.Namespace) -> int:
    """Do what the command says."""
    run: Run = args.run
    return run(args)


def developer(planes: Planes) -> str:
    """Return the object id of the home's developer."""
    return text(planes.status(), "developer")


def _create(args: argparse.Namespace) -> int:
    planes = open_planes()
    scope = _scope(planes, args)
    role = find_role(planes, args.role)
    who = _new_principal(planes, args)
    principal = who.id
    properties: dict[str, object] = {
        "roleDefinitionId": text(role, "id"),
        "principalId": principal,
        "principalType": who.kind,
    }
    if args.description:
        properties["description"] = args.description
    if args.condition:
        properties["condition"] = args.condition
        properties["conditionVersion"] = args.condition_version or "2.0"
    elif args.condition_version:
        raise WrongUse(
            "If --condition-version is set, --condition must also be set",
            hint="devvault role assignment create --help",
        )
    name = args.name or str(uuid.uuid4())
    try:
        made = planes.arm(
            "PUT",
            f"{scope}/{PROVIDER}/roleAssignments/{segment(name)}",
            {"properties": properties},
            version=ROLE_VERSION,
        )
    except Conflict as conflict:
        if conflict.code != "RoleAssignmentExists":
            raise
        # As az: the same triple again prints the one that is there.
        there = (
            found
            for found in _assignments(planes, scope)
            if _matches(table(found, "properties"), principal, text(role, "name"), scope)
        )
        found = next(there, None)
        if found is None:
            raise
        say.show(args, _named(planes, [found])[0])
        return 0
    say.show(args, flat(made))
    return 0


def _list(args: argparse.Namespace) -> int:
    planes = open_planes()
    say.show(args, _named(planes, _chosen(planes, args)), table=_columns)
    return 0


def _delete(args: argparse.Namespace) -> int:
    planes = open_planes()
    if args.ids:
        for id in args.ids:
            planes.arm("DELETE", id, version=ROLE_VERSION)
        return 0
    if not (args.assignee or args.assignee_object_id or args.role or args.scope):
        raise WrongUse(
            "what to delete is missing: give --ids, or --assignee, --role or --scope",
            hint="devvault role assignment list --all -o table",
        )
    found = _chosen(planes, args)
    if not found:
        raise NotFound(
            "no matched assignments were found to delete",
            hint="devvault role assignment list --all -o table",
        )
    for item in found:
        planes.arm("DELETE", text(item, "id"), version=ROLE_VERSION)
    return 0


def _chosen(planes: Planes, args: argparse.Namespace) -> list[Body]:
    """Return the assignments that the flags choose."""
    scope = _scope(planes, args)
    role = text(find_role(planes, args.role), "name") if args.role else ""
    named = args.assignee or args.assignee_object_id
    principal = _principal(planes, args) if named else ""
    everything = flag(vars(args), "all") and not (args.scope or args.resource_group)
    inherited = flag(vars(args), "include_inherited")

    def fits(facts: Body) -> bool:
        at = text(facts, "scope").rstrip("/").lower()
        here = scope.rstrip("/").lower()
        in_scope = everything or at == here or (inherited and here.startswith(at + "/"))
        return (
            in_scope
            and (not principal or text(facts, "principalId").lower() == principal.lower())
            and (not role or _is_role(facts, role))
        )

    found = _assignments(planes, scope)
    return [item for item in found if fits(table(item, "properties"))]


def _assignments(planes: Planes, scope: str) -> list[Body]:
    return planes.arm_list(f"{scope}/{PROVIDER}/roleAssignments", version=ROLE_VERSION)


def find_role(planes: Planes, wanted: str) -> Body:
    """Return a role by name or id.

    Raises:
        NotFound: there is none.
    """
    for found in all_roles(planes):
        names = (
            text(found, "id"),
            text(found, "name"),
            text(table(found, "properties"), "roleName"),
        )
        if wanted.lower() in (name.lower() for name in names):
            return found
    raise NotFound(f"Role '{wanted}' doesn't exist.", hint="devvault role definition list -o table")


def assign(planes: Planes, role: str, principal: str, scope: str) -> None:
    """Give a program a role; that it has it already is as good."""
    properties = {
        "roleDefinitionId": text(find_role(planes, role), "id"),
        "principalId": principal,
        "principalType": "ServicePrincipal",
    }
    place = f"{scope}/{PROVIDER}/roleAssignments/{uuid.uuid4()}"
    try:
        planes.arm("PUT", place, {"properties": properties}, version=ROLE_VERSION)
    except Conflict as conflict:
        if conflict.code != "RoleAssignmentExists":
            raise


def _new_principal(planes: Planes, args: argparse.Namespace) -> Who:
    """Return who is to be given a role; a user or group that is named first is registered."""
    asked: str = args.assignee_principal_type or ""
    given: str = args.assignee_object_id or args.assignee
    if _GUID.fullmatch(given) is None:
        who = get_who(planes, given, asked)
    else:
        who = find_who(planes, given) or Who(given, given, "ServicePrincipal")
    return Who(who.id, who.name, asked or who.kind)


def _principal(planes: Planes, args: argparse.Namespace) -> str:
    """Return the object id of who is meant; a word that nobody is known by is an id of old."""
    given: str = args.assignee_object_id or args.assignee
    found = find_who(planes, given)
    if found is not None:
        return found.id
    if _GUID.fullmatch(given) is None:
        raise NotFound(
            f"Cannot find user or service principal in this home for '{say.printable(given)}'.",
            hint="devvault role assignment list --all -o table",
        )
    return given


def _scope(planes: Planes, args: argparse.Namespace) -> str:
    root = f"/subscriptions/{planes.subscription}"
    scope: str | None = args.scope
    if scope:
        return scope if scope.startswith("/") else f"/{scope}"
    return f"{root}/resourceGroups/{args.resource_group}" if args.resource_group else root


def _is_role(facts: Body, name: str) -> bool:
    return text(facts, "roleDefinitionId").rpartition("/")[2].lower() == name.lower()


def _matches(facts: Body, principal: str, role: str, scope: str) -> bool:
    return (
        text(facts, "principalId").lower() == principal.lower()
        and _is_role(facts, role)
        and text(facts, "scope").rstrip("/").lower() == scope.rstrip("/").lower()
    )


def flat(item: Body) -> Body:
    """Return an assignment as az prints it: without `properties`."""
    rest = {name: found for name, found in item.items() if name != "properties"}
    facts = {name: as_az(found) for name, found in table(item, "properties").items()}
    return with_group({"systemData": None, **rest, **facts})


def _named(planes: Planes, items: list[Body]) -> list[Body]:
    """Return assignments with the names that az looks up for them."""
    names = {
        text(role, "name"): text(table(role, "properties"), "roleName")
        for role in all_roles(planes)
    }
    people = names_of(planes)
    found = []
    for item in map(flat, items):
        role = text(item, "roleDefinitionId").rpartition("/")[2]
        oid = text(item, "principalId")
        found.append(
            {
                "principalName": people.get(oid.lower(), oid),
                "roleDefinitionName": names.get(role, role),
                **{name: held for name, held in item.items() if held is not None},
            }
        )
    return found


def _columns(result: object) -> object:
    if not isinstance(result, list):
        return result
    return [
        {
            "Principal": item.get("principalName") or item["principalId"],
            "Role": item["roleDefinitionName"],
            "Scope": item["scope"],
        }
        for item in result
    ]
