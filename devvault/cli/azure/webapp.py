"""`devvault webapp ...`: az's words for who an app is, and for its settings.

App Service is not here: an app is a name with an identity and settings, made when it is named
first.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence

from devvault.cli import ask, say
from devvault.cli.azure.resource import DEFAULT_GROUP, Kind
from devvault.cli.azure.role import assign
from devvault.cli.keyvault.grammar import (
    Commands,
    Run,
    add_command,
    add_group,
    add_ids,
    read_ids,
    with_group,
)
from devvault.cli.planes import Planes, open_planes
from devvault.cli.reply import Body, table, text
from devvault.errors import NotFound, WrongUse

VERSION = "2025-05-01"
_KIND = Kind("app", "Microsoft.Web/sites", VERSION, "webapp identity assign")
_SYSTEM = "[system]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `webapp` and its commands."""
    parser.epilog = "example: devvault webapp identity assign --name my-web-app"
    commands: Commands = parser.add_subparsers(metavar="COMMAND", required=True)
    example = "webapp identity assign --name my-web-app"
    _add_identity(add_group(commands, "identity", "who an app is", example))
    example = "webapp config appsettings list --name my-web-app -o table"
    kinds = add_group(commands, "config", "what an app is told", example)
    _add_settings(add_group(kinds, "appsettings", "an app's settings", example))
    listing = add_command(commands, "list", _list, "list apps", "webapp list -o table")
    listing.add_argument("--resource-group", "-g", help="only those of this group")
    _add_name(add_command(commands, "show", _show, "get an app", "webapp show --name my-web-app"))
    _add_name(
        add_command(
            commands,
            "delete",
            _delete,
            "delete an app with its settings and its identity",
            "webapp delete --name my-web-app",
        )
    )


def _add_identity(commands: Commands) -> None:
    assign = add_command(
        commands,
        "assign",
        _assign,
        "give an app an identity; an app that is not there is made",
        "webapp identity assign --name my-web-app",
    )
    _add_name(assign)
    _add_identities(assign)
    assign.add_argument("--role", help="a role for the app's own identity (default: Contributor)")
    assign.add_argument("--scope", help="where it has that role: a resource id")
    _add_name(
        add_command(
            commands,
            "show",
            _show_identity,
            "show an app's identity",
            "webapp identity show --name my-web-app",
        )
    )
    remove = add_command(
        commands,
        "remove",
        _remove,
        "take an app's identity away",
        "webapp identity remove --name my-web-app",
    )
    _add_name(remove)
    _add_identities(remove)


def _add_settings(commands: Commands) -> None:
    put = add_command(
        commands,
        "set",
        _set,
        "set settings of an app; an app that is not there is made",
        "webapp config appsettings set --name my-web-app --settings KEY=VALUE",
    )
    _add_name(put)
    put.add_argument(
        "--settings", nargs="+", default=[], metavar="KEY=VALUE", help="or JSON, or @FILE with JSON"
    )
    put.add_argument(
        "--slot-settings", nargs="+", default=[], metavar="KEY=VALUE", help=argparse.SUPPRESS
    )
    _add_name(
        add_command(
            commands,
            "list",
            _list_settings,
            "list an app's settings, values included",
            "webapp config appsettings list --name my-web-app -o table",
        )
    )
    delete = add_command(
        commands,
        "delete",
        _delete_settings,
        "delete settings of an app",
        "webapp config appsettings delete --name my-web-app --setting-names KEY",
    )
    _add_name(delete)
    delete.add_argument("--setting-names", nargs="+", required=True, help="the settings' names")


def main(args: argparse.Namespace) -> int:
    """Do what the command says."""
    run: Run = args.run
    return run(args)


def _add_name(parser: argparse.ArgumentParser) -> None:
    add_ids(parser, "--name", "-n", words="the app")
    parser.add_argument("--slot", "-s", help=argparse.SUPPRESS)


def _add_identities(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--identities",
        nargs="*",
        metavar="ID",
        help="[system], or ids of user-assigned identities (default: [system])",
    )


def _assign(args: argparse.Namespace) -> int:
    if args.role and not args.scope:
        raise WrongUse(
            "--role needs --scope", hint="devvault keyvault show --name VAULT --query id -o tsv"
        )
    planes = open_planes()
    app = _find_or_make(planes, args)
    system, others = _named(args)
    known = table(app, "identity")
    has = system or bool(text(known, "principalId"))
    assigned = [*table(known, "userAssignedIdentities"), *others]
    made = _patch(planes, app, has=has, assigned=assigned)
    if args.scope:
        oid = text(table(made, "identity"), "principalId")
        if not oid:
            raise WrongUse("--scope is for the app's own identity, [system]")
        assign(planes, args.role or "Contributor", oid, args.scope)
    say.show(args, _identity(made))
    return 0


def _remove(args: argparse.Namespace) -> int:
    planes = open_planes()
    app = _find(planes, args)
    system, others = _named(args)
    known = table(app, "identity")
    gone = {id.lower() for id in others}
    kept = [id for id in table(known, "userAssignedIdentities") if id.lower() not in gone]
    made = _patch(planes, app, has=bool(text(known, "principalId")) and not system, assigned=kept)
    say.show(args, _identity(made))
    return 0


def _show_identity(args: argparse.Namespace) -> int:
    say.show(args, _identity(_find(open_planes(), args)))
    return 0


def _show(args: argparse.Namespace) -> int:
    say.show(args, full(_find(open_planes(), args)))
    return 0


