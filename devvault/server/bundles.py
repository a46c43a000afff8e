"""Files of root certificates for programs: what they trust already, and the home's authority.

A file in `home/run` is named after all that went into it, so a change of any input makes another
one, and those that programs hold open stay as they are. Nothing in them is secret.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import weakref
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from devvault.clock import Clock
from devvault.errors import Unavailable
from devvault.paths import make_private_folder
from devvault.vault.authorities import Root, trusted_roots
from devvault.vault.gate import Gate

# Where systems keep the roots that they trust, in one file.
_SYSTEM = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
    "/usr/local/etc/ca-certificates/cert.pem",
)
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_PEM, _STORE = ".pem", ".p12"
_NAME = re.compile(r"ca-[0-9a-f]{16}\.pem")
# Roots are asked for anew this often; they change once in months.
_FRESH = timedelta(minutes=10)
# A file that no program was given for so long has no program left that began with it.
_KEPT = timedelta(days=90)


class Bundles:
    """The files of one home. Thread-safe: a file appears whole, whoever writes it first."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._paths: dict[tuple[str, ...], str] = {}
        self._roots: dict[str, tuple[weakref.ref[Gate], datetime, tuple[Root, ...]]] = {}
        self._certifi: str | None = None

    def roots(self, gate: Gate, kinds: Iterable[str]) -> list[str]:
        """Return the certificates (PEM) that a program must trust to reach these.

        Raises:
            Stale, Unavailable: see `trusted_roots`.
        """
        now = self._clock.now()
        found: list[str] = []
        for kind in kinds:
            kept = self._roots.get(kind)
            if kept is None or kept[0]() is not gate or not kept[1] <= now < kept[1] + _FRESH:
                kept = (weakref.ref(gate), now, trusted_roots(gate, kind))
                self._roots[kind] = kept
            found += [root.certificate for root in kept[2]]
        return found

    def holds(self, path: str, roots: Sequence[str]) -> bool:
        """Say whether this is a file of ours that has these roots already.

        A program inside a run names the one that the outer run was given.
        """
        folder, _, name = path.rpartition("/")
        if folder != str(self._folder) or _NAME.fullmatch(name) is None:
            return False
        key = ("holds", path, *roots)
        if key not in self._paths:
            try:
                data = (self._folder / name).read_bytes()
            except OSError:
                return False
            if not all(root.encode() in data for root in roots):
                return False
            self._paths[key] = path
        return True

    def find(self, state: str, roots: Sequence[str]) -> str | None:
        """Return the file that adds the roots to one that a client has in this state, if made."""
        return self._existing(("file", state, *roots))

    def add_to(self, state: str, data: bytes, roots: Sequence[str]) -> str:
        """Return the file that adds the roots to one, whose bytes these are.

        Raises:
            Unavailable: the home cannot be written.
        """
        return self._put(("file", state, *roots), [data], roots)

    def alone(self, roots: Sequence[str]) -> str:
        """Return the file that holds the roots alone; raises as `add_to`."""
        key = ("alone", *roots)
        return self._existing(key) or self._put(key, [], roots)

    def with_system(self, roots: Sequence[str]) -> str:
        """Return the file with all that this machine trusts by itself, and the roots.

        Raises:
            Unavailable: the home cannot be written.
        """
        places = [place for place in (self._system(), self._packaged()) if place]
        key = ("system", *(_state(place) for place in places), *roots)
        found = self._existing(key)
        if found is not None:
            return found
        seen: dict[bytes, None] = {}
        for place in places:
            with suppress(OSError):
                for match in _CERTIFICATE.finditer(Path(place).read_bytes()):
                    seen[b"".join(match[0].split())] = None
        lines = [_whole(item) for item in seen]
        return self._put(key, lines, roots)

    def as_truststore(self, path: str) -> str:
        """Return the Java trust store with the certificates of one of these files.

        Raises:
            Unavailable: the file cannot be read, or the home not written.
        """
        key = ("java", path)
        found = self._existing(key, _STORE)
        if found is not None:
            return found
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise Unavailable(f"cannot read {path}: {error.strerror}") from error
        from devvault.crypto.truststore import write_truststore  # slow to load, for Java alone

        return self._write(key, write_truststore(_CERTIFICATE.findall(data)), _STORE)

    def _existing(self, key: tuple[str, ...], suffix: str = _PEM) -> str | None:
        path = self._paths.get(key)
        if path is None:
            path = str(self._folder / f"ca-{_digest(key)}{suffix}")
        try:
            facts = os.lstat(path)
        except OSError:
            return None
        if facts.st_uid != os.geteuid() or facts.st_mode & 0o170077 != 0o100000:
            return None
        self._paths[key] = path
        return path

    def _put(self, key: tuple[str, ...], parts: Sequence[bytes], roots: Sequence[str]) -> str:
        return self._write(key, b"\n".join([*parts, *(root.encode() for root in roots), b""]))

    def _write(self, key: tuple[str, ...], data: bytes, suffix: str = _PEM) -> str:
        path = self._folder / f"ca-{_digest(key)}{suffix}"
        fresh = path.with_suffix(f".{os.urandom(4).hex()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            make_private_folder(self._folder)
            self._sweep()
            with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
                file.write(data)
            fresh.replace(path)
        except OSError as error:
            raise Unavailable(f"cannot write {path}: {error.strerror}") from error
        self._paths[key] = str(path)
        return str(path)

    def _sweep(self) -> None:
        limit = (self._clock.now() - _KEPT).timestamp()
        for path in (*self._folder.glob(f"ca-*{_PEM}"), *self._folder.glob(f"ca-*{_STORE}")):
            with suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()

    def _system(self) -> str:
        return next((place for place in _SYSTEM if os.access(place, os.R_OK)), "")

    def _packaged(self) -> str:
        if self._certifi is None:
            found = importlib.util.find_spec("certifi")
            folders = found.submodule_search_locations if found is not None else None
            self._certifi = f"{folders[0]}/cacert.pem" if folders else ""
        return self._certifi


def _digest(key: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(key).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _state(place: str) -> str:
    try:
        facts = os.stat(place)  # noqa: PTH116  # of every run
    except OSError:
        return place
    return f"{place}:{facts.st_ino}.{facts.st_size}.{facts.st_mtime_ns}"


def _whole(squeezed: bytes) -> bytes:
    """Return a certificate as a file has it, from one without blanks and line ends."""
    body = squeezed.removeprefix(b"-----BEGINCERTIFICATE-----")
    body = body.removesuffix(b"-----ENDCERTIFICATE-----")
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return b"\n".join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----"])
