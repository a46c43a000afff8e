"""What needs somebody at a terminal: the offer of `init`, the questions of `fill`."""

from __future__ import annotations

import pytest

from tests.cli.acceptance import FILE, SECRETS
from tests.cli.test_terminal import talk
from tests.cli.typed import Typed


@pytest.fixture
def typed(tmp_path):
    typed = Typed(tmp_path)
    yield typed
    typed.stop()


def test_init_offers_the_import(typed):
    path = typed.project / ".env"
    path.write_bytes(FILE)
    key = str(typed.root / "key")
    words = ["init", "--key-source", "file", "--key-file", key, "--name", "my-app-vault"]
    answers = [("recovery key", "n\n"), ("store 8 secrets in the vault my-app-vault", "\n")]
    code, shown = talk(typed.root, typed.environment, words, answers)
    assert code == 0, shown
    assert not any(value in shown for value in SECRETS.values())
    assert path.read_text().count("@Microsoft.KeyVault(VaultName=my-app-vault") == len(SECRETS)


def test_init_takes_no_for_an_answer_and_says_what_to_type_without_a_terminal(typed):
    (typed.project / ".env").write_bytes(FILE)
    key = str(typed.root / "key")
    done = typed("init", "--key-source", "file", "--key-file", key, "--name", "my-app-vault")
    assert "  devvault import .env " in done.err
    code, shown = talk(typed.root, typed.environment, ["init"], [("rewrite .env?", "n\n")])
    assert code == 0, shown
    assert "nothing was changed" in shown
    assert (typed.project / ".env").read_bytes() == FILE


def test_fill_asks_hidden_and_goes_on_where_it_stopped(typed):
    typed.init("kv-one")
    names = ("a", "b", "c")
    (typed.project / ".env").write_text(
        "".join(f"{n}=@Microsoft.KeyVault(VaultName=kv-one;SecretName={n})\n" for n in names)
    )
    code, shown = talk(typed.root, typed.environment, ["run", "--", "true"], [])
    assert code == 78
    assert shown.rstrip().endswith("devvault: hint: devvault fill")
    answers = [("[1/3] a (a in kv-one)", "first-value\n"), ("[2/3] b", "\n"), ("[3/3] c", "\x03")]
    code, shown = talk(typed.root, typed.environment, ["fill"], answers)
    assert code in (130, -2)
    assert "first-value" not in shown
    assert "skipped" in shown
    assert "2 still missing; next: devvault fill" in shown
    answers = [("[1/2] b", "second\n"), ("[2/2] c", "third\n")]
    code, shown = talk(typed.root, typed.environment, ["fill"], answers)
    assert code == 0, shown
    found = typed.settings()
    assert [found[name] for name in names] == ["first-value", "second", "third"]
