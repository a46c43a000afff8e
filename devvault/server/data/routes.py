"""The data plane's table: method and path -> operation and handler. api-version is checked here.

A request's path comes decoded, once; nothing is decoded again here. Keys and certificates are
further rows: nothing else here knows which collections there are.
"""

from __future__ import annotations

from devvault.errors import DevvaultError, NotFound
from devvault.model import operations as op
from devvault.server.data import deleted, secrets
from devvault.server.data.secrets import vault_of
from devvault.server.headers import data_headers
from devvault.server.reply import Reply, Request, error_reply, with_headers
from devvault.server.table import Match, NoMatch, Table, tidied, wrong_method
from devvault.server.versions import check_version
from devvault.vault.gate import Gate, Target

# What a refusal names of an address: enough to find the caller's mistake.
_URI_SHOWN = 300

DATA = Table(
    (
        ("GET", "/secrets", op.LIST_SECRETS, secrets.list_secrets),
        ("POST", "/secrets/restore", op.RESTORE_SECRET, secrets.restore_secret),
        ("PUT", "/secrets/{name}", op.SET_SECRET, secrets.set_secret),
        ("GET", "/secrets/{name}", op.GET_SECRET, secrets.get_secret),
        ("GET", "/secrets/{name}/{version}", op.GET_SECRET, secrets.get_secret),
        ("PATCH", "/secrets/{name}", op.UPDATE_SECRET, secrets.update_secret),
        ("PATCH", "/secrets/{name}/{version}", op.UPDATE_SECRET, secrets.update_secret),
        ("DELETE", "/secrets/{name}", op.DELETE_SECRET, secrets.delete_secret),
        ("GET", "/secrets/{name}/versions", op.LIST_SECRET_VERSIONS, secrets.list_versions),
        ("POST", "/secrets/{name}/backup", op.BACKUP_SECRET, secrets.backup_secret),
        ("GET", "/deletedsecrets", op.LIST_DELETED_SECRETS, deleted.list_deleted),
        ("GET", "/deletedsecrets/{name}", op.GET_DELETED_SECRET, deleted.get_deleted),
        ("POST", "/deletedsecrets/{name}/recover", op.RECOVER_SECRET, deleted.recover),
        ("DELETE", "/deletedsecrets/{name}", op.PURGE_SECRET, deleted.purge),
    )
)


def dispatch_data(request: Request, gate: Gate) -> Reply:
    """Answer a request to a vault."""
    vault = gate.find_vault(vault_of(request))
    operation = op.OTHER_DATA
    try:
        request = tidied(request)
        found = DATA.find(request.method, request.path)
        if isinstance(found, Match):
            operation = found.operation
        check_version(request.query)
        if isinstance(found, NoMatch):
            raise _no_row(found, request)
        reply = found.handler(request, gate, *found.names)
    except DevvaultError as error:
        if not error.recorded:
            # A refusal before the gate was asked is in the trail like every other.
            uri = f"https://{request.host}{request.path}"[:_URI_SHOWN]
            target = Target(vault.id if vault else "", vault, uri)
            gate.note(request.caller, operation, target, error)
        reply = error_reply(error)
    return with_headers(reply, data_headers(request, vault.location if vault else ""))


def _no_row(found: NoMatch, request: Request) -> DevvaultError:
    if found.allowed:
        return wrong_method(request.method, found.allowed)
    return NotFound(f"The resource at {request.path} was not found.")
