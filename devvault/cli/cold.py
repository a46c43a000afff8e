"""`devvault check --staged` without a vault on this machine (CI, a colleague): checked right here.

Part of the hook's short way: git's diff is read already, and nothing is loaded that a first look
does not need. What the project adds (rules, a baseline) is the full CLI's.
"""

from __future__ import annotations

import io

from devvault.scan.check import Options, check
from devvault.scan.engine import Engine
from devvault.scan.report import lines, notes
from devvault.scan.staged import staged_texts

NO_VAULT = "devvault: note: values of vaults were not checked: there is no vault on this machine\n"


def check_staged(root: bytes, diff: bytes) -> tuple[int, bytes, bytes]:
    """Return the exit code, and what goes to stdout and stderr.

    Raises:
        Unavailable: git has to be asked for more.
    """
    report = check(staged_texts(io.BytesIO(diff)), Engine(), None, Options())
    out = "".join(f"{line}\n" for line in lines(report))
    folder = root.decode("utf-8", "surrogateescape")
    told = NO_VAULT + "".join(f"{line}\n" for line in notes(report, folder))
    code = 1 if report.found else 0
    return code, out.encode("utf-8", "backslashreplace"), told.encode("utf-8", "backslashreplace")
