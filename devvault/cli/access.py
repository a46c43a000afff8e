"""`devvault access explain|recommend`: may somebody do something, and what would be enough?"""

from __future__ import annotations

import argparse
from datetime import datetime

from devvault.cli import say
from devvault.cli.planes import Planes, open_planes
from devvault.cli.project import Place, open_place
from devvault.cli.reply import Body, flag, items, number, table, text
from devvault.cli.times import find_span, find_time
from devvault.clock import SystemClock
from devvault.errors import WrongUse

_KINDS = {"secret": "secrets", "key": "keys", "certificate": "certificates"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Who may do what, and why."
    parser.epilog = (
        "example: devvault access explain --identity my-web-app --action get --secret db"
    )
    commands = parser.add_subparsers(dest="command", metavar="explain|recommend", required=True)
    explain = commands.add_parser(
        "explain",
        help="allowed or refused, by which role or policy, or for want of which",
        description="Say whether an identity may do something, and why. Exits 1 where it may not.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "example: devvault access explain --identity my-web-app --action get --secret db\n"
            "         devvault access explain --action purge --secret db --vault my-app-vault"
        ),
    )
    explain.add_argument(
        "--identity", "-i", help="who: a name, object id or application id (default: yourself)"
    )
    explain.add_argument(
        "--action",
        required=True,
        help="a permission (get, list, set, ...), an operation (VaultsDelete) or a full action",
    )
    kinds = explain.add_mutually_exclusive_group()
    for kind, plural in _KINDS.items():
        kinds.add_argument(f"--{kind}", metavar="NAME", help=f"with this one of the {plural}")
    explain.add_argument("--vault", help="the vault (default: the project's)")
    explain.add_argument("--version", help="this version of the object (default: the current one)")
    _add_output(explain)
    recommend = commands.add_parser(
        "recommend",
        help="the least roles for what an identity did, by the trail",
        description=(
            "Say which built-in roles, and where, are enough for what an identity did with\n"
            "secrets by the trail, and which of its assignments allow more."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: devvault access recommend --identity my-web-app --since 30d",
    )
    recommend.add_argument("--identity", "-i", help="who (default: yourself)")
    recommend.add_argument("--since", metavar="TIME", help="a UTC time, a date, or a span like 30d")
    recommend.add_argument(
        "--refused", action="store_true", help="what was refused is needed as well"
    )
    _add_output(recommend)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", "-o", choices=("text", *say.FORMS), default="text", help="form of the answer"
    )
    parser.add_argument("--query", metavar="JMESPATH", help="print only this part of the answer")


def main(args: argparse.Namespace) -> int:
    """Do it."""
    return _recommend(args) if args.command == "recommend" else _explain(args)


def _explain(args: argparse.Namespace) -> int:
    place = open_place()
    kind = next((name for name in _KINDS if getattr(args, name)), "")
    planes = open_planes()
    body: dict[str, object] = {
        "identity": args.identity or "me",
        "action": args.action,
        "vault": _vault(args, planes, place),
        "kind": _KINDS.get(kind, ""),
        "name": getattr(args, kind) if kind else "",
        "version": args.version or "",
    }
    found = planes.local("POST", "/local/access/explain", body)
    if args.output == "text" and args.query is None:
        for line in _lines(found, kind, str(body["name"])):
            say.line(line)
    else:
        args.output = "json" if args.output == "text" else args.output
        say.show(args, found)
    return 0 if flag(found, "allowed") else 1


def _recommend(args: argparse.Namespace) -> int:
    since = _since(args.since)
    body: dict[str, object] = {"identity": args.identity or "me", "refused": args.refused}
    if since is not None:
        body["since"] = int(since.timestamp())
    found = open_planes().local("POST", "/local/access/recommend", body)
    if args.output == "text" and args.query is None:
        for line in _advice(found):
            say.line(line)
    else:
        args.output = "json" if args.output == "text" else args.output
        say.show(args, found)
    vain = number(found, "refused")
    if vain and not args.refused:
        left = "1 refusal is" if vain == 1 else f"{vain} refusals are"
        say.note(f"{left} left out; --refused counts in what was asked for in vain")
    if not flag(found, "whole"):
        say.note("the trail is longer than what was read: the newest 50,000 records")
    return 0


