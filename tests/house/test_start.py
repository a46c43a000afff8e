"""What a start loads: the fast path, `import devvault`, the verb table."""

import subprocess
import sys
import tomllib

import devvault
from devvault.cli import main
from devvault.scan.repository import GIT, QUIET
from devvault.scan.staged import STAGED
from tests.cli.test_fast import STUB
from tests.house.source import ROOT, imports
from tests.waiting import LIMIT

FAST = "devvault.cli.fast"
LOADED = """
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
{0}
print(*sorted(set(sys.modules) - before))
"""


def loaded(statement, *flags, path):
    done = subprocess.run(
        [sys.executable, *flags, "-c", LOADED.format(statement), str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT,
    )
    return done.stdout.split()


def test_the_fast_path_imports_modules_of_c():
    names = {found.module for found in imports(FAST)}
    typing = {"collections.abc", "types", "typing", "devvault.cli.answer"}  # below TYPE_CHECKING
    frozen = {"_frozen_importlib", "_frozen_importlib_external"}  # there since Python's own start
    assert names - typing - frozen == {"posix", "sys", "_imp", "_socket"}
    typing |= {"devvault.cli.hearing"}
    masking = {"child", "mask"}  # loaded where an output is masked
    assert {found.module for found in imports("devvault.cli.answer")} - typing - masking == {
        "posix", "sys", "_signal",
    }  # fmt: skip
    assert {found.module for found in imports("devvault.client.launch")} == {"posix", "_signal"}
    folder = ROOT / "devvault" / "cli"
    assert loaded("import fast", "-I", "-S", path=folder) == ["fast"]
    assert set(loaded("import fast, _socket", "-I", "-S", path=folder)) == {"fast", "_socket"}


def test_the_hook_imports_no_more_than_that():
    folder = ROOT / "devvault" / "cli"
    assert set(loaded("import hook, _socket", "-I", "-S", path=folder)) == {
        "fast", "hook", "_socket",
    }  # fmt: skip


def test_the_front_asks_git_as_the_full_cli_does():
    text = (ROOT / "scripts" / "devvault").read_text().replace("\\\n", " ")
    front = text.partition(" git --no-optional-locks")[2].partition(" 2>")[0].split()
    assert ["git", "--no-optional-locks", *front] == [*GIT, *STAGED, "-M"]
    for name, value in QUIET.items():
        assert f" {name}={value} " in text


def test_masking_imports_little_more():
    folder = ROOT / "devvault" / "cli"
    assert set(loaded("import child, hearing, mask, spawn", "-I", "-S", path=folder)) == {
        "child", "hearing", "mask", "select", "binascii", "spawn",
    }  # fmt: skip
    names = {
        found.module
        for name in ("child", "hearing", "mask", "spawn")
        for found in imports(f"devvault.cli.{name}")
    }
    typing = {
        "collections.abc",
        "typing",
        "devvault.cli.hearing",
        "devvault.cli.mask",
        "devvault.cli.spawn",
    }  # below TYPE_CHECKING
    late = {"resource", "fcntl", "sieve", "devvault.cli", "devvault.cli.sieve"}
    assert names - typing - late == {"posix", "select", "sys", "_signal", "_socket", "binascii"}


def test_the_front_loads_the_fast_path_as_its_tests_do():
    text = (ROOT / "scripts" / "devvault").read_text()
    assert text.count(f"'{STUB}'") == 1


def test_the_fast_path_needs_no_package():
    folder = ROOT / "devvault" / "cli"
    code = "import fast; fast.beside('answer'); fast.load_sockets()"
    assert set(loaded(code, "-I", "-S", path=folder)) == {"fast", "answer", "_socket"}


def test_importing_devvault_adds_one_module():
    assert loaded("import devvault", "-I", path=ROOT) == ["devvault"]


def test_each_public_name_works_and_is_listed():
    for name in devvault.__all__:
        assert getattr(devvault, name).__name__ == name
    assert set(devvault.__all__) <= set(dir(devvault))
    assert devvault.__all__ == sorted(devvault.__all__)


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(devvault, "no_such_name")


def test_there_is_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert devvault.__version__ == project["version"]


def test_the_table_imports_the_verb_asked_for_alone():
    verbs = {module for module, _ in main.VERBS.values()}
    names = set(loaded("from devvault.cli.main import main; main(['--help'])", "-I", path=ROOT))
    assert not names & verbs
    heavy = {"argparse", "json", "asyncio", "cryptography", "keyring", "dotenv", "sqlite3"}
    assert not names & heavy
    code = "import sys; sys.argv=['x']\nfrom devvault.cli.main import main\nmain(['run', 'x'])"
    assert set(loaded(code, "-I", path=ROOT)) & verbs == {"devvault.cli.run"}


def test_the_client_is_light():
    names = set(loaded("import devvault.client.daemon", "-I", path=ROOT))
    assert not names & {"http", "http.client", "subprocess", "socket", "json", "ssl", "asyncio"}


def test_one_reference_is_resolved_without_dataclasses():
    names = set(loaded("from devvault import resolve", "-I", path=ROOT))
    heavy = {"dataclasses", "inspect", "dotenv", "tomllib", "hashlib", "logging", "subprocess"}
    assert not names & heavy
    assert not {name for name in names if name.startswith("devvault.scan")}


def test_a_chain_on_a_laptop_loads_nothing_of_the_cloud():
    code = "from devvault import DefaultVaultChain; DefaultVaultChain(folder='/')"
    names = set(loaded(code, "-I", path=ROOT))
    heavy = {"dataclasses", "asyncio", "azure", "devvault.resolver.cloud", "tomllib", "logging"}
    assert not names & heavy
