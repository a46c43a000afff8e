"""`devvault audit list|verify|export|accept-restore`: who did what, and is the record whole?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import datetime

from devvault.cli import ask, say
from devvault.cli.parser import add_command
from devvault.cli.planes import Planes, open_planes
from devvault.cli.reply import Body, flag, items, number, table, text, texts
from devvault.cli.times import find_span, find_time
from devvault.clock import SystemClock
from devvault.errors import WrongUse

_PAGE = 500
_UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
_OID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
_COLUMNS = (
    "seq", "time", "operation", "result", "status", "caller", "object", "detail", "client",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "The trail: every operation and every refusal, chained and sealed."
    parser.epilog = (
        "example: devvault audit list --secret db --since 7d\n"
        "         devvault audit export --format csv > trail.csv"
    )
    commands = parser.add_subparsers(
        dest="command", metavar="list|verify|export|accept-restore", required=True
    )
    listing = add_command(commands, "list", "the newest records", "--secret db --since 7d")
    _add_filters(listing)
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most (default: 50)")
    say.add_output(listing, default="table")
    add_command(commands, "verify", "check the whole chain; 1 where something is wrong")
    export = add_command(commands, "export", "everything, oldest first", "--format csv > trail.csv")
    _add_filters(export)
    export.add_argument(
        "--format",
        choices=("auditevent", "jsonl", "csv"),
        default="auditevent",
        help="auditevent is Azure Monitor's {records: [...]} (default)",
    )
    accept = add_command(
        commands, "accept-restore", "accept a database that is older than its anchor", "--yes"
    )
    accept.add_argument("--yes", "-y", action="store_true", help="do not ask")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vault", help="only this vault")
    parser.add_argument("--secret", help="only secrets of this name")
    parser.add_argument("--since", metavar="TIME", help="a UTC time, a date, or a span like 7d")


def main(args: argparse.Namespace) -> int:
    """Do it."""
    if args.command == "verify":
        return _verify()
    if args.command == "accept-restore":
        return _accept(args)
    since = _since(args.since)
    planes = open_planes()
    if args.command == "export":
        _export(args, planes, since)
        return 0
    if args.limit < 1:
        raise WrongUse("--limit must be at least 1", hint="devvault audit list --limit 50")
    found: list[Body] = []
    for event in _newest(planes, args.limit):
        if since is not None and _time(event) < since:
            break
        if _fits(args, event):
            found.append(event)
        if len(found) == args.limit:
            break
    say.show(args, found, table=_rows)
    return 0


def _verify() -> int:
    found = open_planes().local("POST", "/local/audit/verify", {})
    problems = texts(found, "problems")
    for problem in problems:
        say.line(say.printable(problem))
    checked = number(found, "checked")
    if flag(found, "ok"):
        say.line(f"the trail is whole: {checked} records")
        return 0
    say.tell(f"devvault: {len(problems) or 1} problems in {checked} records")
    return 1


def _accept(args: argparse.Namespace) -> int:
    if not args.yes and not ask.yes(
        "accept this older database as the newest? What happened since is lost",
        instead="devvault audit accept-restore --yes",
    ):
        raise WrongUse("nothing was changed", hint="devvault audit accept-restore --yes")
    open_planes().local("POST", "/local/audit/accept-restore", {})
    say.tell("accepted; the trail has a record of it")
    return 0


def _export(args: argparse.Namespace, planes: Planes, since: datetime | None) -> None:
    kept = (
        event
        for event in _oldest(planes)
        if (since is None or _time(event) >= since) and _fits(args, event)
    )
    if args.format == "jsonl":
        for event in kept:
            say.line(say.escaped(json.dumps(event, ensure_ascii=False, sort_keys=True)))
    elif args.format == "csv":
        import csv
        import io

        page = io.StringIO()
        writer = csv.writer(page)
        writer.writerow(_COLUMNS)
        for event in kept:
            facts = _flat(event)
            writer.writerow([_harmless(facts[name]) for name in _COLUMNS])
        say.put(page.getvalue())
    else:
        records = [{name: event[name] for name in event if name != "seq"} for event in kept]
        text = json.dumps({"records": records}, indent=2, ensure_ascii=False)
        say.put(say.escaped(text) + "\n")


def _newest(planes: Planes, limit: int) -> Iterator[Body]:
    """Return records from the newest on, in pages that fit the limit."""
    size = min(max(limit, 20), _PAGE)
    before = ""
    while True:
        page = planes.local("GET", f"/local/audit?limit={size}{before}")
        records = items(page, "records")
        yield from records
        if len(records) < size:
            return
        before = f"&before={number(records[-1], 'seq')}"


def _oldest(planes: Planes) -> Iterator[Body]:
    """Return all records in order."""
    after = 0
    while True:
        records = items(planes.local("GET", f"/local/audit?limit={_PAGE}&after={after}"), "records")
        yield from records
        if len(records) < _PAGE:
            return
        after = number(records[-1], "seq")


def _fits(args: argparse.Namespace, event: Body) -> bool:
    facts = _flat(event)
    id = facts["object"].lower()
    if args.vault:
        vault = args.vault.lower()
        resource = f"{text(event, 'resourceId').lower()}/"
        if not (
            id.startswith(f"https://{vault}.") or id == vault or f"/vaults/{vault}/" in resource
        ):
            return False
    return not args.secret or f"/{args.secret.lower()}/" in f"{id.partition('://')[2]}/"


def _flat(event: Body) -> dict[str, str]:
    """Return a record as columns."""
    facts = table(event, "properties")
    claim = table(table(event, "identity"), "claim")
    return {
        "seq": str(number(event, "seq")),
        "time": text(event, "time"),
        "operation": text(event, "operationName"),
        "result": text(event, "resultType"),
        "status": str(number(facts, "httpStatusCode") or ""),
        "caller": text(claim, _UPN) or text(claim, _OID),
        "object": text(facts, "id") or text(event, "resourceId"),
        "detail": text(event, "resultDescription"),
        "client": text(facts, "clientInfo"),
    }


def _rows(result: object) -> object:
    if not isinstance(result, list):
        return result
    rows = []
    for event in result:
        facts = _flat(event)
        rows.append(
            {
                "Seq": facts["seq"],
                "Time": facts["time"][:19] + "Z" if facts["time"] else "",
                "Operation": facts["operation"],
                "Result": facts["result"],
                "Who": say.printable(facts["caller"]),
                "What": say.printable(facts["object"]),
            }
        )
    return rows


def _time(event: Body) -> datetime:
    # Seven fraction digits, as Azure Monitor has them; six are all that a datetime holds.
    stamp = text(event, "time")
    found = find_time(f"{stamp[:26]}Z" if len(stamp) > 26 else stamp)
    return found or SystemClock().now()


def _since(word: str | None) -> datetime | None:
    if word is None:
        return None
    span = find_span(word)
    found = find_time(word) if span is None else SystemClock().now() - span
    if found is None:
        raise WrongUse(
            f"--since '{say.printable(word)}' is no time and no span",
            hint="devvault audit list --since 7d",
        )
    return found


def _harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula, and no terminal for a command."""
    is_formula = cell.lstrip()[:1] in ("=", "+", "-", "@") or cell[:1] in ("\t", "\r")
    return say.printable(f"'{cell}" if is_formula else cell)
