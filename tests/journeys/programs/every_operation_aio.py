"""Every operation of the asynchronous SecretClient against the vault of VAULT_URL."""

import asyncio
import os
import socket

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity.aio import DefaultAzureCredential
from azure.keyvault.secrets.aio import SecretClient

URL = os.environ["VAULT_URL"]

if ".localhost" in URL:
    real = socket.getaddrinfo

    def look_up(host, *more, **options):
        ours = isinstance(host, (str, bytes)) and "localhost" in str(host)
        return real("127.0.0.1" if ours else host, *more, **options)

    socket.getaddrinfo = look_up


async def raises(kind, status, call):
    try:
        await call
    except kind as error:
        assert error.status_code == status, error.status_code
        return
    raise AssertionError(f"it did not raise {kind}")


async def main():
    async with DefaultAzureCredential() as credential, SecretClient(URL, credential) as client:
        made = await client.set_secret("aio", "1", tags={"a": "b"})
        assert made.id.startswith(URL.rstrip("/") + "/secrets/aio/"), made.id
        await asyncio.gather(*(client.set_secret(f"aio-{number}", "x") for number in range(10)))
        values = await asyncio.gather(*(client.get_secret(f"aio-{n}") for n in range(10)))
        assert {found.value for found in values} == {"x"}
        changed = await client.update_secret_properties("aio", made.properties.version, tags={})
        assert not changed.tags
        assert (await client.get_secret("aio", made.properties.version)).value == "1"
        names = [found.name async for found in client.list_properties_of_secrets(max_page_size=4)]
        assert len([name for name in names if name.startswith("aio")]) == 11
        versions = [
            found.version async for found in client.list_properties_of_secret_versions("aio")
        ]
        assert versions == [made.properties.version]
        blob = await client.backup_secret("aio")
        gone = await client.delete_secret("aio")
        assert gone.recovery_id
        assert (await client.get_deleted_secret("aio")).name == "aio"
        assert "aio" in [found.name async for found in client.list_deleted_secrets()]
        await raises(ResourceNotFoundError, 404, client.get_secret("aio"))
        await raises(ResourceExistsError, 409, client.set_secret("aio", "2"))
        await client.recover_deleted_secret("aio")
        assert (await client.get_secret("aio")).value == "1"
        await client.delete_secret("aio")
        await client.purge_deleted_secret("aio")
        await client.restore_secret_backup(blob)
        assert (await client.get_secret("aio")).value == "1"
        await raises(HttpResponseError, 400, client.set_secret("a_b", "1"))
    print("every operation")


asyncio.run(main())
