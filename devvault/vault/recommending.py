"""What an identity's rights were used for, read in the trail; and the least roles for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from devvault.access.principals import Caller, Principal
from devvault.access.recommend import Advice, Use, Wide, recommend, wide_assignments
from devvault.model import operations as op
from devvault.model.names import fold
from devvault.model.operations import OPERATIONS
from devvault.store.base import Reading
from devvault.vault.gate import Gate, Target
from devvault.vault.principals import get_principal

RECORDS_LIMIT = 50_000
_PAGE = 500
_ALLOWED, _REFUSED = 200, 403
_VAULT_SEGMENTS = 9
_OPERATIONS = {operation.audit: operation for operation in OPERATIONS.values() if operation.data}


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Whose, from how many records of what she did, since when; what she needs, and has beyond."""

    principal: Principal
    records: int
    refused: int
    since: datetime | None
    whole: bool
    advice: tuple[Advice, ...]
    wide: tuple[Wide, ...]


def recommend_roles(
    gate: Gate, caller: Caller, identity: str, *, since: datetime | None, refused: bool
) -> Recommendation:
    """Return the least roles for what an identity did with objects of vaults.

    With `refused`, what it asked for in vain counts as needed too. At most the newest 50,000
    records are read; `whole` is false where there are more.

    Raises:
        NotFound: no such identity.
    """
    principal = get_principal(gate, identity)
    gate.store.flush()

    def act(reading: Reading) -> Recommendation:
        uses: dict[Use, None] = {}
        spelled: dict[str, str] = {}
        count = vain = 0
        first: datetime | None = None
        before: int | None = None
        read = 0
        whole = False
        while read < RECORDS_LIMIT and not whole:
            page = gate.trail.page(reading, before=before, after=None, limit=_PAGE)
            read += len(page)
            whole = len(page) < _PAGE
            for _, record in page:
                if since is not None and record.time < since:
                    whole = True
                    break
                operation = _OPERATIONS.get(record.operation)
                if operation is None or fold(record.oid) != fold(principal.oid):
                    continue
                in_vain = record.status == _REFUSED
                vain += in_vain
                if record.status not in (_ALLOWED, _REFUSED) or (in_vain and not refused):
                    continue
                count += 1
                first = record.time
                place = fold(record.resource)
                vault = "/".join(place.split("/")[:_VAULT_SEGMENTS])
                spelled[place] = record.resource
                spelled[vault] = "/".join(record.resource.split("/")[:_VAULT_SEGMENTS])
                uses[Use(operation.action, vault, place)] = None
            before = page[-1][0] if page else None
        ids = principal.caller(gate.tenant).ids
        grants = gate.directory.within(reading).grants
        wide = wide_assignments(uses, ids, grants)
        advice = tuple(replace(one, scope=spelled[one.scope]) for one in recommend(uses))
        return Recommendation(principal, count, vain, first, whole, advice, wide)

    target = Target(f"/devvault/homes/{gate.home}", extra={"identity": principal.oid})
    return gate.read(caller, op.RECOMMEND_ACCESS, target, act)
