"""`${NAME}` and `${NAME:-default}` in the values of a `.env`, as python-dotenv does it.

Two differences, both on purpose: a value in single quotes is literal, as in a shell, and a value
that came from a vault (or was declared opaque) is put in as it is, never read for `${` itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from devvault.settingsfiles.base import Setting

_VARIABLE = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")


def interpolate(
    settings: Iterable[Setting],
    environment: Mapping[str, str],
    resolved: Mapping[str, str],
    opaque: AbstractSet[str] = frozenset(),
    *,
    override: bool = False,
) -> dict[str, str]:
    """Return name -> value for all settings that have a value, the later of two winning.

    `settings` are those of one file, or of several one after the other. `resolved` holds what the
    vault gave for the settings that are references: it stands for the last setting of that name.
    The values of `opaque` names stay as written (a reference that is passed on literally).
    Where a name is set in both, `${NAME}` is the environment's value, or with `override` the
    file's. Unusable settings (`error`) are left out, as are names without a value.
    """
    usable = [s for s in settings if s.error is None]
    last = {s.key: index for index, s in enumerate(usable)}
    values: dict[str, str | None] = {}

    def look_up(match: re.Match[str]) -> str:
        name, default = match[1], match[2] or ""
        if name in environment and not (override and name in values):
            return environment[name]
        # A name without a value counts as set and empty: python-dotenv takes no default for it.
        return values.get(name, default) or ""

    for index, setting in enumerate(usable):
        key, value = setting.key, setting.value
        if key in resolved and last[key] == index:
            value = resolved[key]
        elif value is not None and key not in opaque and setting.quote != "'":
            value = _VARIABLE.sub(look_up, value)
        values[key] = value
    return {key: value for key, value in values.items() if value is not None}
