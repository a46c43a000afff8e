"""What to type about Azure's refusals: the service's own words come without a hint."""

from __future__ import annotations

import re

from devvault.errors import DevvaultError

_BY_CODE = {
    "SecretNotFound": "devvault keyvault secret list --vault-name {vault} -o table",
    "ObjectIsDeletedButRecoverable": "devvault keyvault secret recover --vault-name {vault}{name}",
    "SecretDisabled": (
        "devvault keyvault secret set-attributes --vault-name {vault}{name} --enabled true"
    ),
    "ForbiddenByRbac": "devvault role assignment list --all -o table",
    "AccessDenied": "devvault keyvault show --name {vault}",
    "VaultNotFound": "devvault keyvault list -o table",
    "ResourceNotFound": "devvault keyvault list -o table",
    "VaultNameNotValid": "devvault keyvault create --name my-app-vault",
    "VaultAlreadyExists": "devvault keyvault list-deleted -o table",
    "ResourceGroupNotFound": "devvault group list -o table",
    "InvalidResourceGroup": "devvault group list -o table",
    "AuthorizationFailed": "devvault role assignment list --all -o table",
    "MethodNotAllowed": "devvault keyvault list-deleted -o table",
    "InvalidScope": "devvault keyvault show --name VAULT --query id -o tsv",
}
_BY_WORDS = (
    ("invalid name", "a secret's name has 1 to 127 letters, digits and hyphens"),
    ("enablePurgeProtection", "purge protection stays on for good once it is on"),
    ("enableSoftDelete", "leave the flag out: soft delete is always on"),
    ("has been set already", "the retention is fixed when a vault is made"),
    ("softDeleteRetentionInDays", "devvault keyvault create --retention-days 7 (to 90)"),
    ("purge protection is enabled", "the service purges it by itself when its time has come"),
)
_NAME = re.compile(r"/(?:deleted)?secrets/([0-9A-Za-z-]{1,127})(?:/|$)")
# What was refused, in the words of either model: `access explain` says by what it would be allowed.
_REFUSED = ("ForbiddenByRbac", "AccessDenied")
_ACTION = re.compile(
    r"Action: 'Microsoft\.KeyVault/vaults/secrets/(?P<action>\w+)"
    r"|does not have secrets (?P<verb>\w+) permission"
)


def add_hint(error: DevvaultError, *, vault: str = "VAULT", path: str = "") -> None:
    """Give an error of a plane its hint, unless it brought one; `path` is what was asked for."""
    if error.hint:
        return
    found = _NAME.search(path)
    name = f" --name {found[1]}" if found else ""
    refused = _ACTION.search(error.message) if error.inner in _REFUSED else None
    if refused is not None:
        secret = f" --secret {found[1]}" if found else ""
        action = refused["action"] or refused["verb"]
        error.hint = f"devvault access explain --action {action}{secret} --vault {vault}"
        return
    form = _BY_CODE.get(error.inner or "") or _BY_CODE.get(error.code)
    if form is None:
        form = next((hint for words, hint in _BY_WORDS if words in error.message), None)
    if form is not None:
        error.hint = form.format(vault=vault, name=name)
