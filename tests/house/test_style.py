"""ARCHITECTURE.md section 4, as far as a machine can read it."""

import ast
import re
import warnings

import pytest

from tests.house.source import ROOT, imports, modules

WARN, LIMIT = 400, 600
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "impl", "base_impl"}
# Who may look at the machine's clocks. Wall time comes from Clock alone; a monotonic clock may
# measure patience (of a client, of a batch of writes), and decides nothing.
WALL_CLOCK = {"devvault.clock"}
MONOTONIC = {
    "devvault.client.daemon",
    "devvault.cli.progress",
    "devvault.daemon.schedule",
    "devvault.scan.history",
    "devvault.store.sqlite",
}

SOURCES = sorted(modules())


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_has_one_noun_and_stays_short(name):
    lines = modules()[name].text.count("\n")
    assert lines <= LIMIT
    if lines > WARN:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(f"{name} has {lines} lines, over {WARN}", stacklevel=1)


def test_names_say_what_a_thing_is():
    wrong = [name for name in SOURCES if set(name.split(".")[1:]) & FORBIDDEN]
    for name in SOURCES:
        classes = (n for n in ast.walk(modules()[name].tree) if isinstance(n, ast.ClassDef))
        wrong += [
            f"{name}.{found.name}"
            for found in classes
            if re.search(r"(^Base|Impl$|Manager$)", found.name)
        ]
    assert not wrong


def test_every_module_says_what_it_is_for():
    wrong = [
        name
        for name in SOURCES
        if modules()[name].tree.body and not ast.get_docstring(modules()[name].tree)
    ]
    assert not wrong


def test_nothing_is_left_for_later():
    wrong = []
    for name in SOURCES:
        for node in ast.walk(modules()[name].tree):
            if isinstance(node, ast.Name) and node.id == "NotImplementedError":
                wrong.append(f"{name}:{node.lineno} NotImplementedError")
            if (
                isinstance(node, ast.Assert)
                and isinstance(node.test, ast.Constant)
                and not node.test.value
            ):
                wrong.append(f"{name}:{node.lineno} assert False")
        for number, line in enumerate(modules()[name].text.splitlines(), 1):
            if re.search(r"#.*\b(TODO|FIXME|XXX|HACK)\b", line):
                wrong.append(f"{name}:{number} {line.strip()}")
    assert not wrong


def test_every_silenced_rule_has_its_reason():
    wrong = []
    for name in SOURCES:
        for number, line in enumerate(modules()[name].text.splitlines(), 1):
            marks = re.findall(r"# (?:noqa|type: ignore)[^#]*", line)
            if marks and len(line.split("# ")) < len(marks) + 2:
                wrong.append(f"{name}:{number} {line.strip()}")
            if re.search(r"# (noqa|type: ignore)(?![:\[])", line):
                wrong.append(f"{name}:{number} silences everything")
    assert not wrong


def test_time_comes_in_as_an_argument():
    wrong = []
    for name in SOURCES:
        for node in ast.walk(modules()[name].tree):
            if not isinstance(node, ast.Attribute):
                continue
            asked = ast.unparse(node)
            if asked in {"datetime.now", "datetime.utcnow", "time.time"} and name not in WALL_CLOCK:
                wrong.append(f"{name}:{node.lineno} {asked}")
            if asked == "time.monotonic" and name not in MONOTONIC:
                wrong.append(f"{name}:{node.lineno} {asked}")
    assert not wrong


def test_annotations_are_those_of_the_future():
    without = {
        name
        for name in SOURCES
        if modules()[name].tree.body
        and len(modules()[name].tree.body) > 1
        and not any(found.module == "__future__" for found in imports(name))
    }
    # These must import nothing that they can do without.
    assert without <= {
        "devvault",
        "devvault.cli.answer",
        "devvault.cli.child",
        "devvault.cli.fast",
        "devvault.cli.hearing",
        "devvault.cli.hook",
        "devvault.cli.mask",
        "devvault.cli.sieve",
        "devvault.cli.spawn",
        "devvault.client.launch",
        "devvault.references.marks",
    }


def test_the_repository_names_no_place_of_its_makers():
    words = ("/" + "work/", "shared/" + "spec", "pypi" + ".org", "files.python" + "hosted")
    wrong = []
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if not path.is_file() or any(
            part in {".git", ".venv", "__pycache__"} or part.endswith("_cache") for part in parts
        ):
            continue
        if path.suffix in {".pyc", ".whl"} or ".hypothesis" in parts:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        wrong += [f"{path.relative_to(ROOT)}: {word}" for word in words if word in text]
    assert not wrong
