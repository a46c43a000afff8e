"""What az's words for identities and apps have in common: resources that lie in groups."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from devvault.cli import say
from devvault.cli.keyvault.grammar import read_ids
from devvault.cli.planes import Planes, segment
from devvault.cli.reply import Body, text
from devvault.errors import NotFound, WrongUse

DEFAULT_GROUP = "devvault"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: its name among people, its type, its API's version, what makes one."""

    what: str
    type: str
    version: str
    made_by: str

    def path(self, name: str, group: str | None = None) -> str:
        """Return where the one of this name lies, in its group or the default one."""
        whole = f"resourceGroups/{segment(group or DEFAULT_GROUP)}/providers/{self.type}"
        return f"{whole}/{segment(name)}"

    def all(self, planes: Planes, group: str | None = None) -> list[Body]:
        """Return those of a group, or of all where none is given."""
        below = f"resourceGroups/{segment(group)}/" if group else ""
        return planes.arm_list(f"{below}providers/{self.type}", version=self.version)

    def find(self, planes: Planes, args: argparse.Namespace) -> Body:
        """Return the one that is named, wherever it lies unless a group is given.

        Raises:
            NotFound: there is none.
            WrongUse: several groups hold one, or no name was given.
        """
        read_ids(args, self.type)
        name: str = args.name
        if args.resource_group:
            path = self.path(name, args.resource_group)
            return planes.arm("GET", path, version=self.version)
        every = self.all(planes)
        named = [item for item in every if text(item, "name").lower() == name.lower()]
        if len(named) > 1:
            raise WrongUse(
                f"several groups have an {self.what} named {say.printable(name)}",
                hint="say which: --resource-group GROUP",
            )
        if not named:
            raise NotFound(
                f"there is no {self.what} named {say.printable(name)}",
                hint=f"devvault {self.made_by} --name {name}",
            )
        return named[0]
