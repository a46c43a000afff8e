"""Shell scripts: assignments, options, and what is passed to well-known tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans

_VALUE = (
    r"(?:\\?\"(?P<double>(?:[^\"\\\n]|\\[\s\S]){0,8192})\"|'(?P<single>[^'\n]{0,8192})'"
    r"|(?P<bare>[^\s\"'|&;()<>]{1,2048}))"
)


@cache
def _assigned() -> re.Pattern[str]:
    return re.compile(
        r"(?:(?<![\w.$%{/?&=-])(?P<name>[A-Za-z_][\w.-]{0,80}(?:__[\w-]{1,80})?)\+?=" + _VALUE + ")"
        r"|(?:(?<![\w-])(?P<flag>--?[A-Za-z][\w-]{1,60})(?:=|[^\S\n]+)(?!-)"
        + _VALUE.replace("P<", "P<f")
        + ")"
        r"|(?:[\"'](?P<header>[A-Za-z][\w-]{1,60}):\s{0,4}(?P<held>[^\"'\n]{1,2048})[\"'])"
        r"|(?:(?<![\w-])(?:-u|--user)[^\S\n]+[\"']?[^\s:\"'$]{1,80}:(?P<user>[^\s\"']{1,200}))"
        r"|(?:(?:sshpass[^\S\n]+-p|docker[^\n]{0,120}?login[^\n]{0,200}?[^\S\n]-p"
        r"|az[^\S\n]+(?:login|acr|sql|mysql|postgres|vm|synapse)[^\n]{0,200}?[^\S\n]-p"
        r"|keyvault[^\S\n]+secret[^\S\n]+set[^\n]{0,200}?--value=?|sqlcmd[^\n]{0,200}?[^\S\n]-P|redis-cli[^\n]{0,120}?[^\S\n]-a)"
        r"[^\S\n]*[\"']?(?P<typed>[^\s\"'|&;]{1,512}))"
        r"|(?:(?<![\w-])mysql(?:dump|admin)?[^\n]{0,200}?[^\S\n]-p(?P<mysql>[^\s\"'|&;-][^\s\"'|&;]{1,200}))"
        r"|(?:(?<![\w-])echo[^\S\n]+(?:-n[^\S\n]+)?[\"'](?P<piped>[^\"'\n]{4,512})[\"'][^\S\n]*\|[^\n|]{0,120}"
        r"(?:password-stdin|passwd|--stdin|with-token))"
    )


def read(text: str, spans: Spans) -> Iterator[Pair]:
    """Return what the commands of a script set and pass; see `base.Read`."""
    for first, last in spans:
        for match in _assigned().finditer(text, first, last):
            pair = _pair(match)
            if pair is not None:
                yield pair


def _pair(match: re.Match[str]) -> Pair | None:
    if match["name"] is not None:
        group = next(n for n in ("double", "single", "bare") if match[n] is not None)
        return _made(match["name"], match, group)
    if match["flag"] is not None:
        group = next(n for n in ("fdouble", "fsingle", "fbare") if match[n] is not None)
        pair = _made(match["flag"].lstrip("-"), match, group)
        name, equals, value = pair.value.partition("=")
        if equals and value and name.replace("_", "").replace("-", "").isalnum():
            at = pair.start + len(name) + 1  # --from-literal=password=x, -e KEY=x
            return Pair(name, value.strip("\"'"), at, pair.end, pair.place)
        return pair
    if match["header"] is not None:
        return _made(match["header"], match, "held")
    for group in ("user", "typed", "mysql", "piped"):
        if match[group] is not None:
            return _made("password", match, group)
    return None


def _made(key: str, match: re.Match[str], group: str) -> Pair:
    value = match[group]
    start, end = match.span(group)
    if group.endswith("bare"):
        stripped = value.rstrip(",\\`")
        end -= len(value) - len(stripped)
        value = stripped
    if "\\" in value and group.endswith("double"):
        value = re.sub(r"\\(?:\n\s*|([\"\\$`]))", lambda m: m[1] or "", value)
    return Pair(key, value, start, end, Place.SETTINGS)
