"""The data plane, a file per collection: https://NAME.vault.azure.net."""
