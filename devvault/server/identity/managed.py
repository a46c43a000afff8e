"""The managed identity endpoints, as App Service and IMDS have them: a secret in, a token out.

The secret is of one run and says who it is; without it there is nothing to be had here. For an
audience that is not ours there is an error, so that a chain of credentials goes on to the next.
"""

from __future__ import annotations

import re
from datetime import datetime

from devvault.access.principals import SERVICE, Principal
from devvault.access.tokens import MANAGED_LIFE, VAULT_AUDIENCE, Grant, Issued
from devvault.errors import DevvaultError, Forbidden, Invalid, NotFound, Unauthorized
from devvault.model import operations as op
from devvault.model.app import is_identity_name
from devvault.server.auth import ARM_AUDIENCES, GRAPH_AUDIENCES, local_audience
from devvault.server.head import Head, check_whole
from devvault.server.local.base import Plane
from devvault.server.refusals import Refusals
from devvault.server.reply import Reply, json_reply
from devvault.server.sessions import CONNECT, Session
from devvault.vault.furnishing import DEFAULT_GROUP
from devvault.vault.gate import Gate, Target, status_of
from devvault.vault.identities import put_identity
from devvault.vault.opened import SYSTEM
from devvault.vault.principals import USER_ASSIGNED, find_by_oid, find_principal, is_guid
from devvault.vault.signing import get_tokens

APP_SERVICE = "/msi/token"
_IMDS = re.compile(r"/([^/]{1,200})/metadata/identity/oauth2/token/?")
_APP_SERVICE_VERSIONS = ("2019-08-01", "2017-09-01")
# What names another identity than the run's own, by form.
_SELECTORS = ("client_id", "clientid", "object_id", "principal_id", "mi_res_id", "msi_res_id")
_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
_MENTIONED_LIMIT = 200
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def is_host(head: Head) -> bool:
    """Say whether a request names the loopback address and port that it came to."""
    return head.host in {f"{host}:{head.port}" for host in _HOSTS}


def answer(plane: Plane, refusals: Refusals, head: Head) -> Reply:
    """Answer a request to the identity port."""
    imds = _IMDS.fullmatch(head.path)
    now = plane.keeper.clock.now()
    try:
        check_whole(head)
        if imds is None and head.path.rstrip("/") != APP_SERVICE:
            raise NotFound("there is no such path")
        if head.method != "GET":
            raise Invalid("tokens are asked for with GET")
        session = _imds_session(plane, head, imds[1]) if imds else _app_session(plane, head)
        gate = plane.gate()
        audience, who = _asked(plane, gate, session, head)
        issued = _issue(gate, session, head, audience, who, now)
    except DevvaultError as error:
        refusals.note(head, error, op.ISSUE_TOKEN)
        return _refusal(error, imds=imds is not None)
    return json_reply(200, _body(issued, who, audience, now, imds=imds is not None), _NO_STORE)


def _app_session(plane: Plane, head: Head) -> Session:
    old = head.query.get("api-version") == "2017-09-01"
    found = plane.sessions.find_by_header(
        head.headers.get("secret" if old else "x-identity-header", "")
    )
    if found is None:
        raise Unauthorized("the identity header is not that of a run that lives")
    if head.query.get("api-version") not in _APP_SERVICE_VERSIONS:
        raise Invalid("the api-version must be 2019-08-01 or 2017-09-01")
    return found


def _imds_session(plane: Plane, head: Head, secret: str) -> Session:
    found = plane.sessions.find_by_path(secret)
    if found is None:
        raise NotFound("there is no such path")
    if head.headers.get("metadata", "").lower() != "true":
        raise Invalid("Required metadata header not specified")
    return found


def _asked(plane: Plane, gate: Gate, session: Session, head: Head) -> tuple[str, Principal]:
    if session.pass_through:
        raise Forbidden("this run was started with --pass-through, which gives out no tokens")
    audience = _audience(plane, session, head)
    named = [head.query[name] for name in _SELECTORS if head.query.get(name)]
    if len(named) > 1:
        raise Invalid("only one of client_id, object_id and mi_res_id can be given")
    if named:
        by_client = not any(head.query.get(name) for name in _SELECTORS[2:])
        return audience, _named(gate, session, named[0], by_client=by_client)
    who = find_by_oid(gate, session.identity)
    if who is None:
        raise Invalid("the identity of this run does not exist any more")
    return audience, who


