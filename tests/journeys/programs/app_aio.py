"""The same for the asynchronous SDK."""

import asyncio
import sys

from azure.core.exceptions import HttpResponseError
from azure.identity.aio import DefaultAzureCredential
from azure.keyvault.secrets.aio import SecretClient


async def main() -> int:
    async with (
        DefaultAzureCredential() as credential,
        SecretClient("https://my-app-vault.vault.azure.net/", credential) as client,
    ):
        try:
            print((await client.get_secret("db-connection-string")).value)
        except HttpResponseError as error:
            print(error.status_code, error.error.code, error.error.innererror["code"])
            print(error.error.message)
            return 3
    return 0


sys.exit(asyncio.run(main()))
