"""`devvault mount DIR -- CMD`: secrets as files, as the Secrets Store CSI driver writes them.

The files lie in memory where the system has such a place, and go with CMD, however it ends.
"""

from __future__ import annotations

import argparse
import os
import posix
import signal
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from devvault.cli import answer, child, fast, say
from devvault.cli.ask import check_may_reveal
from devvault.cli.mask import Mask
from devvault.cli.memoryfolder import MemoryFolder, make_folder
from devvault.cli.project import Place, open_place, read_settings
from devvault.cli.resolve import resolved
from devvault.cli.run import given_environment
from devvault.cli.spawn import Started, spawn
from devvault.cli.worktree import check_untracked
from devvault.config import load
from devvault.errors import Invalid, NotFound, Unresolved, WrongUse
from devvault.paths import default_home
from devvault.references.base import find, parse
from devvault.references.reference import Reference
from devvault.references.status import Status
from devvault.resolver.base import decoded_bytes, local
from devvault.resolver.files import settings_file, split_part
from devvault.resolver.plan import EnvFile, read_file
from devvault.secretvalue import SecretValue
from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.secretprovider import SecretProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_FOUND = 127
_CLASS = "secretprovider"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file to write: its name, the reference in it as it was written, its permission."""

    name: str
    text: str
    mode: int = 0o600


class _Interrupted(BaseException):
    """A signal came while the files were there and CMD was not."""

    def __init__(self, number: int) -> None:
        self.number = number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.usage = "devvault mount [flags] DIR -- CMD..."
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Write secrets into files below DIR, run CMD, and remove them when it ends. A setting\n"
        "that refers to a secret becomes a file of its name; an object of a SecretProviderClass\n"
        "gets the name and encoding that the Secrets Store CSI driver would give it. The files\n"
        "lie in memory where the system has such a place, and are yours alone (0700, 0600)."
    )
    parser.epilog = (
        "example: devvault mount secrets -- python app.py\n"
        "         devvault mount ./mnt --settings secretprovider.yaml -- ./server"
    )
    parser.add_argument("folder", metavar="DIR", help="where the files are to be seen")
    parser.add_argument(
        "--settings",
        action="append",
        default=[],
        metavar="FILE",
        help="take the references of this file (default: those of the project's settings)",
    )
    parser.add_argument("-e", dest="environment", metavar="NAME", help="of the project file")
    parser.add_argument("--identity", help="resolve as this identity (default: the developer)")
    parser.add_argument(
        "--no-mask", action="store_true", help="do not mask the values where CMD writes to a pipe"
    )
    parser.add_argument("stray", nargs="*", default=[], help=argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    """Run CMD with the files there, and end as it ends; 78 where a reference does not resolve.

    Raises:
        WrongUse: there is no CMD, DIR is taken, or a file may not be read.
        Unresolved: references that give no value.
    """
    if args.stray or not args.command:
        raise WrongUse("the program to run goes after --", hint="devvault mount DIR -- CMD")
    check_may_reveal("mount")
    place = open_place(environment=args.environment)
    wanted = _wanted(place, args.settings)
    if not wanted:
        raise WrongUse(
            "no setting here refers to a secret", hint="devvault mount DIR --settings FILE -- CMD"
        )
    command = [os.fsencode(word) for word in args.command]
    environment = fast.child_of(given_environment())
    if not _is_there(command[0], environment):
        say.tell(f"devvault: error: {say.printable(args.command[0])}: command not found")
        return _NOT_FOUND
    values = _values(place, wanted, args.identity)
    masks = load(default_home(), os.environ, {"mask": False if args.no_mask else None}).mask
    shown = {os.fsencode(name): data for name, data in values.items()}
    return _run(Path(args.folder), wanted, values, command, environment, shown if masks else {})


def _run(
    name: Path,
    wanted: Sequence[_Wanted],
    values: Mapping[str, bytes],
    command: list[bytes],
    environment: dict[bytes, bytes],
    masked: Mapping[bytes, bytes],
) -> NoReturn:
    name = Path(os.path.abspath(name))  # noqa: PTH100  # a link there is to be seen, not followed
    interrupted = 0
    with _told_of_signals():
        folder = None
        try:
            folder = _made(name)
            for one in wanted:
                folder.write(one.name, values[one.name], one.mode)
            piped = fast.find_piped() if masked else []
        except _Interrupted as signalled:
            interrupted = signalled.number
        except BaseException:
            if folder is not None:
                folder.remove()
            raise
    if interrupted or folder is None:
        if folder is not None:
            folder.remove()
        child.die_as(interrupted)  # a wait status: the signal's number
    started = spawn(command, environment, piped, answer.find_program)
    _Keeper(started, folder, masked).stay()


class _Keeper(child.Keeper):
    """Stays until CMD is gone, and takes the files away."""

    def __init__(
        self, started: Started, folder: MemoryFolder, masked: Mapping[bytes, bytes]
    ) -> None:
        super().__init__(started, lambda: Mask(masked))
        self._folder = folder
        self.holds = (2, folder.lock) if folder.lock >= 0 else (2,)

    def at_end(self) -> None:
        """Remove the files."""
        self._folder.remove()


def _made(name: Path) -> MemoryFolder:
    folder = make_folder(name)
    if not folder.is_in_memory:
        try:
            check_untracked(name)
        except WrongUse:
            folder.remove()
            raise
        say.warning(f"there is no memory file system: the files lie on the disk, in {name}")
    return folder


@contextmanager
def _told_of_signals() -> Iterator[None]:
    """Raise _Interrupted for what would end us, so that no file is left behind."""

    def interrupt(number: int, _frame: object) -> None:
        raise _Interrupted(number)

    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {
        number: signal.signal(number, interrupt)
        for number in ends
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wanted(place: Place, named: Sequence[str]) -> list[_Wanted]:
    """Return the files to write; the later of two of a name counts."""
    if named:
        below, env_files = list(map(Path, named)), []
    else:
        beside = place.file.parent if place.file else place.folder
        below = [beside / name for name in place.project.settings_files]
        env_files = [path for path in place.env_files if path not in below]
    found: dict[str, _Wanted] = {}
    for path in below:
        found |= {one.name: one for one in _settings(place, path, is_named=bool(named))}
    for path in env_files:
        settings = read_file(EnvFile(str(path), _data(place, path, is_named=False)))
        found |= {one.name: one for setting in settings if (one := _file_of(setting)) is not None}
    return list(found.values())


def _settings(place: Place, path: Path, *, is_named: bool) -> list[_Wanted]:
    file = settings_file(EnvFile(str(path), _data(place, path, is_named=is_named)))
    if file.format != _CLASS:
        return [one for setting in read_file(file) if (one := _file_of(setting)) is not None]
    try:
        objects = SecretProvider().files(file.data, file.part)
    except Invalid as error:
        raise WrongUse(f"{path}: {error.message}", hint="devvault help run") from error
    return [
        _Wanted(_plain_name(one.key), one.value or "", _permission(one.value or ""))
        for one in objects
    ]


def _data(place: Place, path: Path, *, is_named: bool) -> bytes:
    try:
        return read_settings(Path(split_part(str(path))[0]), place.folder)
    except NotFound:
        if is_named:
            raise
        say.note(f"{path} is not there")
        return b""


def _file_of(setting: Setting) -> _Wanted | None:
    if setting.error is not None or find(setting.value or "") is None:
        return None
    return _Wanted(_plain_name(setting.key), setting.value or "")


def _plain_name(name: str) -> str:
    if "/" in name or name in ("", ".", "..") or not name.isprintable():
        raise WrongUse("an object or a setting has a name that no file can have")
    return name


def _permission(text: str) -> int:
    """Return what `filePermission` leaves to the owner; nobody else is let in."""
    import json

    try:
        found = json.loads(text).get("filePermission", "")
    except (ValueError, AttributeError):
        return 0o600
    given = int(found, 8) if found and set(found) <= set("01234567") else 0o600
    return (given & 0o700) | 0o400


def _values(place: Place, wanted: Sequence[_Wanted], identity: str | None) -> dict[str, bytes]:
    """Return what each file is to hold.

    Raises:
        Unresolved: some have no value, every one of them in `failures`.
    """
    parsed: dict[str, Reference] = {}
    failures: list[tuple[str, str, str, str]] = []
    for one in wanted:
        try:
            parsed[one.name] = local(place.project.vaults, parse(one.text))
        except Invalid as error:
            failures.append((one.name, Status.INVALID_SYNTAX, error.message, error.hint or ""))
    texts = {name: f"@Microsoft.KeyVault(SecretUri={ref.uri})" for name, ref in parsed.items()}
    try:
        values = resolved(place, texts, identity) if texts else {}
    except Unresolved as error:
        raise Unresolved(error.message, [*failures, *error.failures], hint=error.hint) from None
    made: dict[str, bytes] = {}
    for name, value in values.items():
        encoding = parsed[name].encoding
        data = decoded_bytes(SecretValue(value), encoding)
        if data is None:
            words = f"the secret is no {encoding}, as objectEncoding says"
            failures.append((name, Status.OTHER_REASONS, words, "store it encoded"))
        else:
            made[name] = data
    if failures:
        raise Unresolved("files have no value", failures)
    return made


def _is_there(name: bytes, environment: Mapping[bytes, bytes]) -> bool:
    """Say whether a program would be found, before files are written for it."""
    if b"/" in name:
        return posix.access(name, posix.X_OK)
    path = environment.get(b"PATH", b"/usr/local/bin:/bin:/usr/bin")
    return any(
        posix.access((folder or b".") + b"/" + name, posix.X_OK) for folder in path.split(b":")
    )
