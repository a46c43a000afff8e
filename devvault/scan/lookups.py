"""How a program reads a setting, by language: what to write where a value stood in source code."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_BY_SUFFIX = {
    ".py": 'os.environ["{0}"]', ".pyw": 'os.environ["{0}"]', ".ipynb": 'os.environ["{0}"]',
    ".js": "process.env.{0}", ".mjs": "process.env.{0}", ".cjs": "process.env.{0}",
    ".jsx": "process.env.{0}", ".ts": "process.env.{0}", ".tsx": "process.env.{0}",
    ".cs": 'Environment.GetEnvironmentVariable("{0}")',
    ".fs": 'Environment.GetEnvironmentVariable("{0}")',
    ".vb": 'Environment.GetEnvironmentVariable("{0}")',
    ".java": 'System.getenv("{0}")', ".kt": 'System.getenv("{0}")',
    ".scala": 'sys.env("{0}")', ".groovy": 'System.getenv("{0}")',
    ".go": 'os.Getenv("{0}")', ".rb": 'ENV.fetch("{0}")', ".php": "getenv('{0}')",
    ".rs": 'std::env::var("{0}")?', ".swift": 'ProcessInfo.processInfo.environment["{0}"]',
    ".sh": '"${0}"', ".bash": '"${0}"', ".zsh": '"${0}"', ".fish": "${0}",
    ".ps1": "$env:{0}", ".psm1": "$env:{0}", ".tf": "var.{1}", ".tfvars": "TF_VAR_{1}",
    ".properties": "${{{0}}}", ".xml": "%{0}%",
}  # fmt: skip
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def setting_name(key: str) -> str:
    """Return the environment variable's name that suits a key or a secret's name."""
    words = _WORDS.findall(key.rpartition(":")[2] if ":" in key else key)
    name = "_".join(word.upper() for word in words)
    if not name:
        return "SECRET"
    return name if not name[0].isdigit() else f"SETTING_{name}"


def lookup(path: str, name: str) -> str | None:
    """Return what to write in a file of this name to read the setting; None: not known."""
    form = _BY_SUFFIX.get(PurePosixPath(path).suffix.lower())
    return None if form is None else form.format(name, name.lower())
