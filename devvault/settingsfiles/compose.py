"""Compose files as a run reads them: the `environment` of one service, or of all that agree.

What a service only passes through (a name without a value) is left to the environment. Compose's
own `${NAME}` stays as written, as does `env_file`: name that file with --env-file.
"""

from __future__ import annotations

from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.places import Document
from devvault.settingsfiles.shapes import fixed, joined
from devvault.settingsfiles.yaml import environments, variables_of


class Compose:
    """The shape `compose`. It has no state."""

    def read(self, data: bytes, part: str) -> list[Setting]:
        """Return the variables of a service, or of all; see `Shape.read`."""
        document = Document.of(data)
        services = [
            (
                service,
                [
                    fixed(one.key, one.value, document.line_at(one.start))
                    for one in variables_of(document, environment)
                ],
            )
            for service, environment in environments(document)
        ]
        return joined(services, part, "service")
