"""The register of operations against Azure's API description, and the verbs against their help."""

import argparse
import importlib
import json
import re

import pytest

from devvault.cli import main
from devvault.model.operations import OPERATIONS
from tests.house.source import PACKAGE, ROOT

VECTOR = json.loads((ROOT / "tests" / "vectors" / "operations.json").read_text())["operations"]
# Azure has three lists of vaults; they differ in scope, not in what is asked for.
SAME = {
    "VaultsListByResourceGroup": "VaultsList",
    "VaultsListBySubscription": "VaultsList",
}
BUILT = [verb for verb in main.VERBS if main.is_built(verb)]


@pytest.mark.parametrize("row", VECTOR, ids=lambda row: row["id"])
def test_every_operation_of_the_description_is_registered(row):
    name = row["id"].replace("_", "")
    operation = OPERATIONS[SAME.get(name, name)]
    assert operation.data == (row["plane"] == "data")
    assert bool(operation.permission) == operation.data
    if operation.id != "VaultsUpdate":
        reads = row["method"] == "GET" or row["id"].endswith(("CheckNameAvailability", "Backup"))
        assert operation.changes == (not reads and row["id"] != "BackupSecret")


def test_the_names_of_the_trail_are_distinct():
    names = [operation.audit for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))


def parser_of(verb):
    parser = argparse.ArgumentParser(prog=f"devvault {verb}")
    importlib.import_module(main.VERBS[verb][0]).add_arguments(parser)
    return parser


def parsers(parser):
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in dict.fromkeys(action.choices.values()):
                yield from parsers(inner)


@pytest.mark.parametrize("verb", BUILT)
def test_every_verb_has_an_example_and_every_option_a_word_of_help(verb):
    parser = parser_of(verb)
    assert re.match("example: .*devvault", parser.epilog or "")
    for one in parsers(parser):
        for action in one._actions:
            if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
                continue
            assert action.help, f"{one.prog}: {action.dest}"
        assert re.search(rf"example: .*{one.prog}", one.format_help(), re.DOTALL), one.prog


def test_the_overview_lists_the_verbs_that_are_built():
    listed = re.findall(r"^  (\w+)  ", main._overview(), re.MULTILINE)
    assert listed == BUILT


MANUAL = PACKAGE / "help"


@pytest.mark.skipif(not MANUAL.is_dir(), reason="the manual is not written yet")
@pytest.mark.parametrize("verb", BUILT)
def test_the_manual_knows_every_verb(verb):
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(MANUAL.glob("*.md")))
    assert f"devvault {verb}" in text


def flags_of(parser):
    return {
        name for one in parsers(parser) for action in one._actions for name in action.option_strings
    }


def test_the_manual_names_no_flag_that_is_not_there():
    wrong = []
    for path in [*sorted(MANUAL.glob("*.md")), ROOT / "README.md"]:
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for verb, rest in re.findall(r"devvault ([a-z]+)\b([^`|;)\n]*)", text):
            if verb not in BUILT or verb == "az":
                continue
            ours = re.split(r"\s--\s|\s{2,}|, ", rest)[0]
            known = flags_of(parser_of(verb))
            wrong += [
                f"{path.name}: devvault {verb} {flag}"
                for flag in re.findall(r"(?<=\s)--?[a-zA-Z][a-z-]*", ours)
                if flag not in known
            ]
    assert not wrong
