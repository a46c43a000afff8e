"""The pytest plugin, as a project of its own has it: in a pytest beside this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import devvault
from tests.waiting import LIMIT, wait_for

PAGE = (Path(devvault.__file__).parent / "help" / "testing.md").read_text(encoding="utf-8")
STRICT = ("-p", "no:cacheprovider", "-W", "error", "--strict-markers")


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory, monkeypatch):
    """Where the homes of a run are made; short, for the sockets."""
    folder = tmp_path_factory.mktemp("t")
    monkeypatch.setenv("TMPDIR", os.fspath(folder))
    yield folder
    assert list(folder.glob("devvault-test-*")) == []


def run(pytester, code, *args):
    pytester.makepyfile(test_it=code)
    return pytester.runpytest_subprocess(*STRICT, *args, timeout=LIMIT)


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that nobody has reaped yet does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True).stdout
    return state.strip() != b"" and not state.startswith(b"Z")


def is_gone(pid: int) -> bool:
    """Wait for a process on its way out; it has let go of its lock by then, and of its socket."""
    wait_for(lambda: not is_alive(pid))
    return True


def test_a_run_that_uses_none_of_it_loads_one_file():
    code = (
        "import sys, pytest; before = set(sys.modules); import devvault.pytest_plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["devvault", "devvault.pytest_plugin"]


def test_a_run_that_uses_none_of_it_starts_nothing(pytester):
    code = """
        import sys
        def test_nothing():
            assert not [name for name in sys.modules if name.startswith("devvault.testing")]
            assert not [name for name in sys.modules if name.startswith(("azure", "devvault.cli"))]
    """
    run(pytester, code).assert_outcomes(passed=1)


def test_the_manuals_example(pytester):
    lines = PAGE.splitlines()
    start = lines.index("  import os")
    end = next(n for n, line in enumerate(lines) if line.startswith("devvault_vault") and n > start)
    run(pytester, "\n".join(line[2:] for line in lines[start:end])).assert_outcomes(passed=1)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_each_test_has_a_vault_and_an_identity_of_its_own(pytester, workers):
    code = """
        import asyncio
        import pytest
        from azure.core.exceptions import HttpResponseError
        from azure.identity import DefaultAzureCredential
        from azure.keyvault.secrets import SecretClient
        from azure.keyvault.secrets.aio import SecretClient as AsyncSecretClient

        pytestmark = pytest.mark.devvault_secrets({"a-secret": "module"}, other="kept")

        @pytest.mark.parametrize("number", range(3))
        @pytest.mark.devvault_secrets({"a-secret": "test"})
        def test_own(devvault_vault, devvault_env, number):
            with SecretClient(devvault_vault.url, DefaultAzureCredential()) as client:
                assert client.get_secret("a-secret").value == "test"
                assert client.get_secret("other").value == "kept"
                devvault_vault.set("a-secret", f"again {number}")
                assert client.get_secret("a-secret").value == f"again {number}"
                with pytest.raises(HttpResponseError) as refused:
                    client.set_secret("a-secret", "mine")
                assert refused.value.status_code == 403

        def test_credential(devvault_vault, devvault_env, monkeypatch):
            for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
                monkeypatch.delenv(name)
            with SecretClient(devvault_vault.url, devvault_vault.credential) as client:
                assert client.get_secret("a-secret").value == "module"
            assert "token='" not in repr(devvault_vault.credential.get_token("https://vault.azure.net/.default"))

        def test_async_credential(devvault_vault, devvault_env):
            async def ask():
                where = devvault_vault.url, devvault_vault.async_credential
                async with AsyncSecretClient(*where) as client:
                    return (await client.get_secret("a-secret")).value
            assert asyncio.run(ask()) == "module"

        def test_not_another(devvault_home, devvault_vault, devvault_env):
            with devvault_home.open_vault({"a-secret": "theirs"}) as other:
                with SecretClient(other.url, other.credential) as client:
                    assert client.get_secret("a-secret").value == "theirs"
                with SecretClient(other.url, devvault_vault.credential) as client:
                    with pytest.raises(HttpResponseError) as refused:
                        client.get_secret("a-secret")
                assert refused.value.status_code == 403

        @pytest.mark.parametrize("devvault_vault", [{"a-secret": "given"}], indirect=True)
        def test_parameter(devvault_vault, devvault_env, tmp_path):
            from devvault import load_settings, resolve
            reference = devvault_vault.reference("a-secret")
            assert resolve(reference) == "given"
            (tmp_path / ".env").write_text(f"PASSWORD={reference}\\n")
            assert load_settings(folder=tmp_path)["PASSWORD"] == "given"
    """
    run(pytester, code, *workers).assert_outcomes(passed=7)


def test_the_daemon_ends_after_a_failure_and_the_environment_is_as_before(pytester):
    code = """
        import os
        from pathlib import Path
        def test_one(devvault_home, devvault_env):
            assert os.environ["DEVVAULT_HOME"] == str(devvault_home.path)
            Path("pid").write_text(str(devvault_home.pid))
            raise RuntimeError("on purpose")
        def test_two():
            assert "HTTPS_PROXY" not in os.environ and "DEVVAULT_SESSION" not in os.environ
    """
    run(pytester, code).assert_outcomes(failed=1, passed=1)
    assert is_gone(int((pytester.path / "pid").read_text()))


def test_a_daemon_that_does_not_start_is_one_clear_error(pytester):
    code = """
        import sys
        sys.executable = "/nowhere/python"
        def test_one(devvault_vault):
            raise AssertionError("never comes here")
        def test_two(devvault_vault):
            raise AssertionError("never comes here")
    """
    done = run(pytester, code)
    done.assert_outcomes(errors=2)
    done.stdout.fnmatch_lines(["devvault: the daemon did not start", "  devvault daemon run"])
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*never comes here*")


def test_a_secret_that_no_vault_takes_is_one_clear_error(pytester):
    code = """
        import pytest
        @pytest.mark.devvault_secrets({"not_a_name": "hunter2-hunter2"})
        def test_one(devvault_vault):
            pass
    """
    done = run(pytester, code)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["devvault: *not_a_name*"])
    done.stdout.no_fnmatch_line("*hunter2-hunter2*")


def test_a_test_may_stop_the_daemon(pytester):
    code = """
        import os, signal, time
        def test_one(devvault_home, devvault_vault):
            os.kill(devvault_home.pid, signal.SIGTERM)
            while devvault_home.pid:
                time.sleep(0.02)
    """
    run(pytester, code).assert_outcomes(passed=1)


def test_what_a_killed_run_left_ends_with_the_next(pytester, temporary):
    killed = """
        import os, signal
        from pathlib import Path
        def test_one(devvault_home, devvault_vault):
            Path("pid").write_text(str(devvault_home.pid))
            os.kill(os.getpid(), signal.SIGKILL)
    """
    run(pytester, killed)
    pid = int((pytester.path / "pid").read_text())
    assert is_alive(pid)
    assert len(list(temporary.glob("devvault-test-*"))) == 1
    run(pytester, "def test_one(devvault_vault): pass").assert_outcomes(passed=1)
    assert is_gone(pid)


def test_a_run_beside_another_leaves_that_one_alone(pytester):
    code = """
        import os, subprocess, sys
        def test_outer(devvault_home, devvault_vault):
            if "INNER" not in os.environ:
                again = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__]
                subprocess.run(again, env={**os.environ, "INNER": "1"}, check=True)
            devvault_vault.set("a-secret", "value")
    """
    run(pytester, code).assert_outcomes(passed=1)
