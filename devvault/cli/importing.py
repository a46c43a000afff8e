"""`devvault import FILE...`: secrets go from settings files into the vault, references come back.

The order is the promise: the plan is shown and agreed to, every secret is durable in the vault, the
file as it was is laid by, and only then is the file replaced, if nobody touched it meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devvault.cli import ask, say
from devvault.cli.adoption import (
    Fate,
    Rules,
    Step,
    give_names,
    is_forced,
    judge_file,
    unknown_keys,
)
from devvault.cli.planes import Planes, open_planes, segment
from devvault.cli.privatefile import replace_keeping_mode
from devvault.cli.project import Place, open_place
from devvault.cli.references import references_in
from devvault.cli.set import only_vault
from devvault.cli.shelf import VaultShelf
from devvault.cli.source import STDIN, Source, form_of, open_source, read_source
from devvault.cli.stash import drop, lay_by, undo
from devvault.cli.trust import give, may_give
from devvault.errors import Conflict, DevvaultError, Forbidden, Invalid, WrongUse
from devvault.references.appservice import format_reference
from devvault.settingsfiles.base import get_format

_NAMES_SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Put what looks secret in settings files into the project's vault, and rewrite the files\n"
        "with references. Shows the plan, never a value, and asks once. Reads .env,\n"
        "local.settings.json, appsettings*.json, compose files, TOML, and - for stdin (the result\n"
        "goes to stdout then). Comments, order and mode stay; the file as it was is kept sealed\n"
        "for 30 days."
    )
    parser.epilog = (
        "example: devvault import .env\n"
        "         devvault import .env --plain GREETING --secret LICENSE --yes\n"
        "         devvault import --undo .env"
    )
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="settings files (default: the env files)"
    )
    parser.add_argument("--vault", help="the vault (default: the project's)")
    parser.add_argument("-e", dest="environment", metavar="NAME", help="of the project file")
    parser.add_argument(
        "--secret", action="append", default=[], metavar="KEY", help="this one is a secret"
    )
    parser.add_argument(
        "--plain", action="append", default=[], metavar="KEY", help="this one is no secret"
    )
    parser.add_argument("--yes", action="store_true", help="do it without asking")
    parser.add_argument("--dry-run", action="store_true", help="show the whole plan, do nothing")
    parser.add_argument("--undo", action="store_true", help="bring the files back as they were")
    parser.add_argument(
        "--no-history", action="store_true", help="do not search git's history for the values"
    )


@dataclass(frozen=True, slots=True)
class Goal:
    """Where the secrets go: the vault as references name it, and the local one behind it."""

    named: str
    vault: str


def main(args: argparse.Namespace) -> int:
    """Plan, ask, move; 1 where something that looks secret stays in a file."""
    both = [key for key in args.secret if is_forced(key, args.plain)]
    if both:
        raise WrongUse("a key cannot be --secret and --plain", hint="devvault import --help")
    place = open_place(environment=args.environment)
    names: list[str] = args.files or [str(path) for path in place.env_files]
    if not names:
        raise WrongUse("there is no env file here", hint="devvault import FILE")
    if "" in names:
        raise WrongUse("the name of a file is empty", hint="devvault import .env")
    if args.undo:
        if args.dry_run or args.secret or args.plain or STDIN in names:
            raise WrongUse("--undo takes files alone", hint="devvault import --undo .env")
        planes = open_planes()
        for name in names:
            say.tell(undo(planes, place, Path(name), form_of(name)))
        return 0
    sources = [read_source(name, place) for name in dict.fromkeys(names)]
    rules = Rules(args.secret, args.plain, place.project.plain, dict(os.environ))
    return adopt(
        open_planes(),
        place,
        sources,
        rules,
        vault=args.vault,
        may_do=not args.dry_run,
        is_agreed=args.yes,
        search=not args.no_history,
    )


def adopt(
    planes: Planes,
    place: Place,
    sources: Sequence[Source],
    rules: Rules,
    *,
    vault: str | None = None,
    may_do: bool = True,
    is_agreed: bool = False,
    search: bool = True,
) -> int:
    """Import some files; `may_do` false shows the plan alone. Return the exit code.

    Raises:
        WrongUse: a key is named that no file sets, or there is nobody to ask.
        Forbidden: the project names a vault that this folder was never given.
        Conflict: a file changed between plan and write; it stays as it is.
    """
    steps: list[Step] = []
    for source in sources:
        steps += _judged(source, rules)
    strange = unknown_keys(steps, rules)
    if strange:
        raise WrongUse(
            f"no file sets {', '.join(map(say.printable, strange))}",
            hint="devvault import --dry-run",
        )
    goal = find_goal(planes, place, vault)
    if any(step.fate is Fate.SECRET for step in steps):
        # Nothing in a vault is looked at for a folder that may not have it.
        if not may_give(planes, place.folder, goal.vault, is_meant=vault is not None):
            raise denied(goal.vault)
        steps = give_names(steps, VaultShelf(planes, goal.vault), pointed_at(sources, goal.named))
    secrets = [step for step in steps if step.fate is Fate.SECRET]
    left = [step for step in steps if step.fate is Fate.LEFT]
    to_stdout = any(source.path is None for source in sources)
    if secrets or left or not may_do:
        _show(steps, is_whole=not may_do, to_stdout=to_stdout)
    if not may_do:
        return 1 if left else 0
    if not secrets:
        say.tell("nothing to import")
        if to_stdout:
            _write_out(sources, {source.name: source.data for source in sources})
        return 1 if left else 0
    changes = _changes(sources, secrets, goal.named)
    rewritten = {source.name: _rewritten(source, changes[source.name]) for source in sources}
    where = ", ".join(source.name for source in sources if source.path is not None) or "stdout"
    question = (
        f"store {_counted(len(secrets), 'secret')} in the vault {goal.vault}, rewrite {where}?"
    )
    if not is_agreed and not ask.yes(question, instead="devvault import --yes", default=True):
        say.tell("nothing was changed")
        return 1
    if not give(planes, place.folder, goal.vault, is_meant=vault is not None):
        raise denied(goal.vault)
    new = store_secrets(planes, goal.vault, secrets)
    say.tell(
        f"stored {_counted(new, 'secret')} in the vault {goal.vault}"
        if new
        else f"the vault {goal.vault} holds these values already"
    )
    for source in sources:
        if changes[source.name]:
            replace_source(planes, source, rewritten[source.name], changes[source.name])
    if to_stdout:
        _write_out(sources, rewritten)
    if search:
        from devvault.cli.pasts import tell_history

        tell_history(place.folder, secrets)
    _say_next(sources)
    return 1 if left else 0


def offer(planes: Planes, place: Place) -> str:
    """Offer to import the project's env files, where they hold secrets and somebody can say yes.

    Return what to type instead, where nobody can; "" where there is nothing to import.
    """
    try:
        sources = [open_source(path, place) for path in place.env_files if path.is_file()]
        rules = Rules((), (), place.project.plain, dict(os.environ))
        steps = [step for source in sources for step in _judged(source, rules)]
        if not any(step.fate is Fate.SECRET for step in steps):
            return ""
        if ask.is_interactive():
            adopt(planes, place, sources, rules)
            return ""
    except DevvaultError as error:
        say.note(f"nothing was imported: {error.message}")
        if error.hint:
            say.hint(error.hint)
        return ""
    return f"devvault import {' '.join(source.name for source in sources)}"


def _judged(source: Source, rules: Rules) -> list[Step]:
    try:
        settings = get_format(source.form).read(source.data)
    except Invalid as error:
        raise Invalid(f"{source.name}: {error.message}") from error
    return judge_file(source.name, settings, rules, form=source.form)


def denied(vault: str) -> Forbidden:
    """Return the refusal of a vault that a project names and was never given."""
    return Forbidden(
        f"the project names the vault {vault}, which this folder was never given",
        code="AccessToKeyVaultDenied",
        hint=f"devvault allow {vault}",
    )


def find_goal(planes: Planes, place: Place, vault: str | None) -> Goal:
    """Return where secrets go: the vault that was named, else the project's, else the only one."""
    named = vault or place.project.vault or only_vault(planes, place)
    return Goal(named, place.project.vaults.get(named.lower(), named))


