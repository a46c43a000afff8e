"""The daemon's three planes as a verb sees them: local, data and control, all over one socket.

It speaks the public REST shapes and no private ones; the daemon is started where it does not run.
Every refusal comes out as an error of `devvault.errors`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, urlencode

from devvault.cli import ask
from devvault.cli.hints import add_hint
from devvault.cli.progress import Progress
from devvault.cli.reply import Body, items, number, table, text
from devvault.cli.say import printable
from devvault.client.daemon import ensure, find
from devvault.client.http import Connection, Response, error_from, raise_for
from devvault.client.passphrase import passphrase_from_environment
from devvault.errors import DevvaultError, Invalid, Locked, NotFound, Unavailable
from devvault.paths import Home, check_home, default_home

LOCAL = "devvault"
CONTROL = "management.azure.com"
DATA_SUFFIX = ".vault.azure.net"
DATA_VERSION = "7.5"
ARM_VERSION = "2026-02-01"
GROUP_VERSION = "2024-11-01"
ROLE_VERSION = "2022-04-01"
PAGE_LIMIT = 25

# An id may hold blanks or letters of any script; what `segment` made stays as it is.
_PATH = "/%"
_VAULT = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]")
_NEW_HOME = "there is no vault on this machine yet"


class Planes:
    """One home's daemon. Opened by `open_planes`, which starts it and sees that it is unlocked."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._connection = Connection(home)
        self._subscription = ""

    def status(self) -> Body:
        """Return what the daemon says of itself: no secret, also while it is locked."""
        return self.local("GET", "/local/status")

    @property
    def subscription(self) -> str:
        """The home's own subscription id."""
        if not self._subscription:
            self._subscription = text(self.status(), "subscription")
        return self._subscription

    def local(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Body:
        """Ask the local plane and return its JSON."""
        return self._json(self._send(method, LOCAL, path, _encoded(body)))

    def send_local(self, path: str, body: bytes | Iterable[bytes]) -> Response:
        """Post raw bytes to the local plane and return the reply as it is."""
        return self._send("POST", LOCAL, path, body, content_type="application/octet-stream")

    def stream(self, path: str, body: Mapping[str, object]) -> Iterator[bytes]:
        """Post to the local plane and return the pieces of its reply as they come."""
        return self._connection.stream(
            "POST", LOCAL, path, _headers("application/json"), _encoded(body)
        )

    def progress(self, path: str, what: str, body: Mapping[str, object] | None = None) -> Body:
        """Post long work to the local plane, draw how far it is, and return its result.

        Raises:
            Unavailable: the daemon ended on the way; its next start repairs what was begun.
        """
        lines = self._connection.lines(
            "POST", LOCAL, path, _headers("application/json"), _encoded(body or {})
        )
        with Progress(what) as drawn:
            for line in lines:
                if not isinstance(line, dict):
                    continue
                if "error" in line:
                    raise error_from(number(line, "status"), table(line, "error"))
                if "result" in line:
                    return table(line, "result")
                drawn.step(number(line, "done"), number(line, "total"))
        raise Unavailable(f"{what} was cut off", hint="devvault daemon status")

    def data(
        self,
        vault: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        **query: str,
    ) -> Body:
        """Ask a vault's data plane, as the developer."""
        query.setdefault("api-version", DATA_VERSION)
        target = f"{path}?{urlencode(query)}"
        return self._json(self._send(method, host_of(vault), target, _encoded(body)))

    def data_list(self, vault: str, path: str, *, limit: int | None = None) -> list[Body]:
        """Return all items of a data plane's list, or the first `limit`, page after page."""
        size = PAGE_LIMIT if limit is None else max(1, min(limit, PAGE_LIMIT))
        target = f"{path}?{urlencode({'api-version': DATA_VERSION, 'maxresults': size})}"
        found: list[Body] = []
        while True:
            page = self._json(self._send("GET", host_of(vault), target, b""))
            found += items(page, "value")
            link = page.get("nextLink")
            if not isinstance(link, str) or not link or (limit is not None and len(found) >= limit):
                return found if limit is None else found[:limit]
            target = _target(link)

    def arm(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        version: str = ARM_VERSION,
        **query: str,
    ) -> Body:
        """Ask the control plane; `path` begins below the subscription, or with `/` for any path."""
        target = self._arm_target(path, version, query)
        return self._json(self._send(method, CONTROL, target, _encoded(body)))

    def arm_list(self, path: str, *, version: str = ARM_VERSION, **query: str) -> list[Body]:
        """Return all items of a control plane's list."""
        target = self._arm_target(path, version, query)
        found: list[Body] = []
        while True:
            page = self._json(self._send("GET", CONTROL, target, b""))
            found += items(page, "value")
            link = page.get("nextLink")
            if not isinstance(link, str) or not link:
                return found
            target = _target(link)

    def _arm_target(self, path: str, version: str, query: Mapping[str, str]) -> str:
        full = path if path.startswith("/") else f"/subscriptions/{self.subscription}/{path}"
        return f"{quote(full, safe=_PATH)}?{urlencode({'api-version': version, **query})}"

    def _send(
        self,
        method: str,
        host: str,
        path: str,
        body: bytes | Iterable[bytes],
        *,
        content_type: str = "application/json",
    ) -> Response:
        response = self._connection.request(method, host, path, _headers(content_type), body)
        if response.status < 400:
            return response
        try:
            raise_for(response)
        except DevvaultError as error:
            vault = host.removesuffix(DATA_SUFFIX) if host.endswith(DATA_SUFFIX) else "VAULT"
            add_hint(error, vault=vault, path=path.partition("?")[0])
            raise
        return response

    def _json(self, response: Response) -> Body:
        if not response.body:
            return {}
        found = response.json()
        if not isinstance(found, dict):
            raise Unavailable("the daemon's answer cannot be read", hint="devvault daemon stop")
        return found


def open_planes(*, need: str = "unlocked", may_ask: bool = True) -> Planes:
    """Return the planes of the user's home, its daemon started where it does not run.

    `need` is the least state that the verb can work with: `any`, `locked` (a home exists) or
    `unlocked`. A vault sealed by a passphrase is unlocked on the way where the environment gives
    the passphrase, or where somebody may be asked and can type it.

    Raises:
        Unavailable: the daemon does not start.
        NotFound: there is no home yet, and the verb needs one.
        Locked: it is locked, and nothing here can unlock it.
    """
    home = default_home()
    if need != "any" and not home.database.exists() and find(home) is None:
        check_home(home)
        # Nothing is made, and nothing started, to say so.
        raise NotFound(_NEW_HOME, code="NoHome", hint="devvault init")
    facts = ensure(home)
    planes = Planes(home)
    if need == "any":
        return planes
    if facts.state == "new":
        raise NotFound(_NEW_HOME, code="NoHome", hint="devvault init")
    if facts.state == "locked" and need == "unlocked":
        _open(planes, facts.key_source, may_ask=may_ask)
    return planes


def _open(planes: Planes, source: str, *, may_ask: bool) -> None:
    """Open a home whose daemon has no key yet; what `devvault lock` closed stays closed."""
    if source != "passphrase":
        # The daemon fetches the key itself for whoever needs it; no reference needs it as much.
        planes.local("POST", "/local/resolve", {"folder": "/", "references": {}})
        return
    body = unlock_body(ask_for_it=may_ask and ask.is_interactive())
    if not body:
        raise Locked(
            "the vault is locked, and there is no terminal to ask for the passphrase",
            hint="DEVVAULT_PASSPHRASE_FILE=/a/file devvault unlock",
        )
    planes.local("POST", "/local/unlock", body)


def host_of(vault: str) -> str:
    """Return the host that serves a vault's data plane.

    Raises:
        Invalid: no vault can have this name.
    """
    if _VAULT.fullmatch(vault) is None:
        raise Invalid(
            "this is no vault's name: 3 to 24 letters, digits and hyphens, a letter first",
            code="VaultNameNotValid",
            hint="devvault keyvault list -o table",
        )
    return f"{vault.lower()}{DATA_SUFFIX}"


def segment(name: str, *, may_be_empty: bool = False) -> str:
    """Return a name that a user typed as one segment of a path.

    Raises:
        Invalid: it would be more than one segment, or none, or step upwards.
    """
    if not (name or may_be_empty):
        raise Invalid("a name is empty", hint="see which names there are: devvault status")
    if "/" in name or name in (".", ".."):
        raise Invalid(
            f"The request URI contains an invalid name: {printable(name)}",
            hint="a secret's name has 1 to 127 letters, digits and hyphens",
        )
    return quote(name, safe="")


def unlock_body(*, ask_for_it: bool = True) -> dict[str, object]:
    """Return what `POST /local/unlock` wants for a passphrase, from the environment or a prompt."""
    passphrase = passphrase_from_environment()
    if passphrase is None and ask_for_it:
        passphrase = ask.hidden(
            "passphrase", instead="DEVVAULT_PASSPHRASE_FILE=/a/file devvault unlock"
        )
    return {} if passphrase is None else {"passphrase": passphrase}


def _encoded(body: Mapping[str, object] | None) -> bytes:
    return b"" if body is None else json.dumps(body, ensure_ascii=False).encode()


def _headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "User-Agent": "devvault-cli"}


def _target(link: str) -> str:
    """Return the path and query of an absolute link: we stay on our own socket."""
    _, _, rest = link.partition("://")
    _, slash, path = rest.partition("/")
    return slash + path
