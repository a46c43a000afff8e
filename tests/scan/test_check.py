from __future__ import annotations

from devvault.scan.check import VALUE_RULE, Hit, Matches, check
from devvault.scan.report import lines, summary
from devvault.scan.sources import Text, from_bytes

KEY = "tYq7Rk2mZp9Lw4Xc8Vb1Nj6Hs3Dg5Fa0"


def test_a_value_of_a_vault_is_found_whatever_it_looks_like():
    text = from_bytes("notes.md", b"hello\nit is blue\n")

    def matcher(texts):
        assert [one.name for one in texts] == ["notes.md"]
        return Matches((Hit("notes.md", 2, 7, "kv-one", "colour"),), values=3)

    report = check([text], matcher)
    (one,) = report.found
    assert one.finding.rule == VALUE_RULE
    assert report.values == 3
    assert list(lines(report)) == [
        "notes.md:2:7: **** is the value of the secret colour in the vault kv-one",
        "  repair: write @Microsoft.KeyVault(VaultName=kv-one;SecretName=colour) instead",
    ]


def test_a_setting_that_looks_secret_is_found_and_its_value_not_repeated():
    report = check([from_bytes(".env", f"A=1\nDB_PASSWORD={KEY}\n".encode())], None)
    (one,) = report.found
    assert (one.finding.line, one.finding.column, one.finding.key) == (2, 13, "DB_PASSWORD")
    shown = "\n".join(lines(report))
    assert KEY not in shown
    assert KEY[:5] not in shown
    assert shown.endswith("repair: devvault set DB_PASSWORD")
    assert report.values is None


def test_a_value_hit_stands_for_the_judges_on_the_same_line():
    text = from_bytes(".env", f"DB_PASSWORD={KEY}\n".encode())
    hit = Hit(".env", 1, 13, "kv-one", "db")
    report = check([text], lambda _texts: Matches((hit,), 1))
    assert [one.finding.rule for one in report.found] == [VALUE_RULE]
    assert report.found[0].finding.key == "DB_PASSWORD"


def test_only_lines_that_count():
    data = f"A_PASSWORD={KEY}\nB_PASSWORD={KEY}\n".encode()
    report = check([from_bytes(".env", data, frozenset({2}))], None)
    assert [one.finding.key for one in report.found] == ["B_PASSWORD"]


def test_plain_and_allowed_settings_pass_but_never_a_vaults_value():
    data = f"A_PASSWORD={KEY}\nB_PASSWORD={KEY} # devvault: allow a fixture\n".encode()
    text = from_bytes(".env", data)
    assert check([text], None, plain=["A_PASSWORD"]).found == []
    hits = (Hit(".env", 1, 12, "kv", "a"), Hit(".env", 2, 12, "kv", "a"))
    assert len(check([text], lambda _t: Matches(hits, 1), plain=["A_PASSWORD"]).found) == 2


def test_references_are_the_repair_and_no_finding():
    data = b"DB_PASSWORD=@Microsoft.KeyVault(VaultName=kv-one;SecretName=db)\n"
    assert check([from_bytes(".env", data)], None).found == []


def test_what_was_skipped_is_in_the_report():
    report = check([Text("a", skipped="not text"), from_bytes("b", b"x")], None)
    assert [one.name for one in report.skipped] == ["a"]
    assert summary(report) == "checked 1 file, 1 bytes: no secrets"


def test_large_sets_are_asked_in_parts():
    asked = []
    texts = [from_bytes(str(n), b"x" * 1024 * 1024) for n in range(9)]

    def matcher(some):
        asked.append(len(some))
        return Matches(values=2, complete=len(asked) != 2)

    report = check(texts, matcher)
    assert sum(asked) == 9
    assert max(asked) == 4
    assert report.files == 9
    assert report.complete is False


def test_a_hostile_name_cannot_steer_the_terminal():
    report = check([from_bytes("\x1b[2J.env", f"PASSWORD={KEY}\n".encode())], None)
    assert "\x1b" not in "".join(lines(report))