def pointed_at(sources: Sequence[Source], vault: str) -> set[str]:
    """Return the names that references of these files already point at in a vault."""
    return {
        reference.name
        for source in sources
        for reference in references_in(source.data.decode("utf-8", "replace"))
        if reference.vault == vault.lower()
    }


def _show(steps: Sequence[Step], *, is_whole: bool, to_stdout: bool) -> None:
    """Show the plan. Where it is about to be done, what stays as it is takes one line."""
    from devvault.cli.rows import to_table

    several = len({step.file for step in steps}) > 1
    rows = [
        {
            **({"file": step.file} if several else {}),
            "key": say.printable(step.key),
            "verdict": str(step.fate),
            "why": step.why,
            "secretName": step.secret,
        }
        for step in steps
        if is_whole or step.fate in (Fate.SECRET, Fate.LEFT)
    ]
    table = to_table(rows, sort=False)
    if to_stdout:
        sys.stderr.write(table)
        sys.stderr.flush()
    else:
        say.put(table)
    others = [say.printable(s.key) for s in steps if s.fate in (Fate.PLAIN, Fate.REFERENCE)]
    if others and not is_whole:
        more = f" and {len(others) - _NAMES_SHOWN} more" if len(others) > _NAMES_SHOWN else ""
        say.tell(f"stays as it is: {', '.join(others[:_NAMES_SHOWN])}{more}")


