"""Who is meant by a word on a command line: what az asks Entra's directory, asked of the home."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from devvault.cli import say
from devvault.cli.planes import Planes
from devvault.cli.reply import items, text
from devvault.errors import NotFound

# The types of principals that az knows, in the form of its flag.
TYPES = ("ForeignGroup", "Group", "ServicePrincipal", "User")
_BY_NAME = ("Group", "User")


@dataclass(frozen=True, slots=True)
class Who:
    """A principal: object id, name, type; of a program also its client id, and whose it is."""

    id: str
    name: str
    kind: str
    appid: str = ""
    resource_id: str = ""


def find_who(planes: Planes, word: str) -> Who | None:
    """Return who is meant by an object id, client id, ARM id, name or `me`; None where nobody is.

    Raises:
        Invalid: several principals bear that name.
    """
    try:
        found = planes.local("GET", f"/local/principals?name={quote(word, safe='')}")
    except NotFound as error:
        if error.code != "PrincipalNotFound":
            raise
        return None
    return _read(found)


def names_of(planes: Planes) -> dict[str, str]:
    """Return everybody's name, by object id in lower case."""
    found = read_all(planes.local("GET", "/local/principals"))
    return {who.id.lower(): who.name for who in found}


def get_who(planes: Planes, word: str, kind: str = "") -> Who:
    """Return who is meant; a user or group that is named first is registered, with a note.

    `a@b` is a user's name; another word is one where `kind` says so.

    Raises:
        NotFound: nobody is known by that word, and it says nothing of who it could be.
    """
    found = find_who(planes, word)
    if found is not None:
        return found
    wanted = kind if kind in _BY_NAME else "User" if "@" in word and not kind else ""
    if not wanted:
        raise NotFound(
            f"Cannot find user or service principal in this home for '{say.printable(word)}'.",
            code="PrincipalNotFound",
            hint=f"devvault webapp identity assign --name {say.printable(word)}",
        )
    body = {"name": word, "type": wanted}
    made = _read(planes.local("POST", "/local/principals", body))
    say.note(f"the {wanted.lower()} {say.printable(word)} is named first, and registered now")
    return made


def read_all(body: dict[str, object]) -> list[Who]:
    """Return the principals that a reply of the local plane lists."""
    return [
        Who(*(text(item, name) for name in ("id", "name", "type", "appId", "resourceId")))
        for item in items(body, "principals")
    ]


def _read(body: dict[str, object]) -> Who:
    return read_all(body)[0]
