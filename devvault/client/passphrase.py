"""The passphrase that the environment gives, for whoever unlocks a home without asking anybody."""

from __future__ import annotations

import os

from devvault.errors import Unavailable


def passphrase_from_environment() -> str | None:
    """Return the passphrase that the environment gives, from its file or the variable.

    Raises:
        Unavailable: the file cannot be read.
        WrongUse: other users can read the file, or it is no plain file of ours.
    """
    named = os.environ.get("DEVVAULT_PASSPHRASE_FILE", "")
    if named:
        from pathlib import Path

        from devvault.paths import check_private

        path = Path(named)
        try:
            if path.is_file() and not path.is_symlink():
                check_private(path, folder=False)
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise Unavailable(f"cannot read the passphrase file {path}: {reason}") from error
        return text.rstrip("\r\n")
    return os.environ.get("DEVVAULT_PASSPHRASE") or None
