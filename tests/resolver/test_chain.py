"""DefaultVaultChain over a real daemon: settings and references, batches, what is kept, faults."""

import asyncio
import os
import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest

from devvault import DefaultVaultChain, load_settings
from devvault.client.daemon import find
from devvault.clock import SetClock
from devvault.errors import PlaintextSecret, Unavailable, Unresolved, WrongUse
from devvault.resolver.sources import Sources
from devvault.secretvalue import SecretValue
from tests.client.peer import Peer

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)

HALF = "IDENTITY_ENDPOINT is set and IDENTITY_HEADER is not: a platform sets both"


def chain(**more) -> DefaultVaultChain:
    return DefaultVaultChain(**{"environment": {}, **more})


def test_a_reference_a_setting_and_a_plain_setting(project, monkeypatch):
    project.write(
        f"DB={project.ref('db')}\nLOG_LEVEL=debug\nURL=${{LOG_LEVEL}}/${{DB}}\nLIT='${{X}}'\n"
    )
    monkeypatch.setenv("SMTP", project.ref("smtp"))
    found = chain()
    assert found.get(project.ref("db")) == "tide-7-harbour"
    assert found.source == "LocalVaultSource"
    assert found.get_all(["DB", "SMTP", "LOG_LEVEL", "URL", "LIT"]) == {
        "DB": "tide-7-harbour",
        "SMTP": "summer rain ${HOME}",
        "LOG_LEVEL": "debug",
        "URL": "debug/tide-7-harbour",
        "LIT": "${X}",
    }
    assert found.secret("DB") == SecretValue("tide-7-harbour")


def test_the_environment_beats_the_file_and_a_changed_file_is_read_again(project, monkeypatch):
    project.write("LOG_LEVEL=debug\n")
    found = chain()
    assert found.get("LOG_LEVEL") == "debug"
    project.write("LOG_LEVEL=a longer one\n")
    assert found.get("LOG_LEVEL") == "a longer one"
    monkeypatch.setenv("LOG_LEVEL", "error")
    assert found.get("LOG_LEVEL") == "error"


def test_a_secret_in_a_file_is_refused_with_the_command(project):
    project.write("PASSWORD=hX9-kk2!pQ7zVw3m\nLOG_LEVEL=debug\n")
    with pytest.raises(PlaintextSecret, match="PASSWORD") as caught:
        chain().get("PASSWORD")
    assert caught.value.hint == "devvault import .env"
    assert "hX9" not in str(caught.value)
    assert chain().get("LOG_LEVEL") == "debug"


def test_what_nobody_sets_and_what_is_not_there(project):
    project.write(f"GONE={project.ref('no-such')}\nBAD=@Microsoft.KeyVault(nothing)\n")
    with pytest.raises(Unresolved, match="NO_SUCH_NAME: NotSet: neither the environment nor"):
        chain().get("NO_SUCH_NAME")
    with pytest.raises(Unresolved, match="the environment does not set it"):
        chain(exclude_dotenv=True).get("GONE")
    with pytest.raises(Unresolved) as caught:
        chain().get_all(["GONE", "BAD"])
    assert {(name, status) for name, status, *_ in caught.value.failures} == {
        ("GONE", "SecretNotFound"),
        ("BAD", "InvalidSyntax"),
    }


def test_no_file_says_anything_of_devvault_itself(project):
    project.write("DEVVAULT_CHAIN=prod\n")
    with pytest.raises(Unresolved):
        chain().get("DEVVAULT_CHAIN")
    assert chain().get(project.ref("db")) == "tide-7-harbour"


def test_many_cost_one_question_and_are_kept(project, monkeypatch):
    asked = []
    original = Sources.look_up

    def look_up(self, references, met=None):
        asked.append(len(references))
        return original(self, references, met)

    monkeypatch.setattr(Sources, "look_up", look_up)
    clock = SetClock(NOON)
    found = chain(clock=clock, ttl=60)
    names = [project.ref(name) for name in ("db", "smtp", "DB")]
    found.get_all(names)
    found.get_all(names)
    assert asked == [2]
    clock.move(timedelta(seconds=61))
    found.get(names[0])
    assert asked == [2, 1]
    found.refresh(names[0])
    found.get_all(names[:2])
    assert asked == [2, 1, 2]
    found.refresh()
    found.get(names[1])
    assert asked == [2, 1, 2, 1]


