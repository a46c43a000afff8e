"""The library and the daemon's life: started where it does not run, unlocked where that can be."""

import pytest

from devvault import resolve
from devvault.client.daemon import find
from devvault.errors import Locked, NotFound, Unavailable, Unresolved, WrongUse
from devvault.paths import Home
from devvault.references.base import parse
from devvault.resolver.base import Failure
from devvault.resolver.local import LocalSource
from devvault.secretvalue import SecretValue
from tests.client.peer import Peer, reply
from tests.daemon.running import reference


def test_the_daemon_is_started_where_it_does_not_run(made):
    home = made()
    assert find(home) is None
    assert resolve(reference("own-vault", "db")) == "tide-7-harbour"
    assert find(home) is not None


def test_a_passphrase_of_the_environment_unlocks(made, monkeypatch, tmp_path):
    made(key_source="passphrase", passphrase="correct horse")
    with pytest.raises(Locked) as caught:
        resolve(reference("own-vault", "db"))
    assert caught.value.hint == "devvault unlock"
    file = tmp_path / "passphrase"
    file.write_text("wrong\n")
    file.chmod(0o600)
    monkeypatch.setenv("DEVVAULT_PASSPHRASE_FILE", str(file))
    with pytest.raises(Exception, match="passphrase") as caught:
        resolve(reference("own-vault", "db"))
    assert "wrong" not in str(caught.value).replace("wrong passphrase", "")
    file.write_text("correct horse\n")
    assert resolve(reference("own-vault", "db")) == "tide-7-harbour"


def test_a_passphrase_file_that_others_can_read_is_refused(made, monkeypatch, tmp_path):
    made(key_source="passphrase", passphrase="correct horse")
    file = tmp_path / "passphrase"
    file.write_text("correct horse\n")
    file.chmod(0o644)
    monkeypatch.setenv("DEVVAULT_PASSPHRASE_FILE", str(file))
    with pytest.raises(WrongUse):
        resolve(reference("own-vault", "db"))


def test_a_home_that_others_can_read_is_refused(made):
    home = made()
    home.root.chmod(0o755)
    with pytest.raises(WrongUse):
        resolve(reference("own-vault", "db"))
    home.root.chmod(0o700)


def test_no_home_starts_no_daemon(clean, tmp_path):
    home = Home(tmp_path / "h")
    with pytest.raises(NotFound):
        LocalSource("/app", home=home).look_up([parse(reference("a-vault", "b"))])
    assert not home.root.exists()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"values": {}, "failures": []}', b'{"values": {"0": 7}, "failures": []}'],
)
def test_an_odd_answer_is_told_and_never_guessed(tmp_path, body):
    home = Home(tmp_path / "h")
    peer = Peer(home.socket, [reply(body, kind="application/json")])
    with pytest.raises(Unavailable):
        LocalSource("/app", home=home).look_up([parse(reference("a-vault", "b"))])
    peer.close()


def test_a_status_of_a_newer_daemon_is_kept_in_words(tmp_path):
    home = Home(tmp_path / "h")
    body = b'{"values": {"1": "v"}, "failures": [{"setting": "0", "status": "New", "reason": "r"}]}'
    peer = Peer(home.socket, [reply(body, kind="application/json")])
    wanted = [parse(reference("a-vault", name)) for name in ("a", "b")]
    first, second = LocalSource("/app", home=home).look_up(wanted)
    assert isinstance(first, Failure)
    assert (first.status, first.reason, first.hint) == ("OtherReasons", "r", "")
    assert second == SecretValue("v")
    peer.close()


def test_an_identity_that_is_not_there(project, monkeypatch):
    monkeypatch.setenv("DEVVAULT_IDENTITY", "my-web-app")
    with pytest.raises(Unresolved, match="MSINotEnabled"):
        resolve(project.ref("db"))
