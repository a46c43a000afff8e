"""A `.bicepparam` file: `param NAME = 'text'` and `param NAME = az.getSecret(...)`.

Other expressions are Bicep's to work out, and no settings of ours.
"""

from __future__ import annotations

import re

from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.places import Document
from devvault.settingsfiles.shapes import check_whole, fixed

_COMMENT = re.compile(
    r"//[^\n]*|/\*.*?(?:\*/|\Z)|('''.*?(?:'''|\Z)|'(?:[^'\\\n]|\\.)*')", re.DOTALL
)
_PARAM = re.compile(r"^[ \t]*param[ \t]+([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*", re.MULTILINE)
_TEXT = re.compile(r"'((?:[^'\\\n$]|\$(?!\{)|\\[\\'nrt$])*)'[ \t]*\r?$", re.MULTILINE)
_CALL = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*\.getSecret\((?:[^()']|'(?:[^'\\\n]|\\.)*')*\)", re.ASCII
)
_LINES = re.compile(r"[ \t]*\r?\n[ \t]*")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class BicepParam:
    """The shape `bicepparam`. It has no state."""

    def read(self, data: bytes, part: str) -> list[Setting]:
        """Return the parameters that are texts or calls of getSecret; a file has no parts."""
        check_whole(part)
        document = Document.of(data)
        text = _COMMENT.sub(_without, document.text)
        found = []
        for param in _PARAM.finditer(text):
            line = document.line_at(param.start(1))
            plain, call = _TEXT.match(text, param.end()), _CALL.match(text, param.end())
            if plain is not None:
                value = _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), plain[1])
                found.append(fixed(param[1], value, line))
            elif call is not None:
                found.append(fixed(param[1], _LINES.sub(" ", call[0]), line))
        return found


def _without(match: re.Match[str]) -> str:
    """Blank a comment, every line end kept; a text stays."""
    return match[1] or re.sub(r"[^\n]", " ", match[0])
