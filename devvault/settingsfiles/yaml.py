"""Compose files: what `services.*.environment` sets, as a mapping or a list, through anchors too.

The parser's own marks say where a value stands, so that rewriting touches nothing else. A key is
the variable's name; where services set it to different values, `SERVICE:NAME`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from devvault.errors import Invalid
from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.places import (
    Document,
    Entry,
    check_new,
    check_reads,
    rewritten,
    to_settings,
)

_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")
# What may stand without quotes behind `KEY=` in a list, in a flow list too.
_BARE_ITEM = re.compile(r"[A-Za-z_][\w.-]*=(?:[\w./@%+=;()$:-]*[\w./@%+=;()$-])?", re.ASCII)
_BARE_KEY = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
# What a reader of YAML may take for a switch or a number when it stands bare.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the parser, less its types: `kind` is scalar, mapping or sequence."""

    kind: str
    tag: str
    style: str
    start: int
    end: int
    column: int
    flow: bool
    text: str = ""
    items: tuple[Node, ...] = ()
    pairs: tuple[tuple[Node, Node], ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """A variable as one service sets it."""

    service: str
    entry: Entry


class YamlFile:
    """The format `yaml`. It has no state."""

    def read(self, data: bytes) -> list[Setting]:
        """Return every variable of every service; see `SettingsFile.read`."""
        document = Document.of(data)
        return to_settings(document, _entries(document))

    def rewrite(self, data: bytes, changes: Mapping[str, str]) -> bytes:
        """Replace the values of some keys; see `SettingsFile.rewrite`."""
        return rewritten(data, changes, _entries, _written)

    def append(self, data: bytes, key: str, value: str) -> bytes:
        """Add a variable to the last service that sets any; see `SettingsFile.append`."""
        document = Document.of(data)
        entries = _entries(document)
        check_new(key, value, entries)
        place = next((one for _, one in reversed(environments(document)) if _size(one)), None)
        if place is None:
            raise Invalid("no service of the file has an environment to add to")
        name = key if _is_bare_key(key) else _quoted(key)
        line = f"{name}: {_quoted(value)}"
        if place.kind == "sequence":
            line = _item(f"{key}={value}")
        text = document.text
        last = place.pairs[-1][1] if place.pairs else place.items[-1]
        end = _end(document, last)
        if place.pairs and end < place.pairs[-1][0].end:
            raise Invalid("the last variable of the environment is an alias")
        if place.flow:
            new = (end, end, f", {line}")
        else:
            dash = "- " if place.kind == "sequence" else ""
            stop = text.find("\n", end)
            stop = len(text) if stop < 0 else stop - (text[stop - 1] == "\r")
            new = (stop, stop, f"{document.line_end()}{' ' * place.column}{dash}{line}")
        result = document.spliced([new])
        at = sum(one.start < new[0] for one in entries)
        wanted = [one.value for one in entries]
        check_reads(result, [*wanted[:at], value, *wanted[at:]], _entries)
        return result


def _entries(document: Document) -> list[Entry]:
    """Return the variables in the order of the file, each place once."""
    found: list[_Found] = []
    seen: set[int] = set()
    for service, environment in environments(document):
        for entry in variables_of(document, environment):
            if entry.start not in seen:
                seen.add(entry.start)
                found.append(_Found(service, entry))
    values: dict[str, set[str | None]] = {}
    for one in found:
        values.setdefault(one.entry.key, set()).add(one.entry.value)
    named = [
        one.entry
        if len(values[one.entry.key]) == 1
        else replace(one.entry, key=f"{one.service}:{one.entry.key}")
        for one in found
    ]
    return sorted(named, key=lambda entry: entry.start)


def variables_of(document: Document, environment: Node) -> Iterator[Entry]:
    """Go through the variables of a service's environment; of two of a name the later counts."""
    if environment.kind == "sequence":
        for item in environment.items:
            if item.kind != "scalar":
                continue
            key, equals, value = item.text.partition("=")
            start, end = _start(document, item), _end(document, item)
            kept = f"{key}=" if equals else key
            yield Entry(key, value if equals else None, start, end, _quote(item), kept)
        return
    pairs = [pair for mapping in reversed(_merged(environment)) for pair in mapping.pairs]
    for name, value_node in pairs:
        if name.tag != _MERGE and name.kind == "scalar" and value_node.kind == "scalar":
            is_null = value_node.tag == _NULL and not _quote(value_node)
            start, end = _start(document, value_node), _end(document, value_node)
            text = None if is_null else value_node.text
            if not is_null:
                yield Entry(name.text, text, start, end, _quote(value_node))
            elif start == end:
                # Right behind the colon, so that a comment keeps its distance.
                yield Entry(name.text, None, name.end + 1, name.end + 1, kept=" ")
            else:
                yield Entry(name.text, None, start, end)


def environments(document: Document) -> list[tuple[str, Node]]:
    """Return each service's name and its environment."""
    root = composed(document)
    services = member_of(root, "services") if root else None
    found = []
    for name, service in pairs_of(services):
        environment = member_of(service, "environment")
        if environment is not None and environment.kind in ("mapping", "sequence"):
            found.append((name, environment))
    return found


def pairs_of(node: Node | None) -> Iterator[tuple[str, Node]]:
    """Go through a mapping's members: its own, then merged ones, which they overrule."""
    for mapping in _merged(node):
        for name, value in mapping.pairs:
            if name.tag != _MERGE and name.kind == "scalar":
                yield name.text, value


def _merged(node: Node | None) -> list[Node]:
    """Return a mapping and those that are merged into it, the strongest first, each once.

    Merges of merges may name the same mapping more often than there is time to look at it.
    """
    found: dict[int, Node] = {}
    waiting = [node] if node is not None else []
    while waiting:
        one = waiting.pop()
        if id(one) in found:
            continue
        found[id(one)] = one
        for name, value in reversed(one.pairs):
            if name.tag == _MERGE:
                waiting += reversed(value.items) if value.kind == "sequence" else (value,)
    return list(found.values())


def member_of(node: Node | None, name: str) -> Node | None:
    """Return a member of a mapping, merged ones too; None where there is none."""
    return next((value for key, value in pairs_of(node) if key == name), None)


def composed(document: Document) -> Node | None:
    """Return the one document of a file; None where it is empty.

    Raises:
        Invalid: it is no YAML, or holds several documents.
    """
    import yaml  # 30 ms: not before there is a file

    with _told():
        root = yaml.compose(document.text, Loader=yaml.SafeLoader)
        return _converted(root) if root is not None else None


def composed_all(document: Document) -> list[Node]:
    """Return the documents of a file, those that hold something.

    Raises:
        Invalid: it is no YAML.
    """
    import yaml  # as above

    with _told():
        return [_converted(root) for root in yaml.compose_all(document.text, yaml.SafeLoader)]


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the parser raises into an error that repeats nothing of the file."""
    import yaml  # as above

    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}" if mark else "the file"
        raise Invalid(f"{where} cannot be read as YAML") from error
    except yaml.YAMLError as error:
        raise Invalid("the file cannot be read as YAML: it holds a control character") from error
    except RecursionError as error:
        raise Invalid("the file is nested too deeply, or holds itself") from error
    except ValueError as error:
        raise Invalid("the file cannot be read as YAML") from error


def _converted(root: object) -> Node:
    """Turn the parser's nodes into ours; a node that several aliases name stays one."""
    from yaml.nodes import MappingNode, ScalarNode, SequenceNode
    from yaml.nodes import Node as Parsed

    done: dict[int, Node] = {}
    size = [0]

    def convert(node: Parsed) -> Node:
        if id(node) in done:
            return done[id(node)]
        size[0] += 1
        start, end = node.start_mark.index, node.end_mark.index
        column = node.start_mark.column
        if isinstance(node, ScalarNode):
            made = Node("scalar", node.tag, node.style or "", start, end, column, False, node.value)
        elif isinstance(node, SequenceNode):
            items = tuple(convert(item) for item in node.value)
            flow = bool(node.flow_style)
            made = Node("sequence", node.tag, "", start, end, column, flow, items=items)
        else:
            assert isinstance(node, MappingNode), "there are three kinds"
            pairs = tuple((convert(key), convert(value)) for key, value in node.value)
            flow = bool(node.flow_style)
            # Behind an anchor the mapping begins on a line of its own: its first key knows.
            column = pairs[0][0].column if pairs else column
            made = Node("mapping", node.tag, "", start, end, column, flow, pairs=pairs)
        done[id(node)] = made
        return made

    assert isinstance(root, Parsed), "the parser returns nodes"
    return convert(root)


def _size(node: Node) -> int:
    return len(node.pairs) + len(node.items)


def _start(document: Document, node: Node) -> int:
    """Return where a scalar begins, behind its anchor and tag."""
    match = _PROPERTIES.match(document.text, node.start, node.end)
    return match.end() if match else node.start


def _end(document: Document, node: Node) -> int:
    """Return where a node ends; the parser counts the line ends behind a block to it."""
    text = document.text[node.start : node.end]
    return node.start + len(text.rstrip(" \t\r\n"))


def _quote(node: Node) -> str:
    return node.style if node.style in ("'", '"') else ""


def _written(entry: Entry, value: str) -> str:
    if entry.kept.strip():
        return _item(entry.kept.removesuffix("=") + "=" + value, prefer=entry.quote)
    return entry.kept + _quoted(value, prefer=entry.quote)


def _item(text: str, *, prefer: str = "") -> str:
    if not prefer and _BARE_ITEM.fullmatch(text):
        return text
    return _quoted(text, prefer=prefer)


def _is_bare_key(key: str) -> bool:
    return _BARE_KEY.fullmatch(key) is not None and key.lower() not in _WORDS


def _quoted(value: str, *, prefer: str = "") -> str:
    if prefer != '"' and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(_escaped(char) for char in value) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
