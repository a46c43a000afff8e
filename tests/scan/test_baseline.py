from __future__ import annotations

import subprocess
from datetime import date

import pytest

from devvault.errors import WrongUse
from devvault.scan.baseline import LEAST_BITS, Entry, bits, new_baseline, read_baseline
from devvault.scan.finding import Finding
from devvault.secretvalue import SecretValue

TODAY = date(2026, 3, 1)
KEY = "tYq7Rk2mZp9Lw4Xc8Vb1"


def finding(value=KEY, rule="name-password", line=1, path=".env"):
    return Finding(path, line, 1, "K", rule, "so", held=SecretValue(value))


def test_a_finding_is_known_by_rule_and_value_wherever_it_stands():
    made, refused = new_baseline(TODAY).accept([finding()], "a test account", None)
    assert refused == []
    again = read_baseline("b", made.to_bytes(), TODAY)
    assert again.find(finding(line=99, path="elsewhere")) == "baseline: a test account"
    assert again.find(finding(rule="other")) is None
    assert again.find(finding(value=KEY + "x")) is None
    assert again.to_bytes() == made.to_bytes()


def test_the_file_betrays_neither_value_nor_place():
    made, _ = new_baseline(TODAY).accept([finding(path="secret/place", line=4711)], "why", None)
    text = made.to_bytes().decode()
    assert KEY not in text
    assert "place" not in text
    assert "4711" not in text
    other, _ = new_baseline(TODAY).accept([finding()], "why", None)
    assert set(made.entries) != set(other.entries), "each file has a salt of its own"


def test_a_value_that_could_be_guessed_is_refused():
    weak = [
        "hunter2",
        "changeme123",
        "Winter2026!",
        "password",
        "12345678901234567890",
        "aaaaaaaaaaaaaaaa",
    ]
    for value in weak:
        assert bits(value) < 40, value
    for value in (KEY, "hT7-kq2-Vn41", "correct-horse-battery-staple", "0f8fad5bd9cb469fa165"):
        assert bits(value) >= 40, value
    made, refused = new_baseline(TODAY).accept([finding(value) for value in weak], "why", None)
    assert (made.entries, len(refused)) == ({}, len(weak))


def test_an_entry_expires():
    made, _ = new_baseline(TODAY).accept([finding()], "for now", date(2026, 3, 2))
    for day, known in ((1, True), (2, True), (3, False)):
        kept = read_baseline("b", made.to_bytes(), date(2026, 3, day))
        assert (kept.find(finding()) is not None) is known
        assert len(kept.expired) == (not known)


def test_the_same_value_is_stretched_once(monkeypatch):
    import hashlib

    made, _ = new_baseline(TODAY).accept([finding()], "why", None)
    kept = read_baseline("b", made.to_bytes(), TODAY)
    count = []
    real = hashlib.scrypt
    monkeypatch.setattr(hashlib, "scrypt", lambda *a, **k: count.append(1) or real(*a, **k))
    for line in range(50):
        assert kept.find(finding(line=line))
    assert kept.find(finding(rule="no-entry-has-it")) is None
    assert len(count) == 1


def test_two_branches_merge_without_a_conflict(tmp_path):
    made, _ = new_baseline(TODAY).accept(
        [finding(f"{KEY}{number}") for number in range(12)], "old", None
    )

    def git(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    path = tmp_path / "baseline"
    git("init", "-qb", "main")
    path.write_bytes(made.to_bytes())
    git("add", "-A")
    git("commit", "-qm", "x")
    for branch, place in (("one", "-"), ("two", "z")):
        git("checkout", "-qb", branch, "main")
        digest = place * 24
        entry = Entry(digest, "name-key", None, branch)
        grown = read_baseline("b", made.to_bytes(), TODAY)
        grown.entries["name-key", digest] = entry
        path.write_bytes(grown.to_bytes())
        git("commit", "-qam", branch)
    git("merge", "-q", "one", "-m", "m")
    assert len(read_baseline("b", path.read_bytes(), TODAY).entries) == 14


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"version": "1.5.0", "results": {}}', "no baseline of devvault"),
        (b"", "no baseline of devvault"),
        (b"\xff\xfe\0", "not text"),
        (b"# devvault baseline 1\n", "salt"),
        (b"# devvault baseline 1\n# salt !!!\n", "salt"),
        (b"# devvault baseline 1\n# salt QUJD\n", "salt"),
        (b"# devvault baseline 1\n# salt QUJDREVGR0hJSktMTU5PUA==\n<<<<<<< HEAD\n", "line 3"),
        (b"# devvault baseline 1\n# salt QUJDREVGR0hJSktMTU5PUA==\nabc rule - why\n", "line 3"),
        (
            b"# devvault baseline 1\n# salt QUJDREVGR0hJSktMTU5PUA==\n%b r 2026-13-01 why\n"
            % (b"a" * 24),
            "no date",
        ),
    ],
)
def test_what_is_no_baseline_of_ours_is_refused(data, words):
    with pytest.raises(WrongUse, match=words):
        read_baseline("b", data, TODAY)


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "\x1b[2J"])
def test_a_reason_is_needed(reason):
    with pytest.raises(WrongUse):
        new_baseline(TODAY).accept([finding()], reason, None)


GUESSED = [
    "P@ss" + "w0rd2024!", "Tr0ub" + "4dor&3", "1qaz2wsx" + "3edc", "qwertyuiop" + "123",
    "Summer" + "2026!", "S3cur3" + "P@ss!", "zxcvbnm" + "asdfghjkl1",
]  # fmt: skip
DRAWN = [
    "9f4d9f69275a41febe58" + "2b837bd9ba48", "k9Vq2Lx8Rt5Z" + "w1Bn4Mj7Hd3F",
    "7!bX" + "kq$2mV@9pL#z",
]  # fmt: skip


@pytest.mark.parametrize("value", GUESSED)
def test_what_guessing_programs_try_first_has_few_bits(value):
    assert bits(value) < LEAST_BITS


@pytest.mark.parametrize("value", DRAWN)
def test_what_is_drawn_by_lot_has_enough(value):
    assert bits(value) >= LEAST_BITS
