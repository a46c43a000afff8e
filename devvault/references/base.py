"""The Form protocol and its register; find() and parse() over all forms.

A form is loaded when the first text with a mark comes by. No I/O: text in, Reference out.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

from devvault.errors import Invalid
from devvault.references.marks import has_mark
from devvault.references.reference import INVALID_SYNTAX, Reference

# name of a form -> "module:class", in the order in which they are asked
FORMS = MappingProxyType(
    {
        "appservice": "devvault.references.appservice:AppService",
        "azd": "devvault.references.azd:Azd",
        "containers": "devvault.references.containers:Containers",
        "appconfig": "devvault.references.appconfig:AppConfig",
        "arm": "devvault.references.arm:Arm",
        "bicep": "devvault.references.bicep:Bicep",
        "csi": "devvault.references.csi:Csi",
        "devops": "devvault.references.devops:DevOps",
    }
)


class Form(Protocol):
    """One way of writing a reference."""

    @property
    def name(self) -> str:
        """The form's name in the register; it is `Reference.form` of what it parses."""
        ...

    def find(self, text: str) -> bool:
        """Say whether a text claims to be of this form, well written or not. Never raises."""
        ...

    def parse(self, text: str) -> Reference:
        """Return the reference that the whole text is.

        Raises:
            Invalid: code `InvalidSyntax`; the message says what is wrong and at which character of
                the text (counted from 1, also in `fields["place"]`), and repeats nothing of it.
        """
        ...


@cache
def get_form(name: str) -> Form:
    """Load a form by its name in the register; KeyError for a name that is not there."""
    module, _, noun = FORMS[name].partition(":")
    return cast("Form", getattr(import_module(module), noun)())


def find(text: str) -> Form | None:
    """Return the form that a text claims to be of; None for a plain value."""
    if not has_mark(text):
        return None
    return next((form for form in map(get_form, FORMS) if form.find(text)), None)


@lru_cache(maxsize=512)
def parse(text: str) -> Reference:
    """Return the reference that a text is; the same settings come back with every run.

    Raises:
        Invalid: code `InvalidSyntax`: the text is no reference, or a malformed one.
    """
    form = find(text)
    if form is None:
        raise Invalid(
            "this is not a Key Vault reference", code=INVALID_SYNTAX, fields={"place": "1"}
        )
    return form.parse(text)
