"""One audit record, shaped as the AuditEvent category of Azure Monitor. Never holds a value."""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

_CLAIM = "http://schemas.microsoft.com/identity/claims/objectidentifier"
_quoted = json.encoder.encode_basestring_ascii
_UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"


class AuditRecord(NamedTuple):
    """What happened, to what, by whom, and how it ended.

    `status` is the HTTP status; `result` is `Success` or the refusal's code; `id` is the object's
    or vault's URI; `extra` holds further properties (strings).
    """

    time: datetime
    operation: str
    resource: str
    result: str
    status: int
    oid: str
    appid: str
    name: str
    id: str = ""
    detail: str = ""
    address: str = ""
    agent: str = ""
    uri: str = ""
    api_version: str = ""
    correlation: str = ""
    duration_ms: int = 0
    extra: Mapping[str, str] = MappingProxyType({})

    def to_bytes(self) -> bytes:
        """Return the form that is sealed into the trail: canonical JSON of our own fields."""
        # As json.dumps without spaces has it, keys in order. Written out: every read pays for this.
        extra = ",".join(
            f"{_quoted(name)}:{_quoted(value)}" for name, value in sorted(self.extra.items())
        )
        at = self.time if self.time.tzinfo is UTC else self.time.astimezone(UTC)
        return (
            f'{{"addr":{_quoted(self.address)},"agent":{_quoted(self.agent)}'
            f',"api":{_quoted(self.api_version)},"appid":{_quoted(self.appid)}'
            f',"corr":{_quoted(self.correlation)},"detail":{_quoted(self.detail)}'
            f',"extra":{{{extra}}},"id":{_quoted(self.id)},"ms":{self.duration_ms:d}'
            f',"name":{_quoted(self.name)},"oid":{_quoted(self.oid)}'
            f',"op":{_quoted(self.operation)},"res":{_quoted(self.resource)}'
            f',"result":{_quoted(self.result)},"status":{self.status:d}'
            f',"t":"{at.isoformat()}","uri":{_quoted(self.uri)}}}'
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> AuditRecord:
        """Read what `to_bytes` wrote."""
        body = json.loads(data)
        return cls(
            time=datetime.fromisoformat(body["t"]),
            operation=body["op"],
            resource=body["res"],
            result=body["result"],
            status=body["status"],
            oid=body["oid"],
            appid=body["appid"],
            name=body["name"],
            id=body["id"],
            detail=body["detail"],
            address=body["addr"],
            agent=body["agent"],
            uri=body["uri"],
            api_version=body["api"],
            correlation=body["corr"],
            duration_ms=body["ms"],
            extra=body["extra"],
        )

    def to_event(self) -> dict[str, object]:
        """Return the record as Azure Monitor would show it (category AuditEvent)."""
        return {
            "time": self.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
            "resourceId": self.resource.upper(),
            "operationName": self.operation,
            "operationVersion": self.api_version,
            "category": "AuditEvent",
            "resultType": self.result,
            "resultSignature": SIGNATURES.get(self.status, str(self.status)),
            "resultDescription": self.detail,
            "durationMs": str(self.duration_ms),
            "callerIpAddress": self.address,
            "correlationId": self.correlation,
            "identity": {"claim": {_CLAIM: self.oid, _UPN: self.name, "appid": self.appid}},
            "properties": {
                "clientInfo": self.agent,
                "requestUri": self.uri,
                "id": self.id,
                "httpStatusCode": self.status,
                **self.extra,
            },
        }


SIGNATURES: dict[int, str] = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    422: "Unprocessable Entity",
    423: "Locked",
    424: "Failed Dependency",
}
