"""Where the master key of a new home rests: the flags, the passphrase, the way out without keyring.

It chooses and asks; the daemon puts the key away. Nothing weaker is ever taken silently.
"""

from __future__ import annotations

import argparse
import os

from devvault.cli import ask, say
from devvault.client.passphrase import passphrase_from_environment
from devvault.config import load
from devvault.errors import Unavailable
from devvault.paths import Home

SOURCES = ("keyring", "passphrase", "file")
WITHOUT_TERMINAL = "DEVVAULT_PASSPHRASE_FILE=/a/file devvault init --key-source passphrase"


def add_key_source(
    parser: argparse.ArgumentParser, *, now: str = "keyring, the login keyring of this machine"
) -> None:
    """Add `--key-source` and `--key-file`; `now` says what happens without them."""
    parser.add_argument(
        "--key-source",
        choices=SOURCES,
        help=f"where the master key rests (default: {now})",
    )
    parser.add_argument(
        "--key-file",
        metavar="PATH",
        help="the file of key source `file`, outside the home (default: beside it)",
    )


def key_source_body(args: argparse.Namespace, home: Home) -> dict[str, object]:
    """Return the members of `POST /local/init` that say where the master key goes.

    Raises:
        WrongUse: a passphrase is needed, and there is no terminal to ask on.
    """
    flags = {"key_source": args.key_source, "key_file": _absolute(args.key_file)}
    config = load(home, os.environ, flags)
    if config.key_source == "passphrase":
        return with_passphrase()
    if config.key_source == "file":
        path = config.key_file or str(home.root.with_name(f"{home.root.name}.key"))
        say.note(f"the master key rests unsealed in {path}: for throw-away and CI homes only")
        return {"key_source": "file", "key_file": path}
    return {"key_source": "keyring"}


def with_passphrase() -> dict[str, object]:
    """Return the members for a home sealed by a passphrase, from the environment or asked twice."""
    found = passphrase_from_environment()
    if found is None:
        found = ask.hidden_twice("new passphrase of the vault", instead=WITHOUT_TERMINAL)
    return {"key_source": "passphrase", "passphrase": found}


def offer_passphrase(refusal: Unavailable) -> dict[str, object]:
    """Offer the passphrase where no keyring can be used.

    Raises:
        Unavailable: there is no terminal, or the user declines; the hint is the exact command.
    """
    if ask.is_interactive():
        say.note(refusal.message)
        if ask.yes("seal the vault with a passphrase instead?", instead="", default=True):
            return with_passphrase()
    raise Unavailable(refusal.message, code=refusal.code, hint=WITHOUT_TERMINAL) from refusal


def _absolute(path: str | None) -> str | None:
    return None if path is None else os.path.abspath(path)  # noqa: PTH100  # keeps links as typed
