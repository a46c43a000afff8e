"""How a passphrase becomes a key: Argon2id (RFC 9106), with its parameters kept beside the result.

The parameters come back from files that somebody may have changed: what they may demand is bounded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from devvault.errors import Damaged, Unavailable, WrongUse
from devvault.sealing.envelope import KEY_SIZE, Random

SALT_SIZE = 16
_MEMORY_LIMIT = 1024 * 1024  # KiB: 1 GiB
_PASSES_LIMIT = 16
_LANES_LIMIT = 16


@dataclass(frozen=True, slots=True)
class Cost:
    """What stretching costs: memory in KiB, passes over it, lanes. RFC 9106's second choice."""

    memory: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


@dataclass(frozen=True, slots=True)
class Stretch:
    """A salt and a cost; none of it is secret."""

    salt: bytes
    cost: Cost

    @classmethod
    def fresh(cls, cost: Cost, random: Random = os.urandom) -> Stretch:
        """Return one with a new salt."""
        return cls(random(SALT_SIZE), cost)

    def to_body(self) -> dict[str, object]:
        """Return the form that is stored as JSON."""
        return {
            "kdf": "argon2id",
            "salt": self.salt.hex(),
            "memory": self.cost.memory,
            "passes": self.cost.passes,
            "lanes": self.cost.lanes,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> Stretch:
        """Read what `to_body` made.

        Raises:
            Damaged: it is malformed, or demands more than 1 GiB, 16 passes or 16 lanes.
        """
        if body.get("kdf") != "argon2id":
            raise Damaged("the passphrase is stretched in a way that is not known here")
        salt = body.get("salt")
        try:
            raw = bytes.fromhex(salt) if isinstance(salt, str) else b""
        except ValueError:
            raw = b""
        lanes = _number(body, "lanes", 1, _LANES_LIMIT)
        passes = _number(body, "passes", 1, _PASSES_LIMIT)
        memory = _number(body, "memory", 8 * lanes, _MEMORY_LIMIT)
        if len(raw) != SALT_SIZE:
            raise Damaged("the passphrase's salt is malformed")
        return cls(raw, Cost(memory, passes, lanes))

    def key(self, passphrase: bytes) -> bytes:
        """Return the key; takes a tenth of a second or so, and the memory of the cost.

        Raises:
            WrongUse: the passphrase is empty.
            Unavailable: there is no Argon2id here, or not the memory for it.
        """
        if not passphrase:
            raise WrongUse("the passphrase is empty")
        # Late: only homes with a passphrase pay for loading it.
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        try:
            return Argon2id(
                salt=self.salt,
                length=KEY_SIZE,
                iterations=self.cost.passes,
                lanes=self.cost.lanes,
                memory_cost=self.cost.memory,
            ).derive(passphrase)
        except UnsupportedAlgorithm as error:
            raise Unavailable(
                "this build of cryptography has no Argon2id (OpenSSL before 3.2)",
                hint="pip install --upgrade --force-reinstall cryptography",
            ) from error
        except MemoryError as error:
            raise Unavailable(
                f"stretching the passphrase needs {self.cost.memory // 1024} MiB of memory"
            ) from error


def _number(body: Mapping[str, object], name: str, least: int, most: int) -> int:
    found = body.get(name)
    if type(found) is not int or not least <= found <= most:
        raise Damaged(f"the passphrase's parameter {name} is not a number from {least} to {most}")
    return found
