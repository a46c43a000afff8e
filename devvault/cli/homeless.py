"""The answer to a run without a daemon: for CI, where the environment sets every reference.

It reads env files by the daemon's own rules and looks nothing up: a reference that would have to
be looked up is told as unresolved where there is no home, else the reason why stands as it is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from devvault.clock import SystemClock
from devvault.config import load
from devvault.errors import DevvaultError, NotFound, Unresolved, WrongUse
from devvault.paths import default_home
from devvault.references.reference import Reference
from devvault.references.status import Status
from devvault.resolver.files import formed, settings_file, wanted_files
from devvault.resolver.outlook import rows
from devvault.resolver.plan import EnvFile, Failure, Journey, Plan, make_plan, read_files
from devvault.secretvalue import SecretValue
from devvault.settingsfiles.project import Project, read_project


def answer(head: Sequence[bytes], files: Sequence[bytes], reason: DevvaultError) -> bytes:
    """Return what a daemon would answer to the request in these fields; `reason` is why none does.

    Raises:
        DevvaultError: `reason`, where a home is there: a reference needs it, and so does a program
            that it connects, which would reach the cloud's vaults without.
        WrongUse: a file is malformed.
    """
    connects = b"Vrun" in head and not {b"Ono-connect", b"Odry-run"} & set(head)
    if connects and reason.code != "NoHome":
        raise reason
    sent = [_opened(field) for field in files]
    found = next((file for tag, file in sent if tag == b"J"), None)
    project = read_project(found.path, found.data) if found else Project()
    at = found.path if found else ""
    chosen = next((f[13:] for f in head if f.startswith(b"Oenvironment=")), None)
    if chosen is not None:
        if found is None:
            raise WrongUse(
                f"there is no project file that knows the environment {os.fsdecode(chosen)}",
                hint="devvault help configuration",
            )
        project = project.for_environment(os.fsdecode(chosen))
    named = [settings_file(file) for tag, file in sent if tag == b"S"]
    env_files = [file for tag, file in sent if tag == b"F"]
    if not {b"G1", b"A1"} & set(head):
        paths = [file.path for file in env_files]
        wanted = wanted_files(project, at, paths, is_settings_named=bool(named))
        if wanted:
            return _reply([b"Q" + os.fsencode(path) for path in wanted])

    def look_up(references: Sequence[Reference]) -> list[SecretValue | Failure]:
        if not isinstance(reason, NotFound):
            raise reason
        failure = Failure(Status.VAULT_NOT_FOUND, reason.message, reason.hint or "")
        return [failure for _ in references]

    config = load(default_home(), os.environ)
    journey = Journey(
        environment=dict(os.environ),
        files=[*named, *(formed(file, project, at) for file in env_files)],
        vaults=project.vaults,
        plain=frozenset(project.plain),
        on_unresolved=next((f[1:].decode() for f in head if f[:1] == b"U"), config.on_unresolved),
        plaintext=config.plaintext,
    )
    read = read_files(journey)
    plan = make_plan(journey, look_up, read)
    if b"Odry-run" not in head:
        return _told(plan, [])
    now = SystemClock().now()
    dry = [b"T" + os.fsencode(row.line) for row in rows(plan, read, {}, now)]
    return _told(plan, [*dry, b"X0"] if plan.is_good else dry)


def _told(plan: Plan, dry: Sequence[bytes]) -> bytes:
    fields = [*dry, *(_line("note", note) for note in plan.notes)]
    if plan.is_good and dry:
        return _reply(fields)
    if plan.is_good:
        values = (os.fsencode(f"{name}={value}") for name, value in plan.variables.items())
        return _reply([*fields, *(b"S" + value for value in values)])
    hints: dict[str, None] = {}
    for failed in plan.failures:
        fields.append(_line("error", failed.line))
        hints[failed.failure.hint] = None
    for words, hint in plan.refused:
        fields.append(_line("error", words))
        hints[hint] = None
    fields += [_line("hint", hint) for hint in hints if hint]
    return _reply([*fields, b"X%d" % Unresolved.exit_code])


def _opened(field: bytes) -> tuple[bytes, EnvFile]:
    path, _, rest = field[1:].partition(b"\0")
    return field[:1], EnvFile(os.fsdecode(path), rest.partition(b"\0")[2])


def _line(kind: str, words: str) -> bytes:
    return b"W" + os.fsencode(f"devvault: {kind}: {words}")


def _reply(fields: Sequence[bytes]) -> bytes:
    return b"".join(field + b"\0" for field in [*fields, b"."])