def test_a_new_version_is_seen_once_it_is_asked_for(project):
    found = chain(ttl=3600)
    project.daemon.set(project.vault, "turning", "first")
    assert found.get(project.ref("turning")) == "first"
    project.daemon.set(project.vault, "turning", "second")
    assert found.get(project.ref("turning")) == "first"
    found.refresh(project.ref("turning"))
    assert found.get(project.ref("turning")) == "second"


def test_the_loop_goes_on_while_a_coroutine_waits(project):
    found = chain(ttl=0)
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async def main():
        ticking = asyncio.create_task(tick())
        values = await asyncio.gather(*(found.aget(project.ref("db")) for _ in range(20)))
        ticking.cancel()
        return values

    assert asyncio.run(main()) == ["tide-7-harbour"] * 20
    assert ticks > 20


def test_many_threads_share_one_and_ask_once(project):
    found = chain(ttl=60)
    before = project.reads()
    gate = threading.Barrier(8)
    seen = []

    def work():
        gate.wait()
        seen.append(found.get(project.ref("db")))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["tide-7-harbour"] * 8
    assert project.reads() == before + 1


def test_a_fork_goes_on_though_a_thread_held_the_lock(project):
    found = chain(ttl=0)
    assert found.get(project.ref("db")) == "tide-7-harbour"
    with found._locked():
        child = os.fork()
        if child == 0:
            os._exit(0 if found.get(project.ref("db")) == "tide-7-harbour" else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_what_the_project_calls_a_vault_counts_for_the_local_one_alone(project):
    project.write(f'[vaults]\ncloud-name = "{project.vault}"\n', "devvault.toml")
    text = "@Microsoft.KeyVault(VaultName=cloud-name;SecretName=db)"
    assert chain().get(text) == "tide-7-harbour"
    assert load_settings().get("NOTHING") is None


def test_the_error_at_the_end_tells_every_source(clean):
    text = "@Microsoft.KeyVault(VaultName=a-vault;SecretName=db)"
    half = {"IDENTITY_ENDPOINT": "http://127.0.0.1:1/"}
    with pytest.raises(Unavailable) as caught:
        chain(environment=half).get(text)
    assert caught.value.code == "NoSourceAnswered"
    assert caught.value.hint == "devvault init"
    assert caught.value.message.splitlines() == [
        "DefaultVaultChain failed to get a value from the included sources.",
        "Attempted sources:",
        f"\tCloudVaultSource: {HALF}",
        "\tLocalVaultSource: there is no vault on this machine yet",
        "\tDeveloperCloudSource: off unless it is asked for: exclude_developer_cloud_source=False",
        "To see what the choice rests on, type: devvault doctor --chain",
    ]  # fmt: skip
    with pytest.raises(Unavailable, match="LocalVaultSource: excluded by the program"):
        chain(exclude_local_vault_source=True).get(text)
    with pytest.raises(WrongUse, match="DEVVAULT_CHAIN"):
        chain(environment={"DEVVAULT_CHAIN": "both"})


def test_a_daemon_that_dies_while_it_answers_is_started_again(made, monkeypatch):
    """The one that dies is a peer on the socket that hangs up in the middle of its answer."""
    home = made()
    texts = [f"@Microsoft.KeyVault(VaultName=own-vault;SecretName={name})" for name in ("db", "DB")]
    half = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"
    home.socket.unlink(missing_ok=True)
    peer = Peer(home.socket, [half])
    original = Peer._read

    def read(self, connection):
        peer.close()
        home.socket.unlink()
        return original(self, connection)

    monkeypatch.setattr(Peer, "_read", read)
    assert chain().get_all(texts) == dict.fromkeys(texts, "tide-7-harbour")
    assert len(peer.requests) == 1


@pytest.mark.crash
def test_batches_go_on_while_the_daemon_is_killed_over_and_over(made):
    home = made()
    found = chain(ttl=0)
    texts = [f"@Microsoft.KeyVault(VaultName=own-vault;SecretName={name})" for name in ("db", "DB")]
    for _ in range(3):
        assert found.get_all(texts) == dict.fromkeys(texts, "tide-7-harbour")
        facts = find(home)
        assert facts is not None
        os.kill(facts.pid, signal.SIGKILL)
    assert found.get_all(texts) == dict.fromkeys(texts, "tide-7-harbour")
