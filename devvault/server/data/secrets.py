"""The data plane's live secrets. A handler translates; the vault's functions decide."""

from __future__ import annotations

import base64

from devvault.errors import Invalid
from devvault.model.attributes import NO_TAGS
from devvault.server.paging import page_reply, read_page
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.versions import OUT_CONTENT_TYPE, asked_version, knows
from devvault.server.wire import secret as wire
from devvault.server.wire.fields import read_body, required_text, tags, text
from devvault.vault import backup, secrets
from devvault.vault.gate import Gate


def set_secret(request: Request, gate: Gate, name: str) -> Reply:
    """PUT /secrets/{name}."""
    body = read_body(request.body)
    made = secrets.set_secret(
        gate,
        request.caller,
        vault_of(request),
        name,
        wire.read_value(body),
        content_type=text(body, "contentType"),
        tags=tags(body) or NO_TAGS,
        change=wire.read_change(body),
    )
    return json_reply(200, wire.bundle(request.host, made, api_of(request)))


def get_secret(request: Request, gate: Gate, name: str, version: str = "") -> Reply:
    """GET /secrets/{name}/{version}."""
    found = secrets.get_secret(gate, request.caller, vault_of(request), name, version)
    asked = request.query.get(OUT_CONTENT_TYPE)
    if asked and asked != found.content_type and knows(api_of(request), OUT_CONTENT_TYPE):
        # The service converts a certificate's PFX to PEM and refuses all else.
        raise Invalid(
            f"The secret cannot be given as '{asked}'; it is kept as"
            f" '{found.content_type or 'text'}'."
        )
    return json_reply(200, wire.bundle(request.host, found, api_of(request)))


def update_secret(request: Request, gate: Gate, name: str, version: str = "") -> Reply:
    """PATCH /secrets/{name}/{version}."""
    body = read_body(request.body)
    if "value" in body:
        raise Invalid("The value of a secret cannot be updated; set a new version.")
    changed = secrets.update_secret(
        gate,
        request.caller,
        vault_of(request),
        name,
        version,
        content_type=text(body, "contentType"),
        tags=tags(body),
        change=wire.read_change(body),
    )
    return json_reply(200, wire.bundle(request.host, changed, api_of(request)))


def list_secrets(request: Request, gate: Gate) -> Reply:
    """GET /secrets."""
    after, limit = read_page(request)
    page = secrets.list_secrets(gate, request.caller, vault_of(request), after=after, limit=limit)
    return page_reply(
        request,
        page,
        lambda found: wire.item(request.host, found, api_of(request), versioned=False),
    )


def list_versions(request: Request, gate: Gate, name: str) -> Reply:
    """GET /secrets/{name}/versions."""
    after, limit = read_page(request)
    page = secrets.list_versions(
        gate, request.caller, vault_of(request), name, after=after, limit=limit
    )
    return page_reply(
        request, page, lambda found: wire.item(request.host, found, api_of(request), versioned=True)
    )


def delete_secret(request: Request, gate: Gate, name: str) -> Reply:
    """DELETE /secrets/{name}."""
    gone = secrets.delete_secret(gate, request.caller, vault_of(request), name)
    return json_reply(200, wire.deleted(request.host, gone, api_of(request)))


def backup_secret(request: Request, gate: Gate, name: str) -> Reply:
    """POST /secrets/{name}/backup."""
    blob = backup.backup_secret(gate, request.caller, vault_of(request), name)
    return json_reply(200, {"value": base64.urlsafe_b64encode(blob).rstrip(b"=").decode()})


def restore_secret(request: Request, gate: Gate) -> Reply:
    """POST /secrets/restore."""
    value = required_text(read_body(request.body), "value")
    try:
        blob = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise Invalid("The backup blob is not valid base64url text.") from error
    made = backup.restore_secret(gate, request.caller, vault_of(request), blob)
    return json_reply(200, wire.bundle(request.host, made, api_of(request)))


def vault_of(request: Request) -> str:
    """Return the vault's name that the request's host begins with."""
    return request.host.split(".", 1)[0]


def api_of(request: Request) -> str:
    """Return the API version that the request asks for; the table has checked it."""
    return asked_version(request.query)
