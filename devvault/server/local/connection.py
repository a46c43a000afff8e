"""The variables that connect a program: proxy, roots, identity; each run with secrets of its own.

What the user had set is kept: her proxy is gone through, her exceptions hold, her roots are
trusted too. Only what would lead past us is taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from devvault.errors import DevvaultError, NotFound
from devvault.server.local import java
from devvault.server.local.base import Plane
from devvault.server.processes import group_of
from devvault.server.proxy import USER
from devvault.server.sessions import CONNECT, RUN, OpenedSession
from devvault.server.targets import excepts_all, without_ours
from devvault.vault import authorities
from devvault.vault.gate import Gate
from devvault.vault.outward import Outward
from devvault.vault.principals import find_identity

SESSION = "DEVVAULT_SESSION"
_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_EXCEPTIONS = ("no_proxy", "NO_PROXY")
_PLAIN_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_TRUST = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
_NODE = "NODE_EXTRA_CA_CERTS"
_CREDENTIALS = frozenset({"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"})
_CHOICE = "AZURE_TOKEN_CREDENTIALS"
_IDENTITY = (
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
)
# With it the endpoint would be taken for Service Fabric's.
_FABRIC = "IDENTITY_SERVER_THUMBPRINT"
_OURS = (SESSION, "DEVVAULT_HTTPS_PORT", "DEVVAULT_HTTP_PORT")
# A file cannot set these for a program that is connected.
TAKEN = frozenset({"https_proxy", "HTTPS_PROXY", *_EXCEPTIONS, *_TRUST, _NODE, *_IDENTITY, _FABRIC})


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client says of the program to connect, and of how it was set up before.

    `values` are its proxies, root files and JVM options by variable; `states` says of each root
    file what it is now, by path, and `contents` has those that were asked for. `names` are the
    variables of its environment, `settings` those that files and vaults set.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()
    identity: str = ""
    pass_through: bool = False
    az: bool = False
    java: bool = False
    kind: str = RUN


@dataclass(frozen=True, slots=True)
class Connection:
    """The variables to set and to remove, what of them is secret, and what there is to say."""

    variables: Mapping[str, str]
    removed: tuple[str, ...]
    masked: Mapping[str, str]
    notes: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        """Leave the secrets out."""
        return f"Connection({', '.join(self.variables)})"


def missing_files(plane: Plane, gate: Gate, wish: Wish) -> list[str]:
    """Return the root files whose bytes must be sent first; nearly always none."""
    roots = _roots(plane, gate, wish)
    paths = {wish.values[name] for name in (*_TRUST, _NODE) if name in wish.values}
    return sorted(
        path
        for path in paths & wish.states.keys()
        if path not in wish.contents
        and not plane.bundles.holds(path, roots)
        and plane.bundles.find(wish.states[path], roots) is None
    )


def connect(
    plane: Plane,
    gate: Gate,
    wish: Wish,
    pid: int,
    record: Callable[[], None] | None = None,
    hearer: str = "",
) -> Connection:
    """Open a session for a program and return its variables; `pid` is the process it will be.

    `record` is called once all is made; where it raises, the session ends. `hearer` names the
    socket of whoever masks what the program writes.

    Raises:
        NotFound: there is no such identity.
        Stale, Unavailable: there is no authority, or the home cannot be written.
    """
    who = find_identity(gate, wish.identity)
    if who is None:
        raise NotFound(
            f"this home has no identity named {_plain(wish.identity)}",
            hint=f"devvault webapp identity assign --name {_plain(wish.identity)}",
        )
    trust = _trust(plane, gate, wish)
    outward = _outward(plane, wish)
    group = group_of(pid) if wish.kind == RUN else 0
    opened = plane.sessions.open(
        wish.kind,
        who.oid,
        group=group,
        pid=pid,
        pass_through=wish.pass_through,
        az=wish.az,
        hearer=hearer,
    )
    try:
        plane.outwards.keep(opened.session.id, opened.proxy, outward)
        made = _connection(plane, wish, opened, trust)
        if record is not None:
            record()
    except BaseException:
        with suppress(DevvaultError):
            plane.sessions.end(opened.session.id)
        raise
    return made


def _connection(
    plane: Plane, wish: Wish, opened: OpenedSession, trust: Mapping[str, str]
) -> Connection:
    host = f"127.0.0.1:{plane.http_port}"
    exceptions = _first(wish.values, _EXCEPTIONS)
    behind = any(name in wish.names for name in _PLAIN_PROXIES)
    variables = dict(trust)
    for name in ("HTTPS_PROXY", "https_proxy"):
        variables[name] = f"http://{USER}:{opened.proxy}@{host}"
    removed = [_FABRIC]
    if excepts_all(exceptions):
        # No proxy was to be used at all; what is set for plain HTTP must not come alive now.
        removed += _PLAIN_PROXIES
        behind = False
    for name in _EXCEPTIONS:
        variables[name] = without_ours(exceptions, keep_localhost=behind)
    names = sorted(name for name in wish.settings if name and "," not in name)
    variables |= {
        SESSION: f"{opened.session.id}:{','.join(names)}",
        "DEVVAULT_HTTPS_PORT": str(plane.https_port),
        "DEVVAULT_HTTP_PORT": str(plane.http_port),
    }
    masked = {"HTTPS_PROXY": opened.proxy}
    notes = [
        ("note", f"{name} names no file that can be read: what it trusted is not trusted now")
        for name in (*_TRUST, _NODE)
        if name in wish.names and name not in wish.values
    ]
    if wish.java:
        if (options := _java(plane, wish, trust)) is not None:
            variables[java.VARIABLE] = options
        else:
            words = f"{java.VARIABLE} is set otherwise: Java programs are not connected"
            notes.append(("note", words))
    if wish.pass_through:
        removed += _IDENTITY
        notes.append(("note", "vaults that this home does not have are reached in the cloud"))
    else:
        endpoint = f"http://{host}/msi/token"
        variables |= {
            "IDENTITY_ENDPOINT": endpoint,
            "IDENTITY_HEADER": opened.header,
            "MSI_ENDPOINT": endpoint,
            "MSI_SECRET": opened.header,
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": f"http://{host}/{opened.path}",
        }
        masked |= {
            "IDENTITY_HEADER": opened.header,
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": opened.path,
        }
        there = wish.names | wish.settings
        if there >= _CREDENTIALS and _CHOICE not in there:
            variables[_CHOICE] = "ManagedIdentityCredential"
            words = (
                "AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_TENANT_ID are set:"
                f" {_CHOICE}=ManagedIdentityCredential makes SDKs ask this home all the same"
            )
            notes.append(("note", words))
    gone = tuple(name for name in removed if name in wish.names and name not in variables)
    return Connection(variables, gone, masked, tuple(notes))


def _trust(plane: Plane, gate: Gate, wish: Wish) -> dict[str, str]:
    roots = _roots(plane, gate, wish)
    found = {}
    usual = ""
    for name in (*_TRUST, _NODE):
        path = wish.values.get(name, "")
        state = wish.states.get(path)
        if state is not None and plane.bundles.holds(path, roots):
            found[name] = path
        elif state is not None:
            found[name] = plane.bundles.find(state, roots) or plane.bundles.add_to(
                state, wish.contents.get(path, b""), roots
            )
        elif name == _NODE:
            found[name] = plane.bundles.alone(roots)
        else:
            usual = usual or plane.bundles.with_system(roots)
            found[name] = usual
    return found


def _java(plane: Plane, wish: Wish, trust: Mapping[str, str]) -> str | None:
    """Return the JVM's options; None where a file sets them, or they name the user's own store."""
    if java.VARIABLE in wish.settings:
        return None
    store = plane.bundles.as_truststore(trust["SSL_CERT_FILE"])
    given = wish.values.get(java.VARIABLE, "")
    return java.add_options(given, store, str(plane.keeper.home.run))


def _roots(plane: Plane, gate: Gate, wish: Wish) -> list[str]:
    kinds = (authorities.RUN, authorities.AZ) if wish.az else (authorities.RUN,)
    return plane.bundles.roots(gate, kinds)


def _outward(plane: Plane, wish: Wish) -> Outward:
    """Return the way out that the user had set; of a program inside a run, the outer run's."""
    proxy = _first(wish.values, _PROXIES)
    exceptions = _first(wish.values, _EXCEPTIONS)
    if not proxy or excepts_all(exceptions):
        return Outward()
    secret = _own_secret(plane, proxy)
    if secret is None:
        return Outward(proxy, exceptions)
    outer = plane.sessions.find_over_by_proxy(secret)
    found = plane.outwards.find(outer.id, secret) if outer is not None else None
    return found or Outward()


def _own_secret(plane: Plane, proxy: str) -> str | None:
    """Return the secret in a proxy's address, where that proxy is this daemon."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        here = parts.hostname in ("127.0.0.1", "localhost") and parts.port == plane.http_port
    except ValueError:
        return None
    return (parts.password or "") if here else None


def _first(values: Mapping[str, str], names: Iterable[str]) -> str:
    return next((values[name] for name in names if values.get(name)), "")


def _plain(words: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in words)[:80]


__all__ = ["CONNECT", "RUN", "SESSION", "TAKEN", "Connection", "Wish", "connect", "missing_files"]
