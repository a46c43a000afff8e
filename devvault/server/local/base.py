"""What the local plane is made of: the plane's own things, a route, and the two kinds of answer.

A handler is synchronous and says by its route whether it may run on the event loop. It gets the
gate by asking for it, so that a locked home answers 423 from one place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from devvault.access.principals import Caller
from devvault.config import Config
from devvault.errors import Invalid
from devvault.server.bundles import Bundles
from devvault.server.hearers import Hearers
from devvault.server.local.parsed import ParsedFiles
from devvault.server.reply import Reply
from devvault.server.sessions import Sessions
from devvault.vault.gate import Gate
from devvault.vault.keeper import Keeper
from devvault.vault.opened import SourceChoice
from devvault.vault.outward import Outwards

PROTOCOL = 1
SMALL = 64 * 1024
BINARY = "application/octet-stream"
NDJSON = "application/x-ndjson"


class Emit(Protocol):
    """Where a streamed answer goes, from a worker thread."""

    def put(self, data: bytes) -> None:
        """Send, waiting for a slow reader.

        Raises:
            ConnectionError: the reader is gone.
        """
        ...

    def offer(self, data: bytes) -> None:
        """Send if there is room, else drop it. Never waits, never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that comes in pieces: `produce` writes them; what it raises cuts the answer off.

    One with a `cancel` has no end of its own: it gets a thread of its own, and `cancel`, called
    from the loop, makes `produce` return.
    """

    content_type: str
    produce: Callable[[Emit], None]
    cancel: Callable[[], None] | None = None


Answer = Reply | Stream


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to the local plane; `chunks` instead of `body` where the route streams.

    `chunks` raises ConnectionError where the sender went away in the middle. `pid` is the process
    that asks, 0 where the system does not tell.
    """

    query: Mapping[str, str]
    body: bytes = b""
    chunks: Iterator[bytes] | None = None
    pid: int = 0

    def members(self) -> dict[str, object]:
        """Return the members of the JSON body; an empty body is an empty object.

        Raises:
            Invalid: it is no JSON object.
        """
        if not self.body:
            return {}
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Invalid("the request's body is not JSON") from error
        if not isinstance(found, dict):
            raise Invalid("the request's body must be a JSON object")
        return found


@dataclass(frozen=True, slots=True)
class Route:
    """How one path is served. `quick` handlers may run on the event loop once it is unlocked.

    A body that holds one of `slow_with` takes longer, and is dealt with in a thread.
    """

    handle: Callable[[Plane, Ask], Answer]
    quick: bool = False
    slow_with: tuple[bytes, ...] = ()
    limit: int = SMALL
    streams: bool = False
    counts: bool = True


class Choose(Protocol):
    """Makes a whole choice of a key source out of what was asked for and the configuration."""

    def __call__(self, name: str, path: str, passphrase: bytes | None) -> SourceChoice:
        """Return the choice.

        Raises:
            WrongUse: no such source, or a key file inside the home.
        """
        ...


@dataclass(frozen=True, slots=True)
class Plane:
    """What the handlers of the local plane work with."""

    keeper: Keeper
    config: Callable[[], Config]
    choose: Choose
    stop: Callable[[], None]
    version: str
    started: datetime
    files: ParsedFiles = field(default_factory=ParsedFiles)
    # Folder -> the day on which somebody was last told there what expires.
    reminded: dict[str, date] = field(default_factory=dict)
    # What takes a while to make and holds no secret, by name: the scanner's rules.
    kept: dict[str, object] = field(default_factory=dict)
    # The ports of this home, where they are open: vaults over TLS, and identity endpoints.
    https_port: int = 0
    http_port: int = 0
    sessions: Sessions = field(init=False)
    outwards: Outwards = field(init=False)
    bundles: Bundles = field(init=False)
    hearers: Hearers = field(init=False)

    def __post_init__(self) -> None:
        # The one of this home: whoever else made one would not see what this one opens.
        made = Sessions(self.keeper.home.run, self.keeper.clock)
        object.__setattr__(self, "sessions", made)
        object.__setattr__(self, "outwards", Outwards(self.keeper.home.run))
        object.__setattr__(self, "bundles", Bundles(self.keeper.home.run, self.keeper.clock))
        object.__setattr__(
            self, "hearers", Hearers(self.keeper.home.socket.parent, self.keeper.clock)
        )

    def gate(self) -> Gate:
        """Return the gate of the unlocked home, unlocking it where that needs nothing.

        Raises:
            Locked: something must be given first.
            Unavailable: there is no home yet.
        """
        return self.keeper.open_gate()

    def developer(self) -> Caller:
        """Return the person whose home it is."""
        self.keeper.open_gate()
        return self.keeper.developer


def text(members: Mapping[str, object], name: str, default: str | None = None) -> str:
    """Return a member that must be a text.

    Raises:
        Invalid: it is missing without a default, or no text.
    """
    found = members.get(name, default)
    if not isinstance(found, str):
        raise Invalid(f"the member '{name}' must be a text")
    return found


def flag(members: Mapping[str, object], name: str) -> bool:
    """Return a member that must be true or false; false where it is missing.

    Raises:
        Invalid: it is neither.
    """
    found = members.get(name, False)
    if not isinstance(found, bool):
        raise Invalid(f"the member '{name}' must be true or false")
    return found


def texts(members: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return a member that must be a list of texts; empty where it is missing.

    Raises:
        Invalid: it is something else.
    """
    found = members.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise Invalid(f"the member '{name}' must be a list of texts")
    return tuple(found)


def secret(members: Mapping[str, object], name: str) -> bytes | None:
    """Return a member that is a passphrase, as bytes; None where it is missing or null.

    Raises:
        Invalid: it is empty or no text.
    """
    if members.get(name) is None:
        return None
    found = text(members, name)
    if not found:
        raise Invalid(f"the {name} is empty")
    return found.encode("utf-8", "surrogatepass")


def number(query: Mapping[str, str], name: str, default: int | None = None) -> int | None:
    """Return a number of the query string.

    Raises:
        Invalid: it is no decimal number.
    """
    found = query.get(name)
    if found is None:
        return default
    if not (found.isascii() and found.isdigit() and len(found) < 18):
        raise Invalid(f"the parameter '{name}' must be a number")
    return int(found)
