"""`devvault status`: the vaults, what expires, what is soft-deleted, what was refused lately."""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.planes import open_planes
from devvault.cli.project import find_folder
from devvault.cli.reply import Body, items, number, table, text
from devvault.cli.times import iso
from devvault.errors import Locked

_DAY = 86400
_LATER = 90  # days: what a hint proposes for the next version


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "The state of this home: its vaults, the secrets that expire within 30 days, what is\n"
        "soft-deleted, and what was refused within the last 7 days. It shows no value."
    )
    parser.epilog = "example: devvault status\n         devvault status -o json --query expiring"
    parser.add_argument(
        "--days", type=int, default=30, metavar="N", help="how far to look ahead (default: 30)"
    )
    say.add_output(parser, default="table")


def main(args: argparse.Namespace) -> int:
    """Print it."""
    try:
        planes = open_planes()
    except Locked as locked:
        return _locked(args, locked)
    facts = planes.status()
    found = planes.local("GET", f"/local/overview?days={max(0, args.days)}")
    trusted = planes.local("GET", "/local/trust")
    now = number(found, "now")
    folder = str(find_folder())
    result: Body = {
        "home": text(facts, "home"),
        "state": text(facts, "state"),
        "keySource": text(facts, "key_source"),
        "folder": folder,
        "folderVaults": sorted(
            text(one, "vault") for one in items(trusted, "trust") if text(one, "folder") == folder
        ),
        "vaults": items(found, "vaults"),
        "expiring": [
            {
                "vault": text(one, "vault"),
                "name": text(one, "name"),
                "expires": iso(number(one, "expires")),
                "days": -((now - number(one, "expires")) // _DAY),  # begun days count
            }
            for one in items(found, "expiring")
        ],
        "deleted": [
            {
                "vault": text(one, "vault"),
                "name": text(one, "name"),
                "purge": iso(number(one, "purge")),
            }
            for one in items(found, "deleted")
        ],
        "deletedVaults": found.get("deleted_vaults", []),
        "refused": [_refusal(one) for one in items(found, "refused")],
        "refusals": number(found, "refusals"),
    }
    if args.output == "table" and args.query is None:
        later = (iso(now + _LATER * _DAY) or "")[:10]
        say.put("".join(f"{line}\n" for line in _page(result, max(0, args.days), later)))
    else:
        say.show(args, result)
    return 0


def _locked(args: argparse.Namespace, locked: Locked) -> int:
    """Print what a locked home says of itself."""
    facts = open_planes(need="locked").status()
    result: Body = {
        "home": text(facts, "home"),
        "state": text(facts, "state"),
        "keySource": text(facts, "key_source"),
        "folder": str(find_folder()),
    }
    if args.output == "table" and args.query is None:
        say.line(_first_line(result))
    else:
        say.show(args, result)
    say.hint(locked.hint or "devvault unlock")
    return 0


def _first_line(result: Body) -> str:
    state = f"{text(result, 'state')}, key source {text(result, 'keySource')}"
    return f"home      {say.printable(text(result, 'home'))} ({state})"


def _refusal(event: Body) -> Body:
    facts = table(event, "properties")
    return {
        "time": text(event, "time")[:19] + "Z",
        "operation": text(event, "operationName"),
        "result": text(event, "resultType"),
        "object": text(facts, "id") or text(event, "resourceId"),
        "detail": text(event, "resultDescription"),
    }


def _page(result: Body, days: int, later: str) -> list[str]:
    lines = [
        _first_line(result),
        f"folder    {say.printable(text(result, 'folder'))}: {_given(result)}",
        "",
        "vaults",
    ]
    lines += [
        f"  {text(one, 'name'):<24}  {_count(number(one, 'secrets'), 'secret')}"
        + (f", {number(one, 'deleted')} deleted" if number(one, "deleted") else "")
        for one in items(result, "vaults")
    ] or ["  none; devvault keyvault create --name NAME"]
    lines += _block(
        f"expires within {_count(days, 'day')}",
        [
            f"  {text(one, 'vault')}/{text(one, 'name')}  {_when(number(one, 'days'))}"
            for one in items(result, "expiring")
        ],
    )
    lines += _block(
        "soft-deleted",
        [
            f"  {text(one, 'vault')}/{text(one, 'name')}  purged on {text(one, 'purge')[:10]}"
            for one in items(result, "deleted")
        ]
        + [f"  the vault {name}" for name in _names(result, "deletedVaults")],
    )
    lines += _block(
        "refused within the last 7 days",
        [
            f"  {text(one, 'time')}  {text(one, 'operation')}  {say.printable(text(one, 'object'))}"
            for one in items(result, "refused")
        ],
    )
    return [*lines, *_next(result, later)]


def _given(result: Body) -> str:
    vaults = _names(result, "folderVaults")
    return f"resolves from {', '.join(vaults)}" if vaults else "resolves from no vault"


def _names(result: Body, member: str) -> list[str]:
    found = result.get(member)
    return [str(name) for name in found] if isinstance(found, list) else []


def _block(title: str, rows: list[str]) -> list[str]:
    return ["", title, *rows] if rows else []


def _next(result: Body, later: str) -> list[str]:
    """Return what to type about what was shown."""
    found = []
    for one in items(result, "expiring")[:1]:
        vault, name = text(one, "vault"), text(one, "name")
        found.append(
            f"  devvault keyvault secret set --vault-name {vault} --name {name} --value -"
            f" --expires {later}"
        )
    for one in items(result, "deleted")[:1]:
        vault, name = text(one, "vault"), text(one, "name")
        found.append(f"  devvault keyvault secret recover --vault-name {vault} --name {name}")
    if number(result, "refusals"):
        found.append("  devvault audit list --since 7d")
    return ["", "next:", *found] if found else []


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _when(days: int) -> str:
    if days > 0:
        return f"expires in {_count(days, 'day')}"
    return f"expired {_count(-days, 'day')} ago" if days else "expired today"
