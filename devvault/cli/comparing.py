"""The way to the vaults' values for `check`: texts go to the daemon, places come back.

Where the daemon cannot be asked, or the home is locked, the check goes on without it and says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from devvault.cli import say
from devvault.cli.planes import Planes, open_planes
from devvault.cli.reply import Body, flag, items, number, text
from devvault.errors import DevvaultError, Unavailable
from devvault.paths import default_home
from devvault.scan.check import Hit, Matcher, Matches
from devvault.scan.text import Text


def find_matcher(folder: Path) -> Matcher | None:
    """Return the way to the vaults' values; None, and a word on it, where there is none."""
    if not default_home().database.exists():
        say.note("values of vaults were not checked: there is no vault on this machine")
        return None
    try:
        planes = open_planes(may_ask=False)
    except DevvaultError as error:
        say.note(f"values of vaults were not checked: {error.message}")
        if error.hint:
            say.hint(error.hint)
        return None
    return Comparison(planes, folder).compare


class Comparison:
    """One check as the daemon sees it: however many questions, it is recorded once."""

    def __init__(self, planes: Planes, folder: Path) -> None:
        self._planes = planes
        self._folder = str(folder)
        self._check = ""

    def compare(self, texts: Sequence[Text]) -> Matches:
        """Return where in these texts values stand; a failure is told, and compares nothing."""
        try:
            found = self._ask(texts)
        except DevvaultError as error:
            say.note(f"values of vaults were not checked: {error.message}")
            return Matches(complete=False, failed=True)
        self._check = text(found, "check")
        hits = tuple(_hit(one) for one in items(found, "findings"))
        if any(not 0 <= hit.text < len(texts) for hit in hits):
            raise Unavailable("the daemon's answer cannot be read", hint="devvault daemon stop")
        return Matches(hits, number(found, "values"), flag(found, "complete"))

    def _ask(self, texts: Sequence[Text]) -> Body:
        response = self._planes.send_local("/local/scan", b"".join(self._body(texts)))
        found = json.loads(response.body)
        if not isinstance(found, dict):
            raise Unavailable("the daemon's answer cannot be read", hint="devvault daemon stop")
        return found

    def _body(self, texts: Sequence[Text]) -> Iterator[bytes]:
        # Numbers for names: the daemon needs no paths, and two texts may bear one name.
        yield self._folder.encode("utf-8", "surrogateescape") + b"\0"
        yield self._check.encode() + b"\0"
        for at, one in enumerate(texts):
            yield b"%d\0%d\0" % (at, len(one.data))
            yield one.data


def _hit(one: Body) -> Hit:
    return Hit(
        number(one, "name"),
        number(one, "line"),
        number(one, "column"),
        number(one, "start"),
        number(one, "end"),
        text(one, "vault"),
        text(one, "secret"),
        text(one, "version"),
        text(one, "form"),
        text(one, "state"),
        text(one, "part"),
    )
