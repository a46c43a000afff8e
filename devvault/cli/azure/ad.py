"""`devvault ad ...`: az's words for users, groups and service principals, as far as roles need it.

There is no Entra here: who is known is who was named.
"""

from __future__ import annotations

import argparse
from datetime import timedelta

from devvault.cli import say
from devvault.cli.azure.directory import Who, find_who, read_all
from devvault.cli.azure.identity import KIND, VERSION, credential
from devvault.cli.keyvault.grammar import Commands, Run, add_command, add_group
from devvault.cli.planes import Planes, open_planes
from devvault.cli.reply import Body, text
from devvault.clock import SystemClock
from devvault.errors import NotFound, WrongUse

_USER, _GROUP, _SERVICE = "User", "Group", "ServicePrincipal"
_NAMES = {_USER: "user", _GROUP: "group", _SERVICE: "sp"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `ad` and its commands."""
    parser.epilog = "example: devvault ad signed-in-user show --query id -o tsv"
    kinds = parser.add_subparsers(metavar="COMMAND", required=True)
    me = add_group(kinds, "signed-in-user", "yourself", "ad signed-in-user show")
    add_command(me, "show", _me, "show yourself", "ad signed-in-user show --query id -o tsv")
    users = add_group(kinds, "user", "people", "ad user list -o table")
    _add_kind(users, _USER, "--id", "--upn-or-object-id")
    create = add_command(
        users, "create", _create_user, "register a user", "ad user create --upn ada@example.org"
    )
    create.add_argument(
        "--user-principal-name", "--upn", dest="name", required=True, help="the user's name"
    )
    create.add_argument("--display-name", "--password", help=argparse.SUPPRESS)
    words = "groups of people and programs"
    _add_groups(add_group(kinds, "group", words, "ad group create --display-name team"))
    programs = add_group(kinds, "sp", "service principals", "ad sp create-for-rbac --name my-ci")
    _add_kind(programs, _SERVICE, "--id")
    _add_for_rbac(programs)


def _add_groups(groups: Commands) -> None:
    _add_kind(groups, _GROUP, "--group", "-g")
    create = add_command(
        groups, "create", _create_group, "register a group", "ad group create --display-name team"
    )
    create.add_argument("--display-name", dest="name", required=True, help="the group's name")
    create.add_argument("--mail-nickname", "--description", help=argparse.SUPPRESS)
    words = "who is in a group"
    commands = add_group(groups, "member", words, "ad group member list --group team")
    for name, run, words in (
        ("add", _add_member, "put somebody into a group"),
        ("remove", _remove_member, "take somebody out of a group"),
        ("check", _check_member, "say whether somebody is in a group"),
        ("list", _list_members, "list who is in a group"),
    ):
        example = f"ad group member {name} --group team"
        example += "" if name == "list" else " --member-id ada@example.org"
        one = add_command(commands, name, run, words, example)
        one.add_argument("--group", "-g", required=True, help="the group's name or object id")
        if name != "list":
            one.add_argument("--member-id", required=True, help="name, object id or client id")


def _add_kind(commands: Commands, kind: str, *flags: str) -> None:
    word = _NAMES[kind]
    listing = add_command(
        commands, "list", _list, f"list what is known of this kind: {kind}", f"ad {word} list"
    )
    listing.add_argument("--display-name", help="only what has this name")
    listing.add_argument("--all", action="store_true", help=argparse.SUPPRESS)
    listing.set_defaults(kind=kind)
    show = add_command(commands, "show", _show, "show one", f"ad {word} show {flags[0]} NAME")
    show.add_argument(*flags, dest="who", required=True, help="name, object id or client id")
    show.set_defaults(kind=kind)
    delete = add_command(
        commands,
        "delete",
        _delete,
        "forget one; its role assignments stay, and help nobody",
        f"ad {word} delete {flags[0]} NAME",
    )
    delete.add_argument(*flags, dest="who", required=True, help="name, object id or client id")
    delete.add_argument("--yes", "-y", action="store_true", help=argparse.SUPPRESS)
    delete.set_defaults(kind=kind)


def _add_for_rbac(commands: Commands) -> None:
    create = add_command(
        commands,
        "create-for-rbac",
        _create_for_rbac,
        "make an identity with a client secret, which is shown this one time",
        "ad sp create-for-rbac --name my-service",
    )
    create.add_argument("--name", "-n", "--display-name", help="its name (default: by the time)")
    create.add_argument("--role", help="a role to give it at --scopes")
    create.add_argument("--scopes", nargs="+", help="where it is given that role")
    create.add_argument("--years", type=int, default=1, help="how long its secret is good (1)")
    create.add_argument("--skip-assignment", action="store_true", help=argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    """Do what the command says."""
    run: Run = args.run
    return run(args)


def _me(args: argparse.Namespace) -> int:
    say.show(args, _shown(_get(open_planes(), "me", _USER)))
    return 0


def _list(args: argparse.Namespace) -> int:
    name = (args.display_name or "").lower()
    every = read_all(open_planes().local("GET", "/local/principals"))
    found = [who for who in every if who.kind == args.kind and name in ("", who.name.lower())]
    say.show(args, [_shown(who) for who in found], table=_columns)
    return 0


def _show(args: argparse.Namespace) -> int:
    say.show(args, _shown(_get(open_planes(), args.who, args.kind)))
    return 0


def _delete(args: argparse.Namespace) -> int:
    planes = open_planes()
    gone = _get(planes, args.who, args.kind)
    planes.local("POST", "/local/principals/delete", {"name": gone.id})
    return 0


def _create_user(args: argparse.Namespace) -> int:
    return _register(args, _USER)


def _create_group(args: argparse.Namespace) -> int:
    return _register(args, _GROUP)


def _register(args: argparse.Namespace, kind: str) -> int:
    body = {"name": args.name, "type": kind}
    (made,) = read_all(open_planes().local("POST", "/local/principals", body))
    say.show(args, _shown(made))
    return 0


def _add_member(args: argparse.Namespace) -> int:
    return _change_member(args, present=True)


def _remove_member(args: argparse.Namespace) -> int:
    return _change_member(args, present=False)


def _change_member(args: argparse.Namespace, *, present: bool) -> int:
    planes = open_planes()
    group = _get(planes, args.group, _GROUP)
    body = {"group": group.id, "member": args.member_id, "present": present}
    planes.local("POST", "/local/members", body)
    return 0


def _members(args: argparse.Namespace) -> tuple[Planes, list[Who]]:
    planes = open_planes()
    body = {"group": _get(planes, args.group, _GROUP).id}
    return planes, read_all(planes.local("POST", "/local/members/list", body))


def _list_members(args: argparse.Namespace) -> int:
    _, found = _members(args)
    say.show(args, [_shown(who) for who in found], table=_columns)
    return 0


def _check_member(args: argparse.Namespace) -> int:
    planes, found = _members(args)
    who = find_who(planes, args.member_id)
    say.show(args, {"value": who is not None and who.id in [one.id for one in found]})
    return 0


def _create_for_rbac(args: argparse.Namespace) -> int:
    from devvault.cli.azure.role import assign

    if bool(args.role) != bool(args.scopes):
        raise WrongUse("--role and --scopes go together", hint="devvault role definition list")
    planes = open_planes()
    now = SystemClock().now()
    name = args.name or f"azure-cli-{now:%Y-%m-%d-%H-%M-%S}"
    path = KIND.path(name)
    made = planes.arm("PUT", path, {}, version=VERSION)
    oid = text(made["properties"], "principalId") if isinstance(made["properties"], dict) else ""
    for scope in args.scopes or ():
        assign(planes, args.role, oid, scope)
    ends = now + timedelta(days=365 * args.years)
    whole = credential(planes, name, int(ends.timestamp()))
    kept = ("appId", "displayName", "password", "tenant")
    say.show(args, {name: whole[name] for name in kept})
    return 0


def _get(planes: Planes, word: str, kind: str) -> Who:
    found = find_who(planes, word)
    if found is None or found.kind != kind:
        raise NotFound(
            f"Resource '{say.printable(word)}' does not exist or one of its queried"
            " reference-property objects are not present.",
            code="Request_ResourceNotFound",
            hint=f"devvault ad {_NAMES[kind]} list",
        )
    return found


def _shown(who: Who) -> Body:
    shown: Body = {"displayName": who.name, "id": who.id}
    if who.kind == _USER:
        return {**shown, "mail": None, "userPrincipalName": who.name}
    if who.kind == _GROUP:
        return {**shown, "securityEnabled": True}
    kind = "ManagedIdentity" if who.resource_id else "Application"
    return {
        **shown,
        "appId": who.appid,
        "servicePrincipalNames": [who.appid],
        "servicePrincipalType": kind,
    }


def _columns(result: object) -> object:
    if not isinstance(result, list):
        return result
    return [{"DisplayName": item["displayName"], "Id": item["id"]} for item in result]
