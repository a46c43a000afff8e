from __future__ import annotations

import argparse
import dataclasses
import re
import textwrap
from pathlib import Path

import pytest

from devvault.cli import help as manual
from devvault.config import Config
from devvault.errors import NotFound


def show(topic):
    return manual.main(argparse.Namespace(topic=topic))


@pytest.mark.parametrize("topic", sorted(manual.find_pages()))
def test_every_page_has_a_title_and_fits_a_terminal(topic, capsys):
    assert show(topic) == 0
    text = capsys.readouterr().out
    assert text.startswith("# ")
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_list_names_every_page(capsys):
    assert show(None) == 0
    out = capsys.readouterr().out
    assert all(f"  {topic} " in out for topic in manual.find_pages())


def test_an_unknown_page():
    with pytest.raises(NotFound):
        show("../../etc/passwd")


def test_every_option_is_in_the_manual():
    text = manual.find_pages()["configuration"].read_text()
    for field in dataclasses.fields(Config):
        assert f"  {field.name.replace('_', '-')} = " in text


def test_the_first_page_says_what_is_not_defended():
    text = manual.find_pages()["security"].read_text()
    assert "Defended" in text
    assert "Not defended\n  - root\n" in text


def test_security_comes_first():
    assert next(iter(manual.find_pages())) == "security"


def test_a_verb_is_described_as_its_help_does(capsys):
    with pytest.raises(SystemExit) as ended:
        show("rekey")
    assert ended.value.code == 0
    assert "usage: devvault rekey" in capsys.readouterr().out


def test_every_page_that_is_named_is_there():
    pages = manual.find_pages()
    for path in pages.values():
        named = set(re.findall(r"devvault help ([a-z-]+)", path.read_text()))
        assert named - {"topic"} <= set(pages), path


def test_the_example_of_a_migration_is_the_one_that_is_run():
    page = manual.find_pages()["access"].read_text(encoding="utf-8")
    script = Path(__file__).parents[1].joinpath("scripts", "access.txt").read_text("utf-8")
    shown = page[page.index("  $ devvault keyvault migrate-to-rbac") :]
    assert textwrap.dedent(shown).strip() in script
