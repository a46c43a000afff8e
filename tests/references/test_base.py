from __future__ import annotations

import subprocess
import sys

import pytest

from devvault.references.base import FORMS, find, get_form
from devvault.references.marks import has_mark
from devvault.references.status import Status


def test_a_plain_value_loads_no_form():
    code = (
        "import sys; from devvault.references.base import find; assert find('x') is None; "
        "assert 'devvault.references.appservice' not in sys.modules; "
        "assert find('@Microsoft.KeyVault(') is not None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_marks_import_nothing():
    code = (
        "import sys; before = set(sys.modules); import devvault.references.marks; "
        "new = {m for m in set(sys.modules) - before if not m.startswith('devvault')}; "
        "assert not new, new"
    )
    subprocess.run([sys.executable, "-S", "-c", code], check=True)


def test_the_register():
    assert all(get_form(name).name == name for name in FORMS)
    with pytest.raises(KeyError):
        get_form("other")


def test_has_mark_in_any_place_and_case():
    assert has_mark("x @MICROSOFT.KEYVAULT(")
    assert not has_mark("@Microsoft-KeyVault()")
    assert find("x @MICROSOFT.KEYVAULT(") is None


def test_the_status_words_of_app_service():
    assert [s.value for s in Status] == [
        "Initialized", "Resolved", "InvalidSyntax", "MSINotEnabled", "VaultNotFound",
        "SecretNotFound", "SecretVersionNotFound", "AccessToKeyVaultDenied", "OtherReasons",
        "FetchTimedOut", "UnauthorizedClient",
    ]  # fmt: skip
    assert [s for s in Status if not s.is_failure] == [Status.INITIALIZED, Status.RESOLVED]
