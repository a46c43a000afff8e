from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from devvault.model.due import is_purge_due
from devvault.model.secret import Secret
from tests.model.things import AT, VAULT

GONE = Secret("v", "n", "1", AT, AT, AT + timedelta(days=7))


def test_at_the_moment_and_not_before():
    assert not is_purge_due(GONE, AT + timedelta(days=7) - timedelta(seconds=1))
    assert is_purge_due(GONE, AT + timedelta(days=7))
    vault = replace(VAULT, deleted=AT, retention=7)
    assert not is_purge_due(vault, AT)
    assert is_purge_due(vault, AT + timedelta(days=8))


def test_what_lives_is_never_due():
    assert not is_purge_due(Secret("v", "n", "1", AT), AT + timedelta(days=9999))
    assert not is_purge_due(VAULT, AT + timedelta(days=9999))
