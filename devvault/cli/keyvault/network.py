"""`devvault keyvault network-rule ...` and the firewall flags of `create`, in az's words."""

from __future__ import annotations

import argparse
import json

from devvault.cli import say
from devvault.cli.keyvault.grammar import Commands, Run, add_command, add_group
from devvault.cli.keyvault.resource import find_vault, full, put_vault
from devvault.cli.keyvault.waiting import add_wait, wait
from devvault.cli.planes import Planes, open_planes, segment
from devvault.cli.privatefile import read_file
from devvault.cli.reply import Body, items, table, text
from devvault.errors import WrongUse

_FILE_LIMIT = 1024 * 1024
_NONE: Body = {
    "bypass": "AzureServices",
    "defaultAction": "Allow",
    "ipRules": [],
    "virtualNetworkRules": [],
}


def add_commands(commands: Commands) -> None:
    """Add `network-rule` and its commands."""
    here = "keyvault network-rule"
    words = "the firewall of a vault"
    below = add_group(commands, "network-rule", words, f"{here} list --name my-app-vault")
    rows: tuple[tuple[str, Run, str], ...] = (
        ("add", _add, "let addresses or a subnet pass"),
        ("remove", _remove, "take a rule away"),
    )
    for name, run, words in rows:
        example = f"{here} {name} --name my-app-vault --ip-address 203.0.113.0/24"
        parser = add_command(below, name, run, words, example, no_wait=True)
        _add_name(parser)
        addresses = "+" if name == "add" else None
        parser.add_argument(
            "--ip-address", nargs=addresses, metavar="ADDRESS", help="IPv4 address or CIDR range"
        )
        parser.add_argument("--subnet", help="a subnet's id, or its name beside --vnet-name")
        parser.add_argument("--vnet-name", help="the virtual network of the subnet")
    listing = add_command(
        below, "list", _list, "list the rules of a vault", f"{here} list --name my-app-vault"
    )
    _add_name(listing)
    _add_name(add_wait(below, _wait, "a vault", f"{here} wait --name my-app-vault --updated"))


def add_acls(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `create` that write rules at once."""
    parser.add_argument(
        "--network-acls",
        metavar="JSON",
        help='rules, as JSON or a file of it: {"ip": [...], "vnet": ["VNET/SUBNET", ...]}',
    )
    parser.add_argument("--network-acls-ips", nargs="*", metavar="ADDRESS", help="who passes")
    parser.add_argument(
        "--network-acls-vnets", nargs="*", metavar="VNET/SUBNET", help="the same, or subnet ids"
    )


def read_acls(args: argparse.Namespace, planes: Planes, group: str) -> Body | None:
    """Return the rules that the flags of `create` ask for, None for none.

    Raises:
        WrongUse: the JSON is none, or not of az's form.
    """
    given = _parsed(args.network_acls) if args.network_acls else {}
    addresses = [*_words(given, "ip"), *(args.network_acls_ips or [])]
    subnets = [*_words(given, "vnet"), *(args.network_acls_vnets or [])]
    if not (addresses or subnets or args.bypass or args.default_action):
        return None
    return {
        "bypass": args.bypass or "AzureServices",
        "defaultAction": args.default_action or ("Deny" if addresses or subnets else "Allow"),
        "ipRules": [{"value": one} for one in addresses],
        "virtualNetworkRules": [{"id": _subnet(planes, group, one)} for one in subnets],
    }


def _parsed(word: str) -> Body:
    if not word.lstrip().startswith("{"):
        word = read_file(word, limit=_FILE_LIMIT).decode("utf-8", "replace")
    try:
        found = json.loads(word)
    except ValueError as error:
        raise WrongUse(
            "--network-acls is no JSON", hint="devvault keyvault create --help"
        ) from error
    if not isinstance(found, dict) or not found.keys() <= {"ip", "vnet"}:
        raise WrongUse(
            '--network-acls must be of the form {"ip": [...], "vnet": [...]}',
            hint="devvault keyvault create --help",
        )
    return found


def _words(given: Body, name: str) -> list[str]:
    found = given.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise WrongUse(f"{name} of --network-acls must be a list of texts")
    return found


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", "-n", required=True, help="the vault")
    parser.add_argument("--resource-group", "-g", help="its group")


def _add(args: argparse.Namespace) -> int:
    planes, vault, acls = _open(args)
    addresses: list[str] = args.ip_address or []
    known = {text(one, "value") for one in items(acls, "ipRules")}
    fresh: list[Body] = [{"value": one} for one in dict.fromkeys(addresses) if one not in known]
    subnets = items(acls, "virtualNetworkRules")
    if args.subnet:
        wanted = _subnet_of(planes, args, vault)
        if not any(text(one, "id").lower() == wanted.lower() for one in subnets):
            subnets = [*subnets, {"id": wanted}]
    elif not addresses:
        raise _nothing()
    changed: Body = {
        **acls,
        "ipRules": [*items(acls, "ipRules"), *fresh],
        "virtualNetworkRules": subnets,
    }
    return _put(args, planes, vault, changed)


def _remove(args: argparse.Namespace) -> int:
    planes, vault, acls = _open(args)
    if not args.subnet and not args.ip_address:
        raise _nothing()
    wanted = _subnet_of(planes, args, vault).lower() if args.subnet else ""
    changed: Body = {
        **acls,
        "ipRules": [one for one in items(acls, "ipRules") if text(one, "value") != args.ip_address],
        "virtualNetworkRules": [
            one for one in items(acls, "virtualNetworkRules") if text(one, "id").lower() != wanted
        ],
    }
    return _put(args, planes, vault, changed)


def _list(args: argparse.Namespace) -> int:
    _, _, acls = _open(args)
    say.show(args, acls)
    return 0


def _wait(args: argparse.Namespace) -> int:
    return wait(args, lambda: find_vault(open_planes(), args.name, args.resource_group))


def _open(args: argparse.Namespace) -> tuple[Planes, Body, Body]:
    planes = open_planes()
    vault = find_vault(planes, args.name, args.resource_group)
    return planes, vault, {**_NONE, **table(table(vault, "properties"), "networkAcls")}


def _put(args: argparse.Namespace, planes: Planes, vault: Body, acls: Body) -> int:
    properties = {**table(vault, "properties"), "networkAcls": acls}
    say.show(args, full(put_vault(planes, {**vault, "properties": properties})))
    return 0


def _subnet_of(planes: Planes, args: argparse.Namespace, vault: Body) -> str:
    subnet: str = args.subnet
    if subnet.startswith("/"):
        return subnet
    if not args.vnet_name:
        raise WrongUse(
            "incorrect usage: --subnet ID | --subnet NAME --vnet-name NAME",
            hint="devvault keyvault network-rule add --help",
        )
    group = args.resource_group or text(vault, "id").split("/")[4]
    return _subnet(planes, group, f"{args.vnet_name}/{subnet}")


def _subnet(planes: Planes, group: str, word: str) -> str:
    if word.startswith("/"):
        return word
    network, slash, subnet = word.partition("/")
    if not slash or not network or not subnet:
        raise WrongUse(f"'{say.printable(word)}' is neither VNET/SUBNET nor a subnet's id")
    return (
        f"/subscriptions/{planes.subscription}/resourceGroups/{segment(group)}/providers"
        f"/Microsoft.Network/virtualNetworks/{segment(network)}/subnets/{segment(subnet)}"
    )


def _nothing() -> WrongUse:
    return WrongUse(
        "incorrect usage: --ip-address ADDRESS | --subnet SUBNET",
        hint="devvault keyvault network-rule add --help",
    )
