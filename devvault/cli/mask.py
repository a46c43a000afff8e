"""Secret values in a stream of bytes: each, in every form programs print it in, becomes `[masked]`.

Part of the fast path: imports next to nothing. The result does not depend on how the stream was
cut into pieces: occurrences that overlap are one region and become one mask, and only the longest
end of the stream that may yet become a value is held back.
"""

import binascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devvault.cli.sieve import Sieve

MASK = b"[masked]"
# A shorter value is left alone: it would blot out half of any output.
SHORTEST = 4
# From so many bytes on, at once or in the end, a sieve is cheaper than a search for each form.
MUCH = 16384
_UNRESERVED = b"-._~"
# What the usual functions leave as it is beside letters and digits: RFC 3986, the same with
# slashes, encodeURIComponent, encodeURI, Java's and a form's encoding.
_SAFE = (
    _UNRESERVED,
    _UNRESERVED + b"/",
    _UNRESERVED + b"!*'()",
    _UNRESERVED + b"!*'();/?:@&=+$,#",
    b"-._*",
    b"-._",
)
# What bash puts a backslash before where it quotes a word so.
_BARE_WORD = b" \t'\"\\|&;()<>!{}*[]?^$`,"
_CONTROLS = {8: b"\\b", 9: b"\\t", 10: b"\\n", 12: b"\\f", 13: b"\\r", 34: b'\\"', 92: b"\\\\"}
_HEAD = SHORTEST
_PLAIN = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PRINTABLE = bytes(63 if byte < 32 or byte == 127 else byte for byte in range(256))


class Mask:
    """The values to mask, and what was masked so far in all streams together.

    `values` has the settings' names as its keys.
    """

    def __init__(self, values: "Mapping[bytes, bytes]") -> None:
        self.owners: dict[bytes, list[bytes]] = {}
        self.short: list[bytes] = []
        self.found: set[bytes] = set()
        self.count = 0
        self._seen = 0
        self.learn(values)

    def learn(self, values: "Mapping[bytes, bytes]") -> None:
        """Mask these values too from now on; a stream's bytes that are out stay as they were."""
        owners = self.owners
        for name, value in values.items():
            if len(value.strip()) < SHORTEST:
                if value:
                    self.short.append(name)
                continue
            for needle in forms(value.strip()):
                known = owners.setdefault(needle, [])
                if name not in known:
                    known.append(name)
        self.longest = max(map(len, owners), default=1)
        heads: dict[bytes, list[bytes]] = {}
        for needle in owners:
            heads.setdefault(needle[:_HEAD], []).append(needle)
        self._heads = heads
        self._sieve: Sieve | None = None
        self._alphabet = bytes(set(b"".join(owners)))
        self._starts = {head[:size] for head in heads for size in range(1, _HEAD)}

    def stream(self) -> "Stream":
        """Return a stream of its own, with nothing held back yet."""
        return Stream(self)

    def opening(self) -> bytes:
        """Return the line that says which values are left alone, b"" where none is."""
        if not self.short:
            return b""
        names = b", ".join(sorted(self.short)).translate(_PRINTABLE)
        return b"devvault: note: not masked, under %d characters: %b\n" % (SHORTEST, names)

    def closing(self) -> bytes:
        """Return the line that says what was masked since the last one, b"" for nothing."""
        if not self.count:
            return b""
        names = b", ".join(sorted(self.found)).translate(_PRINTABLE)
        times = b"once" if self.count == 1 else b"%d times" % self.count
        self.count = 0
        self.found.clear()
        return b"devvault: note: masked %b: %b (--no-mask shows values)\n" % (times, names)

    def occurrences(self, text: bytes) -> "list[tuple[int, int, bytes]]":
        """Return (start, -end, needle) of each place where a value stands, by start, long first."""
        if self._sieve is None:
            self._seen += len(text)
            if self._seen >= MUCH:
                self._sieve = _sieve(self.owners)
        if self._sieve is not None:
            places = self._sieve.places(text)
        else:
            places = []
            for needle in self.owners:
                at = text.find(needle)
                while at >= 0:
                    places.append((at, -at - len(needle), needle))
                    at = text.find(needle, at + 1)
        places.sort()
        return places

    def pending(self, text: bytes) -> int:
        """Return where the longest end of `text` begins that more bytes may make a value."""
        size = len(text)
        end = text[-self.longest + 1 :] if self.longest > 1 else b""
        first = size - len(end) + len(end.rstrip(self._alphabet))
        heads = self._heads
        if size - first < len(heads):
            found = [at for at in range(first, size - _HEAD + 1) if text[at : at + _HEAD] in heads]
            for at in found:
                if self._begins(text[at:], heads[text[at : at + _HEAD]]):
                    return at
        else:
            best = size
            for head, needles in heads.items():
                at = text.find(head, first, best + _HEAD)
                while 0 <= at < best:
                    if self._begins(text[at:], needles):
                        best = at
                        break
                    at = text.find(head, at + 1, best + _HEAD)
            if best < size:
                return best
        for at in range(max(0, size - _HEAD + 1), size):
            if text[at:] in self._starts:
                return at
        return size

    @staticmethod
    def _begins(end: bytes, needles: "list[bytes]") -> bool:
        return any(len(needle) > len(end) and needle.startswith(end) for needle in needles)


