"""The way to the vaults' values for `check`: texts go to the daemon, places come back.

Where no daemon can be had, or the home is locked, the check goes on without it and says so. A
daemon that is there and fails is a check that could not be done: it says so, and ends with 2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from devvault.cli import say
from devvault.cli.planes import Planes, open_planes
from devvault.cli.reply import Body, flag, items, number, text
from devvault.client.http import CUT_OFF, is_down
from devvault.errors import DevvaultError, Locked, Stale, Unavailable
from devvault.paths import default_home
from devvault.scan.check import Hit, Matches
from devvault.scan.text import Text

# What a daemon answers with that fails by itself, whatever it was asked.
_FAILURES = frozenset({CUT_OFF, "InternalServerError"})


def find_matcher(folder: Path) -> Comparison | None:
    """Return the way to the vaults' values; None, and a word on it, where there is none."""
    if not default_home().database.exists():
        say.note("values of vaults were not checked: there is no vault on this machine")
        return None
    try:
        return Comparison(open_planes(may_ask=False), folder)
    except DevvaultError as error:
        if error.code in _FAILURES:
            return Comparison(None, folder, error)
        say.note(f"values of vaults were not checked: {error.message}")
        if error.hint:
            say.hint(error.hint)
        return None


class Comparison:
    """One check as the daemon sees it: however many questions, it is recorded once.

    `failure` is why a daemon that is there and open did not compare; None while all is well.
    """

    def __init__(
        self, planes: Planes | None, folder: Path, failure: DevvaultError | None = None
    ) -> None:
        self._planes = planes
        self._folder = str(folder)
        self._check = ""
        self.failure = failure

    def __call__(self, texts: Sequence[Text]) -> Matches:
        """Return where in these texts values stand; what fails is kept, and compares nothing."""
        if self._planes is None:
            return Matches(complete=False, failed=True)
        try:
            found = self._ask(self._planes, texts)
            self._check = text(found, "check")
            hits = tuple(_hit(one) for one in items(found, "findings"))
            if any(not 0 <= hit.text < len(texts) for hit in hits):
                raise _unreadable()
            return Matches(hits, number(found, "values"), flag(found, "complete"))
        except DevvaultError as error:
            if isinstance(error, Locked | Stale) or is_down(error):
                say.note(f"values of vaults were not checked: {error.message}")
            else:
                self.failure = error
            return Matches(complete=False, failed=True)

    def _ask(self, planes: Planes, texts: Sequence[Text]) -> Body:
        response = planes.send_local("/local/scan", b"".join(self._body(texts)))
        try:
            found = json.loads(response.body)
        except ValueError as error:
            raise _unreadable() from error
        if not isinstance(found, dict):
            raise _unreadable()
        findings = found.get("findings")
        is_whole = isinstance(findings, list) and all(isinstance(one, dict) for one in findings)
        if not (is_whole and type(found.get("complete")) is bool):
            raise _unreadable()
        return found

    def _body(self, texts: Sequence[Text]) -> Iterator[bytes]:
        # Numbers for names: the daemon needs no paths, and two texts may bear one name.
        yield self._folder.encode("utf-8", "surrogateescape") + b"\0"
        yield self._check.encode() + b"\0"
        for at, one in enumerate(texts):
            yield b"%d\0%d\0" % (at, len(one.data))
            yield one.data


def _unreadable() -> Unavailable:
    return Unavailable("the daemon's answer cannot be read", hint="devvault daemon stop")


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
