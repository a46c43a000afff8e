"""`devvault identity ...`: az's words for user-assigned identities, and client secrets for them."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from devvault.cli import say
from devvault.cli.azure.resource import DEFAULT_GROUP, Kind
from devvault.cli.keyvault.grammar import (
    Commands,
    Run,
    add_command,
    add_ids,
    add_tags,
    moment,
    read_tags,
    with_group,
)
from devvault.cli.planes import Planes, open_planes
from devvault.cli.reply import Body, items, number, table, text

VERSION = "2024-11-30"
KIND = Kind(
    "identity", "Microsoft.ManagedIdentity/userAssignedIdentities", VERSION, "identity create"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `identity` and its commands."""
    parser.epilog = "example: devvault identity create --name my-identity"
    commands: Commands = parser.add_subparsers(metavar="COMMAND", required=True)
    create = add_command(
        commands,
        "create",
        _create,
        "create a user-assigned identity",
        "identity create --name my-identity",
    )
    create.add_argument("--name", "-n", "--resource-name", required=True, help="the identity")
    create.add_argument("--resource-group", "-g", help=f"its group (default: {DEFAULT_GROUP})")
    create.add_argument("--location", "-l", help="where it lies; it is only stored")
    create.add_argument(
        "--client-id", metavar="GUID", help="the client id that an app asks for in the cloud"
    )
    add_tags(create)
    show = add_command(commands, "show", _show, "get an identity", "identity show -n my-identity")
    _add_name(show)
    listing = add_command(commands, "list", _list, "list identities", "identity list -o table")
    listing.add_argument("--resource-group", "-g", help="only those of this group")
    delete = add_command(
        commands,
        "delete",
        _delete,
        "delete an identity; its tokens and client secrets are worthless at once",
        "identity delete --name my-identity",
    )
    _add_name(delete)
    delete.add_argument("--yes", "-y", action="store_true", help=argparse.SUPPRESS)
    _add_credentials(commands)


def _add_credentials(commands: Commands) -> None:
    create = add_command(
        commands,
        "create-credential",
        _create_credential,
        "make a client secret for an identity or app; it is shown this one time",
        "identity create-credential --name my-identity",
    )
    _add_who(create)
    create.add_argument(
        "--expires", type=moment, metavar="TIME", help="when it ends (default: in a year)"
    )
    listing = add_command(
        commands,
        "list-credentials",
        _list_credentials,
        "list client secrets, without them",
        "identity list-credentials --name my-identity -o table",
    )
    _add_who(listing)
    delete = add_command(
        commands,
        "delete-credential",
        _delete_credential,
        "make a client secret worthless",
        "identity delete-credential --name my-identity --key-id ID",
    )
    _add_who(delete)
    delete.add_argument("--key-id", required=True, metavar="ID", help="the secret's keyId")


def main(args: argparse.Namespace) -> int:
    """Do what the command says."""
    run: Run = args.run
    return run(args)


def _add_name(parser: argparse.ArgumentParser) -> None:
    add_ids(parser, "--name", "-n", "--resource-name", words="the identity")


def _add_who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", "-n", required=True, help="the identity or app, by name, client id or object id"
    )


def _create(args: argparse.Namespace) -> int:
    planes = open_planes()
    body: dict[str, object] = {"tags": read_tags(args.tags) or {}}
    if args.location:
        body["location"] = args.location
    if args.client_id:
        body["properties"] = {"clientId": args.client_id}
    path = KIND.path(args.name, args.resource_group)
    say.show(args, full(planes.arm("PUT", path, body, version=VERSION)))
    return 0


def _show(args: argparse.Namespace) -> int:
    say.show(args, full(KIND.find(open_planes(), args)))
    return 0


def _list(args: argparse.Namespace) -> int:
    found = KIND.all(open_planes(), args.resource_group)
    say.show(args, [full(item) for item in found])
    return 0


def _delete(args: argparse.Namespace) -> int:
    planes = open_planes()
    planes.arm("DELETE", text(KIND.find(planes, args), "id"), version=VERSION)
    return 0


def _create_credential(args: argparse.Namespace) -> int:
    say.show(args, credential(open_planes(), args.name, args.expires))
    return 0


def credential(planes: Planes, name: str, expires: int | None = None) -> Body:
    """Make a client secret and return it, with a note that this is the only time."""
    body: dict[str, object] = {"name": name}
    if expires is not None:
        body["expires"] = expires
    made = planes.local("POST", "/local/credentials", body)
    say.note("this secret is shown once; devvault keeps a hash of it alone")
    return {
        "appId": text(made, "appId"),
        "displayName": text(made, "name"),
        "endDateTime": _time(number(made, "endDateTime")),
        "keyId": text(made, "keyId"),
        "password": text(made, "password"),
        "tenant": text(made, "tenant"),
    }


def _list_credentials(args: argparse.Namespace) -> int:
    found = open_planes().local("POST", "/local/credentials/list", {"name": args.name})
    say.show(
        args,
        [
            {
                "keyId": text(item, "keyId"),
                "hint": text(item, "hint"),
                "startDateTime": _time(number(item, "startDateTime")),
                "endDateTime": _time(number(item, "endDateTime")),
            }
            for item in items(found, "credentials")
        ],
    )
    return 0


def _delete_credential(args: argparse.Namespace) -> int:
    body = {"name": args.name, "id": args.key_id}
    open_planes().local("POST", "/local/credentials/delete", body)
    return 0


def full(identity: Body) -> Body:
    """Return an identity as az prints it: without `properties`."""
    rest = {name: found for name, found in identity.items() if name != "properties"}
    return with_group({**rest, **table(identity, "properties")})


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
