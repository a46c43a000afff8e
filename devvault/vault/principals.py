"""Who is known in the home: the developer, users and groups, service principals, identities.

Whoever is given rights for the first time is registered then: there is no directory to look in.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import replace

from devvault.access.principals import GROUP, KINDS, SERVICE, USER, Caller, Principal
from devvault.errors import Conflict, Invalid, NotFound
from devvault.model import operations as op
from devvault.model.names import fold, subscription_scope
from devvault.store.base import Writing
from devvault.vault.codecs import pack_principal
from devvault.vault.directory import Snapshot
from devvault.vault.gate import Gate, Target
from devvault.vault.records import PRINCIPAL

# Words for the person whose home it is.
DEVELOPER = frozenset({"me", "developer"})
# The ARM type of identities that stand for themselves, and may be several programs'.
USER_ASSIGNED = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
_NAME_LIMIT = 256
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_guid(text: str) -> bool:
    """Say whether this has the shape of a principal's id."""
    return _GUID.fullmatch(fold(text)) is not None


def check_no_word(name: str) -> None:
    """Refuse a name by which somebody else would be meant.

    Raises:
        Invalid: it is a word for the developer, or has the shape of an id.
    """
    if is_guid(name) or fold(name) in DEVELOPER:
        raise Invalid(
            f"'{name}' cannot be a name here: it means somebody else", code="InvalidParameter"
        )


def list_principals(gate: Gate, snapshot: Snapshot | None = None) -> tuple[Principal, ...]:
    """Return everybody, the developer first."""
    known = (snapshot or gate.snapshot()).principals
    return (gate.developer, *(known[oid] for oid in sorted(known)))


def find_by_oid(gate: Gate, oid: str, snapshot: Snapshot | None = None) -> Principal | None:
    """Return the principal with this object id."""
    wanted = fold(oid)
    if wanted == fold(gate.developer.oid):
        return gate.developer
    return (snapshot or gate.snapshot()).principals.get(wanted)


def find_principal(gate: Gate, word: str, snapshot: Snapshot | None = None) -> Principal | None:
    """Return who is meant by an object id, application id, ARM id or name; `me` is the developer.

    Raises:
        Invalid: `AmbiguousPrincipal`: several bear that name.
    """
    wanted = fold(word.strip())
    if wanted in DEVELOPER:
        return gate.developer
    found = find_by_oid(gate, wanted, snapshot)
    if found is not None or not wanted:
        return found
    everybody = list_principals(gate, snapshot)
    for who in everybody:
        by_app = who.kind == SERVICE and fold(who.appid) == wanted
        if by_app or (who.resource_id and fold(who.resource_id) == wanted.rstrip("/")):
            return who
    return _only([who for who in everybody if fold(who.name) == wanted], word)


def find_identity(gate: Gate, word: str) -> Principal | None:
    """Return who a program is to be: the developer where no word is given, and never a group.

    Raises:
        Invalid: `AmbiguousPrincipal`: several bear that name.
    """
    found = find_principal(gate, word) if word.strip() else gate.developer
    return None if found is None or found.kind == GROUP else found


def get_principal(gate: Gate, word: str) -> Principal:
    """Return who is meant, as `find_principal`.

    Raises:
        NotFound: `PrincipalNotFound`.
    """
    found = find_principal(gate, word)
    if found is None:
        shown = "".join(c if c.isprintable() else "?" for c in word)[:120]
        raise NotFound(
            f"Cannot find user or service principal in this home for '{shown}'.",
            code="PrincipalNotFound",
            hint="make an identity: devvault identity create --name NAME; or name a principal by"
            " --assignee-object-id ID --assignee-principal-type TYPE",
        )
    return found


def register_named(gate: Gate, caller: Caller, name: str, kind: str) -> Principal:
    """Return the user or group of this name, registering it where it is named first.

    Raises:
        Invalid: the name is none, or the kind is not one that is known by a name alone.
        Conflict: somebody else bears it.
    """
    if kind not in (USER, GROUP):
        raise Invalid("only users and groups are registered by name")
    if not name.strip() or len(name) > _NAME_LIMIT or not name.isprintable():
        raise Invalid(f"the name of a {kind.lower()} has 1 to {_NAME_LIMIT} printable letters")
    check_no_word(name.strip())

    def act(writing: Writing) -> Principal:
        known = find_principal(gate, name, gate.directory.read(writing))
        if known is not None:
            if known.kind != kind:
                raise Conflict(f"{known.name} is a {known.kind}")
            return known
        made = Principal(str(uuid.uuid4()), name.strip(), kind)
        write_principal(gate, writing, made)
        return made

    target = Target(subscription_scope(gate.subscription), id=name.strip())
    return gate.change_access(caller, op.PUT_PRINCIPAL, target, act)