class Stream:
    """One stream: what comes in, and what may go out."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held = b""
        self._covered = 0  # so many of the held bytes belong to a region already masked

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they come and return all that can be shown now."""
        text = self._held + data if self._held else data
        return self._pass(text, self._mask.pending(text))

    def end(self) -> bytes:
        """Return what was held back: no more bytes come."""
        return self._pass(self._held, len(self._held))

    def _pass(self, text: bytes, limit: int) -> bytes:
        """Return the masked text up to `limit`, and hold the rest."""
        mask = self._mask
        out = []
        shown = self._covered
        for start, minus_end, needle in mask.occurrences(text):
            if start >= limit:
                break
            end = -minus_end
            if end <= shown:
                continue
            if start >= shown:
                out += [text[shown:start], MASK]
                mask.count += 1
            mask.found.update(mask.owners[needle])
            shown = end
        self._held = text[limit:]
        self._covered = max(0, shown - limit)
        if not out and not shown:
            return text if limit == len(text) else text[:limit]
        out.append(text[shown:limit])
        return b"".join(out)


def _sieve(needles: "Mapping[bytes, object]") -> "Sieve":
    if __package__:
        from devvault.cli import sieve
    else:
        import sieve  # type: ignore[import-not-found,no-redef]  # it stands beside this one
    return sieve.Sieve(needles, sieve.find_engine())


def forms(value: bytes) -> "set[bytes]":
    """Return every form of a value that is looked for, none shorter than `SHORTEST`."""
    found = {value, *_base64(value), value.hex().encode(), value.hex().upper().encode()}
    odd = set(value.translate(None, _PLAIN))
    if odd:
        found.update(_percent(value, odd))
        found.update(_quoted(value))
        found.update(_json(value))
        found.update(_markup(value))
        if 10 in odd:  # as a terminal prints it
            lines = value.replace(b"\r\n", b"\n")
            found.update((lines, lines.replace(b"\n", b"\r\n")))
    return {form for form in found if len(form) >= SHORTEST}


def _base64(value: bytes) -> "Iterator[bytes]":
    """Yield base64 of a value at each offset in three bytes, alone, as a line, amid other text."""
    for offset, skip in enumerate((0, 2, 3)):  # the first characters tell of the bytes before
        found = []
        for line in (value, value + b"\n"):
            whole = binascii.b2a_base64(b"\0" * offset + line, newline=False)
            found.append(whole[skip:])
            for width in (64, 76):  # PEM and MIME break lines there
                if not offset and len(whole) > width:
                    cut = [whole[at : at + width] for at in range(0, len(whole), width)]
                    found += [b"\n".join(cut), b"\r\n".join(cut)]
        found.append(found[0][: (offset + len(value)) * 8 // 6 - skip])
        for form in found:
            yield form
            if b"+" in form or b"/" in form or b"=" in form:
                yield form.replace(b"+", b"-").replace(b"/", b"_").rstrip(b"=")


def _percent(value: bytes, odd: "set[int]") -> "Iterator[bytes]":
    """Yield a value as URLs and forms write it, each with hex digits of both cases."""
    for unsafe in {frozenset(odd.difference(safe)) for safe in _SAFE}:
        for pattern in (b"%%%02X", b"%%%02x"):
            coded = _coded(value, b"%", {c: pattern % c for c in unsafe})
            yield coded
            if 32 in odd:
                yield coded.replace(b"%20", b"+")


def _quoted(value: bytes) -> "Iterator[bytes]":
    """Yield a value as shells, Python and SQL write it within quotes or without."""
    yield value.replace(b"'", b"'\"'\"'")
    yield value.replace(b"'", b"'\\''")
    yield value.replace(b"'", b"''")
    for special in (b'"$`\\', b'"$`\\!', b"'\\"):
        yield _coded(value, b"\\", {c: b"\\%c" % c for c in special if c in value})
    for special in (_BARE_WORD, _BARE_WORD.replace(b",", b"")):
        bare = _coded(value, b"\\", {c: b"\\%c" % c for c in special if c in value})
        yield b"\\" + bare if value[:1] in b"#~" else bare
    breaks = {10: b"\\n", 9: b"\\t", 13: b"\\r"}
    yield _coded(value, b"\\", {**breaks, 92: b"\\\\", 39: b"\\'"})
    yield _coded(value, b"\\", {**breaks, 92: b"\\\\"})


def _markup(value: bytes) -> "Iterator[bytes]":
    text = _coded(value, b"&", {38: b"&amp;", 60: b"&lt;", 62: b"&gt;"})
    yield text
    for single in (b"'", b"&#x27;", b"&#39;", b"&apos;"):
        yield text.replace(b'"', b"&quot;").replace(b"'", single)


def _json(value: bytes) -> "Iterator[bytes]":
    """Yield the inside of JSON strings: as it is, ASCII alone, slashes escaped, safe for HTML."""
    controls = {c: b"\\u%04x" % c for c in set(value) if c < 32} | _CONTROLS
    plain = _coded(value, b"\\", controls)
    found = [plain, plain.replace(b"/", b"\\/")]
    for html, pattern in ((b"<>&", b"\\u%04x"), (b"<>&'+`\"", b"\\u%04X")):
        found.append(_coded(value, b"\\", controls | {c: pattern % c for c in html}))
    for text in found:
        yield text
        if b"\\" in text:  # JSON within JSON
            yield text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        if not text.isascii():
            yield _in_ascii(text, "\\u%04x")
            yield _in_ascii(text, "\\u%04X")


def _in_ascii(text: bytes, pattern: str) -> bytes:
    units = text.decode("utf-8", "replace").encode("utf-16-le", "surrogatepass")
    codes = [units[at] + 256 * units[at + 1] for at in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else pattern % code for code in codes).encode()


def _coded(value: bytes, first: bytes, codes: "dict[int, bytes]") -> bytes:
    """Replace bytes by codes; `first` is the byte that the codes themselves hold."""
    wanted = codes.keys() & set(value)
    if first[0] in wanted:
        wanted.discard(first[0])
        value = value.replace(first, codes[first[0]])
    for byte in wanted:
        value = value.replace(b"%c" % byte, codes[byte])
    return value
