"""A value's way in and out at the terminal: `--value`, `--file --encoding`, stdin, a download.

The encodings and the tag `file-encoding` are az's.
"""

from __future__ import annotations

import argparse
import base64
import binascii

from devvault.cli import ask, say
from devvault.cli.privatefile import read_file, write_private
from devvault.errors import Invalid, WrongUse

_FILE_LIMIT = 1024 * 1024
_TEXT = ("utf-8", "utf-16le", "utf-16be", "ascii")


def read_value(args: argparse.Namespace, question: str) -> tuple[str, str]:
    """Return the value that `--value`, `--file`, stdin or a prompt gives, and its encoding's name.

    Raises:
        WrongUse: both are given, or there is nowhere to ask.
        Invalid: the file is not of that encoding.
    """
    encoding: str = args.encoding or "utf-8"
    if args.value == "" or (args.file is not None and args.value is not None):
        raise WrongUse(
            "incorrect usage: [Required] --value VALUE | --file PATH",
            hint="devvault keyvault secret set --help",
        )
    if args.file is not None:
        return _encoded(read_file(args.file, limit=_FILE_LIMIT), encoding), encoding
    if args.value is None:
        return ask.value(question, instead=_INSTEAD), encoding
    if args.value == "-":
        return ask.strip_newline(ask.read_stdin(instead=_INSTEAD)), encoding
    text: str = args.value
    if text in args.typed or f"--value={text}" in args.typed:  # and so not out of an @FILE
        say.hint(
            "--value shows in the process list and the shell's history; leave it out to be asked"
        )
        if text.startswith("@"):
            say.note("the value begins with @ and names no file that can be read: stored as typed")
    return text, encoding


def write_value(path: str, value: str, encoding: str, *, overwrite: bool) -> None:
    """Write a value to a file of mode 0600, decoded as `--encoding` or its tag says.

    Raises:
        Invalid: the value is not of that encoding.
        WrongUse: the file is there already.
    """
    try:
        if encoding in _TEXT:
            # As az: text encodings say how the value was read; the file is UTF-8.
            data = value.encode()
        elif encoding == "base64":
            data = base64.b64decode(value)
        elif encoding == "hex":
            data = binascii.unhexlify(value)
        else:
            raise Invalid(
                "the tag file-encoding names no encoding that is known", hint="--encoding utf-8"
            )
    except (ValueError, binascii.Error) as error:
        raise Invalid(
            f"the value is not {encoding}", hint="add --encoding utf-8 to write it as it is"
        ) from error
    write_private(path, data, overwrite=overwrite)


_INSTEAD = 'printf %s "$VALUE" | devvault keyvault secret set --value - ...'


def _encoded(data: bytes, encoding: str) -> str:
    if encoding == "base64":
        # az writes the lines of 76 characters that base64.encodebytes makes.
        return base64.encodebytes(data).decode()
    if encoding == "hex":
        return data.hex()
    try:
        text = data.decode("utf-8")
        text.encode(encoding)
    except UnicodeError as error:
        raise Invalid(
            f"the file is not {encoding} text", hint="add --encoding base64 for other bytes"
        ) from error
    return text
