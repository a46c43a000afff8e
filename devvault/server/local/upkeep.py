"""The home itself: status, init, unlock, lock, stop, rekey, recovery key.

`init` trusts the folder in what it makes and in the vault that the user named; a vault of another
project that a repository's references merely mention stays closed until `devvault allow`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from devvault.access.principals import Caller
from devvault.errors import DevvaultError, Invalid
from devvault.model.names import check_vault_name, fold, legal_vault_name
from devvault.server.local.base import (
    NDJSON,
    PROTOCOL,
    Ask,
    Emit,
    Plane,
    Route,
    Stream,
    flag,
    secret,
    text,
    texts,
)
from devvault.server.reply import Reply, error_reply, json_reply
from devvault.vault import trust, vaults
from devvault.vault.furnishing import DEFAULT_GROUP
from devvault.vault.gate import Gate
from devvault.vault.keeper import UNLOCKED
from devvault.vault.vaults import VaultSpec

_NAME_LIMIT = 24


def status(plane: Plane, _ask: Ask) -> Reply:
    """Say who we are and what state the home is in; asks for no key and tells no secret."""
    keeper = plane.keeper
    state = keeper.state
    body: dict[str, object] = {
        "protocol": PROTOCOL,
        "version": plane.version,
        "pid": os.getpid(),
        "state": state,
        "key_source": keeper.source_name,
        "recovery": keeper.has_recovery,
        "home": str(keeper.home.root),
        "socket": str(keeper.home.socket),
        "started": plane.started.isoformat(),
        "https_port": plane.https_port,
        "http_port": plane.http_port,
        "sessions": len(plane.sessions.live()),
        "stale": False,
        "generation": None,
    }
    if state == UNLOCKED:
        opened = keeper.opened
        body["stale"] = opened.gate.stale is not None
        body["stale_reason"] = opened.gate.stale
        body["generation"] = opened.master.generation
        body["tenant"] = opened.facts.tenant
        body["subscription"] = opened.facts.subscription
        body["developer"] = opened.facts.developer
    return json_reply(200, body)


def init(plane: Plane, ask: Ask) -> Reply:
    """Make the home where there is none, the vaults that are missing, and the folder's trust."""
    members = ask.members()
    config = plane.config()
    folder = text(members, "folder", "")
    name = text(members, "name", "")
    if folder:
        trust.check_folder(folder)
    wanted = [check_vault_name(item) for item in texts(members, "vaults")]
    if name:
        wanted.insert(0, check_vault_name(name))
    choice = plane.choose(
        text(members, "key_source", config.key_source),
        text(members, "key_file", ""),
        secret(members, "passphrase"),
    )
    created = plane.keeper.init(choice)
    gate = plane.gate()
    caller = plane.developer()
    if not wanted and folder:
        wanted = _vaults_of(gate, folder) or [_unused_name(gate, caller, folder)]
    body: dict[str, object] = {
        "created": created,
        "tenant": gate.tenant,
        "subscription": gate.subscription,
        "key_source": choice.name,
        "key_file": choice.path,
    }
    body |= _prepare(gate, caller, wanted, folder, name, text(members, "location", ""))
    if flag(members, "recovery"):
        from devvault.vault import rekeying  # rarely needed, and slow to load

        body["recovery_key"] = rekeying.add_recovery(plane.keeper, caller)
    return json_reply(200, body)


def unlock(plane: Plane, ask: Ask) -> Reply:
    """Unlock with a passphrase, the recovery key, or what the key source gives by itself."""
    members = ask.members()
    recovery = members.get("recovery")
    if recovery is not None and not isinstance(recovery, str):
        raise Invalid("the member 'recovery' must be a text")
    plane.keeper.unlock(secret(members, "passphrase"), recovery)
    return status(plane, ask)


def lock(plane: Plane, ask: Ask) -> Reply:
    """Drop every key; the home stays locked until `unlock`."""
    plane.keeper.lock()
    return status(plane, ask)


