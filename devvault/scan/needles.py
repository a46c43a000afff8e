"""What to look for in a text to find one value: the forms that a value takes in files.

A form is told by an anchor, a few bytes from its middle that the automaton looks for, and proved
at the place by comparing the whole value: an anchor alone is never a finding.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, unquote

from devvault.scan.keyname import KeyKind, kind_of
from devvault.scan.weakvalue import is_weak

ANCHOR = 12
_SURE = 16  # a piece of so many bytes counts inside a longer word too
_MOST_LINES = 3
_FIRST_CHAR = (0, 2, 3)  # the first character of base64 that belongs to the value alone, by offset
_FIELD = re.compile(r"(?:^|;)\s*([A-Za-z][\w .-]{0,40}?)\s*=\s*([^;]*)")
_URL = re.compile(r"[A-Za-z][\w+.-]*://[^\s:/@]*:([^\s/@]+)@")
_QUERY = re.compile(r"[?&](?:sig|code|token|key|password|secret)=([^&\s\"']+)", re.IGNORECASE)
_HELD = frozenset(
    {"password", "pwd", "accountkey", "sharedaccesskey", "accesskey", "sharedsecret", "sig",
     "authtoken", "primarykey", "secondarykey", "clientsecret", "key", "secret", "apikey"}
)  # fmt: skip
_IN_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]*=*")


class Held(NamedTuple):
    """A value of a vault, and whose it is; `state` is "", "an older version" or "deleted"."""

    value: str
    vault: str
    secret: str
    version: str
    state: str = ""

    def __repr__(self) -> str:
        """Leave the value out."""
        return f"Held({self.vault!r}, {self.secret!r})"


class Needle(NamedTuple):
    """One form of one piece of a value: what to look for, and how to prove it."""

    anchor: bytes
    offset: int  # of the anchor in the form
    form: str
    piece: bytes  # what must stand there once the form is undone
    turn: int = 0  # base64: how many bytes stand before the piece in its group of three
    inner: tuple[int, bytes] | None = None  # of what is base64 twice: turn and piece inside


def pieces(value: str) -> Iterator[tuple[str, str]]:
    """Return what betrays a value: itself, its password, its lines that are like no other.

    Each comes with a word on what it is of the value, "" for the whole.
    """
    yield value, ""
    if len(value) > 65536:
        return
    for part in _parts(value):
        if part != value and len(part) >= 8 and not is_weak(part):
            yield part, "a password in"
    if "\n" in value:
        lines = [line.strip() for line in value.splitlines()]
        chosen = [line for line in lines if len(line) >= 32 and _is_dense(line)]
        middle = len(chosen) // 2
        for line in dict.fromkeys(chosen[:1] + chosen[middle : middle + _MOST_LINES - 1]):
            yield line, "a line of"


def _parts(value: str) -> Iterator[str]:
    """Return what is secret in a connection string, a URL or a JSON object."""
    for name, part in _FIELD.findall(value):
        if re.sub(r"[^a-z]", "", name.lower()) in _HELD:
            yield part.strip().strip("\"'")
    for part in (*_URL.findall(value), *_QUERY.findall(value)):
        yield part
        yield unquote(part)
    if "," in value and "password=" in value.lower():  # Redis: host:port,password=...,ssl=True
        yield from re.findall(r"(?i)(?:^|,)\s*password=([^,\s]+)", value)
    if value.lstrip()[:1] in ("{", "["):
        yield from _members(value)


def _members(value: str) -> Iterator[str]:
    import json

    try:
        pending: list[tuple[str, object]] = [("", json.loads(value))]
    except (ValueError, RecursionError):
        return
    while pending:
        key, item = pending.pop()
        if isinstance(item, dict):
            pending += [(str(name), inner) for name, inner in item.items()]
        elif isinstance(item, list):
            pending += [(key, inner) for inner in item]
        elif isinstance(item, str) and kind_of(key) not in (KeyKind.NEUTRAL, KeyKind.LABEL):
            yield item


def _is_dense(line: str) -> bool:
    """Say whether a line is like no other: one token that no person wrote."""
    return (
        not any(c.isspace() for c in line)
        and len(set(line)) >= 12
        and any(c.isdigit() for c in line)
        and any(c.isalpha() for c in line)
    )


def needles(piece: str, *, deep: bool = False) -> Iterator[Needle]:
    """Return every form of a strong piece; `deep`: base64 of base64 too, which are many."""
    plain = piece.encode("utf-8", "surrogatepass")
    yield _needle(plain, "raw", plain)
    for written in _as_written(piece):
        yield _needle(written, "escaped", written)
    yield _needle(plain.hex().encode(), "hex", plain)
    yield _needle(plain.hex().upper().encode(), "hex", plain)
    yield from _base64_needles(plain, "base64")
    for encoding in ("utf-16-le", "utf-16-be"):
        wide = piece.encode(encoding, "surrogatepass")
        yield _needle(wide, "UTF-16", wide)
        yield from _base64_needles(wide, "base64 of UTF-16")
    for coded in {quote(piece, safe="", errors="surrogatepass"), json_text(piece)} - {piece}:
        yield from _base64_needles(coded.encode("utf-8", "surrogatepass"), "base64")
    if deep and len(plain) >= _SURE:  # a shorter one would need proof of where it ends
        for turn in range(3):
            for needle in _base64_needles(_core(plain, turn), "base64 twice"):
                yield needle._replace(inner=(turn, plain))


def _as_written(piece: str) -> Iterator[bytes]:
    """Return forms of a value that no undoing of escapes leads back to it."""
    found = {piece.replace(c, c * 2) for c in "'\"%${}" if c in piece}
    if "'" in piece:
        found |= {piece.replace("'", "'\"'\"'"), piece.replace("'", "'\\''")}
    if " " in piece:
        found.add(piece.replace(" ", "+"))
    if "$" in piece and "{" in piece:
        found.add(piece.replace("$", "$$").replace("{", "{{").replace("}", "}}"))
    found.discard(piece)
    for one in sorted(found):
        yield one.encode("utf-8", "surrogatepass")
    if not piece.isascii():
        try:
            yield piece.encode("cp1252")
        except UnicodeEncodeError:
            return


def _base64_needles(plain: bytes, form: str) -> Iterator[Needle]:
    for turn in range(3):
        core = _core(plain, turn)
        first = _needle(core, form, plain, turn)
        yield first
        url = core.replace(b"+", b"-").replace(b"/", b"_")
        if url != core:
            other = _needle(url, form, plain, turn)
            if other.anchor != first.anchor:
                yield other


def _core(plain: bytes, turn: int) -> bytes:
    """Return the characters of base64 that are a piece's alone, `turn` bytes standing before it."""
    coded = base64.b64encode(b"\0" * turn + plain)
    last = (turn + len(plain)) * 8 // 6  # characters behind it hold bits of what follows
    return coded[_FIRST_CHAR[turn] : last]


