"""`devvault doctor`: is everything as it must be? A line a check: ok, warn or fail, and a hint."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import devvault
from devvault.cli import say
from devvault.cli.filesystems import find_kind
from devvault.cli.planes import Planes, open_planes
from devvault.cli.project import open_place, read_settings
from devvault.cli.reply import flag, number, text
from devvault.cli.trust import given_vaults
from devvault.client.daemon import ensure
from devvault.clock import SystemClock
from devvault.config import load
from devvault.errors import DevvaultError, Locked
from devvault.paths import Home, check_home, check_private, default_home

_CLOCK_SLACK = 300  # seconds that a file may be ahead of us
_BUILT = 1_730_000_000  # October 2024: no clock that is right shows less


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check."""

    level: str
    subject: str
    words: str
    hint: str = ""


Check = Callable[[Home], Iterator[Result]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = (
        "Check the home, its modes, the key source, the daemon, the clock and the project at hand."
        " Ends with 1 where a check fails."
    )
    parser.epilog = "example: devvault doctor"
    parser.add_argument(
        "--chain",
        action="store_true",
        help="say whether a program here asks the local vault or the cloud, and why",
    )


def main(args: argparse.Namespace) -> int:
    """Run every check; a failing one does not stop the others."""
    home = default_home()
    if args.chain:
        from devvault.cli.chain import report

        return report(home)
    failed = False
    for check in _CHECKS:
        for result in _results(check, home):
            failed = failed or result.level == "fail"
            say.line(f"{result.level:<5} {result.subject}: {say.printable(result.words)}")
            if result.hint:
                say.line(f"      hint: {say.printable(result.hint)}")
    return 1 if failed else 0


def _results(check: Check, home: Home) -> Iterator[Result]:
    subject = check.__name__.strip("_").replace("_", " ")
    try:
        yield from check(home)
    except Locked as error:
        yield Result("warn", subject, error.message, error.hint or "")
    except DevvaultError as error:
        yield Result("fail", subject, error.message, error.hint or "")
    except OSError as error:
        yield Result("fail", subject, (error.strerror or "unreadable").lower())


def _version(home: Home) -> Iterator[Result]:
    del home
    python = ".".join(str(part) for part in sys.version_info[:3])
    yield Result("ok", "version", f"devvault {devvault.__version__}, Python {python}")


def _home(home: Home) -> Iterator[Result]:
    check_home(home)
    if not home.root.exists():
        yield Result("ok", "home", f"{home.root} is not there yet", "devvault init")
        return
    yield Result("ok", "home", f"{home.root} is yours alone")
    if not os.access(home.root, os.W_OK | os.X_OK):
        yield Result("fail", "home", "it cannot be written", f"chmod 700 '{home.root}'")
    kind = find_kind(home.root)
    if kind is not None:
        yield Result(
            "warn",
            "home",
            f"it lies on {kind}: locks may not hold there, and copies leave this machine",
            "export DEVVAULT_HOME=/a/local/folder",
        )
    facts = os.statvfs(home.root)
    if facts.f_bavail * facts.f_frsize < 50 * 1024 * 1024:
        yield Result("warn", "home", "less than 50 MiB are free on its disk", "df -h")


def _modes(home: Home) -> Iterator[Result]:
    wrong = 0
    files = [home.database, home.config, *sorted(home.root.glob("vault.db-*")), home.log]
    for path in files:
        if not path.exists():
            continue
        try:
            check_private(path, folder=False)
        except DevvaultError as error:
            wrong += 1
            yield Result("fail", "modes", error.message, error.hint or "")
    for path in (home.run, home.log.parent):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            wrong += 1
            yield Result("fail", "modes", f"{path} is open to others", f"chmod 700 '{path}'")
    if not wrong:
        yield Result("ok", "modes", "files are 0600, folders 0700")


def _umask(home: Home) -> Iterator[Result]:
    del home
    mask = os.umask(0o077)
    os.umask(mask)
    if mask & 0o022 != 0o022:
        yield Result("warn", "umask", f"{mask:04o} lets others write what you make", "umask 022")
    else:
        yield Result("ok", "umask", f"{mask:04o}")


def _configuration(home: Home) -> Iterator[Result]:
    config = load(home, os.environ)
    yield Result("ok", "configuration", f"new homes use the key source {config.key_source}")
    if config.reveal == "always" and config.plaintext != "refuse":
        yield Result(
            "warn", "configuration", f"plaintext = {config.plaintext}: secrets in env files pass"
        )


def _clock(home: Home) -> Iterator[Result]:
    now = SystemClock().now().timestamp()
    newest = max((path.stat().st_mtime for path in home.root.glob("vault.db*")), default=0.0)
    if now < _BUILT:
        yield Result("fail", "clock", "it is years behind", "timedatectl status")
    elif newest > now + _CLOCK_SLACK:
        behind = int(newest - now)
        yield Result(
            "fail",
            "clock",
            f"it is {behind} seconds behind the vault's last write",
            "timedatectl status",
        )
    else:
        yield Result("ok", "clock", "not behind the vault's last write")


def _daemon(home: Home) -> Iterator[Result]:
    facts = ensure(home)
    yield Result("ok", "daemon", f"runs (pid {facts.pid}, version {facts.version})")
    if facts.version != devvault.__version__:
        yield Result(
            "warn",
            "daemon",
            f"it is version {facts.version}, this is {devvault.__version__}",
            "devvault daemon stop",
        )


def _key_source(home: Home) -> Iterator[Result]:
    planes = Planes(home)
    status = planes.status()
    if text(status, "state") == "locked" and text(status, "key_source") != "passphrase":
        planes = open_planes(may_ask=False)  # it may not have fetched the key yet: can it?
        status = planes.status()
    state, source = text(status, "state"), text(status, "key_source")
    if state == "new":
        yield Result("warn", "vault", "there is none yet", "devvault init")
        yield from _keyring(load(home, os.environ).key_source)
        return
    if state == "locked":
        yield Result("warn", "vault", f"locked (key source {source})", "devvault unlock")
    else:
        generation = number(status, "generation")
        yield Result("ok", "vault", f"unlocked (key source {source}, generation {generation})")
    if flag(status, "stale"):
        yield Result(
            "fail",
            "vault",
            "the database is older than its anchor: it is served read-only",
            "devvault audit verify, then devvault audit accept-restore",
        )
    if source == "file":
        yield Result("warn", "key source", "a key file is for throw-away and CI homes only")
    yield from _keyring(source)


def _keyring(source: str) -> Iterator[Result]:
    if source != "keyring" or not sys.platform.startswith("linux"):
        return
    bus = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if bus or (runtime and Path(runtime, "bus").exists()):
        yield Result("ok", "keyring", "there is a session bus to reach it on")
    else:
        yield Result(
            "warn",
            "keyring",
            "there is no session bus, so no login keyring can be reached",
            "devvault init --key-source passphrase",
        )


def _project(home: Home) -> Iterator[Result]:
    place = open_place()
    name = str(place.file) if place.file else f"{place.folder} (no project file)"
    yield Result("ok", "project", name)
    for path in place.env_files:
        if os.path.lexists(path):
            read_settings(path, place.folder)
        else:
            yield Result("ok", "project", f"{path} is not there yet")
    from devvault.cli.references import named_vaults

    planes = Planes(home)
    if text(planes.status(), "state") != "unlocked":
        return
    given = given_vaults(planes, place.folder)
    for vault in named_vaults(place):
        local = place.project.vaults.get(vault, vault)
        if local.lower() not in given:
            yield Result(
                "warn",
                "project",
                f"it names the vault {local}, which this folder was not given",
                f"devvault allow {local}",
            )


_CHECKS: tuple[Check, ...] = (
    _version, _home, _modes, _umask, _configuration, _clock, _daemon, _key_source, _project,
)  # fmt: skip
