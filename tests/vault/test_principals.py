"""Principals, identities, apps and client secrets: what they are, and what ends with them."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from devvault.access.principals import GROUP, SERVICE, USER
from devvault.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized
from devvault.vault import apps, credentials, grants, groups, identities, principals, vaults
from devvault.vault.apps import AppSpec
from devvault.vault.credentials import check_credential, create_credential
from devvault.vault.homebackup import backup_home, restore_home
from devvault.vault.opened import SourceChoice
from devvault.vault.rekeying import rekey
from devvault.vault.signing import get_tokens
from tests.server.planes import STRANGER, Azure

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


STRANGER_PRINCIPAL = principals.Principal(ID, "stranger", SERVICE, ID)


@pytest.fixture
def home(keeper, clock):
    return Azure(keeper, clock)


def who(home, word):
    return principals.find_principal(home.gate, word)


def test_the_developer_is_found_by_every_name_of_hers(home):
    me = home.gate.developer
    for word in ("me", "Developer", me.oid, me.oid.upper(), me.name, f" {me.oid} "):
        assert who(home, word) == me
    assert principals.find_identity(home.gate, "") == me
    # Azure CLI's client id is everybody's.
    assert who(home, me.appid) is None
    assert who(home, "") is None


def test_an_identity_is_found_by_name_client_object_and_arm_id(home):
    made = identities.put_identity(home.gate, home.me, "devvault", "My-Identity")
    found = who(home, "my-identity")
    assert (found.oid, found.appid, found.kind) == (made.oid, made.appid, SERVICE)
    for word in (made.oid, made.appid.upper(), found.resource_id.upper(), "MY-IDENTITY"):
        assert who(home, word) == found
    assert found.resource_id.endswith("/userAssignedIdentities/My-Identity")
    again = identities.put_identity(home.gate, home.me, "devvault", "my-identity", tags={"a": "b"})
    assert (again.oid, dict(again.tags)) == (made.oid, {"a": "b"})


def test_one_made_anew_is_another(home):
    first = identities.put_identity(home.gate, home.me, "devvault", "one-two")
    assert identities.delete_identity(home.gate, home.me, "devvault", "ONE-TWO")
    assert who(home, "one-two") is None
    assert not identities.delete_identity(home.gate, home.me, "devvault", "one-two")
    second = identities.put_identity(home.gate, home.me, "devvault", "one-two")
    assert first.oid != second.oid


def test_a_name_of_two_must_be_said_by_id(home):
    identities.put_identity(home.gate, home.me, "devvault", "both")
    apps.put_app(home.gate, home.me, AppSpec("both", "devvault", has_identity=True))
    with pytest.raises(Invalid) as caught:
        who(home, "both")
    assert caught.value.code == "AmbiguousPrincipal"


def test_what_a_group_holds_goes_with_it(home):
    groups.put_group(home.gate, home.me, "other", "westeurope")
    identities.put_identity(home.gate, home.me, "other", "gone-with-it")
    apps.put_app(home.gate, home.me, AppSpec("gone-too", "other", has_identity=True))
    kept = identities.put_identity(home.gate, home.me, "devvault", "kept-here")
    vaults.delete_group(home.gate, home.me, "other")
    assert who(home, "gone-with-it") is None
    assert who(home, "gone-too") is None
    assert identities.list_identities(home.gate, home.me) == (kept,)
    assert apps.list_apps(home.gate, home.me) == ()


def test_an_app_keeps_its_identity_until_it_is_taken(home):
    spec = AppSpec("my-web-app", "devvault", has_identity=True)
    made = apps.put_app(home.gate, home.me, spec)
    assert apps.put_app(home.gate, home.me, spec).oid == made.oid
    assert apps.put_app(home.gate, home.me, AppSpec("my-web-app", "devvault")).oid == made.oid
    assert who(home, "my-web-app").oid == made.oid
    none = apps.put_app(home.gate, home.me, AppSpec("my-web-app", "devvault", has_identity=False))
    assert (none.oid, none.appid) == ("", "")
    assert who(home, "my-web-app") is None
    assert apps.delete_app(home.gate, home.me, "devvault", "my-web-app")
    assert not apps.delete_app(home.gate, home.me, "devvault", "my-web-app")


def test_an_app_is_assigned_what_there_is(home):
    identities.put_identity(home.gate, home.me, "devvault", "shared")
    id = who(home, "shared").resource_id
    made = apps.put_app(home.gate, home.me, AppSpec("an-app", "devvault", assigned=(id, id)))
    assert made.assigned == (id,)
    for wrong in (id + "x", home.vault, home.gate.developer.oid):
        with pytest.raises(NotFound):
            apps.put_app(home.gate, home.me, AppSpec("an-app", "devvault", assigned=(wrong,)))


def test_settings_of_an_app_are_replaced_whole(home):
    apps.put_app(home.gate, home.me, AppSpec("an-app", "devvault"))
    given = {"A": "1", "Deep__Name": "zwei", "With:Colon": ""}
    apps.put_settings(home.gate, home.me, "devvault", "an-app", given)
    assert apps.get_settings(home.gate, home.me, "devvault", "AN-APP") == given
    apps.put_settings(home.gate, home.me, "devvault", "an-app", {"B": "2"})
    assert apps.get_settings(home.gate, home.me, "devvault", "an-app") == {"B": "2"}
    for wrong in ({"": "1"}, {"a b": "1"}, {"A": "x" * 40_000}, {"A": "\0"}):
        with pytest.raises(Invalid) as caught:
            apps.put_settings(home.gate, home.me, "devvault", "an-app", wrong)
        assert "xxx" not in caught.value.message
    with pytest.raises(NotFound):
        apps.put_settings(home.gate, home.me, "devvault", "none", {})


@pytest.mark.parametrize("name", ["", "a", "a b", "-ab", "a" * 61, "a/b", "../x"])
def test_a_name_that_is_none_is_refused(home, name):
    with pytest.raises(Invalid):
        apps.put_app(home.gate, home.me, AppSpec(name, "devvault"))
    with pytest.raises(Invalid):
        identities.put_identity(home.gate, home.me, "devvault", name + "!")


@pytest.mark.parametrize("name", ["developer", "Developer", "ME", ID])
def test_no_name_may_mean_somebody_else(home, name):
    with pytest.raises(Invalid):
        apps.put_app(home.gate, home.me, AppSpec(name, "devvault", has_identity=True))
    with pytest.raises(Invalid):
        identities.put_identity(home.gate, home.me, "devvault", name)
    for kind in (USER, GROUP):
        with pytest.raises(Invalid):
            principals.register_named(home.gate, home.me, f" {name} ", kind)


def test_who_has_no_role_may_do_none_of_it(home):
    apps.put_app(home.gate, home.me, AppSpec("an-app", "devvault"))
    for act in (
        lambda: identities.put_identity(home.gate, STRANGER, "devvault", "mine"),
        lambda: identities.list_identities(home.gate, STRANGER),
        lambda: identities.delete_identity(home.gate, STRANGER, "devvault", "mine"),
        lambda: apps.put_app(home.gate, STRANGER, AppSpec("an-app", "devvault", has_identity=True)),
        lambda: apps.get_settings(home.gate, STRANGER, "devvault", "an-app"),
        lambda: apps.put_settings(home.gate, STRANGER, "devvault", "an-app", {}),
        lambda: principals.register_named(home.gate, STRANGER, "eve", USER),
        lambda: create_credential(home.gate, STRANGER, STRANGER_PRINCIPAL),
    ):
        with pytest.raises(Forbidden):
            act()


def test_who_is_given_a_role_is_registered(home):
    grants.assign(home.gate, home.me, "Reader", ID, "Group", home.vault)
    found = who(home, ID.upper())
    assert (found.kind, found.name) == (GROUP, ID)
    assert principals.find_identity(home.gate, ID) is None
    with pytest.raises(Invalid) as caught:
        grants.assign(home.gate, home.me, "Reader", ID, "User", home.group)
    assert caught.value.code == "UnmatchedPrincipalType"
    # The refused one registered nobody and assigned nothing.
    assert len(grants.list_assignments(home.gate, home.me, home.vault)) == 3


def test_a_refused_assignment_registers_nobody(home):
    with pytest.raises(Forbidden):
        grants.assign(home.gate, STRANGER, "Reader", ID, "User", home.vault)
    assert who(home, ID) is None


def test_users_and_groups_are_registered_by_name(home):
    made = principals.register_named(home.gate, home.me, "ada@example.org", USER)
    assert principals.register_named(home.gate, home.me, "Ada@Example.org", USER) == made
    assert principals.find_identity(home.gate, "ada@example.org") == made
    with pytest.raises(Conflict):
        principals.register_named(home.gate, home.me, "ada@example.org", GROUP)
    for name in ("", " ", "x" * 300, "a\nb", ID, "me"):
        with pytest.raises(Invalid):
            principals.register_named(home.gate, home.me, name, USER)
    with pytest.raises(Invalid):
        principals.register_named(home.gate, home.me, "an app", SERVICE)


def test_what_a_group_is_given_is_its_members_at_once(home, client):
    team = principals.register_named(home.gate, home.me, "team", GROUP)
    grants.assign(home.gate, home.me, "Key Vault Secrets User", team.oid, "Group", home.vault)
    home.set("db", "value-1")

    def read() -> int:
        who = principals.find_identity(home.gate, client.oid)
        return home.data("GET", "/secrets/db", caller=who.caller(home.gate.tenant)).status

    assert read() == 403
    assert principals.put_member(home.gate, home.me, team, client, present=True)
    assert not principals.put_member(home.gate, home.me, team, client, present=True)
    assert read() == 200
    assert [who.oid for who in principals.members_of(home.gate, team)] == [client.oid]
    assert principals.put_member(home.gate, home.me, team, client, present=False)
    assert read() == 403
    assert principals.members_of(home.gate, team) == ()


def test_who_cannot_be_in_a_group(home, client):
    team = principals.register_named(home.gate, home.me, "team", GROUP)
    other = principals.register_named(home.gate, home.me, "other", GROUP)
    for group, member in ((team, other), (client, team), (team, home.gate.developer)):
        with pytest.raises(Invalid):
            principals.put_member(home.gate, home.me, group, member, present=True)
    with pytest.raises(Forbidden):
        principals.put_member(home.gate, STRANGER, team, client, present=True)
    principals.delete_principal(home.gate, home.me, team)
    with pytest.raises(NotFound):
        principals.put_member(home.gate, home.me, team, client, present=True)


def test_only_who_was_registered_is_forgotten_by_hand(home, client):
    ada = principals.register_named(home.gate, home.me, "ada@example.org", USER)
    principals.delete_principal(home.gate, home.me, ada)
    assert who(home, "ada@example.org") is None
    for one in (client, home.gate.developer):
        with pytest.raises(Invalid):
            principals.delete_principal(home.gate, home.me, one)


# -- client secrets -------------------------------------------------------------------------


@pytest.fixture
def client(home):
    identities.put_identity(home.gate, home.me, "devvault", "my-client")
    return who(home, "my-client")


def test_a_client_secret_proves_its_client(home, client):
    made = create_credential(home.gate, home.me, client)
    for word in (client.appid, client.appid.upper()):
        assert check_credential(home.gate, word, made.secret) == client
    (kept,) = credentials.list_credentials(home.gate, home.me, client)
    assert kept == made.credential
    assert made.secret.startswith(kept.hint)
    assert made.secret not in repr(made)
    assert kept.expires - kept.created == timedelta(days=365)


def test_no_other_secret_does(home, client):
    made = create_credential(home.gate, home.me, client)
    identities.put_identity(home.gate, home.me, "devvault", "other-client")
    other = who(home, "other-client")
    mine = create_credential(home.gate, home.me, other)
    for secret in ("", made.secret[:-1], made.secret + "x", mine.secret, made.credential.id):
        with pytest.raises(Unauthorized, match="AADSTS7000215"):
            check_credential(home.gate, client.appid, secret)
    for word in ("nobody", "me", home.gate.developer.oid, ""):
        with pytest.raises(Unauthorized, match="AADSTS700016"):
            check_credential(home.gate, word, made.secret)


def test_a_secret_ends_when_it_expires_or_is_deleted(home, client):
    now = home.clock.now()
    short = create_credential(home.gate, home.me, client, now + timedelta(hours=1))
    other = create_credential(home.gate, home.me, client)
    credentials.delete_credential(home.gate, home.me, client, other.credential.id)
    with pytest.raises(Unauthorized, match="AADSTS7000215"):
        check_credential(home.gate, client.appid, other.secret)
    with pytest.raises(NotFound):
        credentials.delete_credential(home.gate, home.me, client, other.credential.id)
    home.clock.move(timedelta(hours=1))
    with pytest.raises(Unauthorized, match="AADSTS7000222"):
        check_credential(home.gate, client.appid, short.secret)
    with pytest.raises(Invalid):
        create_credential(home.gate, home.me, client, now)


def test_secrets_go_with_their_identity(home, client):
    made = create_credential(home.gate, home.me, client)
    identities.delete_identity(home.gate, home.me, "devvault", "my-client")
    assert credentials.list_credentials(home.gate, home.me, client) == ()
    with pytest.raises(Unauthorized):
        check_credential(home.gate, client.appid, made.secret)


def test_there_are_a_hundred_at_most(home, client):
    now = home.clock.now()
    for _ in range(100):
        create_credential(home.gate, home.me, client, now + timedelta(hours=1))
    with pytest.raises(Conflict):
        create_credential(home.gate, home.me, client)
    home.clock.move(timedelta(hours=2))
    create_credential(home.gate, home.me, client)
    assert len(credentials.list_credentials(home.gate, home.me, client)) == 1


def test_only_programs_have_them(home):
    with pytest.raises(Invalid):
        create_credential(home.gate, home.me, home.gate.developer)


# -- what survives --------------------------------------------------------------------------


def test_all_of_it_survives_a_rekey(home, client):
    made = create_credential(home.gate, home.me, client)
    apps.put_app(home.gate, home.me, AppSpec("an-app", "devvault", has_identity=True))
    apps.put_settings(home.gate, home.me, "devvault", "an-app", {"A": "1"})
    key = get_tokens(home.gate).jwks()
    rekey(home.keeper, home.me, lambda _done, _all: None)
    home.keeper.lock()
    home.keeper.unlock()
    gate = home.keeper.gate
    # But the key that signs tokens is another: who had the old keys can sign none.
    assert get_tokens(gate).jwks() != key
    assert check_credential(gate, client.appid, made.secret) == client
    assert dict(apps.get_settings(gate, home.me, "devvault", "an-app")) == {"A": "1"}
    assert principals.find_principal(gate, "an-app") is not None


def test_all_of_it_survives_a_backup(home, client, make_keeper, tmp_path):
    made = create_credential(home.gate, home.me, client)
    key = get_tokens(home.gate).jwks()
    data = list(backup_home(home.keeper, home.me, b"correct horse"))
    assert made.secret.encode() not in b"".join(data)
    other = make_keeper(tmp_path / "again")
    choice = SourceChoice("file", str(tmp_path / "key2"))
    restore_home(other, data, choice, passphrase=b"correct horse")
    assert get_tokens(other.gate).jwks() == key
    assert check_credential(other.gate, client.appid, made.secret) == client


def test_a_locked_home_holds_no_key(home):
    gate = home.gate
    get_tokens(gate)
    home.keeper.lock()
    assert gate.tokens is None
    home.keeper.unlock()


def test_two_that_ask_at_once_have_one_key(home):
    keys = []
    threads = [
        threading.Thread(target=lambda: keys.append(get_tokens(home.gate).jwks())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    home.gate.tokens = None
    keys.append(get_tokens(home.gate).jwks())
    assert all(key == keys[0] for key in keys)
