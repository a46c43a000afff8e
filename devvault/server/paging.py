"""Pages of a listing: how many, the token that names where the next begins, and its address.

A token holds the last name of a page, never an offset: what is made or deleted in between neither
repeats nor hides an item.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote

from devvault.errors import Invalid
from devvault.model.names import fold
from devvault.model.page import PAGE_LIMIT, Page
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.versions import asked_version
from devvault.server.wire.fields import read_body, required_text

T = TypeVar("T")
_TOP_LIMIT = 1000


def read_page(request: Request) -> tuple[str, int]:
    """Return (after, limit) of a data-plane list request.

    Raises:
        Invalid: `maxresults` is not 1 to 25, or the token is not ours.
    """
    return _read_token(request), _count(request, "maxresults", PAGE_LIMIT, PAGE_LIMIT)


def page_reply(request: Request, page: Page[T], show: Callable[[T], dict[str, object]]) -> Reply:
    """Return a page of a vault's list with the address of the next one, or null."""
    link = None if page.after is None else _link(request, page.after, "maxresults")
    return json_reply(200, {"value": [show(found) for found in page.items], "nextLink": link})


def list_reply(
    request: Request,
    found: Sequence[T],
    show: Callable[[T], dict[str, object]],
    name: Callable[[T], str],
) -> Reply:
    """Return a control plane's list, in pages where the client asks for them with `$top`.

    Raises:
        Invalid: `$top` is not 1 to 1000, or the token is not ours.
    """
    after = _read_token(request)
    limit = _count(request, "$top", _TOP_LIMIT, len(found) or 1)
    rest = sorted(
        (item for item in found if fold(name(item)) > after), key=lambda item: fold(name(item))
    )
    body: dict[str, object] = {"value": [show(item) for item in rest[:limit]]}
    if len(rest) > limit:
        body["nextLink"] = _link(request, fold(name(rest[limit - 1])), "$top", "$filter")
    return json_reply(200, body)


def _count(request: Request, name: str, most: int, default: int) -> int:
    asked = request.query.get(name)
    if asked is None:
        return default
    digits = asked.isascii() and asked.isdigit() and len(asked) <= 6
    if not digits or not 1 <= int(asked) <= most:
        raise Invalid(f"The value of '{name}' must be between 1 and {most}.")
    return int(asked)


def _link(request: Request, after: str, *kept: str) -> str:
    """Return the next page's absolute address, by the host that the client used."""
    host = request.host if ":" in request.host else f"{request.host}:443"
    version = quote(asked_version(request.query), safe="")
    more = "".join(
        f"&{name}={quote(request.query[name], safe='')}" for name in kept if name in request.query
    )
    return (
        f"https://{host}{quote(request.path)}?api-version={version}"
        f"&$skiptoken={_token(after)}{more}"
    )


def _token(after: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"after": after}).encode()).rstrip(b"=").decode()


def _read_token(request: Request) -> str:
    token = request.query.get("$skiptoken", "")
    if not token:
        return ""
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        body = read_body(data)
    except (ValueError, Invalid) as error:
        raise Invalid("The value of '$skiptoken' is not valid.") from error
    return required_text(body, "after")
