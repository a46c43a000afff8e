"""Azure DevOps: one name out of the inputs of an `AzureKeyVault@2` task, or of a variable group.

The task's `SecretsFilter` may name several secrets; a variable `$(name)` of a pipeline means the
task with that one name. Readers of pipelines and groups hand it on as one JSON object.
"""

from __future__ import annotations

import json

from devvault.references.identifier import refuse, secret_name, unwrapped, vault_name
from devvault.references.objects import Members, is_object
from devvault.references.reference import SERVED_SUFFIX, Reference

_KNOWN = (
    "azureSubscription",
    "ConnectedServiceName",
    "KeyVaultName",
    "SecretsFilter",
    "RunAsPreJob",
)


class DevOps:
    """The form of Azure DevOps. It has no state."""

    name = "devops"

    def find(self, text: str) -> bool:
        """Say whether a text starts as an object with the inputs of the task."""
        _, inner = unwrapped(text)
        return is_object(inner, "KeyVaultName", "SecretsFilter")

    def parse(self, text: str) -> Reference:
        """Return the reference; see `Form.parse` for what it raises."""
        at, inner = unwrapped(text)
        if not self.find(text):
            refuse(at, "these are no inputs of an AzureKeyVault task")
        members = Members.of(at, inner)
        members.check(_KNOWN)
        vault = vault_name(members.place("KeyVaultName"), members.text("KeyVaultName"))
        where, chosen = members.place("SecretsFilter"), members.text("SecretsFilter")
        if chosen.strip() == "*" or "," in chosen:
            refuse(where, "SecretsFilter names more than one secret; a reference is one of them")
        name = secret_name(where, chosen)
        return Reference(text, vault, name, None, vault + SERVED_SUFFIX, self.name)


def format_reference(vault: str, name: str) -> str:
    """Return the inputs of a task that fetches one secret."""
    return json.dumps({"KeyVaultName": vault, "SecretsFilter": name}, ensure_ascii=False)
