"""Secrets of one vault by the names of settings, in one round trip: those that are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from devvault.references.appservice import format_reference
from devvault.references.base import parse
from devvault.references.status import Status
from devvault.resolver.base import Failed, Failure, local
from devvault.resolver.names import secret_name
from devvault.resolver.project import open_place
from devvault.resolver.settings import source_of, unresolved, without_frames


def find_values(
    vault: str, settings: Sequence[str], *, folder: str | os.PathLike[str] | None = None
) -> dict[str, str]:
    """Return the values of the secrets that a vault has for these settings, by setting.

    `vault` is the name in the cloud; the project may have a local one stand for it.

    Raises:
        Unresolved: one is there and gives no value, or the vault may not be asked.
        Locked, NotFound, Unavailable: there is no vault to ask.
    """

    def look_up() -> dict[str, str]:
        place = open_place(None if folder is None else Path(folder))
        references = [
            local(place.project.vaults, parse(format_reference(vault, secret_name(name))))
            for name in settings
        ]
        found: dict[str, str] = {}
        failures: list[Failed] = []
        answers = source_of(place).look_up(references) if references else []
        for name, reference, answer in zip(settings, references, answers, strict=True):
            if not isinstance(answer, Failure):
                found[name] = answer.reveal()
            elif answer.status is not Status.SECRET_NOT_FOUND:
                failures.append(Failed(name, reference.text, answer))
        if failures:
            raise unresolved(failures, [])
        return found

    return without_frames(look_up)
