"""The Source protocol: where the values of references come from.

A source is asked once for a batch and keeps no state between two questions, so that threads and
forked workers may share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from devvault.references.reference import Reference
from devvault.resolver.plan import Failure
from devvault.secretvalue import SecretValue


class Source(Protocol):
    """Answers references."""

    @property
    def name(self) -> str:
        """The source's name, as errors tell it."""
        ...

    def look_up(self, references: Sequence[Reference]) -> Sequence[SecretValue | Failure]:
        """Return an answer for each reference, in their order.

        Raises:
            Locked: the vault is locked, and nothing here can unlock it.
            NotFound: code `NoHome`: there is no vault on this machine.
            Unavailable: the source cannot be reached.
        """
        ...
