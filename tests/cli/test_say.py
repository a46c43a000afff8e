from __future__ import annotations

import argparse
import json

import pytest
import yaml

from devvault.cli import say
from devvault.errors import WrongUse

SECRET = {"value": "café", "id": "https://v/secrets/a", "attributes": {"enabled": True}}


def args(output="json", query=None):
    return argparse.Namespace(output=output, query=query)


def test_json_is_sorted_with_two_spaces_as_az_prints_it(capsys):
    say.show(args(), SECRET)
    assert capsys.readouterr().out == (
        '{\n  "attributes": {\n    "enabled": true\n  },\n'
        '  "id": "https://v/secrets/a",\n  "value": "café"\n}\n'
    )


def test_jsonc_on_a_pipe_is_plain(capsys):
    say.show(args("jsonc"), SECRET)
    assert json.loads(capsys.readouterr().out) == SECRET


def test_a_query_picks_and_tsv_prints_the_bare_value(capsys):
    say.show(args("tsv", "value"), SECRET)
    assert capsys.readouterr().out == "café\n"


def test_a_query_that_finds_nothing_prints_nothing(capsys):
    say.show(args("tsv", "nothing"), SECRET)
    assert capsys.readouterr().out == ""


def test_a_query_keeps_its_columns_in_a_table(capsys):
    say.show(args("table", "[].{Zed: value, Able: id}"), [SECRET])
    assert capsys.readouterr().out.splitlines()[0].split() == ["Zed", "Able"]


@pytest.mark.parametrize("query", ["[", "a..b", "length(`1`)"])
def test_a_bad_query_is_wrong_use(query):
    with pytest.raises(WrongUse) as caught:
        say.show(args("json", query), SECRET)
    assert "café" not in caught.value.message


def test_yaml_and_none(capsys):
    say.show(args("yaml"), SECRET)
    assert yaml.safe_load(capsys.readouterr().out) == SECRET
    say.show(args("none"), SECRET)
    assert capsys.readouterr().out == ""


def test_what_moves_a_cursor_is_shown_as_what_it_is():
    assert say.printable("a\x1b[2Jb\n") == "a\\x1b[2Jb\\x0a"


def test_notes_and_hints_go_to_stderr(capsys):
    say.note("one")
    say.hint("devvault init")
    got = capsys.readouterr()
    assert got.out == ""
    assert got.err == "devvault: note: one\ndevvault: hint: devvault init\n"


def test_json_steers_no_terminal_and_reads_as_the_same(capsys):
    odd = {"a\x9b": "\x1b]0;x\x07 \u202e \U000e0001 é 日 \u00a0"}
    for form in ("json", "jsonc"):
        say.show(args(form), odd)
        text = capsys.readouterr().out
        assert text.replace("\n", "").isprintable()
        assert json.loads(text) == odd
