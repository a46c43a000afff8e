"""An Azure DevOps variable group that is linked to a vault, as the service and its CLI print it.

The names chosen in the group are variables of the same names.
"""

from __future__ import annotations

import json

from devvault.errors import Invalid
from devvault.settingsfiles.base import Setting
from devvault.settingsfiles.places import Document
from devvault.settingsfiles.shapes import fixed


class VariableGroup:
    """The shape `variablegroup`. It has no state."""

    def read(self, data: bytes, part: str) -> list[Setting]:
        """Return the group's variables, or those of one group of several; see `Shape.read`."""
        document = Document.of(data)
        try:
            whole = json.loads(document.text)
        except (ValueError, RecursionError) as error:
            raise Invalid("the file cannot be read as JSON") from error
        groups = whole if isinstance(whole, list) else [whole]
        linked = [
            one for one in groups if isinstance(one, dict) and one.get("type") == "AzureKeyVault"
        ]
        if part:
            linked = [one for one in linked if one.get("name") == part]
        if not linked:
            raise Invalid("there is no such variable group in it that is linked to a vault")
        return [one for group in linked for one in _variables(document, group)]


def _variables(document: Document, group: dict[str, object]) -> list[Setting]:
    data, variables = group.get("providerData"), group.get("variables")
    vault = data.get("vault") if isinstance(data, dict) else None
    if not isinstance(vault, str) or not isinstance(variables, dict):
        raise Invalid("a variable group needs providerData.vault and variables")
    found = []
    for name in variables:
        at = document.text.find(json.dumps(name))
        text = json.dumps({"KeyVaultName": vault, "SecretsFilter": name}, ensure_ascii=False)
        found.append(fixed(name, text, document.line_at(max(at, 0))))
    return found
