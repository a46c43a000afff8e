"""`devvault check --fix`: what was found moves into the vault, and a reference takes its place.

The order is `import`'s: every secret is durable in the vault, the file as it was is laid by sealed,
the file is replaced, and only then the index. Killed anywhere, nothing is lost, and the same
command goes on. Of a file that is staged in part, index and file are each changed for themselves.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devvault.cli import ask, say
from devvault.cli.adoption import Fate, Rules, Step, give_names, judge_file
from devvault.cli.importing import (
    Goal,
    denied,
    find_goal,
    pointed_at,
    replace_source,
    store_secrets,
)
from devvault.cli.planes import Planes, open_planes
from devvault.cli.project import Place
from devvault.cli.shelf import VaultShelf
from devvault.cli.source import Source, open_source
from devvault.cli.trust import give, may_give
from devvault.errors import DevvaultError, Invalid
from devvault.references import base as references
from devvault.references.appservice import format_reference
from devvault.scan.check import Repaired, Report
from devvault.scan.lookups import lookup, setting_name
from devvault.scan.repository import git, stage
from devvault.settingsfiles.base import Setting, find_format, get_format


@dataclass(slots=True)
class _File:
    """A file with findings: what is staged of it, what lies in the work tree, what becomes of it.

    `ready` maps keys to references to what a vault holds already; `steps` are yet to be stored.
    """

    name: str
    form: str
    staged: bytes | None
    source: Source | None
    ready: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        if self.staged is not None:
            return self.staged
        return self.source.data if self.source is not None else b""


@dataclass(slots=True)
class _Line:
    """A finding in source code: what to write there instead."""

    one: Repaired
    name: str
    step: Step | None


def fix(report: Report, place: Place, *, staged: bool, vault: str | None, is_agreed: bool) -> bool:
    """Move what was found into the vault; return whether a file was changed.

    Raises:
        Forbidden: the project names a vault that this folder was never given.
        WrongUse: there is nobody to ask, and `--yes` was not given.
        Conflict: a file changed meanwhile.
    """
    planes = open_planes()
    goal = find_goal(planes, place, vault)
    files: list[_File] = []
    code: list[_Line] = []
    by_path: dict[str, list[Repaired]] = {}
    for one in report.found:
        by_path.setdefault(one.finding.path, []).append(one)
    for path, found in by_path.items():
        form = find_format(path)
        if form is None:
            code += [_line(one) for one in found]
            continue
        file = _open(path, form, place, staged=staged)
        if file is not None:
            _plan(file, found)
            files.append(file)
    files = [file for file in files if file.ready or _stored(file)]
    steps = [step for file in files for step in _stored(file)]
    steps += [line.step for line in code if line.step is not None]
    if not files and not steps:
        _say_code(code, {}, goal)
        return False
    if steps and not may_give(planes, place.folder, goal.vault, is_meant=vault is not None):
        raise denied(goal.vault)
    named = _named(planes, goal, files, steps)
    _show(files, named, goal)
    question = f"move {_counted(len(named), 'secret')} into the vault {goal.vault}" if named else ""
    rewritten = ", ".join(say.printable(file.name) for file in files)
    if rewritten:
        question = f"{question}, and rewrite {rewritten}" if question else f"rewrite {rewritten}"
    if not is_agreed and not ask.yes(f"{question}?", instead="devvault check --fix --yes"):
        say.tell("nothing was changed")
        return False
    if named and not give(planes, place.folder, goal.vault, is_meant=vault is not None):
        raise denied(goal.vault)
    store_secrets(planes, goal.vault, list(named.values()))
    for file in files:
        _write(planes, place, file, _changes(file, named, goal))
    _say_code(code, named, goal)
    if files and staged:
        say.note(
            "git keeps what was staged before until it cleans up: git gc --prune=now removes it"
        )
    if any(file.source is not None for file in files):
        changed = " ".join(file.source.name for file in files if file.source is not None)
        say.tell(f"to bring it back, within 30 days: devvault import --undo {changed}")
    return bool(files)


def _open(path: str, form: str, place: Place, *, staged: bool) -> _File | None:
    real = place.folder / path if staged or not Path(path).exists() else Path(path)
    blob = None
    if staged:
        blob = git(place.folder, "cat-file", "blob", f":{path}")
    try:
        source = open_source(real, place) if real.is_file() else None
    except DevvaultError as error:
        say.note(f"{say.printable(path)} is left as it is: {error.message}")
        return None
    return _File(path, form, blob, source)


def _plan(file: _File, found: Sequence[Repaired]) -> None:
    try:
        settings = [one for one in get_format(file.form).read(file.data) if one.error is None]
    except Invalid as error:
        say.note(f"{say.printable(file.name)} is left as it is: {error.message}")
        return
    wanted: dict[str, Repaired] = {}
    for one in found:
        setting = _setting_at(file.data, settings, one)
        if setting is None:
            finding = one.finding
            place = f"{say.printable(finding.path)}:{finding.line}"
            say.note(f"{place} is no setting's value, and is left as it is")
            continue
        value = setting.value or ""
        if references.find(value) is not None:
            continue
        file.values[setting.key] = value
        hit = one.hit
        is_whole = hit is not None and not (hit.form or hit.state or hit.part)
        held = one.finding.held
        if hit is not None and is_whole and held is not None and held.reveal() == value:
            file.ready[setting.key] = format_reference(hit.vault, hit.secret)
        else:
            wanted[setting.key] = one
    others = [one.key for one in settings if one.key not in wanted]
    rules = Rules(secret=list(wanted), plain=others, environment=dict(os.environ))
    file.steps = [
        step
        for step in judge_file(file.name, settings, rules, form=file.form)
        if step.key in wanted and step.key not in file.ready
    ]
    for step in file.steps:
        if step.fate is not Fate.SECRET:
            say.note(f"{say.printable(file.name)}: {say.printable(step.key)}: {step.why}")


def _setting_at(data: bytes, settings: Sequence[Setting], one: Repaired) -> Setting | None:
    """Return the setting whose value a finding stands in."""
    lines = data.split(b"\n")
    finding = one.finding
    if finding.line > len(lines):
        return None
    start = sum(len(line) + 1 for line in lines[: finding.line - 1])
    line = lines[finding.line - 1].decode("utf-8", "replace").removeprefix("\ufeff")
    at = start + len(line[: finding.column - 1].encode("utf-8", "replace"))
    at += 3 if finding.line == 1 and data.startswith(b"\xef\xbb\xbf") else 0
    inside = [s for s in settings if s.offset_start <= at < max(s.offset_end, s.offset_start + 1)]
    if inside:
        return min(inside, key=lambda s: s.offset_end - s.offset_start)
    named = [s for s in settings if s.line == finding.line and s.key == finding.key]
    return named[0] if len(named) == 1 else None


def _line(one: Repaired) -> _Line:
    finding = one.finding
    if one.hit is not None:
        return _Line(one, setting_name(finding.key or one.hit.secret), None)
    name = setting_name(finding.key or finding.rule)
    step = None
    if finding.held is not None and finding.held.reveal():
        step = Step(finding.path, name, Fate.SECRET, finding.why, finding.held)
    return _Line(one, name, step)


def _stored(file: _File) -> list[Step]:
    return [step for step in file.steps if step.fate is Fate.SECRET]


def _named(
    planes: Planes, goal: Goal, files: Sequence[_File], steps: Sequence[Step]
) -> dict[tuple[str, str], Step]:
    """Return the steps with the names that their secrets get, by file and key."""
    if not steps:
        return {}
    sources = [file.source for file in files if file.source is not None]
    taken = pointed_at(sources, goal.named)
    found = give_names(steps, VaultShelf(planes, goal.vault), taken)
    return {(step.file, step.key): step for step in found}


def _show(files: Sequence[_File], named: Mapping[tuple[str, str], Step], goal: Goal) -> None:
    for file in files:
        for key, reference in file.ready.items():
            say.line(f"{say.printable(file.name)}: {say.printable(key)} becomes {reference}")
    for (path, key), step in named.items():
        shown = f"{say.printable(path)}: {say.printable(key)}"
        say.line(f"{shown} becomes the secret {step.secret} in the vault {goal.vault}")


def _changes(file: _File, named: Mapping[tuple[str, str], Step], goal: Goal) -> dict[str, str]:
    new = {
        step.key: format_reference(goal.named, named[file.name, step.key].secret)
        for step in _stored(file)
    }
    return {**file.ready, **new}


def _write(planes: Planes, place: Place, file: _File, changes: dict[str, str]) -> None:
    """Rewrite the file in the work tree, then what is staged of it."""
    form = get_format(file.form)
    try:
        staged = None if file.staged is None else form.rewrite(file.staged, changes)
        here = _here(file, changes)
        work = None if not here or file.source is None else form.rewrite(file.source.data, here)
    except Invalid as error:
        raise Invalid(f"{file.name} cannot be rewritten: {error.message}") from error
    if work is not None and file.source is not None:
        replace_source(planes, file.source, work, here)
    if staged is not None:
        stage(place.folder, file.name, staged)
        say.tell(f"{say.printable(file.name)}: staged anew")


def _here(file: _File, changes: Mapping[str, str]) -> dict[str, str]:
    """Return the changes for the work tree: of keys that have the same value there."""
    if file.source is None or file.staged is None or file.source.data == file.staged:
        return dict(changes)
    try:
        now = [one for one in get_format(file.form).read(file.source.data) if one.error is None]
    except Invalid:
        return {}
    same = {one.key: one.value == file.values.get(one.key) for one in now}
    return {key: reference for key, reference in changes.items() if same.get(key)}


def _say_code(code: Sequence[_Line], named: Mapping[tuple[str, str], Step], goal: Goal) -> None:
    for line in code:
        finding = line.one.finding
        place = f"{say.printable(finding.path)}:{finding.line}"
        hit = line.one.hit
        step = named.get((finding.path, line.name))
        if hit is not None:
            reference = format_reference(hit.vault, hit.secret)
        elif step is not None:
            reference = format_reference(goal.named, step.secret)
        else:
            continue
        words = lookup(finding.path, line.name) or f"the setting {line.name}"
        say.line(f"{place}: write {words} there, and into .env:")
        say.line(f"  {line.name}={reference}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
