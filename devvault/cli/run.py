"""`devvault run -- CMD` with patience: what the fast path hands over.

The same request, made by `fast.settle`; but here the daemon is started, a locked vault unlocked, a
link followed where it stays inside the repository, and each refusal told in words. Where every
reference is set already, neither home nor daemon is needed.
"""

from __future__ import annotations

import argparse
import os
import posix
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from devvault import __version__
from devvault.cli import answer, child, fast, say
from devvault.cli.hearing import Hearing
from devvault.cli.mask import Mask
from devvault.cli.spawn import spawn
from devvault.client.daemon import ensure, find, is_older, start
from devvault.client.http import CUT_OFF, Connection, is_down, raise_for
from devvault.config import load
from devvault.errors import DevvaultError, Invalid, Locked, NotFound, Unavailable, WrongUse
from devvault.paths import Home, check_home, default_home
from devvault.resolver.project import Signature, signature, usual_files

_KIND = {"Content-Type": "application/octet-stream"}
_ON_UNRESOLVED = ("fail", "literal", "empty")
_LONGEST_GRACE = 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.usage = "devvault run [flags] -- CMD..."
    parser.description = (
        "Run a program whose settings come from the environment and from env files, with each"
        " @Microsoft.KeyVault reference replaced by the secret. On a terminal the program takes our"
        " place: its input, output, signals and exit code are its own. Where its output is a pipe,"
        " values of secrets become [masked] on the way; all else stays as it is."
    )
    parser.epilog = (
        "example: devvault run -- python app.py (or, started again at every change:"
        " devvault run --watch --settings compose.yaml#web -- npm start)"
    )
    parser.add_argument(
        "-e",
        dest="environment",
        metavar="NAME",
        help="an environment of the project file ([environments.NAME])",
    )
    parser.add_argument(
        "--env-file",
        action="append",
        default=[],
        metavar="FILE",
        help="read this file instead of the project's; repeat it, the later one wins",
    )
    parser.add_argument(
        "--settings",
        action="append",
        default=[],
        metavar="FILE",
        help="read this file too, below env files: local.settings.json, appsettings*.json, TOML,"
        " compose (FILE#SERVICE), Container Apps, ARM and bicepparam parameters,"
        " SecretProviderClass, ...",
    )
    parser.add_argument(
        "--identity", metavar="I", help="resolve as this identity (default: the developer)"
    )
    parser.add_argument(
        "--on-unresolved",
        choices=_ON_UNRESOLVED,
        help="what becomes of a reference that does not resolve (default: fail)",
    )
    parser.add_argument(
        "--no-connect", action="store_true", help="do not connect the program's Azure SDKs"
    )
    parser.add_argument(
        "--pass-through",
        action="store_true",
        help="let it reach vaults in the cloud that this home does not have, as whoever it logs in",
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="start CMD again when a settings file or the version of a referenced secret changes",
    )
    parser.add_argument(
        "--watch-signal",
        default="TERM",
        metavar="NAME",
        help="what CMD is sent to make room for the next one (default: TERM)",
    )
    parser.add_argument(
        "--watch-grace",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long it has to end before it is killed (default: 10)",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print where each setting comes from and when it expires, no values; run nothing",
    )
    say.add_output(parser, default="table")
    masking = parser.add_mutually_exclusive_group()
    masking.add_argument(
        "--mask",
        action="store_true",
        help="mask values of secrets on a terminal too (default: in pipes; files stay untouched)",
    )
    masking.add_argument("--no-mask", action="store_true", help="mask nothing")
    parser.add_argument("stray", nargs="*", default=[], help=argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    """Become CMD, or end with 78 where a setting does not resolve.

    Raises:
        WrongUse: there is no CMD after `--`.
        DevvaultError: see `settle`.
    """
    command: list[str] | None = args.command
    if args.stray or not (command or args.dry_run):
        given = " ".join(args.stray or ["python", "app.py"])
        raise WrongUse("the program to run goes after --", hint=f"devvault run -- {given}")
    if not args.dry_run and (args.output != "table" or args.query is not None):
        raise WrongUse("-o and --query are for --dry-run", hint="devvault run --dry-run -o json")
    flags = [b"Vrun"]
    unresolved = args.on_unresolved or os.environ.get("DEVVAULT_ON_UNRESOLVED", "")
    if unresolved not in ("", *_ON_UNRESOLVED):
        raise WrongUse("DEVVAULT_ON_UNRESOLVED must be fail, literal or empty")
    if args.identity == "":  # an unset shell variable must not mean the developer, who reads all
        raise WrongUse("--identity is empty", hint="devvault identity list -o table")
    identity = args.identity or os.environ.get("DEVVAULT_IDENTITY", "")
    chosen = args.environment or os.environ.get("DEVVAULT_ENVIRONMENT", "")
    for tag, value in ((b"U", unresolved), (b"I", identity), (b"Oenvironment=", chosen)):
        if value:
            flags.append(tag + os.fsencode(value))
    config = load(default_home(), os.environ)
    if args.no_connect or not config.connect:
        flags.append(b"Ono-connect")
    elif args.pass_through:
        flags.append(b"Opass-through")
    if os.environ.get("DEVVAULT_JAVA"):  # the daemon knows the files, not the environment
        flags.append(b"Ojava" if config.java else b"Ono-java")
    flags += [b"F" + os.fsencode(path) for path in args.env_file]
    flags += [b"S" + os.fsencode(path) for path in args.settings]
    if args.dry_run:
        return _show(args, flags)
    assert command is not None
    if args.watch:
        return _watch(args, command, flags)
    is_seen = _is_masked(args) and (args.mask or bool(fast.find_piped()))
    ears = Ears(is_seen and b"Ono-connect" not in flags)
    try:
        environment, secrets = settle(flags, given_environment(), ears=ears)
        words = [os.fsencode(word) for word in command]
        answer.warn_of(words, environment)
        values = answer.masked(secrets, environment)
        if is_seen and values:
            _run_masked(words, environment, values, args.mask, ears)
        ears.close()
        answer.become(words, environment)
    except fast.Stop as stop:
        return stop.code
    finally:
        ears.close()


def _watch(args: argparse.Namespace, command: list[str], flags: list[bytes]) -> int:
    """Run CMD, one child after the other, until one ends of itself."""
    from devvault.cli import watching

    if args.mask and any(map(os.isatty, (1, 2))):
        raise WrongUse(
            "--watch masks what goes into pipes, and nothing on a terminal",
            hint="leave --mask away",
        )
    manner = watching.Manner(_signal_of(args.watch_signal), _grace_of(args.watch_grace))
    masked = _is_masked(args) and bool(fast.find_piped())
    ears = Ears(masked and b"Ono-connect" not in flags)
    given = given_environment()
    is_first = True

    def settle_once() -> watching.Settled:
        nonlocal is_first
        seen = Seen(may_ask=is_first)
        is_first = False
        try:
            environment, secrets = settle([*flags, b"Owatch"], given, seen=seen, ears=ears)
        except fast.Stop as stop:
            raise watching.Unsettled(seen.files, seen.versions) from stop
        except DevvaultError as error:
            watching.told(error)
            raise watching.Unsettled(seen.files, seen.versions) from error
        values = answer.masked(secrets, environment)
        return watching.Settled(environment, values, seen.files, seen.versions)

    try:
        watching.run(command, settle_once, manner, ears.find, masked=masked)
    except watching.Unsettled as unsettled:
        cause = unsettled.__cause__
        assert isinstance(cause, (fast.Stop, DevvaultError)), "nothing else is one"
        return cause.code if isinstance(cause, fast.Stop) else cause.exit_code
    finally:
        ears.close()


def _signal_of(name: str) -> int:
    import signal

    word = name.upper().removeprefix("SIG")
    found = getattr(signal, f"SIG{word}", None)
    if not isinstance(found, signal.Signals):
        raise WrongUse("--watch-signal must be a signal's name", hint="--watch-signal TERM")
    return int(found)


def _grace_of(seconds: float) -> float:
    if not 0 <= seconds <= _LONGEST_GRACE:
        raise WrongUse("--watch-grace must be 0 to 3600 seconds", hint="--watch-grace 10")
    return seconds


def _run_masked(
    words: list[bytes],
    environment: dict[bytes, bytes],
    values: Mapping[bytes, bytes],
    on_terminal: bool,
    ears: Ears,
) -> None:
    """Run CMD below us where its output is to be masked; return where none is."""
    if on_terminal and any(map(os.isatty, (1, 2))):
        from devvault.cli import pseudoterminal

        become = partial(answer.become, words, environment)
        pseudoterminal.run(become, lambda: Mask(values), ears.find())
    if piped := fast.find_piped():
        started = spawn(words, environment, piped, answer.find_program)
        child.Keeper(started, lambda: Mask(values), ears.find()).stay()


def _is_masked(args: argparse.Namespace) -> bool:
    flag = True if args.mask else False if args.no_mask else None
    return load(default_home(), os.environ, {"mask": flag}).mask


def given_environment() -> dict[bytes, bytes]:
    """Return the environment as the user's shell left it, before Python's start changed it."""
    given = dict(posix.environ)
    return fast.as_given(given, given[fast.LOCALE]) if fast.LOCALE in given else given


def _show(args: argparse.Namespace, flags: Sequence[bytes]) -> int:
    """Print the rows of a dry run; end with 78 where a setting does not resolve."""
    from devvault.resolver.outlook import Row, shown, table

    lines: list[bytes] = []
    code = 0
    try:
        settle([*flags, b"Odry-run"], given_environment(), lines)
    except fast.Stop as stop:
        code = stop.code
    found = [Row.of(os.fsdecode(line)) for line in lines]
    if found or args.output != "table":
        say.show(args, shown(found), table=lambda _: table(found))
    elif not code:
        say.note("no setting comes from a file or a vault: the program gets your environment")
    return code


@dataclass(slots=True)
class Seen:
    """What settings came from: files as they were when they were read, versions of secrets.

    It starts with the files that would count if they were there. With `may_ask` somebody may be
    asked for a passphrase.
    """

    files: dict[Path, Signature] = field(default_factory=usual_files)
    versions: dict[str, str] = field(default_factory=dict)
    may_ask: bool = True


class Ears:
    """A mask's ears for what CMD fetches, made once there is a home to hear from; `wanted` or none.

    A mask that would not hear masks less than it promises: where no socket can be made, none runs.
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._found: Hearing | None = None

    def open(self, home: Home) -> Hearing | None:
        """Return the ears; None where none are wanted, or nothing is there yet to hear from.

        Raises:
            Unavailable: the home's folder takes no socket.
        """
        folder = home.socket.parent
        if self._wanted and self._found is None and folder.is_dir():
            try:
                self._found = Hearing(os.fsencode(folder))
            except OSError as error:
                raise Unavailable(
                    f"cannot make a socket in {folder}: {error.strerror or error}",
                    hint="devvault run --no-mask -- CMD",
                ) from error
        return self._found

    def find(self) -> Hearing | None:
        """Return the ears, where they were opened."""
        return self._found

    def close(self) -> None:
        """Hear nothing more."""
        if self._found is not None:
            self._found.end()


def settle(
    flags: Sequence[bytes],
    given: Mapping[bytes, bytes],
    lines: list[bytes] | None = None,
    seen: Seen | None = None,
    ears: Ears | None = None,
) -> tuple[dict[bytes, bytes], list[bytes]]:
    """Return the environment of a child, and the names in it whose values are secret.

    `flags` are fields of the request (`Vrun`, `F` and a path, ...). `lines` gets the rows of a dry
    run. `seen` is told what the settings came from. `ears` are those of the child's mask.

    Raises:
        fast.Stop: settings do not resolve; why stands on stderr.
        DevvaultError: no daemon, no home or no key to be had, or a file that may not be read.
    """
    home = default_home()
    seen = seen or Seen()
    hearing = ears or Ears(False)
    try:
        return fast.settle(
            list(flags),
            dict(given),
            partial(_read, seen),
            partial(_read_listed, seen),
            lambda head, files: _without_more(_ask(home, head, files, seen, hearing), lines, seen),
            answer.apply,
        )
    except fast.HandOver as odd:
        raise Unavailable(
            "the daemon's answer cannot be read", hint="devvault daemon stop"
        ) from odd


def _without_more(reply: bytes, lines: list[bytes] | None, seen: Seen) -> bytes:
    """Take out of a reply what the fast path does not know: a dry run's rows, a watcher's names."""
    kept = []
    for item in reply.split(b"\0"):
        if item[:1] == b"T" and lines is not None:
            lines.append(item[1:])
        elif item[:1] == b"R":
            uri, _, version = os.fsdecode(item[1:]).partition("=")
            seen.versions[uri] = version
        else:
            kept.append(item)
    return b"\0".join(kept)


def _read(seen: Seen, path: bytes, name: bytes) -> bytes:
    from devvault.cli.project import find_folder, read_settings
    from devvault.resolver.files import split_part

    at = Path(split_part(os.fsdecode(path))[0])
    seen.files[at] = signature(at)
    data = read_settings(at, find_folder())
    return b"%b\0%d\0%b" % (name, len(data), data)


def _read_listed(seen: Seen, root: bytes, path: bytes) -> bytes:
    from devvault.resolver.files import split_part

    place = Path(split_part(os.fsdecode(path))[0])
    real = place.resolve()
    if not real.is_relative_to(os.fsdecode(root)):
        raise WrongUse(f"the project lists {place}, which lies outside of it")
    if not os.path.lexists(place):
        seen.files[place] = None
        answer.note_missing(path)
        return b""
    return _read(seen, path, path)


def _ask(
    home: Home, head: Sequence[bytes], files: Sequence[bytes], seen: Seen, ears: Ears
) -> bytes:
    """Return the daemon's answer, or our own where it would not need a home."""
    try:
        return _answer(home, fast.body_of(list(head), list(files)), ears, may_ask=seen.may_ask)
    except (NotFound, Locked, Unavailable) as error:
        from devvault.cli import homeless

        return homeless.answer(head, files, error)


def _answer(home: Home, body: bytes, ears: Ears, *, may_ask: bool) -> bytes:
    check_home(home)
    started = unlocked = replaced = False
    while True:
        try:
            found = ears.open(home)
            where = found.place.decode() if found else "/local/run"
            response = Connection(home).request("POST", "devvault", where, _KIND, body)
            raise_for(response)
        except Locked:
            if unlocked or not may_ask:
                raise
            from devvault.cli.planes import open_planes

            open_planes()  # asks for the passphrase, or takes it from the environment
            unlocked = True
        except Invalid:
            facts = find(home)
            if replaced or facts is None or not is_older(facts.version, __version__):
                raise
            ensure(home)
            replaced = True
        except Unavailable as error:
            # One that hangs up is on its way out: what is started waits for its end.
            if started or not (is_down(error) or error.code == CUT_OFF):
                raise
            _check_is_made(home)
            start(home)
            started = True
        else:
            return response.body


def _check_is_made(home: Home) -> None:
    if not home.database.exists():
        raise NotFound("there is no vault on this machine yet", code="NoHome", hint="devvault init")
