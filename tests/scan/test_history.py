from __future__ import annotations

import subprocess

import pytest

from devvault.errors import Unavailable
from devvault.scan.history import search, wanted

STRONG = "hT7-" + "kq2-Vn41"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def git(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    def commit(name, text, subject):
        (tmp_path / name).write_bytes(text.encode())
        git("add", "-A")
        git("commit", "-qm", subject)

    git("init", "-qb", "main")
    return tmp_path, git, commit


def found(folder, key, value, **limits):
    history = search(folder, [wanted(key, value)], **limits)
    return [(one.subject, one.keys, one.paths) for one in history.holding]


def test_only_the_commit_that_added_it_is_named(repository):
    folder, _, commit = repository
    commit("a", "x\n", "one")
    commit("a", f"x\n++ {STRONG}\n", "two")
    commit("a", f"y\n++ {STRONG}\n", "three")
    commit("a", "y\n", "four")
    assert found(folder, "K", STRONG) == [("two", ("K",), ("a",))]


def test_other_branches_and_merges_are_searched(repository):
    folder, git, commit = repository
    commit("a", "1\n", "base")
    git("checkout", "-qb", "side")
    commit("b", f'{{"k": "{STRONG}"}}\n', "side")
    git("checkout", "-q", "main")
    commit("c", "1\n", "main")
    git("merge", "-q", "--no-commit", "side")
    (folder / "a").write_text(f"evil {STRONG}\n")
    git("commit", "-qam", "merged")
    assert sorted(found(folder, "K", STRONG)) == [
        ("merged", ("K",), ("a",)),
        ("side", ("K",), ("b",)),
    ]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ('a"b\\c-1234', 'K: "a\\"b\\\\c-1234"'),
        ("schl\u00fcssel-1234", '"schl\\u00fcssel-1234"'),
        ("schl\u00fcssel-1234", "schl\u00fcssel-1234"),
        ("-----BEGIN X-----\nbody-of-a-key-0123456\n-----END X-----", "body-of-a-key-0123456"),
    ],
)  # fmt: skip
def test_written_forms_are_found(repository, value, line):
    folder, _, commit = repository
    commit("f", f"{line}\r\n", "one")
    assert found(folder, "K", value) == [("one", ("K",), ("f",))]


def test_a_word_counts_only_beside_its_name(repository):
    folder, _, commit = repository
    commit("README", "made for production\n", "text")
    commit(".env", "web:\n  DB_PASSWORD=production\n", "leak")
    assert found(folder, "DB_PASSWORD", "production") == [("leak", ("DB_PASSWORD",), (".env",))]
    assert found(folder, "web:DB_PASSWORD", "pw12") == []


def test_long_lines_and_binary_files_do_no_harm(repository):
    folder, _, commit = repository
    commit("min.js", "x" * 3_000_000 + STRONG + "y" * 2_000_000 + "\n", "long")
    (folder / "bin").write_bytes(b"\0" + STRONG.encode())
    commit("n", "1\n", "binary")
    assert ("long", ("K",), ("min.js",)) in found(folder, "K", STRONG)


def test_it_ends_in_time_and_says_so(repository):
    folder, _, commit = repository
    for number in range(4):
        commit("a", f"{STRONG} {number}\n", f"c{number}")
    steps = []
    history = search(folder, [wanted("K", STRONG)], commits=2, step=lambda *at: steps.append(at))
    assert [one.subject for one in history.holding] == ["c3", "c2"]
    assert (history.complete, history.commits, steps) == (False, 2, [(1, 2), (2, 2)])
    times = iter([0.0, 1.0, 20.0, 21.0, 22.0])
    history = search(folder, [wanted("K", STRONG)], seconds=10, ticks=lambda: next(times))
    assert (history.complete, history.commits) == (False, 2)
    assert search(folder, [wanted("K", STRONG)]).complete


def test_no_repository_and_an_empty_one(repository, tmp_path_factory):
    folder, _, _ = repository
    assert search(folder, [wanted("K", STRONG)]).holding == []
    with pytest.raises(Unavailable):
        search(tmp_path_factory.mktemp("none"), [wanted("K", STRONG)])


def test_the_repository_starts_no_program(repository):
    folder, git, commit = repository
    program = folder.parent / f"{folder.name}-evil"
    program.write_text(f"#!/bin/sh\ntouch '{program}.ran'\n")
    program.chmod(0o755)
    (folder / ".gitattributes").write_text("* diff=evil\n")
    commit("a", f"{STRONG}\n", "one")
    for option in ("core.fsmonitor", "diff.external", "diff.evil.textconv", "gpg.program",
                   "diff.evil.command", "core.pager"):  # fmt: skip
        git("config", option, str(program))
    git("config", "log.showSignature", "true")
    assert found(folder, "K", STRONG)
    assert not (folder.parent / f"{program.name}.ran").exists()


def test_a_value_is_in_no_repr():
    assert STRONG not in repr(wanted("K", STRONG))
