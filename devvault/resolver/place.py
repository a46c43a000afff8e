"""Local or cloud? One answer, and why: from what the process was started with, never from a file.

Azure's platforms give a program an identity by variables. Those that `devvault run` sets are told
apart by DEVVAULT_SESSION. What is set by half is said and never guessed at. It asks nobody.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from devvault.errors import WrongUse

CHAIN = "DEVVAULT_CHAIN"
SESSION = "DEVVAULT_SESSION"
ENDPOINT = "IDENTITY_ENDPOINT"
HEADER = "IDENTITY_HEADER"
FABRIC = "IDENTITY_SERVER_THUMBPRINT"
TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105  # the name of a variable
TENANT = "AZURE_TENANT_ID"
CLIENT = "AZURE_CLIENT_ID"
IMDS = "AZURE_POD_IDENTITY_AUTHORITY_HOST"

CLOUD = "CloudVaultSource"
LOCAL = "LocalVaultSource"
DEVELOPER = "DeveloperCloudSource"
SOURCES = (CLOUD, LOCAL, DEVELOPER)
DEV = "dev"
PROD = "prod"

# What only a platform sets; AZURE_TENANT_ID and AZURE_CLIENT_ID are ordinary settings as well.
_SIGNS = (ENDPOINT, HEADER, TOKEN_FILE)
FACTS = (CHAIN, SESSION, ENDPOINT, HEADER, FABRIC, TOKEN_FILE, TENANT, CLIENT, IMDS)


class Platform(NamedTuple):
    """What gives the process an identity, "" where nothing does; and why, in words."""

    name: str
    reason: str


def started_with(names: tuple[str, ...] = FACTS) -> dict[str, str]:
    """Return variables as they were when the process began, before anything read a `.env`."""
    block = _first_block()
    if block is None:
        return {name: os.environ[name] for name in names if name in os.environ}
    found = ((name, block.get(os.fsencode(name))) for name in names)
    return {name: os.fsdecode(value) for name, value in found if value is not None}


@lru_cache(maxsize=1)
def _first_block() -> dict[bytes, bytes] | None:
    """Return what the kernel handed over at the start; None where it cannot be told any more.

    That is so where there is no such file, and where a server wrote its own title over it. Then
    the environment as it is now must do.
    """
    try:
        with open("/proc/self/environ", "rb") as file:  # noqa: PTH123  # pathlib is slow to load
            data = file.read()
    except OSError:
        return None
    pairs = (entry.partition(b"=") for entry in data.split(b"\0"))
    block = {name: value for name, mark, value in pairs if mark and name}
    if data and not any(name in os.environb for name in block):
        return None
    return block


def may_be_cloud() -> bool:
    """Say, quickly, whether anything but the local vault needs to be thought of."""
    found = started_with((CHAIN, SESSION, *_SIGNS))
    return CHAIN in found or (SESSION not in found and bool(found))


def find_platform(environment: Mapping[str, str]) -> Platform:
    """Return the platform that an environment names."""
    if environment.get(SESSION):
        return Platform("", f"{SESSION} is set: what names an identity here is devvault's own")
    endpoint, header = environment.get(ENDPOINT, ""), environment.get(HEADER, "")
    if endpoint and header:
        if environment.get(FABRIC):
            return Platform("", "Service Fabric's identity is used where CloudVaultSource is named")
        if not endpoint.lower().startswith(("http://", "https://")):
            return Platform("", f"{ENDPOINT} is no address of http or https")
        return Platform(
            "App Service, Functions or Container Apps", f"{ENDPOINT} and {HEADER} are set"
        )
    if endpoint or header:
        there, gone = (ENDPOINT, HEADER) if endpoint else (HEADER, ENDPOINT)
        return Platform("", f"{there} is set and {gone} is not: a platform sets both")
    if environment.get(TOKEN_FILE):
        gone = " and ".join(name for name in (TENANT, CLIENT) if not environment.get(name))
        if gone:
            return Platform("", f"{TOKEN_FILE} is set without {gone}: workload identity needs all")
        return Platform("workload identity", f"{TOKEN_FILE}, {TENANT} and {CLIENT} are set")
    return Platform("", f"neither {ENDPOINT} with {HEADER} nor {TOKEN_FILE} is set")


def may_probe(environment: Mapping[str, str]) -> bool:
    """Say whether the metadata service may be looked for: where nothing is set, not even half."""
    return not any(environment.get(name) for name in (SESSION, *_SIGNS))


def find_choice(environment: Mapping[str, str]) -> str:
    """Return what DEVVAULT_CHAIN chooses: "", `dev`, `prod`, or a source's name.

    Raises:
        WrongUse: it is none of these.
    """
    word = environment.get(CHAIN, "").strip().lower()
    if word in ("", DEV, PROD):
        return word
    for name in SOURCES:
        if word == name.lower():
            return name
    raise WrongUse(
        f"{CHAIN} must be {DEV}, {PROD} or one of {', '.join(SOURCES)}",
        hint="devvault help library",
    )


def left_out(
    name: str,
    choice: str,
    exclude: bool | None,  # an argument that was or was not given
) -> str:
    """Return why a source is not asked; "" where it is. `exclude` overrules DEVVAULT_CHAIN."""
    if exclude is not None:
        return "excluded by the program" if exclude else ""
    if choice in SOURCES:
        return "" if choice == name else f"{CHAIN} names {choice}"
    if name == DEVELOPER:
        return "off unless it is asked for: exclude_developer_cloud_source=False"
    if choice in (DEV, PROD) and (name == CLOUD) != (choice == PROD):
        return f"{CHAIN} is {choice}"
    return ""
