"""`devvault doctor --chain`: local or cloud, and every fact that the choice rests on.

It asks no vault and nobody outside of this machine; of secrets it says only that they are set.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping

from devvault.cli import say
from devvault.client.daemon import find
from devvault.errors import DevvaultError
from devvault.paths import Home, check_home
from devvault.resolver import place
from devvault.resolver.place import CLOUD, ENDPOINT, HEADER, IMDS, LOCAL, PROD
from devvault.resolver.project import open_place

_PACKAGES = ("azure.identity", "azure.keyvault.secrets")
_SECRET = frozenset({HEADER, place.SESSION})
_INSTALL = "pip install 'devvault[azure]'"


def report(home: Home) -> int:
    """Print the answer and what it rests on; 1 where no source could answer.

    Raises:
        WrongUse: DEVVAULT_CHAIN is no word that we know.
    """
    given = place.started_with()
    choice = place.find_choice(given)
    rows = [_source(name, choice, given, home) for name in place.SOURCES]
    first = next((row for row in rows if row[1]), None)
    if first is None:
        say.line("place: neither local nor cloud: no source can answer")
    else:
        say.line(f"place: {'local' if first[0] == LOCAL else 'cloud'}: {first[0]} is asked first")
    for name in place.FACTS:
        say.line(f"fact  {name}: {_shown(name, given)}")
    for words in _further():
        say.line(f"fact  {words}")
    for name, can, words in rows:
        say.line(f"{'yes' if can else 'no':<5} {name}: {say.printable(words)}")
    files = [str(path) for path in open_place().env_files if path.exists()]
    shown = ", ".join(files) or "there is none"
    say.line(f"plain env files, for what is not sensitive: {say.printable(shown)}")
    return 0 if first else 1


def _shown(name: str, given: Mapping[str, str]) -> str:
    """Return a variable's state: what it was when this process began, and whether it is used."""
    value = given.get(name)
    if value is None:
        return "not set"
    if not value:
        return "set, and empty"
    whose = ""
    if given.get(place.SESSION) and name in (ENDPOINT, HEADER, IMDS):
        whose = ", by devvault run or connect"
    if name in _SECRET or name == IMDS:  # its path is a secret where it is ours
        return f"set{whose}"
    if name == ENDPOINT:
        return f"set to {say.printable(value.partition('?')[0][:120])}{whose}"
    return f"set to {say.printable(value[:120])}"


def _further() -> Iterator[str]:
    gone = [name for name in _PACKAGES if not _is_installed(name)]
    words = f"not installed: {', '.join(gone)}" if gone else "installed"
    yield f"Azure's packages, beside this devvault: {words}"


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def _source(name: str, choice: str, given: Mapping[str, str], home: Home) -> tuple[str, bool, str]:
    out = place.left_out(name, choice, None)
    if out:
        return name, False, out
    if name == CLOUD:
        return (name, *_cloud(choice, given))
    if name == LOCAL:
        return (name, *_local(home))
    return name, True, "the login of az, if there is one"


def _cloud(choice: str, given: Mapping[str, str]) -> tuple[bool, str]:
    platform = place.find_platform(given)
    probes = choice in (PROD, CLOUD) and place.may_probe(given)
    if not platform.name and not probes:
        return False, platform.reason
    if not all(map(_is_installed, _PACKAGES)):
        return False, f"Azure's packages are not installed ({_INSTALL})"
    if platform.name:
        return True, f"{platform.name}: {platform.reason}"
    return True, f"{platform.reason}; the metadata service of a virtual machine is looked for"


def _local(home: Home) -> tuple[bool, str]:
    try:
        check_home(home)
    except DevvaultError as error:
        return False, error.message
    if not home.database.exists():
        return False, f"there is no vault at {home.root} yet (devvault init)"
    runs = "its daemon runs" if find(home) is not None else "its daemon is started when asked"
    who = os.environ.get("DEVVAULT_IDENTITY") or open_place().project.identity or "the developer"
    return True, f"the home {home.root}, {runs}; asks as {who}"
