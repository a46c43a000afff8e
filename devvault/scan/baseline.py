"""Known findings, accepted one by one with a reason: by rule and value, never by line.

The file is for the repository, so it must not betray what it knows: each value goes through scrypt
with a salt of the file, and a value that could be guessed is refused. One sorted entry a line,
without times and places, merges cleanly.

    # devvault baseline 1
    # salt BASE64
    DIGEST RULE EXPIRES|- REASON
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import os
import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from devvault.errors import Invalid, WrongUse
from devvault.scan.finding import Finding
from devvault.scan.shapes import is_wordy

LEAST_BITS = 40
_FIRST = "# devvault baseline 1"
_SALT = "# salt "
_NOTE = "# Findings of `devvault check` that were accepted; see `devvault help check`."
_ENTRY = re.compile(r"([A-Za-z0-9_-]{24}) (\S{1,100}) (-|\d{4}-\d\d-\d\d) (.*\S)")
_COST = 2**14
_SIZE = 18
_HINT = "devvault help check"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """An accepted finding: what rule and value it is of, until when, and why."""

    digest: str
    rule: str
    expires: date | None
    reason: str

    def line(self) -> str:
        """Return the entry as it stands in the file."""
        until = self.expires.isoformat() if self.expires else "-"
        return f"{self.digest} {self.rule} {until} {self.reason}"


class Accepted:
    """The accepted findings of one file. It computes what it is asked for once."""

    def __init__(self, salt: bytes, entries: Iterable[Entry], today: date) -> None:
        self.salt = salt
        self.entries = {(one.rule, one.digest): one for one in entries}
        self._rules = {rule for rule, _ in self.entries}
        self._today = today
        self._digests: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self.expired: dict[Entry, None] = {}

    def find(self, finding: Finding) -> str | None:
        """Return the reason why a finding was accepted; None where it was not, or not any more."""
        if finding.rule not in self._rules or finding.held is None:
            return None
        entry = self.entries.get((finding.rule, self.digest(finding.rule, finding.held.reveal())))
        if entry is None:
            return None
        if entry.expires is not None and entry.expires < self._today:
            self.expired[entry] = None
            return None
        return f"baseline: {entry.reason}"

    def digest(self, rule: str, value: str) -> str:
        """Return what stands for a value under a rule in this file. Slow by intent."""
        with self._lock:
            kept = self._digests.get((rule, value))
        if kept is None:
            salt = self.salt + b"\0" + rule.encode()
            data = value.encode("utf-8", "surrogatepass")
            made = hashlib.scrypt(data, salt=salt, n=_COST, r=8, p=1, dklen=_SIZE)
            kept = base64.urlsafe_b64encode(made).decode()
            with self._lock:
                self._digests[rule, value] = kept
        return kept

    def accept(
        self, findings: Iterable[Finding], reason: str, expires: date | None
    ) -> tuple[Accepted, list[Finding]]:
        """Return the baseline with these findings in it, and those that it cannot take.

        Raises:
            WrongUse: the reason is empty or no line of text.
        """
        words = reason.strip()
        if not words or not words.isprintable():
            raise WrongUse("an accepted finding needs a reason, in one line", hint=_HINT)
        taken: list[tuple[str, str]] = []
        refused: list[Finding] = []
        for one in findings:
            value = "" if one.held is None else one.held.reveal()
            if bits(value) < LEAST_BITS:
                refused.append(one)
            else:
                taken.append((one.rule, value))
        distinct = list(dict.fromkeys(taken))
        with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
            digests = list(workers.map(lambda one: self.digest(*one), distinct))
        made = [
            Entry(digest, rule, expires, words)
            for (rule, _), digest in zip(distinct, digests, strict=True)
        ]
        return Accepted(self.salt, [*self.entries.values(), *made], self._today), refused

    def to_bytes(self) -> bytes:
        """Return the file's bytes."""
        salt = base64.b64encode(self.salt).decode()
        lines = sorted(one.line() for one in self.entries.values())
        return "\n".join([_FIRST, _SALT + salt, _NOTE, *lines, ""]).encode()


def new_baseline(today: date) -> Accepted:
    """Return an empty baseline with a salt of its own."""
    return Accepted(os.urandom(16), (), today)


def read_baseline(name: str, data: bytes, today: date) -> Accepted:
    """Return what a baseline file says.

    Raises:
        WrongUse: it is no baseline of devvault, or a line of it is malformed.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise WrongUse(f"{name} is no baseline of devvault: it is not text", hint=_HINT) from error
    if not lines or lines[0].strip() != _FIRST:
        raise WrongUse(f"{name} is no baseline of devvault", hint=_HINT)
    salts = [line[len(_SALT) :].strip() for line in lines if line.startswith(_SALT)]
    try:
        salt = base64.b64decode(salts[0], validate=True) if len(salts) == 1 else b""
    except binascii.Error:
        salt = b""
    if len(salt) < 16:
        raise WrongUse(f"{name}: it needs one salt of 16 bytes or more", hint=_HINT)
    entries = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            entries.append(_entry(line))
        except Invalid as error:
            raise WrongUse(f"{name}: line {number} {error.message}", hint=_HINT) from error
    return Accepted(salt, entries, today)


def _entry(line: str) -> Entry:
    found = _ENTRY.fullmatch(line.strip())
    if found is None:
        raise Invalid("is no entry (two sides of a merge that was not finished?)")
    try:
        expires = None if found[3] == "-" else date.fromisoformat(found[3])
    except ValueError as error:
        raise Invalid("holds no date") from error
    return Entry(found[1], found[2], expires, found[4])


# What people write for a letter, and the rows of a keyboard that they walk along.
_LEET = str.maketrans("@4031!5$7", "aaoeiisst")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "qwertzuiop", "1qaz2wsx3edc4rfv5tgb")
_WORD = re.compile(r"[A-Za-z][a-z]{3,}|[A-Z]{4,}")
_YEAR = re.compile(r"\d{4}")


def bits(value: str) -> float:
    """Return about how many bits a guess at a value has to get right; words count little.

    `P@ssw0rd` is a word as well, with a bit for each letter that is not written as one.
    """
    spelled = value.translate(_LEET)
    odd = sum(a != b for a, b in zip(value, spelled, strict=True))
    words = _WORD.findall(spelled)
    is_spelled = odd and is_wordy(spelled, 0.5) and max(map(len, words), default=0) <= 12
    return min(_drawn(value), _drawn(spelled) + odd + 2 if is_spelled else math.inf)


def _drawn(value: str) -> float:
    walked = value.lower()
    steps = 0
    for row in (*_ROWS, *(one[::-1] for one in _ROWS)):
        for size in range(len(row), 4, -1):
            for at in range(len(row) - size + 1):
                if row[at : at + size] in walked:
                    walked = walked.replace(row[at : at + size], "")
                    steps += 1
    text = walked if steps else value
    words = _WORD.findall(text)
    rest = _WORD.sub("", text)
    years = _YEAR.findall(rest)
    rest = _YEAR.sub("", rest)
    total = 8.0 * steps + 11.0 * len(set(words)) + 6.6 * len(set(years))
    if not rest:
        return total
    kinds = sum(
        size
        for size, is_in in (
            (26, any(c.islower() for c in rest)),
            (26, any(c.isupper() for c in rest)),
            (10, any(c.isdigit() for c in rest)),
            (20, any(not c.isalnum() for c in rest)),
        )
        if is_in
    )
    return total + len(set(rest)) * math.log2(kinds) + (len(rest) - len(set(rest))) * 0.5
