import shutil
import subprocess

import pytest

from devvault.cli import completion, main
from tests.resolver.conftest import VALUES, clean, project, running
from tests.waiting import LIMIT

__all__ = ["clean", "project", "running"]

BUILT = [verb for verb in main.VERBS if main.is_built(verb)]
NAMES = sorted(VALUES)


def test_the_first_word_is_a_verb():
    assert completion.candidates([""]) == BUILT
    assert completion.candidates(["key"]) == ["keyvault"]
    assert completion.candidates(["--v"]) == ["--version"]
    assert completion.candidates(["no-such", ""]) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("keyvault secret sh", ["show", "show-deleted"]),
        ("keyvault secret set --va", ["--vault-name", "--value"]),
        ("init --key-source ", ["keyring", "passphrase", "file"]),
        ("init --key-source=f", ["--key-source=file"]),
        ("env --format j", ["json"]),
        ("run --on-unresolved e", ["empty"]),
        ("run --env-file ", []),
        ("run -- py", []),
        ("daemon st", ["start", "status", "stop"]),
        ("help sec", ["security"]),
        ("completion b", ["bash"]),
        ("role definition ", ["create", "delete", "list", "show", "update"]),
        ("audit list --out", ["--output"]),
    ],
)
def test_words_of_the_parsers(words, found, clean):
    assert completion.candidates(words.split(" ")) == found


@pytest.mark.parametrize("verb", BUILT)
def test_every_verb_has_its_options(verb):
    words = [verb, "--h"] if verb not in {"daemon", "audit", "recovery"} else [verb, ""]
    assert completion.candidates(words)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("set --vault l", ["lib-vault"]),
        ("allow ", ["lib-vault"]),
        ("keyvault show --name ", ["lib-vault"]),
        ("keyvault show -n l", ["lib-vault"]),
        ("keyvault secret show --vault-name ", ["lib-vault"]),
        ("keyvault secret show --vault-name lib-vault --name ", NAMES),
        ("keyvault secret show --vault-name lib-vault -n s", ["smtp"]),
        ("keyvault secret show --vault-name=LIB-vault --name=s", ["--name=smtp"]),
        ("keyvault secret show --vault-name other --name ", []),
        ("audit list --secret d", ["db"]),
        ("access explain --action get --secret d", ["db"]),
        ("resolve D", ["DB_URL"]),
        ("set ", ["DB_URL", "PORT"]),
    ],
)
def test_names_come_from_the_daemon(words, found, project, monkeypatch):
    monkeypatch.setattr(completion, "PATIENCE", LIMIT)
    project.write(f"DB_URL={project.ref('db')}\nPORT=1\n")
    assert completion.candidates(words.split(" ")) == found


def test_without_a_daemon_there_are_no_names_and_none_is_started(clean):
    assert completion.candidates(["set", "--vault", ""]) == []
    assert not (clean.parent / "nowhere").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_code_is_read_by_the_shell(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"not installed: {shell}")
    script = tmp_path / "script"
    script.write_text(completion.SCRIPTS[shell])
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes(tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("not installed: bash")
    front = tmp_path / "devvault"
    front.write_text(
        '#!/bin/sh\ntest "$1 $2 $3" = "completion candidates --" || exit 9\nshift 3\n'
        'printf "%s|" "$@" >&2\nprintf "%s\\n" one "two words"\n'
    )
    front.chmod(0o755)
    program = (
        f"PATH={tmp_path}:$PATH\n{completion.SCRIPTS['bash']}\n"
        'COMP_WORDS=(devvault keyvault secret "")\nCOMP_CWORD=3\n_devvault 2>&1\n'
        'printf "<%s>" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run([bash, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "<one><two words>"