def stop(plane: Plane, _ask: Ask) -> Reply:
    """End the daemon after the requests that are under way, this one included."""
    plane.stop()
    return json_reply(200, {"pid": os.getpid()})


def rekey(plane: Plane, ask: Ask) -> Stream:
    """Seal every record anew; the answer is a line of JSON for each step, then the result."""
    members = ask.members()
    from devvault.vault import rekeying  # as above

    plane.gate()
    caller = plane.developer()
    source = text(members, "key_source", "")
    passphrase = secret(members, "passphrase")
    choice = None
    if source or passphrase is not None:
        name = source or plane.keeper.source_name
        choice = plane.choose(name, text(members, "key_file", ""), passphrase)

    def produce(emit: Emit) -> None:
        def progress(done: int, total: int) -> None:
            emit.offer(_line({"done": done, "total": total}))

        try:
            generation = rekeying.rekey(plane.keeper, caller, progress, choice)
        except DevvaultError as error:
            emit.put(error_reply(error).body + b"\n")
            return
        emit.put(_line({"result": {"generation": generation}}))

    return Stream(NDJSON, produce)


def add_recovery(plane: Plane, _ask: Ask) -> Reply:
    """Make a recovery key, told once; an older one is useless from now on."""
    from devvault.vault import rekeying  # as above

    plane.gate()
    key = rekeying.add_recovery(plane.keeper, plane.developer())
    return json_reply(200, {"recovery_key": key})


def remove_recovery(plane: Plane, _ask: Ask) -> Reply:
    """Make the recovery key useless."""
    from devvault.vault import rekeying  # as above

    plane.gate()
    rekeying.remove_recovery(plane.keeper, plane.developer())
    return json_reply(200, {})


def _prepare(
    gate: Gate, caller: Caller, wanted: Iterable[str], folder: str, named: str, location: str
) -> dict[str, object]:
    trusted = trust.trusted_vaults(gate, folder) if folder else frozenset()
    ready: list[str] = []
    untrusted: list[str] = []
    made: list[str] = []
    for name in dict.fromkeys(wanted):
        vault = gate.find_vault(name)
        fresh = vault is None
        if vault is None:
            spec = VaultSpec(name, DEFAULT_GROUP, location or None, rbac=True)
            vault = vaults.create_vault(gate, caller, spec)
            made.append(vault.name)
        ready.append(vault.name)
        if not folder or fold(name) in trusted:
            continue
        if fresh or name == named:
            trust.allow(gate, caller, folder, vault.name)
        else:
            untrusted.append(vault.name)
    return {"vaults": ready, "made": made, "untrusted": untrusted}


def _vaults_of(gate: Gate, folder: str) -> list[str]:
    found = (gate.find_vault(name) for name in sorted(trust.trusted_vaults(gate, folder)))
    return [vault.name for vault in found if vault is not None]


def _unused_name(gate: Gate, caller: Caller, folder: str) -> str:
    base = legal_vault_name(folder.rstrip("/").rpartition("/")[2] or "vault")
    for number in range(1, 1000):
        tail = "" if number == 1 else f"-{number}"
        name = base[: _NAME_LIMIT - len(tail)].rstrip("-") + tail
        if vaults.check_name(gate, caller, name)[0]:
            return name
    raise Invalid(f"every name like {base} is taken", hint="devvault init --name ANOTHER")


def _line(body: dict[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/local/status"): Route(status, counts=False),
    ("POST", "/local/init"): Route(init),
    ("POST", "/local/unlock"): Route(unlock),
    ("POST", "/local/lock"): Route(lock),
    ("POST", "/local/stop"): Route(stop, quick=True, counts=False),
    ("POST", "/local/rekey"): Route(rekey),
    ("POST", "/local/recovery/add"): Route(add_recovery),
    ("POST", "/local/recovery/remove"): Route(remove_recovery),
}
