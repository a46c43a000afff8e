"""The sessions of `run` and `connect`: who a program is, by secrets that end with it.

Only hashes are kept, in `home/run`, so that a restarted daemon still knows the sessions and nobody
who reads the file can be one of them. A secret is an id, by which its session is found, and 256
random bits, which are compared in constant time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devvault.clock import Clock
from devvault.errors import DevvaultError, Unavailable
from devvault.paths import check_private, make_private_folder
from devvault.server.processes import (
    boot_mark,
    group_of,
    is_group_alive,
    is_process_alive,
    leader_mark,
    process_mark,
)

RUN = "run"
CONNECT = "connect"
# How long a shell is connected, and a run whose processes the system does not tell us of.
LIFE = timedelta(hours=8)
# How long the proxy still knows a session that is over: it tunnels other hosts for it.
_REMEMBERED = timedelta(days=7)
_LIVE_LIMIT = 2_000
# From here on the oldest runs whose own process is gone end, though others of its group live: a
# script that starts thousands of runs is one group, and each would last as long as the script.
_LIVE_ENOUGH = 128
_OVER_LIMIT = 64
# Looking at the processes of all is not for every run: it waits for this, less where they are many.
_SWEEP_EVERY = timedelta(seconds=10)
_SWEEP_MANY_EVERY = timedelta(seconds=1)
_MANY = 256
_LINES_LIMIT = 64
_FILE_LIMIT = 8 * 1024 * 1024
_ID_SIZE = 16
_NOISE = 32
_SECRET_LIMIT = 100
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Session:
    """One run or connected shell.

    `identity` is the object id of whom its programs are. `expires` is None where it ends with its
    process group alone. `over` is set where it has ended; only `find_over_by_proxy` returns such.
    `az` lets it have tokens for Resource Manager and Graph too. `pid` is the process that the run
    began with, 0 where the system does not tell. `hearer` is told what its programs fetch.
    """

    id: str
    kind: str
    identity: str
    opened: datetime
    group: int = 0
    mark: str = ""
    expires: datetime | None = None
    pass_through: bool = False
    over: datetime | None = None
    az: bool = False
    pid: int = 0
    pid_mark: str = ""
    hearer: str = ""


_NAMES = tuple(each.name for each in fields(Session))


@dataclass(frozen=True, slots=True, repr=False)
class OpenedSession:
    """A session and, this one time, its secrets in clear: URL-safe text of one length each."""

    session: Session
    header: str
    proxy: str
    path: str

    def __repr__(self) -> str:
        """Leave the secrets out."""
        return f"OpenedSession({self.session!r})"


@dataclass(frozen=True, slots=True)
class _Kept:
    session: Session
    header: str
    proxy: str
    path: str
    # Its part of the file: written with every change of any, and made once.
    packed: str


class Sessions:
    """The sessions of one home. Thread-safe.

    Who is found lives at this moment: the processes are looked at each time.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._file = folder / "sessions.json"
        self._more = folder / "sessions.more"
        # Sessions that were opened since the whole file was written by us; 0: it was not yet.
        self._lines = 0
        self._clock = clock
        self._boot = boot_mark()
        self._lock = threading.RLock()
        self._swept = datetime.min.replace(tzinfo=UTC)
        self._kept = {kept.session.id: kept for kept in self._read()}
        # Session -> who is told what its programs fetch. Looked at with every answer, so no lock.
        self.hearers = {
            id: kept.session.hearer
            for id, kept in self._kept.items()
            if kept.session.hearer and kept.session.over is None
        }

    # -- open and end -----------------------------------------------------------------------

    def open(
        self,
        kind: str,
        identity: str,
        *,
        group: int = 0,
        pid: int = 0,
        expires: datetime | None = None,
        pass_through: bool = False,
        az: bool = False,
        hearer: str = "",
    ) -> OpenedSession:
        """Open a session; it ends with its process group, when it expires, or by `end`.

        A shell's expires after `LIFE` at the latest, and so does a run without a group.

        Raises:
            Unavailable: thousands are open, or the home cannot be written.
        """
        now = self._clock.now()
        if kind == CONNECT or group <= 0:
            latest = now + LIFE
            expires = latest if expires is None else min(expires, latest)
        with self._lock:
            wait = _SWEEP_EVERY if len(self._kept) < _MANY else _SWEEP_MANY_EVERY
            is_full = len(self._kept) >= _LIVE_LIMIT and self._count_live() >= _LIVE_LIMIT
            if is_full or not self._swept <= now < self._swept + wait:
                self._sweep(now)
            if is_full and self._count_live() >= _LIVE_LIMIT:
                raise Unavailable(
                    f"{_LIVE_LIMIT} runs are connected at once, and no more can be",
                    hint="end some of them, or use: devvault run --no-connect",
                )
            id = secrets.token_hex(_ID_SIZE // 2)
            while id in self._kept:  # pragma: no cover  # 64 random bits
                id = secrets.token_hex(_ID_SIZE // 2)
            pid_mark = process_mark(pid)
            # Mostly they are one process, which need not be looked at twice.
            mark = pid_mark if group == pid else leader_mark(group) if group > 0 else ""
            session = Session(
                id,
                kind,
                identity,
                now,
                group,
                mark,
                expires,
                pass_through,
                az=az,
                pid=pid,
                pid_mark=pid_mark,
                hearer=hearer,
            )
            header, proxy, path = (id + noise for noise in _noises(3))
            self._kept[id] = _keep(session, _hash(header), _hash(proxy), _hash(path))
            try:
                self._add(self._kept[id])
            except DevvaultError:
                del self._kept[id]
                raise
            if hearer:
                self.hearers[id] = hearer
        return OpenedSession(session, header, proxy, path)

    def end(self, id: str) -> bool:
        """End a session; say whether it was there and alive."""
        with self._lock:
            kept = self._kept.get(id)
            if kept is None or kept.session.over is not None:
                return False
            self._finish(kept, self._clock.now())
            self._write()
        return True

    def end_all(self) -> None:
        """Forget every session, those that are over too: their ports are not ours any more."""
        with self._lock:
            self._kept.clear()
            self.hearers.clear()
            self._write()

    def sweep(self) -> int:
        """End what has expired or has no process left; return how many that were."""
        with self._lock:
            before = dict(self._kept)
            ended = self._sweep(self._clock.now())
            if before != self._kept:
                self._write()
        return ended

    # -- find -------------------------------------------------------------------------------

    def find(self, id: str) -> Session | None:
        """Return the live session of this id."""
        return self._live(self._kept.get(id))

    def find_by_header(self, secret: str) -> Session | None:
        """Return the live session whose `X-IDENTITY-HEADER` this is."""
        return self._live(self._matching(secret, "header"))

    def find_by_proxy(self, secret: str) -> Session | None:
        """Return the live session whose proxy password this is."""
        return self._live(self._matching(secret, "proxy"))

    def find_by_path(self, secret: str) -> Session | None:
        """Return the live session whose secret path of the IMDS form this is."""
        return self._live(self._matching(secret, "path"))

    def find_over_by_proxy(self, secret: str) -> Session | None:
        """Return the session whose proxy password this is, also where it is over for a week.

        The proxy tunnels other hosts for it still, and answers for no vault.
        """
        kept = self._matching(secret, "proxy")
        if kept is None:
            return None
        live = self._live(kept)
        if live is not None:
            return live
        with self._lock:
            found = self._kept.get(kept.session.id)
        return None if found is None else found.session

    def live(self) -> tuple[Session, ...]:
        """Return every live session, the oldest first."""
        with self._lock:
            every = list(self._kept.values())
        found = [session for kept in every if (session := self._live(kept)) is not None]
        return tuple(sorted(found, key=lambda session: session.opened))

    def heard_around(self, pid: int) -> list[str]:
        """Return the sessions with a hearer whose programs this process is one of."""
        if pid <= 0 or not self.hearers:
            return []
        group = group_of(pid)
        found = [self._kept.get(id) for id in list(self.hearers)]
        return [kept.session.id for kept in found if kept and 0 < kept.session.group == group]

    def known(self) -> frozenset[str]:
        """Return the ids of every session that a proxy secret still finds, those over too."""
        with self._lock:
            return frozenset(self._kept)

    def _matching(self, secret: str, which: str) -> _Kept | None:
        if len(secret) > _SECRET_LIMIT:
            return None
        kept = self._kept.get(secret[:_ID_SIZE])
        given = _hash(secret)
        # Compared even where there is no such id, so that the answer takes as long.
        wanted = getattr(kept, which) if kept is not None else _hash("")
        return kept if hmac.compare_digest(given, wanted) and kept is not None else None

    def _live(self, kept: _Kept | None) -> Session | None:
        if kept is None or kept.session.over is not None:
            return None
        now = self._clock.now()
        if self._is_alive(kept.session, now):
            return kept.session
        with self._lock:
            if self._kept.get(kept.session.id) is kept:
                self._finish(kept, now)
                # What is over is found over again from the processes if this is not written.
                with suppress(DevvaultError):
                    self._write()
        return None

    # -- life -------------------------------------------------------------------------------

    def _is_alive(self, session: Session, now: datetime) -> bool:
        if session.over is not None:
            return False
        if session.expires is not None and now >= session.expires:
            return False
        return session.group <= 0 or is_group_alive(session.group, session.mark)

    def _finish(self, kept: _Kept, now: datetime) -> None:
        over = replace(kept.session, over=now)
        self.hearers.pop(over.id, None)
        # Its own secrets are gone; the proxy's alone still tells that it was ours.
        self._kept[over.id] = _keep(over, "", kept.proxy, "")

    def _sweep(self, now: datetime) -> int:
        self._swept = now
        ended = 0
        for kept in list(self._kept.values()):
            over = kept.session.over
            if over is None:
                if not self._is_alive(kept.session, now):
                    self._finish(kept, now)
                    ended += 1
            elif now - over >= _REMEMBERED:
                del self._kept[kept.session.id]
        ended += self._end_surplus(now)
        finished = [kept.session for kept in self._kept.values() if kept.session.over is not None]
        # Runs go first: of a shell that was connected more may still be in use.
        finished.sort(key=lambda session: session.kind != RUN)
        for session in finished[: max(0, len(finished) - _OVER_LIMIT)]:
            del self._kept[session.id]
        return ended

    def _count_live(self) -> int:
        return sum(kept.session.over is None for kept in self._kept.values())

    def _end_surplus(self, now: datetime) -> int:
        live = [kept for kept in self._kept.values() if kept.session.over is None]
        ended = 0
        for kept in live:
            if len(live) - ended <= _LIVE_ENOUGH:
                break
            pid = kept.session.pid
            if pid > 0 and not is_process_alive(pid, kept.session.pid_mark):
                self._finish(kept, now)
                ended += 1
        return ended

    # -- file -------------------------------------------------------------------------------

    def _read(self) -> Iterable[_Kept]:
        """Return what the files hold; nothing where one is not ours alone, or of another start."""
        try:
            check_private(self._file, folder=False)
            with self._file.open("rb") as file:
                body = json.loads(file.read(_FILE_LIMIT))
            if body["format"] != _FORMAT or body["boot"] != self._boot:
                return []
            found = {kept.session.id: kept for kept in map(_unpack, body["sessions"])}
        except (OSError, DevvaultError, ValueError, KeyError, TypeError, RecursionError):
            return []
        # What was opened since; where it ended since, the whole file says so, and knows better.
        for kept in self._read_more():
            found.setdefault(kept.session.id, kept)
        return list(found.values())

    def _read_more(self) -> list[_Kept]:
        found: list[_Kept] = []
        try:
            check_private(self._more, folder=False)
            with self._more.open("rb") as file:
                # The last line is torn where the daemon was killed on the way.
                for line in file.read(_FILE_LIMIT).splitlines():
                    found.append(_unpack(json.loads(line)))  # noqa: PERF401  # what came before stays
        except (OSError, DevvaultError, ValueError, KeyError, TypeError, RecursionError):
            return found
        return found

    def _add(self, kept: _Kept) -> None:
        """Write one that was opened: a line more, for every run waits for it."""
        if self._lines == 0 or self._lines >= _LINES_LIMIT:
            self._write()
            self._lines = 1
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self._more, flags, 0o600)
            try:
                os.write(descriptor, f"{kept.packed}\n".encode("ascii"))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Unavailable(f"cannot write {self._more}: {error.strerror}") from error
        self._lines += 1

    def _write(self) -> None:
        head = json.dumps({"format": _FORMAT, "boot": self._boot})
        lines = ",\n".join([kept.packed for kept in self._kept.values()])
        fresh = self._file.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            make_private_folder(self._folder)
            with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="ascii") as file:
                file.write(f'{head[:-1]}, "sessions": [\n{lines}\n]}}\n')
            fresh.replace(self._file)
            self._more.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot write {self._file}: {error.strerror}") from error


