# ruff: noqa: E501  # a case a line
"""Lines of other people's code and manuals that once raised an alarm, and what is like them and real."""

from __future__ import annotations

import pytest

from devvault.scan.engine import Engine
from devvault.scan.text import Text

ENGINE = Engine()
HARMLESS = [
    ("forms.py", '@sensitive_variables("password1", "password2")'),
    ("backend.py", "cred = keyring.get_credential('service1', 'user2')"),
    ("METADATA", "# export CONNECTION_URL=https://${USER:-sloria}:${PASSWORD}@${HOST:-localhost}/"),
    ("a.py", '"private_key": "...-----BEGIN PRIVATE ' + 'KEY-----... in PEM format",'),
    ("url.md", "const myURL = new URL('https://abc:xyz@example.com');"),
    ("copyright", "cvs://:pserver:anoncvs@sources.redhat.com:/cvs/src"),
    ("a.json", '{"NextToken": "9f4d9f69-275a-41fe-b58e-2b837bd9ba48"}'),
    ("a.json", '{"encryptionKey": "arn:aws:kms:us-west-2:417498243647:key/c9fe2447-0795-4fda-afbe"}'),
    ("a.py", '"AWS::IAM::AccessKey": "72c2d9dd90025459",'),
    ("main.bicep", "resource secret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {"),
    ("openapi.json", '{"password": {"type": "string", "example": "P@ssw0rd"}}'),
    ("de.json", '{"newPassword": "Neues Passwort*"}'),
    (".env.example", "API_KEY=abc123\nJWT_SECRET=a-jwt-secret-for-2024\nADMIN_PASSWORD=Admin123!"),
    (".env", "STRIPE_SECRET_KEY=sk_test_..."),
    ("a.js.map", '{"sourcesContent":["\\n\\n\\nlet a;\\n  token = setTimeout(() => 1, timeInMs);\\n"]}'),
    ("a.go", "--- PASS: TestLogin2 (0.00s)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), HARMLESS)
def test_it_raises_none(name, text):
    assert ENGINE.scan(Text(name, text)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.sh", "export URL=https://${USER:-sloria}:" + "Kettle47-blue" + "@db.contoso.invalid/"),
        ("a.py", "cred = NetworkCredential('svc', '" + "Kettle47-blue" + "')"),
        (".env.example", "API_KEY=" + "k9Vq2Lx8Rt5Zw1Bn4Mj7Hd3F"),
        ("notes.txt", "pass: " + "Kettle&47blue"),
        ("a.json", '{"AccessToken": "' + "9f4d9f69-275a-41fe-b58e-2b837bd9ba48" + '"}'),
    ],
)
def test_what_is_like_it_and_real_is_found(name, text):
    assert len(ENGINE.scan(Text(name, text))) == 1
