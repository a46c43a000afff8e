"""Many texts at once: the engine in as many processes as there are processors to use.

Small checks never start one. A crew answers as its engine does, in the same order; where a process
is lost its texts are scanned here, so that none is left out. Findings cross pipes of our own, and
nothing is written down.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import fields
from types import TracebackType
from typing import IO, Any, Self

from devvault.scan.engine import Engine
from devvault.scan.finding import Finding, Severity
from devvault.scan.rule import Rule
from devvault.scan.text import Text
from devvault.secretvalue import SecretValue

_WORTH = 6 * 1024 * 1024  # characters before which another process costs more than it saves
_PIECE = 192 * 1024  # bytes sent at once
_MOST = 4


class Crew:
    """An engine with hands. `hands` is how many processes, this one too; else one a processor.

    Use it as a context: behind it no process of ours is left.
    """

    def __init__(self, engine: Engine, hands: int | None = None, worth: int = _WORTH) -> None:
        self._engine = engine
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
        self._hands = min(_MOST, allowed) if hands is None else hands
        self._worth = worth
        self._seen = 0
        self._is_started = False
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def scan(self, text: Text) -> list[Finding]:
        """Return what looks secret in one text."""
        return self._engine.scan(text)

    def scan_all(self, texts: Sequence[Text]) -> list[list[Finding]]:
        """Return what looks secret in each of some texts, in their order."""
        self._seen += sum(len(text.text) for text in texts)
        if self._hands < 2 or self._seen < self._worth:
            return self._engine.scan_all(texts)
        if not self._is_started:
            self._is_started = True
            self._start()
        return self._shared(texts)

    def close(self) -> None:
        """End the processes."""
        for process in self._running:
            _end(process)
        self._running.clear()

    def _start(self) -> None:
        more = [_packed_rule(rule) for rule in self._engine.more]
        self._engine.use_gate()
        for _ in range(self._hands - 1):
            with suppress(OSError):
                process = subprocess.Popen(
                    [sys.executable, "-I", "-m", "devvault.scan.crew"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
                self._running.append(process)
                with suppress(OSError):
                    _send(_in(process), {"rules": more})

    def _shared(self, texts: Sequence[Text]) -> list[list[Finding]]:
        answers: list[list[Finding] | None] = [None] * len(texts)
        pieces = list(_pieces(texts))
        busy: dict[subprocess.Popen[bytes], list[int]] = {}
        idle = list(self._running)
        pieces.reverse()
        while pieces or busy:
            while pieces and idle:
                process, piece = idle.pop(), pieces.pop()
                try:
                    _send_texts(_in(process), [texts[number] for number in piece])
                    busy[process] = piece
                except OSError:
                    self._lose(process)
            if pieces and not _ready(busy, wait=False):
                for number in pieces.pop():  # this process has hands as well
                    answers[number] = self._engine.scan(texts[number])
                continue
            for process in _ready(busy, wait=True):
                piece = busy.pop(process)
                try:
                    reply = _receive(_out(process))
                    for number, found in zip(piece, reply["found"], strict=True):
                        name = texts[number].name
                        answers[number] = [_finding(name, one) for one in found]
                    idle.append(process)
                except (OSError, EOFError, ValueError, KeyError):
                    self._lose(process)
        return [
            self._engine.scan(text) if answer is None else answer
            for text, answer in zip(texts, answers, strict=True)
        ]

    def _lose(self, process: subprocess.Popen[bytes]) -> None:
        self._running.remove(process)
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        with suppress(OSError):
            if stream is not None:
                stream.close()
    process.wait()


def _ready(busy: Iterable[subprocess.Popen[bytes]], *, wait: bool) -> list[subprocess.Popen[bytes]]:
    by_number = {_out(process).fileno(): process for process in busy}
    if not by_number:
        return []
    ready, _, _ = select.select(list(by_number), [], [], None if wait else 0)
    return [by_number[number] for number in ready]


def _pieces(texts: Sequence[Text]) -> Iterable[list[int]]:
    piece: list[int] = []
    size = 0
    for number, text in enumerate(texts):
        piece.append(number)
        size += len(text.text)
        if size >= _PIECE:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _in(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdin is not None, "it was asked for"
    return process.stdin


def _out(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None, "it was asked for"
    return process.stdout


# A frame is a line of JSON; behind one with "sizes" come the texts, in UTF-8.
def _send(stream: IO[bytes], frame: dict[str, Any], *data: bytes) -> None:
    stream.write(json.dumps(frame).encode() + b"\n")
    for part in data:
        stream.write(part)
    stream.flush()


def _receive(stream: IO[bytes]) -> dict[str, Any]:
    line = stream.readline()
    if not line:
        raise EOFError
    frame = json.loads(line)
    if not isinstance(frame, dict):
        raise TypeError("a frame is an object")
    return frame


def _send_texts(stream: IO[bytes], texts: Sequence[Text]) -> None:
    bodies = [text.text.encode("utf-8", "surrogatepass") for text in texts]
    frame = {"names": [text.name for text in texts], "sizes": [len(body) for body in bodies]}
    _send(stream, frame, *bodies)


def _packed_rule(rule: Rule) -> dict[str, object]:
    packed = {one.name: getattr(rule, one.name) for one in fields(rule)}
    return {**packed, "severity": rule.severity.value}


def _rule(packed: dict[str, Any]) -> Rule:
    lists = {name: tuple(value) for name, value in packed.items() if isinstance(value, list)}
    return Rule(**{**packed, **lists, "severity": Severity(packed["severity"])})


def _packed(finding: Finding) -> list[object]:
    held = finding.held.reveal() if finding.held is not None else None
    return [
        finding.line, finding.column, finding.key, finding.rule, finding.why, finding.shown,
        finding.severity.value, finding.end, finding.end_line, held,
    ]  # fmt: skip


def _finding(name: str, packed: list[Any]) -> Finding:
    line, column, key, rule, why, shown, severity, end, end_line, held = packed
    return Finding(
        name, line, column, key, rule, why, shown, Severity(severity), end, end_line,
        None if held is None else SecretValue(held),
    )  # fmt: skip


def work(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer requests until there are none: what a process of a crew does."""
    engine = Engine([_rule(packed) for packed in _receive(requests)["rules"]])
    engine.use_gate()
    while True:
        try:
            frame = _receive(requests)
        except EOFError:
            return
        found = []
        for name, size in zip(frame["names"], frame["sizes"], strict=True):
            body = requests.read(size).decode("utf-8", "surrogatepass")
            found.append([_packed(one) for one in engine.scan(Text(name, body))])
        _send(replies, {"found": found})


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us ends us
    work(sys.stdin.buffer, sys.stdout.buffer)
