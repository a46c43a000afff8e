from __future__ import annotations

import io

from devvault.cli import progress
from devvault.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nothing_is_drawn_for_what_takes_no_time(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    with Progress("records") as drawn:
        assert list(drawn.count(["a", "b"])) == ["a", "b"]
    assert shown.getvalue() == ""


def test_a_line_after_the_patience_and_none_left_at_the_end(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with Progress("records") as drawn:
        drawn.step(3, 10)
        assert shown.getvalue().endswith("records: 3 of 10")
    assert shown.getvalue().endswith("\r\x1b[K")


def test_a_pipe_sees_nothing(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with Progress("records") as drawn:
        drawn.step(3, 10)
    assert shown.getvalue() == ""
