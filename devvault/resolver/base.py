"""The Source protocol: where the values of references come from; and why one gives none.

A source is asked once for a batch and keeps no state between two questions, so that threads and
forked workers may share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from devvault.references.reference import SERVED_SUFFIX, Reference
from devvault.references.status import Status
from devvault.secretvalue import SecretValue


class Failure(NamedTuple):
    """Why a reference gave no value: App Service's word, our sentence, a command to type."""

    status: Status
    reason: str
    hint: str = ""


class Failed(NamedTuple):
    """One setting without a value; `reference` is the setting's text, never a value."""

    setting: str
    reference: str
    failure: Failure

    @property
    def line(self) -> str:
        """The failure in one line."""
        return f"{self.setting}: {self.failure.status}: {self.failure.reason}"


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


def decoded(answer: SecretValue | Failure, reference: Reference) -> SecretValue | Failure:
    """Return the value that a vault's text stands for, where the reference says how it does."""
    if isinstance(answer, Failure) or not reference.encoding:
        return answer
    data = decoded_bytes(answer, reference.encoding)
    try:
        return SecretValue(data.decode()) if data is not None else _odd(reference)
    except UnicodeDecodeError:
        return Failure(
            Status.OTHER_REASONS,
            f"the secret {reference.name} holds no text once its {reference.encoding} is decoded",
            "let the program read a file: devvault help inject",
        )


def decoded_bytes(value: SecretValue, encoding: str) -> bytes | None:
    """Return the bytes that a vault's text stands for; None where it is not of this encoding."""
    import binascii  # only for files of the CSI driver

    text = value.reveal()
    try:
        if encoding == "hex":
            return binascii.unhexlify(text)
        if encoding == "base64":
            # Line ends are passed over, as the driver's own decoder does.
            bare = text.replace("\n", "").replace("\r", "")
            return binascii.a2b_base64(bare, strict_mode=True)
    except ValueError:
        return None
    return text.encode("utf-8", "surrogatepass")


def _odd(reference: Reference) -> Failure:
    return Failure(
        Status.OTHER_REASONS,
        f"the secret {reference.name} in {reference.vault} is no {reference.encoding}",
        "store it encoded, or correct objectEncoding",
    )


def local(vaults: Mapping[str, str], reference: Reference) -> Reference:
    """Return a reference to the local vault that stands for the one that was written."""
    found = vaults.get(reference.vault) if reference.is_served else None
    if found is None:
        return reference
    lowered = found.lower()
    return reference._replace(vault=lowered, host=lowered + SERVED_SUFFIX)