def _noises(count: int) -> list[str]:
    """Return so many texts of 256 random bits each, drawn at once: a run waits for them."""
    noise = secrets.token_bytes(_NOISE * count)
    parts = [noise[at : at + _NOISE] for at in range(0, len(noise), _NOISE)]
    return [base64.urlsafe_b64encode(part).rstrip(b"=").decode("ascii") for part in parts]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _keep(session: Session, header: str, proxy: str, path: str) -> _Kept:
    body = {name: getattr(session, name) for name in _NAMES}
    for name in ("opened", "expires", "over"):
        moment = body[name]
        body[name] = None if moment is None else moment.timestamp()
    packed = json.dumps({**body, "header": header, "proxy": proxy, "path": path})
    return _Kept(session, header, proxy, path, packed)


def _unpack(body: dict[str, object]) -> _Kept:
    opened = _moment(body["opened"])
    if opened is None:
        raise ValueError("a session is malformed")
    session = Session(
        _text(body["id"]),
        _text(body["kind"]),
        _text(body["identity"]),
        opened,
        _number(body["group"]),
        _text(body["mark"]),
        _moment(body["expires"]),
        _flag(body["pass_through"]),
        _moment(body["over"]),
        _flag(body["az"]),
        _number(body["pid"]),
        _text(body["pid_mark"]),
        _text(body.get("hearer", "")),  # older files have none
    )
    return _keep(session, *(_text(body[name]) for name in ("header", "proxy", "path")))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a session is malformed")
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError("a session is malformed")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("a session is malformed")
    return value


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, float):
        raise TypeError("a time must be a number")
    return datetime.fromtimestamp(value, UTC)
