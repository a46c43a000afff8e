"""Where state, socket and configuration live, and the file modes they must have.

Modes and owners are checked, never assumed: a home that somebody else owns or can read is refused.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import NamedTuple

from devvault.errors import Unavailable, WrongUse

# sun_path holds 104 bytes on macOS and 108 on Linux, the closing NUL included.
SOCKET_PATH_LIMIT = 100


class Home(NamedTuple):
    """The folder that holds one home, and the names of the files in it."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file with every sealed record."""
        return self.root / "vault.db"

    @property
    def config(self) -> Path:
        """The user's configuration."""
        return self.root / "config.toml"

    @property
    def log(self) -> Path:
        """The daemon's log; never holds a secret."""
        return self.root / "log" / "daemon.log"

    @property
    def run(self) -> Path:
        """Socket, lock and `daemon.json`."""
        return self.root / "run"

    @property
    def lock(self) -> Path:
        """Held by the one daemon of this home while it lives."""
        return self.run / "daemon.lock"

    @property
    def facts(self) -> Path:
        """`daemon.json`: pid, version, protocol, socket path of the running daemon."""
        return self.run / "daemon.json"

    @property
    def socket(self) -> Path:
        """The daemon's socket: in `run/`, or in a short folder where that path is too long."""
        plain = self.run / "s"
        if len(os.fsencode(plain)) <= SOCKET_PATH_LIMIT:
            return plain
        return _short_folder(self.root) / "s"


def _short_folder(root: Path) -> Path:
    import hashlib  # slow to load, and few paths are this long

    tag = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/") and len(runtime) < 60:
        return Path(runtime) / f"devvault-{tag}"
    return Path("/tmp") / f"devvault-{os.getuid()}-{tag}"  # noqa: S108  # owner is checked


def user_home() -> Path:
    """Return the user's home folder: `$HOME`, else the password database.

    Raises:
        Unavailable: neither names an absolute folder.
    """
    named = os.environ.get("HOME", "")
    if named.startswith("/"):
        return Path(named)
    try:
        import pwd

        entry = pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):
        entry = ""
    if entry.startswith("/"):
        return Path(entry)
    raise Unavailable(
        "no home folder is known for this user", hint="export DEVVAULT_HOME=/a/folder"
    )


def default_home() -> Home:
    """Return the home that the environment names: `DEVVAULT_HOME`, else the user data folder."""
    named = os.environ.get("DEVVAULT_HOME", "")
    if named:
        return Home(Path(os.path.abspath(named)))  # noqa: PTH100  # resolve() would follow links
    if sys.platform == "darwin":
        return Home(user_home() / "Library" / "Application Support" / "devvault")
    data = os.environ.get("XDG_DATA_HOME", "")
    base = Path(data) if data.startswith("/") else user_home() / ".local" / "share"
    return Home(base / "devvault")


def check_private(path: Path, *, folder: bool) -> None:
    """Refuse a file or folder that another user owns or can reach.

    Raises:
        WrongUse: it is a link, of the wrong kind, not ours, or open to group or world.
    """
    facts = path.lstat()
    right_kind = stat.S_ISDIR(facts.st_mode) if folder else stat.S_ISREG(facts.st_mode)
    if not right_kind:
        raise WrongUse(f"{path} is not a plain {'folder' if folder else 'file'}")
    if facts.st_uid != os.geteuid():
        raise WrongUse(
            f"{path} belongs to another user (uid {facts.st_uid})",
            hint="run as its owner, or set DEVVAULT_HOME to a folder of your own",
        )
    if facts.st_mode & 0o077:
        raise WrongUse(
            f"{path} can be read by other users (mode {stat.S_IMODE(facts.st_mode):04o})",
            hint=f"chmod {'700' if folder else '600'} '{path}'",
        )


def make_private_folder(path: Path) -> None:
    """Make a folder with mode 0700, parents too, or check the one that is there.

    Raises:
        WrongUse: one that is there is not ours alone.
        Unavailable: it cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise Unavailable(
            f"cannot make the folder {path}: {error.strerror}",
            hint="export DEVVAULT_HOME=/a/folder/you/can/write",
        ) from error
    check_private(path, folder=True)


def check_home(home: Home) -> None:
    """Check an existing home: ours, 0700, its files 0600; a missing home is fine.

    Raises:
        WrongUse: see `check_private`.
    """
    if not home.root.exists():
        return
    check_private(home.root, folder=True)
    for file in (home.database, home.config):
        if file.is_symlink() or file.exists():
            check_private(file, folder=False)