def _audience(plane: Plane, session: Session, head: Head) -> str:
    """Return the audience, as it was asked for."""
    asked = head.query.get("resource", "").removesuffix("/.default")
    if not asked:
        raise Invalid("the parameter 'resource' is missing")
    ours = {VAULT_AUDIENCE, local_audience(plane.https_port)}
    if asked.rstrip("/") in ours:
        # Key Vault refuses an audience that ends in a slash, and so would we.
        return asked.rstrip("/")
    # A connected shell asks for Resource Manager too; what `run` starts must not take such a token
    # to the real one, and goes on to another credential.
    more = (*ARM_AUDIENCES, *GRAPH_AUDIENCES) if session.az else ARM_AUDIENCES
    if asked in more and (session.az or session.kind == CONNECT):
        return asked
    raise Invalid("devvault gives out tokens for its own vaults alone")


def _named(gate: Gate, session: Session, word: str, *, by_client: bool) -> Principal:
    """Return the identity that a program asks to be instead of its run's own.

    A user-assigned one, as an app has them, or the run's own by its name; nobody else. A name that
    nobody bears becomes one.
    """
    try:
        found = find_principal(gate, word)
    except Invalid as error:
        raise _no_identity() from error
    own = found is not None and found.oid == session.identity
    if found is None and by_client and _is_new_name(word):
        return _mentioned(gate, word)
    if found is None or not (own or _is_assigned(found)):
        raise _no_identity(word)
    return found


def _is_new_name(word: str) -> bool:
    """Say whether a client id is none of Azure's, which are GUIDs, but a name to be."""
    return not is_guid(word) and is_identity_name(word)


def _mentioned(gate: Gate, name: str) -> Principal:
    """Make the identity that a program names first; it has no role, so it may do nothing yet."""
    if len(gate.snapshot().principals) >= _MENTIONED_LIMIT:
        raise _no_identity()
    made = put_identity(gate, SYSTEM, DEFAULT_GROUP, name)
    found = find_by_oid(gate, made.oid)
    assert found is not None
    return found


def _is_assigned(principal: Principal) -> bool:
    return f"/{USER_ASSIGNED}/".lower() in principal.resource_id.lower()


def _no_identity(word: str = "") -> Invalid:
    asked = f" --client-id {word}" if is_guid(word) else ""
    return Invalid(
        "No User Assigned or Delegated Managed Identity found for specified"
        " ClientId/ResourceId/PrincipalId.",
        hint=f"devvault identity create --name NAME{asked}",
    )


def _issue(
    gate: Gate, session: Session, head: Head, audience: str, who: Principal, now: datetime
) -> Issued:
    life = MANAGED_LIFE if session.expires is None else min(MANAGED_LIFE, session.expires - now)
    person = who.kind != SERVICE
    grant = Grant(
        who.oid,
        who.appid,
        audience,
        life,
        session=session.id,
        user_name=who.name if person else "",
        resource_id=who.resource_id,
        cae="cp1" in head.query.get("xms_cc", "").lower(),
    )
    issued = get_tokens(gate).issue(grant, now)
    # Recorded before it is handed out: where the trail cannot take it, there is no token.
    caller = who.caller(gate.tenant).at(head.origin)
    gate.note(caller, op.ISSUE_TOKEN, Target(f"/devvault/homes/{gate.home}", id=audience))
    return issued


def _body(
    issued: Issued, who: Principal, audience: str, now: datetime, *, imds: bool
) -> dict[str, str]:
    """Return the answer; numbers are texts, as the services send them."""
    left = str(max(0, int((issued.expires - now).total_seconds())))
    expires = str(int(issued.expires.timestamp()))
    body = {
        "access_token": issued.token,
        "expires_on": expires,
        "resource": audience,
        "token_type": "Bearer",
        "client_id": who.appid,
        "expires_in": left,
    }
    if imds:
        body |= {"ext_expires_in": left, "not_before": str(int(now.timestamp()))}
    return body


def _refusal(error: DevvaultError, *, imds: bool) -> Reply:
    status = 400 if isinstance(error, Forbidden) else status_of(error)
    words = error.message if error.hint is None else f"{error.message} ({error.hint})"
    if imds:
        name = "invalid_request" if status == 400 else error.code
        return json_reply(status, {"error": name, "error_description": words}, _NO_STORE)
    return json_reply(status, {"statusCode": status, "message": words}, _NO_STORE)