def _since(word: str | None) -> datetime | None:
    if word is None:
        return None
    span = find_span(word)
    found = find_time(word) if span is None else SystemClock().now() - span
    if found is None or found.timestamp() < 0:
        raise WrongUse(
            f"--since '{say.printable(word)}' is no time and no span",
            hint="devvault access recommend --since 30d",
        )
    return found


def _advice(found: Body) -> list[str]:
    who, count = _name(table(found, "identity")), number(found, "records")
    if not count:
        return [f"{who} did nothing with secrets that the trail tells of"]
    lines = [f"{who} needed, by {count} record{'s' if count > 1 else ''} of the trail"]
    for one in items(found, "roles"):
        lines.append(f"  role {text(one, 'role')} at {text(one, 'scope')}")
        lines.append(f"    to give it: {text(one, 'command')}")
    wide = items(found, "wide")
    if wide:
        lines.append("and has more than that by")
    lines += [
        f"  role {text(one, 'role')} at {text(one, 'scope')}: {number(one, 'used')} of"
        f" {number(one, 'allows')} data actions used"
        for one in wide
    ]
    return lines


def _vault(args: argparse.Namespace, planes: Planes, place: Place) -> str:
    """Return the vault that is asked about, a name of the project's `[vaults]` followed."""
    named: str | None = args.vault or place.project.vault
    if named is None:
        every = [
            text(one, "name") for one in planes.arm_list("providers/Microsoft.KeyVault/vaults")
        ]
        if len(every) != 1:
            raise WrongUse(
                "which vault? the project names none",
                hint="devvault access explain --vault NAME ...",
            )
        named = every[0]
    return place.project.vaults.get(named.lower(), named)


def _lines(found: Body, kind: str, name: str) -> list[str]:
    who = table(found, "identity")
    verb, operation = text(found, "permission"), text(found, "operation")
    what = f"the {kind} {name} in " if name else f"{kind or 'secret'}s in "
    if not verb:
        verb, what = f"do {operation}", "on "
    allowed = flag(found, "allowed")
    answer, may = ("allowed", "may") if allowed else ("refused", "may not")
    vault = text(found, "vault")
    lines = [f"{answer}: {_name(who)} {may} {verb} {what}the vault {vault}"]
    roles = text(found, "model") == "roles"
    if text(found, "model") == "owner":
        lines.append(f"  by: {text(found, 'reason')}")
    elif not roles:
        lines += _by_policy(found, allowed=allowed)
    elif allowed:
        by = table(found, "assignment")
        group = text(by, "principalId").lower() != text(who, "objectId").lower()
        lines.append(f"  by: role {text(by, 'role')} at {text(by, 'scope')}")
        if group:
            lines.append(f"  through: the group {text(by, 'principalId')}")
    else:
        lines += _for_want_of_a_role(found)
    if text(found, "note"):
        lines.append(f"  but: {text(found, 'note')}")
    return lines


def _by_policy(found: Body, *, allowed: bool) -> list[str]:
    if allowed:
        policy = table(found, "policy")
        whose = text(policy, "objectId")
        through = text(policy, "applicationId")
        return [f"  by: the access policy of {whose}" + (f" through {through}" if through else "")]
    missing = table(found, "missing")
    return [
        "  access policies decide in this vault; roles do not count",
        f"  missing: permission {text(missing, 'permission')}",
        f"  to give it: {text(missing, 'command')}",
    ]


def _for_want_of_a_role(found: Body) -> list[str]:
    missing = table(found, "missing")
    lines = []
    if text(missing, "role"):
        lines.append(f"  missing: role {text(missing, 'role')} at {text(missing, 'scope')}")
    lines += [
        f"  not enough: role {text(near, 'role')} at {text(near, 'scope')}: {text(near, 'why')}"
        for near in items(found, "near")
    ]
    if text(missing, "command"):
        lines.append(f"  to give it: {text(missing, 'command')}")
    return lines


def _name(who: Body) -> str:
    name, oid = text(who, "name"), text(who, "objectId")
    return name if name.lower() == oid.lower() else f"{name} ({oid})"
