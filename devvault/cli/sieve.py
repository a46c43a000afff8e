"""Where needles stand in much text, without a search for each of them.

Loaded by the mask once a program writes much. With `ahocorasick_rs` all needles are looked for at
once, at about the speed of copying. Where that package is not to be had, bytes that the text lacks
and samples of it tell that no needle is there.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from struct import Struct
    from types import ModuleType

    from ahocorasick_rs import BytesAhoCorasick

    Place = tuple[int, int, bytes]

# Fewer bytes are searched sooner than sampled.
_FEW = 16384
_GUARDS = 8
_BLOCK = 256
_SEARCH, _SAMPLE = 0.22, 42.0  # nanoseconds: a byte of one search, one sample of a piece
# So many pieces are looked for by the vector unit at once; more at a time are slower each.
_CHUNK, _CHUNKS = 28, 24
_PIECE, _SHORT_PIECE = 24, 8
_WORD = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BLANKED = bytes(byte if byte in _WORD else 32 for byte in range(256))
# With these among them the engine cannot think that a look for a few rare bytes is enough, which is
# slow where those are not rare after all.
_DECOYS = [bytes([byte]) * _PIECE for byte in (0x81, 0xC1, 0xF5, 0xF8)]


class Sieve:
    """Finds the places of needles in much text; nearly all text is told at once to hold none."""

    def __init__(self, needles: "Iterable[bytes]", engine: "ModuleType | None") -> None:
        self._needles = list(needles)
        self._engine = engine
        self._exact: BytesAhoCorasick | None = None
        self._screen = Screen(anchors(self._needles), engine) if engine else None
        self._samples = None if engine else Samples(least(self._needles))

    def places(self, text: bytes) -> "list[Place]":
        """Return (start, -end, needle) of each place where a needle stands, in any order."""
        if self._samples is not None:
            few = len(text) < _FEW
            return places(self._needles, text) if few or self._samples.may_hold(text) else []
        assert self._screen is not None
        assert self._engine is not None
        if not self._screen.may_hold(text):
            return []
        if self._exact is None:
            # The kind whose size does not explode with long needles.
            self._exact = self._engine.BytesAhoCorasick(
                self._needles,
                self._engine.MatchKind.Standard,
                self._engine.Implementation.ContiguousNFA,
            )
        found = self._exact.find_matches_as_indexes(text, overlapping=True)
        return [(start, -end, self._needles[number]) for number, start, end in found]


class Screen:
    """Tells by a piece of each needle, all looked for at once, that none is in a text."""

    def __init__(self, pieces: "list[bytes]", engine: "ModuleType") -> None:
        count = -(-len(pieces) // _CHUNK)
        if count > _CHUNKS:
            count = 1
        self._parts = [
            engine.BytesAhoCorasick(pieces[at::count] + _DECOYS, engine.MatchKind.LeftmostLongest)
            for at in range(count)
        ]

    def may_hold(self, text: bytes) -> bool:
        """Return False where no needle is in the text."""
        return any(part.find_matches_as_indexes(text) for part in self._parts)


class Samples:
    """Tells for much text at once that no needle is in it, without a search for each.

    First by bytes that every needle holds one of, while the text holds none of them. Then by
    samples: a needle of n bytes covers a whole sample of w bytes, wherever it stands, when they are
    taken every n - w + 1 bytes, or more often.
    """

    def __init__(self, kept: "list[bytes]") -> None:
        self._needles = kept
        self._guards: list[bytes] = []
        self._patience = self._waiting = 0
        best = _SEARCH * len(kept)
        self._width = self._step = 0
        for width in (4, 8):
            for count, needle in enumerate(kept):
                step = len(needle) - width + 1
                cost = _SEARCH * count + _SAMPLE / max(step, 1)
                if step >= width and cost < best:
                    best, self._width, self._step = cost, width, step
        shortest = self._width + self._step - 1
        self._short = [needle for needle in kept if not self._step or len(needle) < shortest]
        self._samples: dict[int, list[bytes]] = {}
        for needle in kept[len(self._short) :]:
            for at in range(self._step):
                word = int.from_bytes(needle[at : at + self._width], "little")
                self._samples.setdefault(word, []).append(needle)
        self._words = frozenset(self._samples)
        self._packed: Struct | None = None

    def may_hold(self, text: bytes) -> bool:
        """Return False where no needle is in the text."""
        if self._guards and not any(guard in text for guard in self._guards):
            return False
        if self._waiting:
            self._waiting -= 1
        elif self._find_guards(text):
            return False
        if any(needle in text for needle in self._short):
            return True
        return bool(self._words) and self._has_sample(text)

    def _find_guards(self, text: bytes) -> bool:
        """Look for a few bytes that are not in the text, one of them in each needle."""
        left = self._needles
        absent = [b"%c" % c for c in set(b"".join(left)) if c not in text]
        self._guards = []
        while left and absent and len(self._guards) < _GUARDS:
            best = max(absent, key=lambda byte: sum(byte in needle for needle in left))
            self._guards.append(best)
            left = [needle for needle in left if best not in needle]
        if left:
            self._guards = []
            self._patience = min(2 * self._patience + 1, 127)
            self._waiting = self._patience
            return False
        self._patience = 0
        return True

    def _has_sample(self, text: bytes) -> bool:
        if self._packed is None:
            from struct import Struct

            unit = "I" if self._width == 4 else "Q"
            self._packed = Struct("<" + f"{unit}{self._step - self._width}x" * _BLOCK)
        size = self._packed.size
        hit: set[int] = set()
        for at in range(0, len(text), size):
            if at + size <= len(text):
                found = self._packed.unpack_from(text, at)
            else:
                found = self._packed.unpack(text[at:].ljust(size, b"\0"))
            if not self._words.isdisjoint(found):
                hit |= self._words.intersection(found)
        return any(needle in text for word in hit for needle in self._samples[word])


def find_engine() -> "ModuleType | None":
    """Return `ahocorasick_rs`, None where it is not installed.

    The fast path runs without any folder of packages; it looks into ours for this one name.
    """
    folders = [__file__.rpartition("/")[0] + "/../.."]
    library = f"/../lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    folders.append(sys.executable.rpartition("/")[0] + library)
    before = list(sys.path)
    if sys.flags.no_site:
        sys.path += folders
    try:
        import ahocorasick_rs
    except ImportError:
        return None
    finally:
        sys.path[:] = before
    found: ModuleType = ahocorasick_rs
    return found


def anchors(needles: "Iterable[bytes]") -> "list[bytes]":
    """Return pieces of needles, of which one is wherever one of the needles is.

    The forms of a value mostly share its longest run of letters and digits.
    """
    found: list[bytes] = []
    for needle in sorted(needles, key=len):
        if not any(piece in needle for piece in found):
            run = max(needle.translate(_BLANKED).split(), key=len, default=b"")[:_PIECE]
            found.append(run if len(run) >= _SHORT_PIECE else needle[:_PIECE])
    return found


def least(needles: "Iterable[bytes]") -> "list[bytes]":
    """Return the shortest needles, of which one is wherever one of all is."""
    kept: list[bytes] = []
    for needle in sorted(needles, key=len):
        if not any(inner in needle for inner in kept):
            kept.append(needle)
    return kept


def places(needles: "Iterable[bytes]", text: bytes) -> "list[Place]":
    """Return (start, -end, needle) of each place of each needle, by a search for each."""
    found: list[Place] = []
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            found.append((at, -at - len(needle), needle))
            at = text.find(needle, at + 1)
    return found