def store_secrets(planes: Planes, vault: str, secrets: Sequence[Step]) -> int:
    """Put every secret that is not there yet into the vault; each is durable on return."""
    done = 0
    for step in secrets:
        if step.is_stored or step.value is None:
            continue
        body = {"value": step.value.reveal(), "tags": {"file-encoding": "utf-8"}}
        try:
            planes.data(vault, "PUT", f"/secrets/{segment(step.secret)}", body)
        except DevvaultError as error:
            error.message = (
                f"{step.key} was not stored: {error.message}; no file was changed, and"
                f" {_counted(done, 'secret')} of this import already in the vault"
                f" {'is' if done == 1 else 'are'} used again by the next"
            )
            raise
        done += 1
    return done


def _changes(
    sources: Sequence[Source], secrets: Sequence[Step], vault: str
) -> Mapping[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {source.name: {} for source in sources}
    for step in secrets:
        found[step.file][step.key] = format_reference(vault, step.secret)
    return found


def _rewritten(source: Source, changes: Mapping[str, str]) -> bytes:
    try:
        return get_format(source.form).rewrite(source.data, changes)
    except Invalid as error:
        raise Invalid(f"{source.name} cannot be rewritten: {error.message}") from error


def replace_source(
    planes: Planes, source: Source, changed: bytes, changes: Mapping[str, str]
) -> None:
    """Lay a file by and replace it, unless somebody touched it meanwhile.

    Raises:
        Conflict: somebody did; it stays as it is.
    """
    if source.path is None:
        return
    laid = lay_by(planes, source.path, source.data, changed, changes)
    try:
        replace_keeping_mode(source.path, changed, expected=source.data)
    except DevvaultError as error:
        drop(planes, source.path, laid)
        if isinstance(error, Conflict):
            error.message = f"{source.name} was changed in the meantime, and stays as it is"
            error.hint = f"devvault import {source.name}"
        raise
    say.tell(f"{source.name}: {_counted(len(changes), 'reference')} written")


def _write_out(sources: Sequence[Source], rewritten: Mapping[str, bytes]) -> None:
    for source in sources:
        if source.path is None:
            sys.stdout.buffer.write(rewritten[source.name])
            sys.stdout.buffer.flush()


def _say_next(sources: Sequence[Source]) -> None:
    files = [source.name for source in sources if source.path is not None]
    if files:
        say.tell(f"to bring it back, within 30 days: devvault import --undo {' '.join(files)}")
    if any(source.form == "yaml" for source in sources):
        say.note(
            "compose hands a reference to the container as it is written; to hand over the value,"
            " write ${KEY} there, the reference into .env, and use: devvault run -- docker compose"
        )
    say.tell("next: devvault run -- COMMAND")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
