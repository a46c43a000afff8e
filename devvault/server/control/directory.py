"""The little of Microsoft Graph that az asks before it gives somebody a role: who is who."""

from __future__ import annotations

import re
from collections.abc import Callable

from devvault.access.principals import GROUP, SERVICE, USER, Principal
from devvault.errors import DevvaultError, Forbidden, Invalid, NotFound
from devvault.model import operations as op
from devvault.model.names import fold, subscription_scope
from devvault.server.headers import control_headers
from devvault.server.reply import Reply, Request, error_reply, json_reply, with_headers
from devvault.server.wire.fields import items, read_body
from devvault.vault.gate import Gate, Target
from devvault.vault.principals import list_principals

_KINDS = {"users": USER, "serviceprincipals": SERVICE, "groups": GROUP}
_PATH = re.compile(r"/(?:v1\.0|beta)/(?P<what>[A-Za-z]+)(?:/(?P<id>[^/]+))?", re.IGNORECASE)
_FILTER = re.compile(
    r"(?:(?P<field>\w+)\s+eq|startswith\((?P<begins>\w+),|serviceprincipalnames/any\(c:\s*c\s+eq)"
    r"\s*'(?P<word>(?:[^']|'')*)'\)?",
    re.IGNORECASE,
)
_OR = re.compile(r"\s+or\s+", re.IGNORECASE)


def dispatch_directory(request: Request, gate: Gate) -> Reply:
    """Answer a request to Microsoft Graph."""
    try:
        reply = _answer(request, gate)
    except NotFound as error:
        reply = error_reply(NotFound(error.message, code="Request_ResourceNotFound"))
    except Forbidden as error:
        reply = error_reply(Forbidden(error.message, code="Authorization_RequestDenied"))
    except Invalid as error:
        reply = error_reply(Invalid(error.message, code="Request_BadRequest"))
    except DevvaultError as error:
        reply = error_reply(error)
    return with_headers(reply, control_headers(request))


def _answer(request: Request, gate: Gate) -> Reply:
    found = _PATH.fullmatch(request.path.rstrip("/"))
    if found is None:
        raise NotFound(f"The resource at {request.path} was not found.")
    what, id = found["what"].lower(), found["id"] or ""
    if request.method == "POST" and (what, id.lower()) == ("directoryobjects", "getbyids"):
        ids = items(read_body(request.body), "ids") or []
        wanted = {fold(item) for item in ids if isinstance(item, str)}
        return _list(_everybody(request, gate), lambda who: fold(who.oid) in wanted)
    if request.method != "GET":
        raise Invalid("The request is not one that devvault knows.")
    everybody = _everybody(request, gate)
    if what == "me" and not id:
        return json_reply(200, _show(_one(everybody, request.caller.oid)))
    kind = _KINDS.get(what)
    if kind is None and what != "directoryobjects":
        raise NotFound(f"The resource at {request.path} was not found.")
    of_kind = [who for who in everybody if kind in (None, who.kind)]
    if id:
        return json_reply(200, _show(_one(of_kind, id)))
    terms = _terms(request)
    return _list(of_kind, lambda who: not terms or any(_fits(who, *term) for term in terms))


def _everybody(request: Request, gate: Gate) -> tuple[Principal, ...]:
    target = Target(subscription_scope(gate.subscription))
    return gate.read(
        request.caller, op.READ_DIRECTORY, target, lambda _reading: list_principals(gate)
    )


def _one(everybody: list[Principal] | tuple[Principal, ...], word: str) -> Principal:
    for who in everybody:
        if fold(word) in (fold(who.oid), fold(who.name) if who.kind == USER else None):
            return who
    raise NotFound("The directory object was not found.")


def _terms(request: Request) -> list[tuple[str, str]]:
    """Return the alternatives of `$filter`: field in lower case, and what it must be.

    Raises:
        Invalid: a filter that we do not know; leaving it out would find others than asked for.
    """
    asked = request.query.get("$filter", "").strip()
    terms = []
    for part in _OR.split(asked) if asked else ():
        found = _FILTER.fullmatch(part.strip())
        if found is None:
            raise Invalid("The filter is not one that devvault knows.")
        field = f"{found['begins']}*" if found["begins"] else found["field"] or "name"
        terms.append((field.lower(), fold(found["word"].replace("''", "'"))))
    return terms


def _fits(who: Principal, field: str, word: str) -> bool:
    names = {fold(who.appid), fold(who.name), fold(who.oid)} if who.kind == SERVICE else set()
    known = {
        "id": {fold(who.oid)},
        "appid": {fold(who.appid)} if who.kind == SERVICE else set(),
        "displayname": {fold(who.name)},
        "userprincipalname": {fold(who.name)},
        "mail": {fold(who.name)},
        "name": names,
    }
    if field.endswith("*"):
        return any(name.startswith(word) for name in known.get(field[:-1], set()))
    return word in known.get(field, set())


def _list(
    everybody: list[Principal] | tuple[Principal, ...], fits: Callable[[Principal], bool]
) -> Reply:
    return json_reply(200, {"value": [_show(who) for who in everybody if fits(who)]})


def _show(who: Principal) -> dict[str, object]:
    shown: dict[str, object] = {"id": who.oid, "displayName": who.name}
    if who.kind == USER:
        return {
            "@odata.type": "#microsoft.graph.user",
            **shown,
            "userPrincipalName": who.name,
            "mail": who.name,
        }
    if who.kind == GROUP:
        return {"@odata.type": "#microsoft.graph.group", **shown}
    kind = "ManagedIdentity" if who.resource_id else "Application"
    return {
        "@odata.type": "#microsoft.graph.servicePrincipal",
        **shown,
        "appId": who.appid,
        "servicePrincipalType": kind,
        "servicePrincipalNames": [who.appid],
        "alternativeNames": [who.resource_id] if who.resource_id else [],
    }
