"""The way out of a run rests sealed under the run's own secret."""

from pathlib import Path

import pytest

from devvault.vault.outward import Outward, Outwards

WAY = Outward("http://user:p4ssw0rd@proxy.example:3128", ".corp.example")
SECRET = "0123456789abcdef" + "x" * 43


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir(0o700)
    return tmp_path / "run"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_it_comes_back_to_who_has_the_secret(folder):
    Outwards(folder).keep("one", SECRET, WAY)
    (path,) = files(folder)
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"p4ssw0rd" not in path.read_bytes()
    assert Outwards(folder).find("one", SECRET) == WAY
    # Nobody is sent another way than the one that was set.
    assert Outwards(folder).find("one", SECRET + "x") is None
    path.rename(path.with_name("two"))
    assert Outwards(folder).find("two", SECRET) is None


def test_straight_out_needs_no_file(folder):
    kept = Outwards(folder)
    kept.keep("one", SECRET, Outward())
    assert not files(folder)
    assert Outwards(folder).find("one", SECRET) == Outward()


def test_it_goes_with_its_session(folder):
    kept = Outwards(folder)
    kept.keep("one", SECRET, WAY)
    kept.keep("two", SECRET, WAY)
    kept.forget_others(lambda: {"two"})
    assert [path.name for path in files(folder)] == ["two"]
    assert kept.find("two", SECRET) == WAY


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 100])
def test_what_was_changed_leads_nowhere(folder, data):
    Outwards(folder).keep("one", SECRET, WAY)
    files(folder)[0].write_bytes(data)
    assert Outwards(folder).find("one", SECRET) is None


def test_it_does_not_print_its_password():
    assert "p4ssw0rd" not in repr(WAY)
