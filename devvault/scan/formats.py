"""A check's report for programs: JSON, SARIF 2.1.0, and the annotations of GitHub Actions.

No form holds more of a value than the text does: four characters of a long one.
"""

from __future__ import annotations

import json
import os
from urllib.parse import quote

from devvault.scan.check import Repaired, Report
from devvault.scan.finding import Finding, Severity
from devvault.scan.report import printable, summary

FORMATS = ("text", "json", "sarif", "github")

_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
_SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.0",
    Severity.LOW: "2.0",
}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(report: Report, *, with_allowed: bool = False) -> str:
    """Return the report as one JSON object."""
    shown: dict[str, object] = {
        "findings": [_object(one) for one in report.found],
        "files": report.files,
        "bytes": report.size,
        "skipped": [
            {"path": one.name, "why": one.skipped, **({"commit": one.commit} if one.commit else {})}
            for one in report.skipped
        ],
        "values": {
            "compared": report.values if not report.failed else None,
            "complete": report.values is not None and report.complete and not report.failed,
        },
        "allowed": len(report.allowed),
    }
    if with_allowed:
        shown["allowed"] = [{**_object(one), "reason": one.allowed} for one in report.allowed]
    return json.dumps(shown, indent=2) + "\n"


def _object(one: Repaired) -> dict[str, object]:
    finding = one.finding
    found: dict[str, object] = {
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "endLine": finding.end_line or finding.line,
        "endColumn": finding.end,
        "key": finding.key,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "shown": f"{finding.shown}****",
        "why": finding.why,
        "repair": one.repair,
    }
    if one.commit:
        found["commit"] = one.commit
    if one.hit is not None:
        found["vault"], found["secret"] = one.hit.vault, one.hit.secret
    return found


def as_sarif(report: Report, version: str, *, with_allowed: bool = False) -> str:
    """Return the report as a SARIF 2.1.0 log."""
    shown = [*report.found, *(report.allowed if with_allowed else ())]
    rules = {one.finding.rule: one.finding for one in shown}
    ids = sorted(rules)
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "devvault",
                        "semanticVersion": version,
                        "rules": [_rule(id, rules[id]) for id in ids],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(one, ids.index(one.finding.rule)) for one in shown],
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {
                                "level": "note",
                                "message": {
                                    "text": f"not checked: {_text(one.name)}: {one.skipped}"
                                },
                            }
                            for one in report.skipped
                        ],
                    }
                ],
            }
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _rule(id: str, finding: Finding) -> dict[str, object]:
    value = id == "vault-value"
    words = "a value that a vault holds" if value else finding.why
    return {
        "id": id,
        "shortDescription": {"text": f"A secret in clear: {_text(words)}"},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {"security-severity": _SCORES[finding.severity], "tags": ["security"]},
    }


def _result(one: Repaired, index: int) -> dict[str, object]:
    finding = one.finding
    region: dict[str, object] = {"startLine": finding.line, "startColumn": max(1, finding.column)}
    end_line = finding.end_line or finding.line
    if finding.end > finding.column or end_line > finding.line:
        region["endLine"] = end_line
        region["endColumn"] = max(1, finding.end)
    key = f"{finding.key}=" if finding.key else ""
    result: dict[str, object] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {
            "text": _text(f"{key}{finding.shown}**** is {finding.why}. Repair: {one.repair}")
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(finding.path)},
                    "region": region,
                }
            }
        ],
    }
    if one.commit:
        result["properties"] = {"commit": one.commit}
    if one.allowed:
        result["suppressions"] = [{"kind": "inSource", "justification": _text(one.allowed)}]
    return result


def _uri(path: str) -> str:
    data = os.fsencode(path).replace(b"\\", b"/")
    return ("file://" if path.startswith("/") else "") + quote(data, safe="/~.-_+@,=")


def _text(words: str) -> str:
    return printable(words)


def as_github(report: Report) -> str:
    """Return the findings as GitHub's workflow commands, and the summary as a notice."""
    lines = []
    for one in report.found:
        finding = one.finding
        kind = "warning" if finding.severity in (Severity.MEDIUM, Severity.LOW) else "error"
        key = f"{finding.key}=" if finding.key else ""
        words = f"{key}{finding.shown}**** is {finding.why}. Repair: {one.repair}"
        lines.append(
            f"::{kind} file={_property(finding.path)},line={finding.line},col={finding.column},"
            f"title={_property(f'devvault: {finding.rule}')}::{_message(words)}"
        )
    lines.append(f"::notice title=devvault::{_message(summary(report))}")
    return "\n".join(lines) + "\n"


def _message(words: str) -> str:
    return printable(words).replace("%", "%25")


def _property(words: str) -> str:
    return _message(words).replace(":", "%3A").replace(",", "%2C")
