"""`devvault group ...`: az's words for resource groups."""

from __future__ import annotations

import argparse

from devvault.cli import ask, say
from devvault.cli.keyvault.amendment import add_amendments, amended
from devvault.cli.keyvault.grammar import Commands, Run, add_command, add_tags, read_tags
from devvault.cli.keyvault.waiting import add_wait, wait
from devvault.cli.planes import GROUP_VERSION, open_planes, segment
from devvault.cli.reply import Body, table
from devvault.errors import NotFound, WrongUse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `group` and its commands."""
    parser.epilog = "example: devvault group create --name my-group --location westeurope"
    commands: Commands = parser.add_subparsers(metavar="COMMAND", required=True)
    create = add_command(
        commands,
        "create",
        _create,
        "create a resource group",
        "group create --name my-group --location westeurope",
    )
    _add_name(create)
    create.add_argument("--location", "-l", required=True, help="where it lies; it is only stored")
    add_tags(create)
    _add_name(
        add_command(commands, "show", _show, "get a resource group", "group show --name my-group")
    )
    listing = add_command(commands, "list", _list, "list resource groups", "group list -o table")
    listing.add_argument("--tag", metavar="KEY[=VALUE]", help="only groups that have this tag")
    update = add_command(
        commands,
        "update",
        _update,
        "change a resource group's tags",
        "group update --name my-group --set tags.team=a",
    )
    _add_name(update)
    add_tags(update)
    add_amendments(update)
    _add_name(add_wait(commands, _wait, "a group", "group wait --name my-group --exists"))
    _add_name(
        add_command(
            commands,
            "exists",
            _exists,
            "say whether there is such a group",
            "group exists --name my-group",
        )
    )
    delete = add_command(
        commands,
        "delete",
        _delete,
        "delete a resource group; its vaults are soft-deleted",
        "group delete --name my-group --yes",
        no_wait=True,
    )
    _add_name(delete)
    delete.add_argument("--yes", "-y", action="store_true", help="do not ask")


def main(args: argparse.Namespace) -> int:
    """Do what the command says."""
    run: Run = args.run
    return run(args)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", "-n", "--resource-group", "-g", required=True, help="the group")


def _create(args: argparse.Namespace) -> int:
    body: dict[str, object] = {"location": args.location}
    tags = read_tags(args.tags)
    if tags is not None:
        body["tags"] = tags
    made = open_planes().arm(
        "PUT", f"resourcegroups/{segment(args.name)}", body, version=GROUP_VERSION
    )
    say.show(args, full(made))
    return 0


def _show(args: argparse.Namespace) -> int:
    found = open_planes().arm("GET", f"resourcegroups/{segment(args.name)}", version=GROUP_VERSION)
    say.show(args, full(found))
    return 0


def _exists(args: argparse.Namespace) -> int:
    path = f"resourcegroups/{segment(args.name)}"
    try:
        open_planes().arm("GET", path, version=GROUP_VERSION)
    except NotFound as error:
        if error.code != "ResourceGroupNotFound":
            raise
        say.show(args, result=False)
    else:
        say.show(args, result=True)
    return 0


def _list(args: argparse.Namespace) -> int:
    found = open_planes().arm_list("resourcegroups", version=GROUP_VERSION)
    if args.tag:
        key, equals, value = str(args.tag).partition("=")
        tags = [table(item, "tags") for item in found]
        found = [
            item
            for item, held in zip(found, tags, strict=True)
            if key in held and (not equals or held[key] == value)
        ]
    say.show(args, [full(item) for item in found], table=_columns)
    return 0


def _update(args: argparse.Namespace) -> int:
    planes = open_planes()
    path = f"resourcegroups/{segment(args.name)}"
    group = full(planes.arm("GET", path, version=GROUP_VERSION))
    tags = read_tags(args.tags)
    changed = amended(args, group if tags is None else {**group, "tags": tags})
    body: Body = {"location": changed.get("location"), "tags": changed.get("tags") or {}}
    say.show(args, full(planes.arm("PUT", path, body, version=GROUP_VERSION)))
    return 0


def _wait(args: argparse.Namespace) -> int:
    planes = open_planes()
    path = f"resourcegroups/{segment(args.name)}"
    return wait(args, lambda: planes.arm("GET", path, version=GROUP_VERSION))


def _delete(args: argparse.Namespace) -> int:
    question = f"delete the group {say.printable(args.name)} and soft-delete its vaults?"
    instead = f"devvault group delete --name {args.name} --yes"
    if not args.yes and not ask.yes(question, instead=instead):
        raise WrongUse("nothing was deleted", hint=instead)
    open_planes().arm("DELETE", f"resourcegroups/{segment(args.name)}", version=GROUP_VERSION)
    return 0


def full(group: Body) -> Body:
    """Return a group as az prints it."""
    return {"managedBy": None, "tags": None, "type": "Microsoft.Resources/resourceGroups", **group}


def _columns(result: object) -> object:
    if not isinstance(result, list):
        return result
    return [
        {
            "Name": item["name"],
            "Location": item["location"],
            "Status": item.get("properties", {}).get("provisioningState", ""),
        }
        for item in result
    ]
