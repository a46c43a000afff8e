"""Names of settings and names of secrets: a secret's name has letters, digits and hyphens alone.

`__` and `:`, with which .NET and others nest, become `--`, as .NET's Key Vault provider has it;
`_` and whatever else is illegal becomes `-`, so that UPPER_SNAKE finds `upper-snake`: Key Vault
compares names without regard to case.
"""

from __future__ import annotations

import re

NAME_LIMIT = 127

_NO_LETTER = re.compile(r"[^0-9A-Za-z-]")


def secret_name(setting: str, prefix: str = "") -> str:
    """Return the secret's name for a setting; `prefix` goes before it, and is mapped as well."""
    dashed = f"{prefix}{setting}".replace("__", "--").replace(":", "--")
    name = _NO_LETTER.sub("-", dashed)[:NAME_LIMIT]
    return name if name.strip("-") else f"setting{name}"[:NAME_LIMIT]
