"""Every operation of SecretClient against the vault of VAULT_URL, checked by what it returns."""

import os
import socket
from datetime import UTC, datetime

from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

URL = os.environ["VAULT_URL"]
EXPIRES = datetime(2050, 2, 2, 8, 0, tzinfo=UTC)

if URL.startswith("https://") and ".localhost" in URL:
    # Not every system knows that names below localhost are this machine.
    real = socket.getaddrinfo

    def look_up(host, *more, **options):
        ours = isinstance(host, (str, bytes)) and "localhost" in str(host)
        return real("127.0.0.1" if ours else host, *more, **options)

    socket.getaddrinfo = look_up


class Stranger:
    def get_token(self, *scopes, **options):
        return AccessToken("eyJhbGciOiJub25lIn0.e30.", 2_000_000_000)


def raises(kind, status, call, *inner):
    try:
        call()
    except kind as error:
        assert error.status_code == status, error.status_code
        found = error.error.innererror["code"] if error.error and error.error.innererror else None
        assert not inner or found == inner[0], found
        return error
    raise AssertionError(f"it did not raise {kind}")


def main():
    with SecretClient(URL, DefaultAzureCredential()) as client:
        set_get_update(client)
        pages(client)
        delete_recover_purge(client)
        backup_restore(client)
        refusals(client)
    print("every operation")


def set_get_update(client):
    made = client.set_secret(
        "db", "sésame\r\n", content_type="text/plain", tags={"a": "b"}, expires_on=EXPIRES
    )
    assert made.value == "sésame\r\n"
    assert made.id.startswith(URL.rstrip("/") + "/secrets/db/"), made.id
    assert made.properties.expires_on == EXPIRES
    assert made.properties.recovery_level == "Recoverable+Purgeable"
    assert made.properties.recoverable_days == 90
    second = client.set_secret("db", "2")
    assert client.get_secret("db").value == "2"
    older = client.get_secret("db", made.properties.version)
    assert (older.value, older.properties.tags) == ("sésame\r\n", {"a": "b"})
    changed = client.update_secret_properties(
        "db", second.properties.version, enabled=False, tags={"c": "d"}, content_type="x"
    )
    assert (changed.enabled, changed.tags, changed.content_type) == (False, {"c": "d"}, "x")
    assert changed.updated_on >= changed.created_on
    raises(HttpResponseError, 403, lambda: client.get_secret("db"), "SecretDisabled")
    assert client.get_secret("db", made.properties.version).value == older.value
    client.update_secret_properties("db", second.properties.version, enabled=True)
    assert client.get_secret("db").value == "2"
    both = {made.properties.version, second.properties.version}
    assert {found.version for found in client.list_properties_of_secret_versions("db")} == both


def pages(client):
    names = {f"paged-{number}" for number in range(7)}
    for name in names:
        client.set_secret(name, name)
    found = [
        [item.name for item in page]
        for page in client.list_properties_of_secrets(max_page_size=3).by_page()
    ]
    assert [len(page) for page in found[:-1]] == [3] * (len(found) - 1)
    assert names | {"db"} == {name for page in found for name in page}
    assert sum(len(page) for page in found) == 8
    for name in names:
        client.begin_delete_secret(name).wait()
    assert names <= {gone.name for gone in client.list_deleted_secrets(max_page_size=2)}
    for name in names:
        client.purge_deleted_secret(name)


def delete_recover_purge(client):
    gone = client.begin_delete_secret("db").result()
    assert gone.recovery_id == f"{URL.rstrip('/')}/deletedsecrets/db"
    assert (gone.scheduled_purge_date - gone.deleted_date).days == 90
    assert client.get_deleted_secret("db").deleted_date == gone.deleted_date
    raises(ResourceNotFoundError, 404, lambda: client.get_secret("db"))
    held = raises(ResourceExistsError, 409, lambda: client.set_secret("db", "3"))
    assert held.error.innererror["code"] == "ObjectIsDeletedButRecoverable"
    back = client.begin_recover_deleted_secret("db")
    back.wait()
    assert back.result().name == "db"
    assert client.get_secret("db").value == "2"
    raises(ResourceNotFoundError, 404, lambda: client.get_deleted_secret("db"))


def backup_restore(client):
    versions = {found.version for found in client.list_properties_of_secret_versions("db")}
    blob = client.backup_secret("db")
    raises(ResourceExistsError, 409, lambda: client.restore_secret_backup(blob))
    client.begin_delete_secret("db").wait()
    client.purge_deleted_secret("db")
    raises(ResourceNotFoundError, 404, lambda: client.get_deleted_secret("db"))
    assert client.restore_secret_backup(blob).name == "db"
    found = {found.version for found in client.list_properties_of_secret_versions("db")}
    assert found == versions
    raises(HttpResponseError, 400, lambda: client.restore_secret_backup(b"not ours"))


def refusals(client):
    missing = raises(ResourceNotFoundError, 404, lambda: client.get_secret("none"))
    assert missing.error.code == "SecretNotFound"
    raises(ResourceNotFoundError, 404, lambda: client.get_secret("db", "0" * 32))
    assert list(client.list_properties_of_secret_versions("none")) == []
    bad = raises(HttpResponseError, 400, lambda: client.set_secret("not_legal", "1"))
    assert "invalid name: not_legal" in bad.error.message
    raises(HttpResponseError, 400, lambda: client.set_secret("long", "x" * (25 * 1024 + 1)))
    with SecretClient(URL, Stranger()) as stranger:
        raises(ClientAuthenticationError, 401, lambda: stranger.get_secret("db"))


main()
