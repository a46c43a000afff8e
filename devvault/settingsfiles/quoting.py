"""How a value is written into a `.env` so that as many readers as can be read the same.

In this order: bare (python-dotenv, a shell, docker and compose agree), in quotes that all of these
but `docker run --env-file` (which knows no quotes) read alike, in quotes that python-dotenv reads.
"""

from __future__ import annotations

import re

from devvault.errors import Invalid

_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
# In single quotes a shell keeps every character; python-dotenv still reads \\ and \'.
_SINGLE = re.compile(r"(?:[^'\\\r]|\\(?![\\']|$))*")
# In double quotes both read \\ and \", and only the shell acts on $ and the back tick.
_DOUBLE = re.compile(r"[^$`\r]*")
_DOUBLE_UNTOUCHED = re.compile(r"[^$`\r\n\"\\]*")


def quoted(value: str, *, prefer: str = "") -> str:
    """Return a value as it is written behind `NAME=`, in the quotes it had where that does.

    Raises:
        Invalid: a value that no reader would get back (NUL, half a surrogate pair, or a carriage
            return beside `${`).
    """
    if "\0" in value:
        raise Invalid("a value with a NUL cannot stand in an env file")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Invalid("a value that is not text cannot stand in an env file") from error
    if prefer == '"' and _DOUBLE_UNTOUCHED.fullmatch(value):
        return f'"{value}"'
    if prefer != "'" and _BARE.fullmatch(value):
        return value
    if _SINGLE.fullmatch(value):
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\")
    if _DOUBLE.fullmatch(value):
        return '"' + escaped.replace('"', '\\"') + '"'
    if "\r" not in value:
        return "'" + escaped.replace("'", "\\'") + "'"
    if "${" in value:
        raise Invalid("a value with a carriage return and ${ cannot stand in an env file")
    return '"' + escaped.replace('"', '\\"').replace("\r", "\\r") + '"'