def _list(args: argparse.Namespace) -> int:
    found = _KIND.all(open_planes(), args.resource_group)
    say.show(args, [full(item) for item in found], table=_columns)
    return 0


def _delete(args: argparse.Namespace) -> int:
    planes = open_planes()
    planes.arm("DELETE", text(_find(planes, args), "id"), version=VERSION)
    return 0


def _set(args: argparse.Namespace) -> int:
    planes = open_planes()
    given = _read_settings([*args.settings, *args.slot_settings])
    if not given:
        raise WrongUse("no setting is given", hint="devvault webapp config appsettings set --help")
    if args.slot_settings:
        say.note("apps have no slots here: a slot setting is a setting like any other")
    app = _find_or_make(planes, args)
    kept = _put(planes, app, {**_settings(planes, app), **given})
    # As az: what was set is told, not what it holds.
    say.show(args, _shown(dict.fromkeys(kept)))
    return 0


def _list_settings(args: argparse.Namespace) -> int:
    ask.check_may_reveal("webapp config appsettings list")
    planes = open_planes()
    found = _settings(planes, _find(planes, args))
    say.show(args, _shown(found))
    return 0


def _delete_settings(args: argparse.Namespace) -> int:
    planes = open_planes()
    app = _find(planes, args)
    gone = set(args.setting_names)
    found = _settings(planes, app)
    kept = _put(planes, app, {name: value for name, value in found.items() if name not in gone})
    say.show(args, _shown(dict.fromkeys(kept)))
    return 0


def _find_or_make(planes: Planes, args: argparse.Namespace) -> Body:
    try:
        return _find(planes, args)
    except NotFound as error:
        if error.code == "ResourceGroupNotFound":
            raise
    group = args.resource_group or DEFAULT_GROUP
    made = planes.arm("PUT", _KIND.path(args.name, group), {}, version=VERSION)
    say.note(f"the app {say.printable(args.name)} was made, in the group {say.printable(group)}")
    return made


def _find(planes: Planes, args: argparse.Namespace) -> Body:
    read_ids(args, _KIND.type)
    if args.slot:
        raise WrongUse("apps have no slots here", hint=f"devvault webapp show --name {args.name}")
    return _KIND.find(planes, args)


def _named(args: argparse.Namespace) -> tuple[bool, list[str]]:
    """Return whether the app's own identity is meant, and the ids of the others."""
    words: list[str] = args.identities or [_SYSTEM]
    others = [word for word in words if word.lower() != _SYSTEM]
    for word in others:
        if not word.startswith("/"):
            raise WrongUse(
                f"'{say.printable(word)}' is no identity's id",
                hint=f"devvault identity show --name {word} --query id -o tsv",
            )
    return len(others) < len(words), others


def _patch(planes: Planes, app: Body, *, has: bool, assigned: Sequence[str]) -> Body:
    kinds = [
        name for name, wanted in (("SystemAssigned", has), ("UserAssigned", assigned)) if wanted
    ]
    identity: dict[str, object] = {"type": ", ".join(kinds) or "None"}
    if assigned:
        identity["userAssignedIdentities"] = {id: {} for id in assigned}
    return planes.arm("PATCH", text(app, "id"), {"identity": identity}, version=VERSION)


def _identity(app: Body) -> Body | None:
    found = table(app, "identity")
    if not found:
        return None
    nothing: Body = dict.fromkeys(("principalId", "tenantId", "userAssignedIdentities"))
    return {**nothing, **found}


def _settings(planes: Planes, app: Body) -> dict[str, object]:
    path = f"{text(app, 'id')}/config/appsettings/list"
    return table(planes.arm("POST", path, version=VERSION), "properties")


def _put(planes: Planes, app: Body, settings: Mapping[str, object]) -> Body:
    path = f"{text(app, 'id')}/config/appsettings"
    body = {"properties": dict(settings)}
    return table(planes.arm("PUT", path, body, version=VERSION), "properties")


def _read_settings(words: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for word in words:
        if word.startswith("@"):  # what names a file has been read by now
            raise WrongUse(f"there is no file {say.printable(word[1:])} that can be read")
        given = _from_json(word)
        name, equals, value = word.partition("=")
        if given is not None:
            found |= given
        elif name and equals:
            found[name] = value
        else:
            # The word may hold a secret that lost its name, so it is not shown.
            raise WrongUse(
                "a setting has the form KEY=VALUE, or is JSON",
                hint="devvault webapp config appsettings set --help",
            )
    return found


def _from_json(word: str) -> dict[str, object] | None:
    """Read az's JSON of settings, an object or a list of {name, value}; None where it is none."""
    if not word.lstrip().startswith(("{", "[")):
        return None
    try:
        body = json.loads(word)
    except (ValueError, RecursionError):
        return None
    if isinstance(body, dict):
        return {str(name): str(value) for name, value in body.items()}
    if isinstance(body, list) and all(isinstance(item, dict) for item in body):
        return {text(item, "name"): text(item, "value") for item in body}
    return None


def _shown(settings: Mapping[str, object]) -> list[Body]:
    return [
        {"name": name, "slotSetting": False, "value": value} for name, value in settings.items()
    ]


def full(app: Body) -> Body:
    """Return an app as az prints it: the properties beside the rest."""
    rest = {name: found for name, found in app.items() if name != "properties"}
    return with_group({"identity": None, **table(app, "properties"), **rest})


def _columns(result: object) -> object:
    if not isinstance(result, list):
        return result
    return [
        {
            "Name": item["name"],
            "ResourceGroup": item["resourceGroup"],
            "PrincipalId": (item["identity"] or {}).get("principalId", ""),
        }
        for item in result
    ]
