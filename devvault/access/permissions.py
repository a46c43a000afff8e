"""What each operation on a vault's objects needs: access-policy verbs, or a data action.

The table (permissions.json beside it) holds keys and certificates too: roles and policies name
them whether or not this version of the service has their operations.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# What is done with one version of an object; all else is done with the whole object or the vault.
_OF_A_VERSION = frozenset(
    {"GetSecret", "UpdateSecret", "GetKey", "UpdateKey", "encrypt", "decrypt", "sign", "verify"}
    | {"wrapKey", "unwrapKey", "release", "GetCertificate", "UpdateCertificate"}
)


@dataclass(frozen=True, slots=True)
class DataOperation:
    """One operation of the data plane; any one of `verbs` is enough under access policies."""

    id: str
    kind: str
    verbs: tuple[str, ...]
    action: str


@cache
def data_operations() -> tuple[DataOperation, ...]:
    """Return every operation of the data plane, in the order of the REST description."""
    text = Path(__file__).with_name("permissions.json").read_text(encoding="utf-8")
    return tuple(
        DataOperation(row["id"], row["kind"], tuple(row["verbs"]), row["action"])
        for row in json.loads(text)
    )


@cache
def data_actions() -> frozenset[str]:
    """Return every data action of a key vault."""
    return frozenset(operation.action for operation in data_operations())


def is_of_a_version(id: str) -> bool:
    """Say whether an operation, by its id, is done with one version of an object."""
    return id in _OF_A_VERSION
