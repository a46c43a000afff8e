"""What a kind of file is to the scanner: a text in, (key, value, place) out; one kind a module.

A kind never raises and takes time that grows with the text. It says what stands where, not what it
means: that is the judge's. What is cut up wrongly costs a finding at worst, never the check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

Span = tuple[int, int]
Spans = Sequence[Span]


class Place(Enum):
    """What kind of text a pair stands in; the judge asks more of some than of others."""

    ENV = "an env file: every value is a setting"
    SETTINGS = "a settings file"
    CODE = "source code: most strings are words for people or names of things"
    PROSE = "a document"


@dataclass(frozen=True, slots=True)
class Pair:
    """A value under a name. `start` and `end` are the value's place in the text, quotes left out.

    `value` is the value as the program would get it, so it may differ from the text at its place.
    """

    key: str
    value: str
    start: int
    end: int
    place: Place = Place.SETTINGS

    def __repr__(self) -> str:
        """Leave the value out: it may be what is looked for."""
        return f"Pair({self.key!r}, {self.start})"


class Read(Protocol):
    """The face of a kind's module: its function `read`."""

    def __call__(self, text: str, spans: Spans) -> Iterator[Pair]:
        """Return the pairs of a text in the order of their places.

        `spans` are the lines, sorted and apart, on which a word stands that a secret's name may
        hold. A kind of which a line says nothing by itself reads the whole text instead.
        """
        ...


# name -> the module of this package that reads it
_MODULES = MappingProxyType(
    {
        "batch": "batch", "bicep": "bicep", "c": "clike", "csharp": "csharp", "docker": "docker",
        "dotenv": "dotenv", "go": "go", "hcl": "hcl", "ini": "ini", "java": "java",
        "javascript": "javascript", "json": "json", "markdown": "markdown", "netrc": "netrc",
        "notebook": "notebook", "php": "php", "powershell": "powershell",
        "properties": "properties", "python": "python", "ruby": "ruby", "shell": "shell",
        "sql": "sql", "text": "prose", "toml": "toml", "xml": "xml", "yaml": "yaml",
    }
)  # fmt: skip
_SUFFIXES = MappingProxyType(
    {
        "bash": "shell", "bat": "batch", "bicep": "bicep", "bicepparam": "bicep", "c": "c",
        "cc": "c", "cfg": "ini", "cmd": "batch", "cnf": "ini", "conf": "ini", "config": "xml",
        "cpp": "c", "cs": "csharp", "cshtml": "csharp", "csproj": "xml", "csx": "csharp",
        "cjs": "javascript", "dart": "c", "env": "dotenv", "fs": "csharp", "fsx": "csharp",
        "go": "go", "gradle": "java", "groovy": "java", "h": "c", "hcl": "hcl", "hpp": "c",
        "htm": "xml", "html": "xml", "http": "text", "ini": "ini", "ipynb": "notebook",
        "java": "java", "js": "javascript", "json": "json", "json5": "json", "jsonc": "json",
        "jsx": "javascript", "kt": "java", "kts": "java", "lua": "c", "m": "c", "markdown":
        "markdown", "md": "markdown", "mdx": "markdown", "mjs": "javascript", "mts": "javascript",
        "php": "php", "pl": "ruby", "properties": "properties", "props": "xml", "ps1":
        "powershell", "psd1": "powershell", "psm1": "powershell", "pubxml": "xml",
        "publishsettings": "xml", "py": "python", "pyi": "python", "pyw": "python", "r": "python",
        "razor": "csharp", "rb": "ruby", "rest": "text", "resx": "xml", "rs": "c", "rst": "text",
        "scala": "java", "sh": "shell", "sql": "sql", "svelte": "javascript", "swift": "c",
        "targets": "xml", "tf": "hcl", "tfstate": "json", "tfvars": "hcl", "toml": "toml",
        "ts": "javascript", "tsx": "javascript", "txt": "text", "user": "xml", "vb": "csharp",
        "vbs": "csharp", "vue": "javascript", "xml": "xml", "yaml": "yaml", "yml": "yaml",
        "zsh": "shell", "fish": "shell", "ksh": "shell", "plist": "xml", "service": "ini",
        "adoc": "text", "erb": "ruby", "rake": "ruby", "ex": "ruby", "exs": "ruby",
    }
)  # fmt: skip
_NAMES = (
    (r"env|(?:.*)\.env(?:rc)?(?:\.[\w-]*)*", "dotenv"),
    (r"(?:.*[.-])?dockerfile(?:[.-].*)?|containerfile", "docker"),
    (r"\.?(?:bash|zsh|ksh|sh)(?:_?(?:profile|aliases|login|history)|rc|env)|\.profile", "shell"),
    (r"\.netrc|_netrc|\.?git-credentials|\.pgpass|\.?htpasswd", "netrc"),
    (r"\.?(?:npmrc|yarnrc|pypirc|s3cfg|boto|my\.cnf|editorconfig|gitconfig|credentials)", "ini"),
    (r"\.?(?:curl|wget|msmtp|esmtp|conda)rc", "ini"),
    (r"(?:gnu)?makefile|.*\.mk|justfile|procfile", "shell"),
    (r"gemfile|rakefile|vagrantfile|podfile|fastfile|brewfile", "ruby"),
    (r"jenkinsfile", "java"),
    (r"\.?docker(?:config)?json|\.ftpconfig|\.(?:babel|eslint|prettier|stylelint)rc", "json"),
    (r".*\.tfvars(?:\.json)?|.*\.tfstate\.backup", "hcl"),
    (r"readme|changelog|notes|todo|license", "text"),
)  # fmt: skip


@cache
def _names() -> re.Pattern[str]:
    return re.compile("|".join(f"({pattern})" for pattern, _ in _NAMES))


def find_kind(name: str, head: str = "") -> str:
    """Return the kind of file that a name (and, where that says nothing, its start) promises."""
    base = name.replace("\\", "/").rpartition("/")[2].lower()
    if name == "-":
        return _guess(head)
    match = _names().fullmatch(base)
    if match is not None and match.lastindex is not None:
        kind = _NAMES[match.lastindex - 1][1]
        return "json" if kind == "hcl" and head.lstrip()[:1] == "{" else kind
    suffix = base.rpartition(".")[2] if "." in base else ""
    while suffix in ("example", "sample", "template", "dist", "bak", "old", "orig", "tmpl", "j2"):
        base = base.removesuffix(f".{suffix}")
        suffix = base.rpartition(".")[2] if "." in base else ""
    kind = _SUFFIXES.get(suffix, "")
    if kind == "xml" and suffix == "config" and head.lstrip()[:1] != "<":
        return _guess(head)
    return kind or _guess(head)


def _guess(head: str) -> str:
    """Return the kind of a text by its first characters."""
    start = head[:2048].lstrip("\ufeff \t\r\n")
    if start.startswith("#!"):
        line = start.partition("\n")[0]
        for word, kind in (
            ("python", "python"), ("node", "javascript"), ("ruby", "ruby"), ("pwsh", "powershell"),
            ("php", "php"), ("sh", "shell"),
        ):  # fmt: skip
            if word in line:
                return kind
    if start.startswith("<?php"):
        return "php"
    if start[:1] == "<":
        return "xml"
    if start[:1] == "{":
        return "json"
    return "text"


@cache
def get_reader(kind: str) -> Read:
    """Load the reader of a kind by its name; KeyError for a name that is not there."""
    module = import_module(f"devvault.scan.kinds.{_MODULES[kind]}")
    return cast("Read", module.read)
