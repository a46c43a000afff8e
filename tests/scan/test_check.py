from __future__ import annotations

import pytest

from devvault.scan.check import VALUE_RULE, Hit, Matches, Options, check
from devvault.scan.engine import Engine
from devvault.scan.report import allowed_lines, lines, summary
from devvault.scan.text import Text, from_bytes

WHOSE = "the value of the secret colour in the vault kv-one"
KEY = "tYq7Rk2mZp9Lw4Xc8Vb1Nj6Hs3Dg5Fa0"


def run(texts, matcher=None, **options):
    return check(texts, Engine(), matcher, Options(**options))


def hit(line, column, start, end, **more):
    return Hit(0, line, column, start, end, "kv-one", "colour", **more)


def test_a_value_of_a_vault_is_found_whatever_it_looks_like():
    text = from_bytes("notes.md", b"hello\nit is blue\n")

    def matcher(texts):
        assert [one.name for one in texts] == ["notes.md"]
        return Matches((hit(2, 7, 12, 16),), values=3)

    report = run([text], matcher)
    (one,) = report.found
    assert one.finding.rule == VALUE_RULE
    assert report.values == 3
    assert list(lines(report)) == [
        f"notes.md:2:7: **** is {WHOSE} [{VALUE_RULE}, critical]",
        "  repair: write @Microsoft.KeyVault(VaultName=kv-one;SecretName=colour) instead",
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"form": "base64"}, "the value of the secret colour in the vault kv-one, base64"),
        ({"state": "deleted"}, "the value of the secret colour (deleted) in the vault kv-one"),
        ({"part": "a password in"}, "a password in the secret colour in the vault kv-one"),
    ],
)
def test_it_says_what_of_the_value_and_in_what_form(more, words):
    text = from_bytes("a.md", b"it is blue\n")
    report = run([text], lambda _t: Matches((hit(1, 7, 6, 10, **more),), 1))
    assert report.found[0].finding.why == words
    assert report.found[0].repair == "devvault set colour"


def test_a_setting_that_looks_secret_is_found_and_its_value_not_repeated():
    report = run([from_bytes(".env", f"A=1\nDB_PASSWORD={KEY}\n".encode())])
    (one,) = report.found
    assert (one.finding.line, one.finding.column, one.finding.key) == (2, 13, "DB_PASSWORD")
    shown = "\n".join(lines(report))
    assert KEY not in shown
    assert KEY[:5] not in shown
    assert shown.endswith("repair: devvault check --fix")
    assert report.values is None


def test_source_code_gets_the_words_that_read_a_setting():
    (one,) = run([from_bytes("a.py", f"db_password = '{KEY}'\n".encode())]).found
    assert one.repair == (
        'write os.environ["DB_PASSWORD"] instead; the value: devvault set DB_PASSWORD'
    )


def test_a_value_hit_stands_for_the_judges_on_the_same_line():
    text = from_bytes(".env", f"DB_PASSWORD={KEY}\n".encode())
    report = run([text], lambda _texts: Matches((hit(1, 13, 12, 44),), 1))
    assert [one.finding.rule for one in report.found] == [VALUE_RULE]
    assert report.found[0].finding.key == "DB_PASSWORD"
    assert report.found[0].finding.held.reveal() == KEY


def test_only_lines_that_count():
    data = f"A_PASSWORD={KEY}\nB_PASSWORD={KEY}\n".encode()
    report = run([from_bytes(".env", data, frozenset({2}))])
    assert [one.finding.key for one in report.found] == ["B_PASSWORD"]


def test_plain_settings_pass_but_never_a_vaults_value():
    data = f"A_PASSWORD={KEY}\n".encode()
    text = from_bytes(".env", data)
    assert run([text], plain=["A_PASSWORD"]).found == []
    hits = (hit(1, 12, 11, 43),)
    assert len(run([text], lambda _t: Matches(hits, 1), plain=["A_PASSWORD"]).found) == 1


