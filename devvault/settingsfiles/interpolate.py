"""`${NAME}` and `${NAME:-default}` in the values of a `.env`, as python-dotenv does it.

Two differences, both on purpose: a value in single quotes is literal, as in a shell, and a value
that came from a vault (or was declared opaque) is put in as it is, never read for `${` itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

from devvault.errors import WrongUse
from devvault.settingsfiles.base import Setting

# A name that stands for ten of another, which stands for ten more, is soon more than any memory.
LIMIT = 16 * 1024 * 1024
_END_OF_NAME = re.compile("[}:]")


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

    Raises:
        WrongUse: what is put in grows beyond `LIMIT`.
    """
    usable = [s for s in settings if s.error is None]
    last = {s.key: index for index, s in enumerate(usable)}
    values: dict[str, str | None] = {}

    put_in = 0

    def look_up(name: str, default: str) -> str:
        nonlocal put_in
        if name in environment and not (override and name in values):
            found = environment[name]
        else:
            # A name without a value counts as set and empty: python-dotenv takes no default for it.
            found = values.get(name, default) or ""
        put_in += len(found)
        if put_in > LIMIT:
            raise WrongUse(
                f"line {setting.line}: what ${{...}} stands for grows beyond {LIMIT >> 20} MiB",
                hint="put a value that is no variable in single quotes: NAME='${...}'",
            )
        return found

    for index, setting in enumerate(usable):
        key, value = setting.key, setting.value
        if key in resolved and last[key] == index:
            value = resolved[key]
        elif value is not None and key not in opaque and setting.quote != "'":
            value = _replaced(value, look_up)
        values[key] = value
    return {key: value for key, value in values.items() if value is not None}


def _replaced(value: str, look_up: Callable[[str, str], str]) -> str:
    """Return a value with its variables replaced; each character of it is looked at but twice."""
    pieces: list[str] = []
    at = 0
    while (start := value.find("${", at)) >= 0:
        found = _END_OF_NAME.search(value, start + 2)
        if found is None:
            break
        end = found.start()
        name, default = value[start + 2 : end], ""
        if value[end] == ":":
            if not value.startswith(":-", end):
                pieces.append(value[at:end])
                at = end
                continue
            begin = end + 2
            end = value.find("}", begin)
            if end < 0:
                break
            default = value[begin:end]
        pieces += (value[at:start], look_up(name, default))
        at = end + 1
    return "".join([*pieces, value[at:]])
