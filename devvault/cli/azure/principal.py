"""Who is meant by an object id, an application id, a name or `me`: asked of the daemon."""

from __future__ import annotations

import re
from urllib.parse import quote

from devvault.cli import say
from devvault.cli.planes import Planes
from devvault.cli.reply import Body, items, text
from devvault.errors import NotFound, WrongUse

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ME = {"me", "developer"}


def developer(planes: Planes) -> str:
    """Return the object id of the home's developer."""
    return text(planes.status(), "developer")


def find_principal(planes: Planes, word: str, *, flag: str) -> Body:
    """Return a principal's `id`, `type` and `name`; the type is empty where it is not known.

    An object id that nobody has yet is taken as it is: whoever is given rights for the first time
    is registered then.

    Raises:
        WrongUse: nobody has this name; `flag` is the one that gave it.
    """
    if word.lower() in _ME:
        return {"id": developer(planes), "type": "User", "name": word}
    is_id = _GUID.fullmatch(word) is not None
    try:
        found = planes.local("GET", f"/local/principals?name={quote(word, safe='')}")
    except NotFound as error:
        if is_id:
            return {"id": word, "type": "", "name": word}
        raise WrongUse(
            f"{flag} '{say.printable(word)}' is nobody that this home knows",
            hint="devvault identity list; a user or group: --assignee-object-id ID"
            " --assignee-principal-type User"
            if flag == "--assignee"
            else "devvault identity list; anybody else: --object-id ID; yourself: --object-id me",
        ) from error
    return items(found, "principals")[0]


def all_names(planes: Planes) -> dict[str, str]:
    """Return the name of everybody that the home knows, by object id in lower case."""
    try:
        found = planes.local("GET", "/local/principals")
    except NotFound:
        return {}
    return {text(who, "id").lower(): text(who, "name") for who in items(found, "principals")}
