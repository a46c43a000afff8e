from __future__ import annotations

import json

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from devvault.scan.check import Hit, Matches, Options, check
from devvault.scan.engine import Engine
from devvault.scan.formats import as_github, as_json, as_sarif
from devvault.scan.text import Text, from_bytes

KEY = "tYq7Rk2mZp9Lw4Xc8Vb1Nj6Hs3Dg5Fa0"
NAME = "a b/\u00fc%,:\n\x1b[2J.env"


@pytest.fixture
def report():
    texts = [
        from_bytes(NAME, f"A=1\nDB_PASSWORD={KEY}\n".encode()),
        from_bytes("b.py", f"api_token = '{KEY}'  # devvault: allow a test\n".encode()),
        from_bytes("c.md", b"it is blue\n", commit="0123456789ab", numbers=[7]),
        from_bytes("/abs/d\udcff.env", f"X_SECRET={KEY}\n".encode()),
        Text("e.bin", skipped="larger than 128 MiB"),
    ]

    def matcher(some):
        return Matches((Hit(2, 1, 7, 6, 10, "kv", "colour"),), 3)

    return check(texts, Engine(), matcher, Options())


def test_json_holds_everything_and_no_value(report):
    text = as_json(report)
    found = json.loads(text)
    assert KEY not in text
    assert KEY[:5] not in text
    assert {one["path"] for one in found["findings"]} == {NAME, "c.md", "/abs/d\udcff.env"}
    first = next(one for one in found["findings"] if one["path"] == NAME)
    assert first == {
        "path": NAME,
        "line": 2,
        "column": 13,
        "endLine": 2,
        "endColumn": 45,
        "key": "DB_PASSWORD",
        "rule": first["rule"],
        "severity": "high",
        "shown": "tYq7****",
        "why": first["why"],
        "repair": "devvault check --fix",
    }
    value = next(one for one in found["findings"] if one["path"] == "c.md")
    assert (value["vault"], value["secret"], value["commit"], value["line"]) == (
        "kv",
        "colour",
        "0123456789ab",
        7,
    )
    assert found["values"] == {"compared": 3, "complete": True}
    assert found["skipped"] == [{"path": "e.bin", "why": "larger than 128 MiB"}]
    assert (found["files"], found["allowed"]) == (4, 1)
    assert json.loads(as_json(report, with_allowed=True))["allowed"][0]["reason"] == "a test"


@pytest.mark.parametrize("with_allowed", [True, False])
def test_sarif_is_what_the_standard_says(report, with_allowed):
    text = as_sarif(report, "1.2.3", with_allowed=with_allowed)
    log = json.loads(text)
    Sarif.model_validate(log)
    assert KEY[:5] not in text
    (run,) = log["runs"]
    results = run["results"]
    assert len(results) == 3 + with_allowed
    assert sum("suppressions" in one for one in results) == with_allowed
    rules = run["tool"]["driver"]["rules"]
    for one in results:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        uri = one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.isascii()
        assert not set(uri) & set(" %\n") - {"%"}
    assert "a%20b/%C3%BC%25,%3A%0A%1B%5B2J.env" in text
    assert "file:///abs/d%FF.env" in text


def test_an_empty_report_is_sarif_too():
    report = check([], Engine(), None)
    Sarif.model_validate(json.loads(as_sarif(report, "1.2.3")))


def test_github_gets_one_command_a_line(report):
    lines = as_github(report).splitlines()
    assert len(lines) == 4
    assert all(line.startswith(("::error file=", "::notice ")) for line in lines)
    assert "\x1b" not in "".join(lines)
    line = next(line for line in lines if "a b/" in line)
    head = line.split("::")[1]
    assert head.count(",") == 3  # of the properties, not of the name
    assert "%25%2C%3A" in head