def test_an_excluded_path_is_compared_with_values_and_nothing_else():
    text = from_bytes("docs/.env", f"A_PASSWORD={KEY}\n".encode())
    options = {"is_excluded": lambda name: name.startswith("docs/")}
    assert run([text], **options).found == []
    hits = (hit(1, 12, 11, 43),)
    assert len(run([text], lambda _t: Matches(hits, 1), **options).found) == 1


def test_references_are_the_repair_and_no_finding():
    data = b"DB_PASSWORD=@Microsoft.KeyVault(VaultName=kv-one;SecretName=db)\n"
    assert run([from_bytes(".env", data)]).found == []


@pytest.mark.parametrize(
    ("mark", "allowed"),
    [
        (" # devvault: allow a test fixture", True),
        (" # devvault: allow[name-password] a test fixture", True),
        (" # devvault: allow[other, name-password] a test fixture", True),
        (" # devvault: allow[other] a test fixture", False),
        (" # devvault: allow", False),
        (" # devvault: allow[name-password]", False),
        (" # devvault: allow - ", False),
        ("", False),
    ],
)
def test_an_allow_needs_a_reason_and_names_rules(mark, allowed):
    for text in (f"password = '{KEY}'{mark}\n", f"\n{mark.strip()}\npassword = '{KEY}'\n"):
        report = run([from_bytes("a.py", text.encode())])
        assert (report.found == []) is allowed, text
        if allowed:
            assert "a test fixture" in next(iter(allowed_lines(report)))
            assert run([from_bytes("a.py", text.encode())], inline_allow=False).found


def test_an_allow_on_a_line_of_code_does_not_reach_the_next():
    text = f"a = 1  # devvault: allow for this line\npassword = '{KEY}'\n"
    assert len(run([from_bytes("a.py", text.encode())]).found) == 1


def test_a_vaults_value_is_allowed_by_its_rules_name_alone():
    def found(mark):
        text = from_bytes("a.md", f"it is blue {mark}\n".encode())
        return run([text], lambda _t: Matches((hit(1, 7, 6, 10),), 1)).found

    assert found("<!-- devvault: allow we say so -->")
    assert not found("<!-- devvault: allow[vault-value] we say so -->")


def test_what_was_skipped_is_in_the_report():
    report = run([Text("a", skipped="larger"), from_bytes("b", b"x")])
    assert [one.name for one in report.skipped] == ["a"]
    assert summary(report) == "checked 1 file, 1 bytes: no secrets"


def test_what_is_no_text_is_compared_all_the_same():
    text = from_bytes("a.bin", b"\0\1blue")
    report = run([text], lambda _t: Matches((hit(1, 3, 2, 6),), 1))
    assert (len(report.found), report.binary) == (1, 1)


def test_large_sets_are_asked_in_parts():
    asked = []
    texts = [from_bytes(str(n), b"x" * 1024 * 1024) for n in range(9)]

    def matcher(some):
        asked.append(len(some))
        return Matches(values=2, complete=len(asked) != 2)

    report = run(texts, matcher)
    assert sum(asked) == 9
    assert max(asked) == 2
    assert report.files == 9
    assert report.complete is False


def test_a_failure_is_asked_about_once():
    asked = []

    def matcher(some):
        asked.append(len(some))
        return Matches(complete=False, failed=True)

    report = run([from_bytes(str(n), b"x" * 3_000_000) for n in range(6)], matcher)
    assert len(asked) == 1
    assert report.failed


def test_a_hostile_name_cannot_steer_the_terminal():
    report = run([from_bytes("\x1b[2J.env", f"PASSWORD={KEY}\n".encode())])
    assert "\x1b" not in "".join(lines(report))


def test_places_of_parts_and_of_commits_are_places_of_files():
    part = Text("a.env", f"x\nPASSWORD={KEY}\n", 10, data=b"..", line=101, column=7)
    assert run([part]).found[0].finding.line == 102
    twice = run([part, part])
    assert len(twice.found) == 1
    lines_of = from_bytes("a.env", f"PASSWORD={KEY}\n".encode(), commit="abc", numbers=[17])
    (one,) = run([lines_of]).found
    assert (one.finding.line, one.commit) == (17, "abc")
