"""The issue's own line, unchanged: what an app that was written for the cloud does."""

import sys

from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

try:
    print(
        SecretClient(
            vault_url="https://my-app-vault.vault.azure.net/", credential=DefaultAzureCredential()
        )
        .get_secret("db-connection-string")
        .value
    )
except HttpResponseError as error:
    print(error.status_code, error.error.code, error.error.innererror["code"])
    print(error.error.message)
    sys.exit(3)
