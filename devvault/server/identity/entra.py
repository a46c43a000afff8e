"""The part of Entra that a client with a secret of its own asks: discovery, keys, tokens.

It answers everybody, for nothing of it is secret but what a right client secret is given. Errors
are Entra's, by number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from devvault.access.tokens import CLIENT_LIFE, VAULT_AUDIENCE, Grant
from devvault.errors import DevvaultError, Invalid, NotFound, Unauthorized
from devvault.model import operations as op
from devvault.server.auth import ARM_AUDIENCES, GRAPH_AUDIENCES, LOGIN, local_audience
from devvault.server.head import Head, check_whole
from devvault.server.local.base import Plane
from devvault.server.refusals import Refusals
from devvault.server.reply import Reply, json_reply
from devvault.vault.credentials import check_credential
from devvault.vault.gate import Gate, Target, status_of
from devvault.vault.signing import get_tokens

BODY_LIMIT = 64 * 1024
_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
_INVALID, _CLIENT = "invalid_request", "invalid_client"
_COMMON = frozenset({"common", "organizations"})
_PATH = re.compile(
    r"/(?P<tenant>[A-Za-z0-9-]{1,64})/(?P<what>v2\.0/\.well-known/openid-configuration"
    r"|\.well-known/openid-configuration|oauth2/v2\.0/token|oauth2/token|discovery/v2\.0/keys"
    r"|discovery/keys|discovery/instance)/?"
)
_BASIC = re.compile(r"basic +([A-Za-z0-9+/=]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A path of Entra: whose directory, in which words, and where it says that it is."""

    tenant: str
    what: str
    base: str


def is_path(path: str) -> bool:
    """Say whether a path is one of Entra's."""
    return _PATH.fullmatch(path) is not None


def answer(plane: Plane, refusals: Refusals, head: Head, body: bytes) -> Reply:
    """Answer a request to the login host."""
    try:
        found = _PATH.fullmatch(head.path)
        if found is None:
            raise NotFound(f"The resource at {head.path} was not found.")
        check_whole(head)
        gate = plane.gate()
        asked = _asked(gate, head, found)
        if found["what"].endswith("/token"):
            return _token(plane, gate, head, asked, body)
        if head.method not in ("GET", "HEAD"):
            raise Invalid("only GET is answered here", code="invalid_request")
        return _document(gate, head, asked)
    except DevvaultError as error:
        refusals.note(head, error, op.ISSUE_TOKEN)
        return _refusal(plane, error)


def _asked(gate: Gate, head: Head, found: re.Match[str]) -> _Asked:
    tenant = found["tenant"].lower()
    if tenant not in _COMMON and tenant != gate.tenant:
        raise Invalid(
            f"AADSTS90002: Tenant '{tenant}' not found. This devvault home is the tenant"
            f" {gate.tenant}.",
            code="invalid_request",
        )
    return _Asked(found["tenant"].lower(), found["what"], f"https://{head.host}")


def _document(gate: Gate, head: Head, asked: _Asked) -> Reply:
    if asked.what == "discovery/instance":
        return json_reply(200, _instance(gate, head, asked))
    if asked.what.endswith("keys"):
        return json_reply(200, get_tokens(gate).jwks())
    version = "v2.0/" if asked.what.startswith("v2.0") else ""
    root = f"{asked.base}/{asked.tenant}"
    return json_reply(
        200,
        {
            "issuer": get_tokens(gate).issuer,
            "authorization_endpoint": f"{root}/oauth2/{version}authorize",
            "token_endpoint": f"{root}/oauth2/{version}token",
            "jwks_uri": f"{root}/discovery/{version}keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
            "tenant_region_scope": None,
            "cloud_instance_name": "microsoftonline.com",
        },
    )


def _instance(gate: Gate, head: Head, asked: _Asked) -> dict[str, Any]:
    """Return what MSAL asks of an authority that it does not know."""
    known = LOGIN.removeprefix("https://")
    hosts = [known, "login.windows.net", "login.microsoft.com"]
    return {
        "tenant_discovery_endpoint": (
            f"{asked.base}/{gate.tenant}/v2.0/.well-known/openid-configuration"
        ),
        "api-version": "1.1",
        "metadata": [
            {
                "preferred_network": head.host if head.host not in hosts else known,
                "preferred_cache": known,
                "aliases": [head.host] if head.host not in hosts else hosts,
            }
        ],
    }


