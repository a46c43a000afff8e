"""YAML, line by line: compose files, workflows, pipelines, Kubernetes, charts, playbooks.

A parser would load slowly and refuse templates. Names come from the lines above by their indent;
of `name: X` and `value: Y` side by side the name is X; a Secret's data is read through base64.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache

from devvault.scan.kinds import ini, json, shell
from devvault.scan.kinds.base import Pair, Place, Spans, find_kind, get_reader
from devvault.scan.kinds.code import unescaped

_NAMES = frozenset({"name", "key", "variable", "secretname"})
_VALUES = frozenset({"value", "default", "defaultvalue", "secretvalue", "plaintext"})
_SCRIPTS = frozenset(
    {"run", "script", "command", "cmd", "args", "entrypoint", "bash", "pwsh", "powershell", "sh",
     "before_script", "after_script", "inlinescript", "test", "shell", "inline", "commands"}
)  # fmt: skip
_LONGEST = 16_384


@cache
def _line() -> re.Pattern[str]:
    return re.compile(
        r"(?P<indent>[ ]*)(?P<dash>(?:-[ ]+)*)(?P<comment>#[ ]?)?"
        r"(?:(?P<key>\"[^\"\n]{1,160}\"|'[^'\n]{1,160}'|[\w$./<~@(-][\w$./@()\[\] -]{0,159}?)[ ]*:"
        r"(?=[\s]|$)[ \t]*)?(?P<value>[^\n]*)"
    )


@cache
def _flow() -> re.Pattern[str]:
    return re.compile(
        r"(?P<key>\"[^\"\n]{1,80}\"|'[^'\n]{1,80}'|[\w.-]{1,80})\s*:\s*"
        r"(?P<value>\"(?:[^\"\\\n]|\\.){0,4096}\"|'[^'\n]{0,4096}'|[^,{}\[\]\"'\n]{1,4096})"
    )


@dataclass(slots=True)
class _Frame:
    """A mapping that is open: how far in, under which name; a list's item has its own."""

    indent: int
    key: str
    name: str | None = None
    held: list[Pair] = field(default_factory=list)


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return the scalars of a YAML file with their names; see `base.Read`."""
    del spans
    if text.lstrip()[:1] == "{":
        yield from json.read(text, ())
        return
    frames: list[_Frame] = [_Frame(-1, "")]
    is_secret = False
    at = 0
    size = len(text)
    while at < size:
        stop = text.find("\n", at)
        stop = size if stop < 0 else stop
        if stop - at > _LONGEST:
            at = stop + 1
            continue
        line = text[at:stop]
        if not line.strip():
            at = stop + 1
            continue
        if line.startswith("---"):
            while len(frames) > 1:
                yield from _closed(frames.pop())
            is_secret = False
            at = stop + 1
            continue
        match = _line().match(text, at, stop)
        if match is None:
            at = stop + 1
            continue
        indent = len(match["indent"]) + len(match["dash"])
        key = (match["key"] or "").strip("\"'").strip()
        value_at = match.start("value")
        value = match["value"].rstrip()
        at = stop + 1
        if match["comment"]:
            if key and value and " " not in value:
                plain, start, end = _scalar(value, value_at)
                yield Pair(key, plain, start, end)
            continue
        while len(frames) > 1 and (
            frames[-1].indent > indent
            or (match["dash"] and frames[-1].indent >= indent)
            or (frames[-1].indent == indent and not frames[-1].key and not key)
        ):
            yield from _closed(frames.pop())
        if key and frames[-1].indent < indent:
            frames.append(_Frame(indent, ""))
        holder = _holder(frames)
        if key:
            frames[-1].key = key
        if key == "kind" and value.strip("\"'") in ("Secret", "SealedSecret"):
            is_secret = value.strip("\"'") == "Secret"
        if _is_block(value):
            inside, first, last = _block(text, at, len(match["indent"]) if not key else indent)
            at = last
            yield from _from_block(key or holder, inside, first, is_secret=is_secret)
            continue
        if not value:
            continue
        if value[0] in "{[" and ":" in value:
            yield from _from_flow(value, value_at, key or holder)
            continue
        if value.startswith(("!", "&", "*")):
            word, _, rest = value.partition(" ")
            if word[0] == "*" or word.lower() in _TAGS or not rest:
                continue
            value_at += len(value) - len(rest.lstrip())
            value = rest.strip()
        plain, start, end = _scalar(value, value_at)
        if not plain:
            continue
        if not key:
            yield from _item(holder, plain, start, end)
            continue
        yield from _member(
            frames[-1], holder, key, Pair(key, plain, start, end), is_secret=is_secret
        )
    while frames:
        yield from _closed(frames.pop())


# Tags of values that are looked up, or sealed already.
_TAGS = frozenset(
    {"!secret", "!vault", "!ref", "!sub", "!getatt", "!importvalue", "!env", "!env_var", "!select",
     "!join", "!fn", "!file", "!include", "!reference", "!findinmap", "!if"}
)  # fmt: skip


def _holder(frames: list[_Frame]) -> str:
    """Return the name that the mapping at hand stands under."""
    return next((frame.key for frame in reversed(frames[:-1]) if frame.key), "")


def _member(frame: _Frame, holder: str, key: str, pair: Pair, *, is_secret: bool) -> Iterator[Pair]:
    lowered = key.lower()
    if lowered in _NAMES:
        frame.name = pair.value
    if lowered in _VALUES:
        frame.held.append(replace(pair, key=holder or key))
    elif holder in ("encryptedData", "encryptedRegex"):
        return  # sealed already
    elif is_secret and holder == "data":
        yield replace(pair, value=_opened(pair.value), place=Place.ENV)
    elif is_secret and holder == "stringData":
        yield replace(pair, place=Place.ENV)
    elif lowered in _SCRIPTS:
        for one in shell.read(pair.value, [(0, len(pair.value))]):
            yield replace(one, start=one.start + pair.start, end=one.end + pair.start)
    else:
        yield replace(pair, key=json.under(holder, key))


def _closed(frame: _Frame) -> Iterator[Pair]:
    for pair in frame.held:
        key = json.under(pair.key, frame.name) if frame.name else pair.key
        yield replace(pair, key=key)
    frame.held.clear()
    frame.name = None


def _item(holder: str, plain: str, start: int, end: int) -> Iterator[Pair]:
    name, equals, rest = plain.partition("=")
    if equals and name and name.replace("_", "a").replace(".", "a").replace("-", "a").isalnum():
        yield Pair(name, rest.strip("\"'"), start + len(name) + 1, end)
    elif holder.lower() in _SCRIPTS:
        for one in shell.read(plain, [(0, len(plain))]):
            yield replace(one, start=one.start + start, end=one.end + start)
    else:
        yield Pair(holder, plain, start, end)


def _is_block(value: str) -> bool:
    head = value.partition(" #")[0].rstrip()
    if head[:1] == "!":
        head = head.partition(" ")[2].lstrip()
    return head[:1] in ("|", ">") and len(head) <= 3 and all(c in "|>+-0123456789" for c in head)


def _block(text: str, at: int, indent: int) -> tuple[str, int, int]:
    """Return the text of a block scalar, where it begins, and where the next line does."""
    first = at
    size = len(text)
    while at < size:
        stop = text.find("\n", at)
        stop = size if stop < 0 else stop
        line = text[at:stop]
        if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
            break
        at = stop + 1
    return text[first : min(at, size)], first, at


def _from_block(key: str, inside: str, first: int, *, is_secret: bool) -> Iterator[Pair]:
    name = key.rpartition(":")[2]
    whole = [(0, len(inside))]
    if name.lower() in _SCRIPTS:
        found: Iterator[Pair] = shell.read(inside, whole)
    else:
        kind = find_kind(name, inside.lstrip()) if "." in name else ""
        if kind in ("json", "xml", "toml", "properties", "hcl", "python", "shell"):
            found = get_reader(kind)(inside, whole)
        elif kind == "yaml":
            found = read(inside, whole)
        elif inside.lstrip()[:1] == "{":
            found = json.read(inside, whole)
        else:
            found = ini.read(inside, whole)
        if is_secret or kind == "":
            body = inside.strip()
            start = inside.find(body[:1]) if body else 0
            if body and "\n" not in body:
                yield Pair(key, body, first + start, first + start + len(body))
            elif body and is_secret:
                folded = "".join(body.split())
                opened = _opened(folded)
                if opened != folded:
                    yield Pair(key, opened, first + start, first + start + len(body), Place.ENV)
    for one in found:
        yield replace(one, start=one.start + first, end=one.end + first)


def _from_flow(value: str, at: int, holder: str) -> Iterator[Pair]:
    name = None
    held = []
    for match in _flow().finditer(value):
        key = match["key"].strip("\"'")
        plain, start, end = _scalar(match["value"].rstrip(), at + match.start("value"))
        if key.lower() in _NAMES:
            name = plain
        if key.lower() in _VALUES:
            held.append(Pair(holder, plain, start, end))
        else:
            yield Pair(json.under(holder, key), plain, start, end)
    for pair in held:
        yield replace(pair, key=name or holder)


def _scalar(value: str, at: int) -> tuple[str, int, int]:
    """Return a scalar's text and its place, without quotes and the comment behind it."""
    if value[:1] == '"':
        close = 1
        while (close := value.find('"', close)) > 0 and value[close - 1] == "\\":
            close += 1
        if close > 0:
            return unescaped(value[1:close]), at + 1, at + close
    if value[:1] == "'":
        close = 1
        while (close := value.find("'", close)) > 0 and value[close + 1 : close + 2] == "'":
            close += 2
        if close > 0:
            return value[1:close].replace("''", "'"), at + 1, at + close
    plain = value.partition(" #")[0].rstrip()
    return plain, at, at + len(plain)


def _opened(value: str) -> str:
    """Return what base64 wraps, the value itself where that is no text."""
    try:
        opened = b64decode(value, validate=True).decode("utf-8")
    except (Error, ValueError):
        return value
    return opened.strip() if opened.strip().isprintable() or "\n" in opened else value
