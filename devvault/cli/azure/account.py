"""`devvault account ...`: az's words for the subscription, of which a home has one."""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.keyvault.grammar import Commands, Run, add_command
from devvault.cli.planes import Planes, open_planes
from devvault.cli.reply import Body, text
from devvault.errors import NotFound

_NAME = "devvault"  # as the real az is told


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `account` and its commands."""
    parser.epilog = "example: devvault account show --query id -o tsv"
    commands: Commands = parser.add_subparsers(metavar="COMMAND", required=True)
    show = add_command(
        commands,
        "show",
        _show,
        "show the subscription of this home, and who you are",
        "account show --query id -o tsv",
    )
    listing = add_command(
        commands, "list", _list, "list subscriptions: there is one", "account list -o table"
    )
    for flag in ("--all", "--refresh"):
        listing.add_argument(flag, action="store_true", help=argparse.SUPPRESS)
    choose = add_command(
        commands,
        "set",
        _set,
        "choose the subscription: there is one, by its name or id",
        "account set --subscription devvault",
        subscription=False,
    )
    choose.add_argument(
        "--subscription", "--name", "-s", "-n", required=True, help="its name or its id"
    )
    show.add_argument("-s", "--name", "-n", dest="subscription", help=argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    """Do what the command says."""
    run: Run = args.run
    return run(args)


def _show(args: argparse.Namespace) -> int:
    planes = open_planes()
    if args.subscription is not None:
        _check(planes, args.subscription)
    say.show(args, {"environmentName": "AzureCloud", **_account(planes)})
    return 0


def _list(args: argparse.Namespace) -> int:
    show_all(args, open_planes())
    return 0


def _set(args: argparse.Namespace) -> int:
    _check(open_planes(), args.subscription)
    return 0


def show_all(args: argparse.Namespace, planes: Planes) -> None:
    """Print the list of subscriptions as az does."""
    say.show(args, [{"cloudName": "AzureCloud", **_account(planes)}], table=_columns)


def _check(planes: Planes, wanted: str) -> None:
    if wanted.lower() not in (_NAME, planes.subscription.lower()):
        raise NotFound(
            f"The subscription of '{say.printable(wanted)}' doesn't exist in cloud 'AzureCloud'.",
            code="SubscriptionNotFound",
            hint="devvault account list -o table",
        )


def _account(planes: Planes) -> Body:
    status = planes.status()
    tenant = text(status, "tenant")
    return {
        "homeTenantId": tenant,
        "id": text(status, "subscription"),
        "isDefault": True,
        "managedByTenants": [],
        "name": _NAME,
        "state": "Enabled",
        "tenantId": tenant,
        "user": {"name": _developer(planes), "type": "user"},
    }


def _developer(planes: Planes) -> str:
    from devvault.cli.azure.directory import find_who

    me = find_who(planes, "me")
    return "" if me is None else me.name


def _columns(result: object) -> object:
    if not isinstance(result, list):
        return result
    return [
        {
            "Name": item["name"],
            "CloudName": item["cloudName"],
            "SubscriptionId": item["id"],
            "TenantId": item["tenantId"],
            "State": item["state"],
            "IsDefault": item["isDefault"],
        }
        for item in result
    ]
