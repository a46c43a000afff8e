"""The same run, asked again with nothing changed: its answer is kept, and recorded anew each time.

A run stands before every command, and nearly always asks what it asked a moment ago. An answer is
kept without what is of one run alone (its session), and on the gate, so that it is gone with the
keys; any change to the home drops it, another configuration or another day is another answer, and
each secret in it is in the trail once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from devvault.config import Config
from devvault.server.local.connection import Wish
from devvault.vault.gate import Gate, Receipts

_MANY = 16
_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """The fields of an answer, and how its program is to be connected."""

    fields: tuple[bytes, ...]
    wish: Wish | None

    @property
    def size(self) -> int:
        """How many bytes the fields take."""
        return sum(map(len, self.fields))


@dataclass(frozen=True, slots=True, repr=False)
class _Answer:
    kept: Kept
    receipts: Receipts
    config: Config
    day: date


def find_answer(gate: Gate, body: bytes, config: Config) -> tuple[Kept, Receipts] | None:
    """Return the kept answer to this very request and its receipts, or None.

    Nothing of it may be handed out before the gate has repeated them.
    """
    kept = gate.answers.get(body)
    if not isinstance(kept, _Answer) or kept.config != config:
        return None
    if kept.day != gate.clock.now().date():
        return None
    return kept.kept, kept.receipts


def keep_answer(
    gate: Gate, turn: int, body: bytes, config: Config, answer: Kept, receipts: Receipts
) -> None:
    """Keep an answer that was made since `turn`, if nothing changed in between."""
    if len(body) > _LONGEST or answer.size > _LONGEST or not receipts.all_granted:
        return
    if len(gate.answers) >= _MANY:
        gate.answers.clear()
    gate.answers[body] = _Answer(answer, receipts, config, gate.clock.now().date())
    if gate.turn != turn:
        gate.answers.clear()
