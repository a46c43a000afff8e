"""az's grammar: the flags, times, tags and identifiers that its commands share.

Flags, defaults and results are az's (2.91); what az dropped or we cannot honour is said in a note.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from devvault.cli import say
from devvault.cli.times import find_time
from devvault.errors import WrongUse

Run = Callable[[argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  # has no other name


def add_command(
    commands: Commands,
    name: str,
    run: Run,
    words: str,
    example: str,
    *,
    no_wait: bool = False,
    subscription: bool = True,
) -> argparse.ArgumentParser:
    """Add one command with what all of az's commands have; return its parser.

    `no_wait` says that az has `--no-wait` there: it prints no result then. `subscription` is false
    where the command has a flag of that name of its own.
    """
    parser = commands.add_parser(
        name,
        help=words,
        description=words[:1].upper() + words[1:] + ".",
        epilog=f"example: devvault {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser)
    if subscription:
        parser.add_argument("--subscription", help=argparse.SUPPRESS)
    if no_wait:
        parser.add_argument(
            "--no-wait", action="store_true", help="print no result (all is done at once here)"
        )
    parser.set_defaults(run=run)
    return parser


def add_group(
    commands: Commands, name: str, words: str, example: str
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    """Add a word below which there are commands, with its own help; return where they go."""
    parser = commands.add_parser(
        name,
        help=words,
        description=words[:1].upper() + words[1:] + ".",
        epilog=f"example: devvault {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser.add_subparsers(metavar="COMMAND", required=True)


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add what every one of az's commands takes."""
    say.add_output(parser)
    for quiet in ("--only-show-errors", "--verbose", "--debug"):
        parser.add_argument(quiet, action="store_true", help=argparse.SUPPRESS)


def add_flag(parser: argparse.ArgumentParser, *names: str, words: str) -> None:
    """Add one of az's three-state flags: absent, `--flag`, `--flag true|false`."""
    parser.add_argument(
        *names, nargs="?", const=True, default=None, type=truth, metavar="{false,true}", help=words
    )


def add_ids(parser: argparse.ArgumentParser, *names: str, words: str) -> None:
    """Add the flags that name one resource: by its name and group, or by its id."""
    parser.add_argument(*names, help=words)
    parser.add_argument("--resource-group", "-g", help="its group (may be left out)")
    parser.add_argument("--ids", metavar="ID", help="its resource id, instead of name and group")


def read_ids(args: argparse.Namespace, kind: str) -> None:
    """Put the name and group that `--ids` holds where `--name` and `--resource-group` are.

    Raises:
        WrongUse: neither is there, or the id is none of that kind.
    """
    if args.ids is None:
        if not args.name:
            raise WrongUse("the name is missing; give --name, or --ids with a resource id")
        return
    found = re.fullmatch(
        rf"/subscriptions/[^/]+/resourcegroups/([^/]+)/providers/{re.escape(kind)}/([^/]+)/?",
        args.ids,
        re.IGNORECASE,
    )
    if found is None:
        raise WrongUse(
            f"--ids is no resource id of the form /subscriptions/.../providers/{kind}/NAME"
        )
    args.resource_group, args.name = found[1], found[2]


def add_tags(parser: argparse.ArgumentParser) -> None:
    """Add `--tags KEY=VALUE ...`."""
    parser.add_argument(
        "--tags", nargs="*", metavar="KEY=VALUE", help='space-separated tags; "" clears them'
    )


def truth(word: str) -> bool:
    """Read az's true and false."""
    if word.lower() in ("true", "yes", "1"):
        return True
    if word.lower() in ("false", "no", "0"):
        return False
    raise argparse.ArgumentTypeError(f"'{say.printable(word)}' is neither true nor false")


def moment(word: str) -> int:
    """Read az's UTC times (`2027-01-31T00:00:00Z`, also a date alone) as seconds since 1970."""
    found = find_time(word)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"'{say.printable(word)}' is no UTC time of the form Y-m-d'T'H:M:S'Z'"
        )
    return int(found.timestamp())


def read_tags(words: Sequence[str] | None) -> dict[str, str] | None:
    """Return `KEY=VALUE` words as a mapping, None where the flag is absent."""
    if words is None:
        return None
    found: dict[str, str] = {}
    for word in words:
        key, _, text = word.partition("=")
        if key:
            found[key] = text
    return found


def with_group(body: dict[str, object]) -> dict[str, object]:
    """Return an ARM object with the `resourceGroup` that az reads out of its id."""
    id = body.get("id")
    found = re.match(r"/subscriptions/[^/]+/resourcegroups/([^/]+)/", str(id), re.IGNORECASE)
    if found and "resourceGroup" not in body:
        return {**body, "resourceGroup": found[1]}
    return body


def soft_delete_note(args: argparse.Namespace) -> bool | None:
    """Return what to send for `--enable-soft-delete`: None with a note for true (az dropped it)."""
    asked: bool | None = args.enable_soft_delete
    if asked:
        say.note("soft delete is always on; az dropped --enable-soft-delete, and so may you")
        return None
    return asked


def from_id(args: argparse.Namespace, kind: str = "secrets") -> tuple[str, str, str]:
    """Return (vault, name, version) from `--id`, or from `--vault-name` and `--name`.

    Raises:
        WrongUse: neither is there, or the id is none.
    """
    id: str | None = getattr(args, "id", None)
    version: str = getattr(args, "version", None) or ""
    if id:
        found = re.fullmatch(
            rf"https://([A-Za-z0-9-]+)\.[A-Za-z0-9.-]+(?::\d+)?/{kind}/([^/?#]+)(?:/([^/?#]*))?/?",
            id,
        )
        if found is None:
            raise WrongUse(
                f"--id is no identifier of the form https://VAULT.vault.azure.net/{kind}/NAME",
                hint="devvault keyvault secret list --vault-name VAULT",
            )
        return found[1].lower(), found[2], found[3] or version
    vault: str | None = args.vault_name
    name: str | None = args.name
    if not vault or not name:
        missing = "--name" if vault else "--vault-name"
        raise WrongUse(
            f"{missing} is missing; give --vault-name and --name, or --id",
            hint="devvault keyvault list",
        )
    return vault, name, version
