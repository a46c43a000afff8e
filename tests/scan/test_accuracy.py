"""The targets, held on both sets: found on the labelled lines, and nowhere else."""

from __future__ import annotations

import pytest

from tests.scan import corpus
from tests.scan.accuracy import SETS, ours, score

NEVER = ("reference", "secret-uri", "insights", "emulator", "lock")


@pytest.mark.parametrize("seed", [1, 20_260, 77])
@pytest.mark.parametrize("name", list(SETS))
def test_the_targets_hold(name, seed):
    files = list(SETS[name](seed))
    result = score(files, ours(files))
    told = "\n".join([*result.missed[:20], *result.wrong[:20]])
    assert result.f1 >= 0.95, told
    assert result.precision >= 0.97, told
    assert [kind for kind in NEVER if result.alarms[kind]] == [], told


def test_the_corpus_is_large_enough_and_has_both_kinds_everywhere():
    files = list(corpus.files(1))
    assert sum(len(file.secrets) for file in files) >= 400
    assert sum(len(file.harmless) for file in files) >= 800
    assert {kind for file in files for kind in file.harmless.values()} >= set(NEVER)
    assert len({file.name for file in files}) == len(files)


def test_the_same_seed_makes_the_same_files():
    assert [f.text for f in corpus.files(5)] == [f.text for f in corpus.files(5)]
    assert [f.text for f in corpus.files(5)] != [f.text for f in corpus.files(6)]
