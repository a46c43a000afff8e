"""The way out of a run: the proxy that the user had set, and the hosts that she had excepted.

A proxy's address may hold its password, and the run's must still reach it after a restart of the
daemon, locked or not. So it rests sealed under the run's own proxy secret, of which we keep a hash:
it opens when that secret is shown, with the request that needs it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from devvault.crypto import capsule
from devvault.errors import DevvaultError
from devvault.paths import check_private, make_private_folder

_PURPOSE = "outward"
_LIMIT = 64 * 1024


class Outward(NamedTuple):
    """`proxy` is a URL or empty; `exceptions` is what `NO_PROXY` was."""

    proxy: str = ""
    exceptions: str = ""

    def __repr__(self) -> str:
        """Leave the proxy's password out."""
        return "Outward()"


class Outwards:
    """The ways out of the sessions of one home; those that go straight out are not kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "outward"
        self._known: dict[str, Outward] = {}

    def keep(self, session: str, secret: str, outward: Outward) -> None:
        """Keep the way out of a session.

        Raises:
            OSError: the home cannot be written.
            WrongUse: the folder is not ours alone.
        """
        self._known[session] = outward
        if not outward.proxy and not outward.exceptions:
            return
        make_private_folder(self._folder)
        path = self._folder / session
        sealed = capsule.close(secret, _PURPOSE + session, json.dumps(outward).encode())
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(sealed)

    def find(self, session: str, secret: str) -> Outward | None:
        """Return the way out of a session; None where there is one and it cannot be read."""
        found = self._known.get(session)
        if found is not None:
            return found
        path = self._folder / session
        try:
            check_private(path, folder=False)
            with path.open("rb") as file:
                opened = capsule.find(secret, _PURPOSE + session, file.read(_LIMIT))
            proxy, exceptions = json.loads(opened or b"")
            found = Outward(str(proxy), str(exceptions))
        except FileNotFoundError:
            found = Outward()
        except (OSError, DevvaultError, ValueError, TypeError):
            return None
        self._known[session] = found
        return found

    def forget_others(self, known: Callable[[], Collection[str]]) -> None:
        """Forget the ways out of every session but these; `known` is asked last.

        A session is open before its way out is kept, so none that is just being opened is lost.
        """
        kept = set(self._known)
        with suppress(OSError):
            kept |= set(os.listdir(self._folder))  # noqa: PTH208  # names are all that is wanted
        for id in kept - set(known()):
            self._known.pop(id, None)
            with suppress(OSError):
                (self._folder / id).unlink(missing_ok=True)
