"""`devvault keyvault migrate-to-rbac`: a vault's access policies become role assignments."""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.keyvault.grammar import Commands
from devvault.cli.planes import open_planes
from devvault.cli.reply import Body, flag, items, text, texts


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "migrate-to-rbac",
        help="let roles decide in a vault, and give everybody the roles for it",
        description=(
            "Say which roles keep the rights of each access policy of a vault, and what each\n"
            "adds or loses; with --apply, give them and let roles decide, all at once. Nobody\n"
            "loses what a role can give. A custom role is made where no built-in one fits."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "example: devvault keyvault migrate-to-rbac --name my-app-vault\n"
            "         devvault keyvault migrate-to-rbac --name my-app-vault --apply"
        ),
    )
    parser.add_argument("--name", "-n", required=True, help="the vault")
    parser.add_argument("--apply", action="store_true", help="do it, not only say it")
    parser.add_argument(
        "--built-in-only", action="store_true", help="no custom roles, whatever the others add"
    )
    parser.add_argument(
        "--output", "-o", choices=("text", *say.FORMS), default="text", help="form of the plan"
    )
    parser.add_argument("--query", metavar="JMESPATH", help="print only this part of the plan")
    parser.set_defaults(run=_migrate)


def _migrate(args: argparse.Namespace) -> int:
    planes = open_planes()
    body = {"vault": args.name, "apply": args.apply, "builtInOnly": args.built_in_only}
    found = planes.local("POST", "/local/access/migrate", body)
    if args.output == "text" and args.query is None:
        for line in _lines(found):
            say.line(line)
    else:
        args.output = "json" if args.output == "text" else args.output
        say.show(args, found)
    vault = text(found, "vault")
    if flag(found, "applied"):
        say.tell(f"roles decide in {vault} from now on; its access policies are kept, and ignored")
    else:
        only = " --built-in-only" if args.built_in_only else ""
        say.tell("nothing is changed yet")
        say.hint(f"devvault keyvault migrate-to-rbac --name {vault} --apply{only}")
    return 0


def _lines(found: Body) -> list[str]:
    lines: list[str] = []
    vault = text(found, "vault")
    for one in items(found, "identities"):
        lines += _identity(one, vault)
    for role in items(found, "customRoles"):
        lines.append(f"custom role {text(role, 'roleName')}")
        lines += [f"  allows  {action}" for action in texts(role, "dataActions")]
    lines += [
        f"policy of {oid}: ignored, it is no object id and so nobody's"
        for oid in texts(found, "ignored")
    ]
    return lines or [f"nobody has rights in {vault}"]


def _identity(one: Body, vault: str) -> list[str]:
    name, oid = text(one, "name"), text(one, "objectId")
    lines = [name if name.lower() == oid.lower() else f"{name} ({oid})"]

    def say_of(word: str, what: list[str], tail: str = "") -> None:
        by_kind: dict[str, list[str]] = {}
        for label in what:
            kind, _, verb = label.partition(" ")
            by_kind.setdefault(kind, []).append(verb)
        for kind, verbs in by_kind.items():
            lines.append(f"  {word:<7} {kind} {', '.join(verbs)}{tail}")

    say_of("keeps", texts(one, "keeps"))
    lines += [
        f"  gets    role {text(made, 'role')} at the vault {vault}"
        for made in items(one, "assignments")
    ]
    lines += [
        f"  has     role {text(held, 'role')} at {text(held, 'scope')}: it counts then"
        for held in items(one, "beginsToCount")
    ]
    say_of("adds", texts(one, "adds"))
    for below in items(one, "addsBelow"):
        condition = text(below, "condition")
        under = f" if {condition}" if condition else ""
        say_of("adds", texts(below, "adds"), f" at {text(below, 'scope')}{under}")
    freed, through = texts(one, "freed"), ", ".join(texts(one, "applications"))
    say_of("adds", freed, f" without the application {through}")
    say_of("loses", texts(one, "loses"))
    return lines
