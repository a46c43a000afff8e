"""Do these texts hold values of the vaults that the folder may resolve from? Places, no values."""

from __future__ import annotations

from bisect import bisect_right

from devvault.errors import Invalid
from devvault.server.local.base import Ask, Plane, Route, text
from devvault.server.reply import Reply, json_reply
from devvault.vault import trust

LIMIT = 32 * 1024 * 1024


def scan(plane: Plane, ask: Ask) -> Reply:
    """Return where in which text which secret's value stands."""
    members = ask.members()
    folder = text(members, "folder")
    trust.check_folder(folder)
    names, bodies = _texts(members.get("texts"))
    from devvault.vault.fingerprints import find_values  # few daemons are ever asked

    gate = plane.gate()
    found = find_values(gate, plane.developer(), trust.trusted_vaults(gate, folder), bodies)
    starts = [_line_starts(body) for body in bodies]
    findings: list[dict[str, object]] = []
    for match in found.matches:
        line = bisect_right(starts[match.text], match.start)
        findings.append(
            {
                "name": names[match.text],
                "line": line,
                "column": match.start - starts[match.text][line - 1] + 1,
                "end": match.end - match.start,
                "vault": match.vault,
                "secret": match.secret,
                "version": match.version,
                "form": "raw",
            }
        )
    return json_reply(
        200, {"findings": findings, "complete": found.complete, "values": found.values}
    )


def _texts(given: object) -> tuple[list[str], list[str]]:
    names: list[str] = []
    bodies: list[str] = []
    for item in given if isinstance(given, list) else [None]:
        if not isinstance(item, dict):
            raise Invalid("the member 'texts' must be a list of objects")
        names.append(text(item, "name"))
        bodies.append(text(item, "text"))
    return names, bodies


def _line_starts(body: str) -> list[int]:
    starts = [0]
    at = body.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = body.find("\n", at + 1)
    return starts


ROUTES: dict[tuple[str, str], Route] = {("POST", "/local/scan"): Route(scan, limit=LIMIT)}