def _token(plane: Plane, gate: Gate, head: Head, asked: _Asked, body: bytes) -> Reply:
    if head.method != "POST":
        raise Invalid("AADSTS900561: The endpoint only accepts POST requests.", code=_INVALID)
    form = _form(body)
    if form.get("grant_type") != "client_credentials":
        raise Invalid(
            "AADSTS70003: The app requested an unsupported grant type; devvault grants"
            " client_credentials alone.",
            code="unsupported_grant_type",
        )
    client, secret = _client(head, form)
    audience = _audience(plane, asked, form)
    who = check_credential(gate, client, secret)
    now = plane.keeper.clock.now()
    grant = Grant(
        who.oid,
        who.appid,
        audience,
        CLIENT_LIFE,
        # One that came through a run's own tunnel ends with that run.
        session=head.session if plane.sessions.find(head.session) else "",
        resource_id=who.resource_id,
        cae=_wants_cae(form),
        secret=True,
    )
    issued = get_tokens(gate).issue(grant, now)
    caller = who.caller(gate.tenant).at(head.origin)
    gate.note(caller, op.ISSUE_TOKEN, Target(f"/devvault/homes/{gate.home}", id=audience))
    return json_reply(200, _granted(issued.token, issued.expires, now, asked, audience), _NO_STORE)


def _granted(
    token: str, expires: datetime, now: datetime, asked: _Asked, audience: str
) -> dict[str, object]:
    left = int((expires - now).total_seconds())
    body: dict[str, object] = {"token_type": "Bearer", "access_token": token}
    if "v2.0" in asked.what:
        return body | {"expires_in": left, "ext_expires_in": left}
    # The first version writes numbers as texts, and says what the token is for.
    return body | {
        "expires_in": str(left),
        "ext_expires_in": str(left),
        "expires_on": str(int(expires.timestamp())),
        "not_before": str(int(now.timestamp())),
        "resource": audience,
    }


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError as error:
        raise Invalid(
            "AADSTS900144: The request body must be a form that can be read.", code=_INVALID
        ) from error
    if len({name for name, _ in pairs}) < len(pairs):
        raise Invalid("AADSTS9000411: A parameter is duplicated.", code=_INVALID)
    return dict(pairs)


def _client(head: Head, form: Mapping[str, str]) -> tuple[str, str]:
    import base64  # rarely needed

    basic = _BASIC.fullmatch(head.headers.get("authorization", ""))
    if basic is None:
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
    else:
        try:
            words = base64.b64decode(basic[1], validate=True).decode()
        except ValueError as error:
            raise Unauthorized("the client's authorization is malformed", code=_CLIENT) from error
        client, _, secret = (unquote(part) for part in words.partition(":"))
    if not client:
        raise Invalid(
            "AADSTS900144: The request body must contain the following parameter: 'client_id'.",
            code=_INVALID,
        )
    if not secret:
        raise Unauthorized(
            "AADSTS7000216: 'client_secret' is required for the 'client_credentials' grant type.",
            code=_CLIENT,
        )
    return client, secret


def _audience(plane: Plane, asked: _Asked, form: Mapping[str, str]) -> str:
    """Return the audience that a scope or a resource names.

    Raises:
        Invalid: it is none of ours.
    """
    if "v2.0" in asked.what:
        words = form.get("scope", "").split()
        scope = words[0] if len(words) == 1 else ""
        if not scope.endswith("/.default"):
            raise Invalid(
                "AADSTS1002012: The provided value for scope is not valid. Client credential flows"
                " must have a scope value with /.default suffixed to the resource identifier.",
                code="invalid_scope",
            )
        named = scope.removesuffix("/.default")
    else:
        named = form.get("resource", "")
    plain = named.rstrip("/")
    ours = {VAULT_AUDIENCE, local_audience(plane.https_port)}
    # No SDK takes a token for these to where it was not sent by `--az`.
    more = {audience.rstrip("/") for audience in (*ARM_AUDIENCES, *GRAPH_AUDIENCES)}
    if plain in ours:
        return plain
    if plain in more:
        return named
    shown = "".join(c if "!" <= c <= "~" else "?" for c in named[:100])
    raise Invalid(
        f"AADSTS500011: The resource principal named {shown} was not found in the tenant of this"
        " devvault home.",
        code="invalid_resource",
    )


def _wants_cae(form: Mapping[str, str]) -> bool:
    try:
        asked = json.loads(form.get("claims", "{}"))
        values = asked["access_token"]["xms_cc"]["values"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return isinstance(values, list) and any(str(value).upper() == "CP1" for value in values)


def _refusal(plane: Plane, error: DevvaultError) -> Reply:
    number = re.match(r"AADSTS(\d+):", error.message)
    words = error.message if error.hint is None else f"{error.message} ({error.hint})"
    body = {
        "error": error.code,
        "error_description": words,
        "error_codes": [int(number[1])] if number else [],
        "timestamp": plane.keeper.clock.now().strftime("%Y-%m-%d %H:%M:%SZ"),
    }
    return json_reply(status_of(error), body, _NO_STORE)
