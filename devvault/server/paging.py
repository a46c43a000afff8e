"""Pages of a listing: `maxresults`, `$skiptoken` (the last name, never an offset), `nextLink`."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from devvault.errors import Invalid
from devvault.model.page import PAGE_LIMIT, Page
from devvault.server.reply import Reply, Request, json_reply

T = TypeVar("T")


def read_page(request: Request) -> tuple[str, int]:
    """Return (after, limit) of a list request.

    Raises:
        Invalid: `maxresults` is not 1 to 25, or the token is not ours.
    """
    asked = request.query.get("maxresults", str(PAGE_LIMIT))
    if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked) <= PAGE_LIMIT:
        raise Invalid(f"The value of 'maxresults' must be between 1 and {PAGE_LIMIT}.")
    token = request.query.get("$skiptoken", "")
    return _read_token(token) if token else "", int(asked)


def page_reply(request: Request, page: Page[T], show: Callable[[T], dict[str, object]]) -> Reply:
    """Return a page with the address of the next one."""
    link = None
    if page.after is not None:
        version = quote(request.query.get("api-version", ""), safe="")
        count = request.query.get("maxresults")
        more = f"&maxresults={count}" if count else ""
        link = (
            f"https://{_with_port(request.host)}{request.path}?api-version={version}"
            f"&$skiptoken={_token(page.after)}{more}"
        )
    return json_reply(200, {"value": [show(found) for found in page.items], "nextLink": link})


def _with_port(host: str) -> str:
    return host if ":" in host else f"{host}:443"


def _token(after: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"after": after}).encode()).rstrip(b"=").decode()


def _read_token(token: str) -> str:
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        after = json.loads(data)["after"]
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid("The value of '$skiptoken' is not valid.") from error
    if not isinstance(after, str):
        raise Invalid("The value of '$skiptoken' is not valid.")
    return after
