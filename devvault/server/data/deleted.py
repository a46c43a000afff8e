"""The data plane's deleted secrets."""

from __future__ import annotations

from devvault.server.data.secrets import api_of, vault_of
from devvault.server.paging import page_reply, read_page
from devvault.server.reply import Reply, Request, json_reply
from devvault.server.wire import secret as wire
from devvault.vault import deleted
from devvault.vault.gate import Gate


def get_deleted(request: Request, gate: Gate, name: str) -> Reply:
    """GET /deletedsecrets/{name}."""
    gone = deleted.get_deleted(gate, request.caller, vault_of(request), name)
    return json_reply(200, wire.deleted(request.host, gone, api_of(request)))


def list_deleted(request: Request, gate: Gate) -> Reply:
    """GET /deletedsecrets."""
    after, limit = read_page(request)
    page = deleted.list_deleted(gate, request.caller, vault_of(request), after=after, limit=limit)
    return page_reply(
        request, page, lambda gone: wire.deleted(request.host, gone, api_of(request), listed=True)
    )


def recover(request: Request, gate: Gate, name: str) -> Reply:
    """POST /deletedsecrets/{name}/recover."""
    back = deleted.recover(gate, request.caller, vault_of(request), name)
    return json_reply(200, wire.bundle(request.host, back, api_of(request)))


def purge(request: Request, gate: Gate, name: str) -> Reply:
    """DELETE /deletedsecrets/{name}."""
    deleted.purge(gate, request.caller, vault_of(request), name)
    return Reply(204)