def put_member(
    gate: Gate, caller: Caller, group: Principal, member: Principal, *, present: bool
) -> bool:
    """Put somebody into a group, or take her out; say whether that changed anything.

    Rights that the group was given are hers from the next request on.

    Raises:
        Invalid: it is no group, or the member is one, or the developer.
        NotFound: one of them is gone.
    """
    if group.kind != GROUP:
        raise Invalid(f"{group.name} is no group", hint="devvault ad group list")
    if member.kind == GROUP:
        raise Invalid("a group cannot be in a group here")
    if member == gate.developer:
        raise Invalid("the developer is in no group; give yourself the role: --assignee me")

    def act(writing: Writing) -> bool:
        known = gate.directory.read(writing).principals
        if fold(group.oid) not in known or fold(member.oid) not in known:
            raise NotFound("the group or the member does not exist any more")
        now = known[fold(member.oid)]
        others = tuple(oid for oid in now.groups if oid != group.oid)
        if present == (len(others) < len(now.groups)):
            return False
        groups = (*others, group.oid) if present else others
        write_principal(gate, writing, replace(now, groups=groups))
        return True

    target = Target(subscription_scope(gate.subscription), id=group.oid)
    return gate.change_access(caller, op.PUT_PRINCIPAL, target, act)


def members_of(gate: Gate, group: Principal) -> tuple[Principal, ...]:
    """Return who is in a group."""
    return tuple(who for who in list_principals(gate) if group.oid in who.groups)


def delete_principal(gate: Gate, caller: Caller, who: Principal) -> None:
    """Forget a user, a group or a service principal that was registered; its assignments stay.

    Raises:
        Invalid: it is the developer, or belongs to an identity or an app.
    """
    if who == gate.developer:
        raise Invalid("the developer cannot be deleted")
    if who.resource_id:
        raise Invalid(
            f"{who.name} belongs to {who.resource_id}",
            hint="devvault identity delete, or devvault webapp identity remove",
        )
    target = Target(subscription_scope(gate.subscription), id=who.oid)
    gate.change_access(
        caller, op.DELETE_PRINCIPAL, target, lambda writing: drop_principal(writing, who.oid)
    )
    gate.secure_point()


def write_mentioned(gate: Gate, writing: Writing, oid: str, kind: str, name: str = "") -> Principal:
    """Return the principal with this object id, registering it where it is mentioned first.

    Inside a transaction of `gate.change_access`. A known one keeps its kind and name.

    Raises:
        Invalid: the id is no GUID, or the kind none that there is.
    """
    known = find_by_oid(gate, oid, gate.directory.read(writing))
    if known is not None:
        return known
    if not is_guid(oid):
        raise Invalid(
            f"The principal ID '{oid}' is not valid. It must be a GUID.", code="InvalidPrincipalId"
        )
    if kind not in KINDS:
        raise Invalid(f"The principal type '{kind}' is not valid.", code="UnsupportedPrincipalType")
    made = Principal(fold(oid), name or fold(oid), kind, fold(oid) if kind == SERVICE else "")
    write_principal(gate, writing, made)
    return made


def write_principal(gate: Gate, writing: Writing, principal: Principal) -> None:
    """Write a principal's record, inside a transaction of `gate.change_access`."""
    writing.put(gate.records.seal(PRINCIPAL, "", fold(principal.oid), pack_principal(principal)))


def drop_principal(writing: Writing, oid: str) -> None:
    """Remove a principal: its tokens are refused from the commit on, its assignments stay."""
    writing.drop(PRINCIPAL, "", fold(oid))


def _only(found: Iterable[Principal], word: str) -> Principal | None:
    every = list(found)
    if len(every) > 1:
        raise Invalid(
            f"{len(every)} principals are named '{every[0].name}'; name one by its object id:"
            f" {', '.join(who.oid for who in every)}",
            code="AmbiguousPrincipal",
            hint=f"devvault identity list --query \"[?name=='{every[0].name}']\"",
        )
    del word
    return every[0] if every else None