def json_text(piece: str) -> str:
    """Return a text as it stands in a JSON string."""
    import json

    return json.dumps(piece)[1:-1]


def _needle(form: bytes, name: str, piece: bytes, turn: int = 0) -> Needle:
    offset = max(0, (len(form) - ANCHOR) // 2)
    return Needle(form[offset : offset + ANCHOR], offset, name, piece, turn)


def proved(text: bytes, at: int, needle: Needle) -> tuple[int, int] | None:
    """Return where a needle's form begins and ends, its anchor being at `at`; None: it is not."""
    start = at - needle.offset
    if start < 0:
        return None
    piece = needle.piece
    if needle.form.startswith("base64"):
        return _proved_base64(text, start - _FIRST_CHAR[needle.turn], needle)
    if needle.form == "hex":
        end = start + 2 * len(piece)
        if text[start:end].lower() != piece.hex().encode():
            return None
        before, behind = _unhexed(text[max(0, start - 2) : start]), _unhexed(text[end : end + 2])
    else:
        end = start + len(piece)
        if text[start:end] != piece:
            return None
        before, behind = text[max(0, start - 4) : start], text[end : end + 2]
    return (start, end) if _stands_alone(needle, before, behind) else None


def _stands_alone(needle: Needle, before: bytes, behind: bytes) -> bool:
    """Say whether a short value ends where its word does: `Passw0rd` is not `Passw0rd2`."""
    is_wide = "UTF-16" in needle.form
    if len(needle.piece) >= (2 * _SURE if is_wide else _SURE):
        return True
    if is_wide:
        before, behind = before.replace(b"\0", b""), behind.replace(b"\0", b"")
    if behind[:1].isalnum():
        return False
    # mysql -pVALUE; the last letter of an escape
    return not before[-1:].isalnum() or before[-2:] == b"-p" or before[-2:-1] in (b"\\", b"%")


def _proved_base64(text: bytes, start: int, needle: Needle) -> tuple[int, int] | None:
    """As `proved`: the group of four that the form begins in begins at `start`."""
    size = needle.turn + len(needle.piece)
    whole = -(-size * 8 // 6)
    end = start + 4 * -(-size // 3)
    if start < 0 or start + whole > len(text):
        return None
    # What follows the last character that is the value's own: more of the text, or padding.
    rest = text[start + whole : end]
    more = rest.rstrip(b"=") if _IN_BASE64.fullmatch(rest) else b""
    found = _decoded(text[start : start + whole] + more)
    if found[needle.turn : size] != needle.piece:
        return None
    behind = found[size:]
    if len(more) == len(rest):
        behind += _decoded(text[end : end + 4])
    before = _decoded(text[max(0, start - 4) : start]) + found[: needle.turn]
    if needle.inner is not None:
        is_held = _holds(needle.inner, before, needle.piece + behind)
        return (start, start + whole) if is_held else None
    return (start, start + whole) if _stands_alone(needle, before, behind) else None


def _holds(inner: tuple[int, bytes], before: bytes, coded: bytes) -> bool:
    """Say whether base64 holds a piece to the last bit; what it begins with ends `before`."""
    turn, piece = inner
    shared = _FIRST_CHAR[turn]
    first = before[len(before) - shared :] if shared else b""
    size = turn + len(piece)
    chars = -(-size * 8 // 6) - len(first)
    return _decoded(first + coded[:chars])[turn:size] == piece


def _decoded(coded: bytes) -> bytes:
    """Return what base64 of either alphabet says as far as its bytes are whole, else nothing."""
    plain = coded.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        found = base64.b64decode(plain + b"A" * (-len(plain) % 4), validate=True)
    except ValueError:
        return b""
    return found[: len(plain) * 6 // 8]


def _unhexed(digits: bytes) -> bytes:
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""
