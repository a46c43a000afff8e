"""Role assignments: who has which role, at which scope; scopes are inherited downwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """A principal (object id) has a role (its GUID) at a scope (an ARM resource id)."""

    id: str
    role_id: str
    principal: str
    principal_type: str
    scope: str
    created: datetime
    created_by: str


def scope_covers(scope: str, resource: str) -> bool:
    """Say whether a scope is the resource itself or lies above it, by whole path segments.

    `/` is above everything; an empty scope is a mistake and covers nothing.
    """
    if not scope:
        return False
    above = scope.lower().rstrip("/")
    return (resource.lower().rstrip("/") + "/").startswith(above + "/")
