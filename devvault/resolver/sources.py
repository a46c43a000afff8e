"""An ordered list of sources: the first one that can answer is remembered, as in Azure's chain.

That a source can answer says nothing of a single reference: a secret that is not there is an
answer. A source that cannot says why, and the error at the end tells the reasons of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devvault.errors import DevvaultError, Unavailable
from devvault.references.reference import Reference
from devvault.resolver import place
from devvault.resolver.base import Failure
from devvault.resolver.cloud import TIMEOUT, CloudVaultSource, DeveloperCloudSource
from devvault.resolver.local import LocalVaultSource
from devvault.resolver.place import CLOUD, DEVELOPER, LOCAL, PROD
from devvault.secretvalue import SecretValue

UNANSWERED = "NoSourceAnswered"
_DOCTOR = "devvault doctor --chain"

AnySource = CloudVaultSource | LocalVaultSource | DeveloperCloudSource
# Which sources the program itself excludes (True) or asks for (False); None leaves it open.
Excluded = Mapping[str, bool | None]
NOTHING: Excluded = {}


class Sources:
    """Asks each in turn. `entries` are sources, or why one is not asked, by their names."""

    def __init__(self, entries: Sequence[tuple[str, AnySource | str]]) -> None:
        self._entries = tuple(entries)
        self._won: AnySource | None = None

    @property
    def winner(self) -> str:
        """The name of the source that answers; "" before the first answer."""
        return "" if self._won is None else self._won.name

    def look_up(
        self, references: Sequence[Reference], met: dict[str, str] | None = None
    ) -> Sequence[SecretValue | Failure]:
        """Answer references; see `Source.look_up`. `met` is told the version of each address.

        Raises:
            Unavailable: code `NoSourceAnswered`: every source and why it could not.
            DevvaultError: what the remembered source raises.
        """
        if self._won is not None:
            return self._won.look_up(references, met)
        tried: list[tuple[str, str]] = []
        hint = ""
        for name, source in self._entries:
            if isinstance(source, str):
                tried.append((name, source))
                continue
            try:
                answers = source.look_up(references, met)
            except DevvaultError as error:
                tried.append((name, error.message))
                hint = error.hint or hint
            else:
                self._won = source
                return answers
        raise unanswered(tried, hint)


def unanswered(tried: Sequence[tuple[str, str]], hint: str) -> Unavailable:
    """Return the error that tells every source; it is laid out as DefaultAzureCredential's."""
    rows = "\n\t".join(f"{name}: {words}" for name, words in tried)
    return Unavailable(
        "DefaultVaultChain failed to get a value from the included sources."
        f"\nAttempted sources:\n\t{rows}"
        f"\nTo see what the choice rests on, type: {_DOCTOR}",
        code=UNANSWERED,
        hint=hint or _DOCTOR,
    )


def make_sources(
    folder: str,
    identity: str = "",
    vaults: Mapping[str, str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    excluded: Excluded = NOTHING,
    timeout: float = TIMEOUT,
) -> Sources:
    """Return the chain's sources for a project's folder; `environment` is what we began with.

    Raises:
        WrongUse: DEVVAULT_CHAIN is no word that we know.
    """
    given = place.started_with() if environment is None else environment
    choice = place.find_choice(given)
    entries: list[tuple[str, AnySource | str]] = []
    for name in place.SOURCES:
        out = place.left_out(name, choice, excluded.get(name))
        if out:
            entries.append((name, out))
        elif name == CLOUD:
            probe = choice in (PROD, CLOUD)
            entries.append((name, CloudVaultSource(given, probe=probe, timeout=timeout)))
        elif name == LOCAL:
            entries.append((name, LocalVaultSource(folder, identity, vaults)))
        elif name == DEVELOPER:
            entries.append((name, DeveloperCloudSource(timeout=timeout)))
    return Sources(entries)
