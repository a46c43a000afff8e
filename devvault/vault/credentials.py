"""Client secrets of identities: shown once, kept as hashes, gone with the identity.

A secret is 256 random bits, so a plain hash of it cannot be guessed back.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from devvault.access.principals import SERVICE, Caller, Principal
from devvault.errors import Conflict, Invalid, NotFound, Unauthorized
from devvault.model import operations as op
from devvault.model.names import fold
from devvault.store.base import Reading, Writing
from devvault.vault.codecs import moment, seconds
from devvault.vault.gate import Gate, Target
from devvault.vault.principals import find_principal
from devvault.vault.records import CREDENTIAL

DEFAULT_LIFE = timedelta(days=365)
_EACH_LIMIT = 100
_SECRET_LIMIT = 200
_HINT = 3


@dataclass(frozen=True, slots=True)
class Credential:
    """One client secret, without it: `hint` is its first letters, as Entra shows them."""

    id: str
    created: datetime
    expires: datetime
    hint: str


@dataclass(frozen=True, slots=True, repr=False)
class Created:
    """A credential and, this one time, its secret in clear."""

    credential: Credential
    secret: str

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"Created({self.credential!r})"


def create_credential(
    gate: Gate, caller: Caller, who: Principal, expires: datetime | None = None
) -> Created:
    """Give a service principal one more client secret.

    Raises:
        Invalid: it is a person or a group, or the time is past.
        Conflict: it has a hundred already.
    """
    if who.kind != SERVICE:
        raise Invalid(
            f"{who.name} is no service principal, and only those have client secrets",
            hint="devvault identity create --name NAME",
        )
    now = gate.clock.now()
    ends = now + DEFAULT_LIFE if expires is None else expires
    if ends <= now:
        raise Invalid("a credential must expire in the future")
    secret = secrets.token_urlsafe(32)
    made = Credential(str(uuid.uuid4()), now, ends, secret[:_HINT])

    def act(writing: Writing) -> Created:
        # What is over by now makes room.
        kept = 0
        for id, body in _bodies(gate, writing, who.oid):
            if body["expires"] <= now.timestamp():
                writing.drop(CREDENTIAL, fold(who.oid), id)
            else:
                kept += 1
        if kept >= _EACH_LIMIT:
            raise Conflict(
                f"{who.name} has {kept} client secrets already",
                hint=f"devvault identity delete-credential --name {who.name} --key-id ID",
            )
        body = {
            "hash": _hash(secret),
            "hint": made.hint,
            "created": seconds(now),
            "expires": seconds(ends),
        }
        writing.put(gate.records.seal(CREDENTIAL, fold(who.oid), made.id, body))
        return Created(made, secret)

    return gate.write(caller, op.PUT_CREDENTIAL, _target(gate, who, made.id), act)


def list_credentials(gate: Gate, caller: Caller, who: Principal) -> tuple[Credential, ...]:
    """Return what is known of a principal's client secrets."""

    def act(reading: Reading) -> tuple[Credential, ...]:
        return tuple(_unpack(id, body) for id, body in _bodies(gate, reading, who.oid))

    return gate.read(caller, op.LIST_CREDENTIALS, _target(gate, who), act)


def delete_credential(gate: Gate, caller: Caller, who: Principal, id: str) -> None:
    """Make one client secret worthless.

    Raises:
        NotFound: there is none with this id.
    """

    def act(writing: Writing) -> None:
        if not writing.drop(CREDENTIAL, fold(who.oid), fold(id)):
            raise NotFound(
                f"{who.name} has no client secret with the id {id}",
                hint=f"devvault identity list-credentials --name {who.name}",
            )

    gate.write(caller, op.DELETE_CREDENTIAL, _target(gate, who, id), act)
    gate.secure_point()


def check_credential(gate: Gate, client: str, secret: str) -> Principal:
    """Return the service principal whose application id and secret these are.

    Raises:
        Unauthorized: there is no such client, or the secret is none of its own, or is over.
    """
    try:
        who = find_principal(gate, client)
    except Invalid:
        who = None
    if who is None or who.kind != SERVICE:
        raise Unauthorized(
            f"AADSTS700016: Application with identifier '{_shown(client)}' was not found in the"
            " directory of this devvault home.",
            code="unauthorized_client",
        )
    given = _hash(secret[:_SECRET_LIMIT])
    now = gate.clock.now().timestamp()
    found = False
    late = False
    with gate.store.read() as reading:
        for _id, body in _bodies(gate, reading, who.oid):
            if hmac.compare_digest(body["hash"], given):
                found, late = True, body["expires"] <= now
    if found and not late:
        return who
    if late:
        raise Unauthorized(
            f"AADSTS7000222: The provided client secret keys for app '{who.appid}' are expired.",
            code="invalid_client",
        )
    raise Unauthorized(
        f"AADSTS7000215: Invalid client secret provided for app '{who.appid}'.",
        code="invalid_client",
    )


def drop_credentials(writing: Writing, oid: str) -> None:
    """Drop all of a principal that is being deleted, inside its transaction."""
    writing.drop_scope(CREDENTIAL, fold(oid))


def _bodies(gate: Gate, reading: Reading, oid: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in reading.page(CREDENTIAL, fold(oid), limit=2 * _EACH_LIMIT):
        yield row.name, gate.records.open(row)


def _unpack(id: str, body: dict[str, Any]) -> Credential:
    created, expires = moment(body["created"]), moment(body["expires"])
    assert created is not None
    assert expires is not None
    return Credential(id, created, expires, body["hint"])


def _target(gate: Gate, who: Principal, id: str = "") -> Target:
    extra = {"principal": who.oid}
    return Target(f"/devvault/homes/{gate.home}", id=id, extra=extra)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:100])
