# ruff: noqa: E501  # a case a line
"""The judge, against what really stands in settings; every secret-looking value is made up here.

Random parts come from a seeded generator and vendors' prefixes are put together at run time, so
that no tool which reads this file takes it for a leak.
"""

from __future__ import annotations

import base64
import random
import string
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.scan.judge import judge

RANDOM = random.Random(20_240_601)
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def draw(length: int, alphabet: str = ALNUM) -> str:
    return "".join(RANDOM.choice(alphabet) for _ in range(length))


def b64(length: int) -> str:
    return base64.b64encode(RANDOM.randbytes(length)).decode()


def hex_(length: int) -> str:
    return draw(length, HEX)


def guid() -> str:
    return "-".join(hex_(n) for n in (8, 4, 4, 4, 12))


PW = "Blue" + "Kettle" + "47!"
KEY64 = b64(64)
SIG = "sig" + "=" + draw(40) + "%3D"
HOST = "db.internal.contoso.com"
PRIVATE = "PRIVATE " + "KEY-----"
AZURITE = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
COSMOS = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="
VERSION = hex_(32)


def spki() -> str:
    """A DER public key's and a certificate's first bytes, and what follows."""
    return base64.b64encode(
        bytes.fromhex("30820122300d06092a864886f70d") + RANDOM.randbytes(90)
    ).decode()


def der(head: str) -> str:
    return base64.b64encode(bytes.fromhex(head) + RANDOM.randbytes(120)).decode()


SECRETS = [
    # connection strings
    ("AzureWebJobsStorage", f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={KEY64};EndpointSuffix=core.windows.net"),
    ("STORAGE", f"BlobEndpoint=https://acme.blob.core.windows.net;AccountName=acme;AccountKey={KEY64}"),
    ("STORAGE", f"BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature=sv=2023-01-03&ss=b&sp=rl&se=2030-01-01&{SIG}"),
    ("SERVICEBUS", f"Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={b64(32)}"),
    ("EventHub__Connection", f"Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey={b64(32)};EntityPath=in"),
    ("IOTHUB", f"HostName=acme.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={b64(32)}"),
    ("COSMOS", f"AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey={KEY64};"),
    ("SIGNALR", f"Endpoint=https://acme.service.signalr.net;AccessKey={b64(32)};Version=1.0;"),
    ("APPCONFIG", f"Endpoint=https://acme.azconfig.io;Id=abcd;Secret={b64(32)}"),
    ("ConnectionStrings__Default", f"Server=tcp:acme.database.windows.net,1433;Database=app;User ID=app;Password={PW};Encrypt=True"),
    ("Db", f"Server={HOST};Database=app;Uid=app;Pwd={PW};"),
    ("Db", f"Data Source={HOST};Initial Catalog=app;User Id=app;Password='{PW};x'"),
    ("Db", f"server={HOST};user id=app; password = {PW}"),
    ("REDIS", f"acme.redis.cache.windows.net:6380,password={b64(32)},ssl=True,abortConnect=False"),
    ("PGCONN", f"host={HOST} port=5432 dbname=app user=app password={PW} sslmode=require"),
    ("ODBC", f"Driver={{ODBC Driver 18 for SQL Server}};Server={HOST};Uid=app;Pwd={PW};"),
    ("Db", f"Host={HOST};Username=app;Password=${{DB_PW:-{PW}}}"),
    ("publish", f"userName=$acme userPWD={draw(60)}"),
    # URLs
    ("DATABASE_URL", f"postgres://app:{PW}@{HOST}:5432/app"),
    ("DATABASE_URL", f"postgresql+asyncpg://app:{PW}@{HOST}/app?ssl=require"),
    ("MONGO", f"mongodb+srv://app:{PW}@cluster0.ab1cd.mongodb.net/app"),
    ("COSMOS_MONGO", f"mongodb://acme:{KEY64}@acme.mongo.cosmos.azure.com:10255/?ssl=true"),
    ("REDIS_URL", f"rediss://:{draw(44)}@acme.redis.cache.windows.net:6380/0"),
    ("BROKER", f"amqps://app:{PW}@{HOST}:5671/vhost"),
    ("MAIL", f"smtp://mailer:{PW}@smtp.contoso.com:587"),
    ("GIT", f"https://oauth2:{draw(32)}@git.contoso.com/team/repo.git"),
    ("GIT_REMOTE_URL", f"https://bot:{draw(40)}@dev.contoso.com/_git/x"),
    ("PROXY", f"http://me:{PW}@proxy.contoso.com:8080"),
    ("DATABASE_URL", f"mysql://app:ab/{PW}@{HOST}/app"),
    # SAS and keys in queries
    ("BLOB_URL", f"https://acme.blob.core.windows.net/c/f?sv=2022-11-02&se=2030-01-01T00%3A00%3A00Z&sr=b&sp=r&{SIG}"),
    ("SAS", f"?sv=2022-11-02&ss=bfqt&srt=sco&sp=rwdl&se=2030-01-01&{SIG}"),
    ("LOGIC_APP", f"https://prod-1.westeurope.logic.azure.com/workflows/x/triggers/manual/paths/invoke?sp=%2Ftriggers&sv=1.0&{SIG}"),
    ("SB", f"SharedAccessSignature sr=https%3a%2f%2facme.servicebus.windows.net&{SIG}&se=1893456000&skn=Root"),
    ("FUNC_URL", f"https://acme.azurewebsites.net/api/run?code={draw(54)}=="),
    ("CALL", f"https://api.contoso.com/v1?x=1&api_key={draw(32)}"),
    ("CALL", f"https://api.contoso.com/v1?subscription-key={hex_(32)}"),
    # private keys
    ("CERT", f"-----BEGIN {PRIVATE}\n{b64(90)}\n-----END {PRIVATE}"),
    ("CERT", f"-----BEGIN RSA {PRIVATE}\\n{b64(90)}\\n-----END RSA {PRIVATE}"),
    ("CERT", f"-----BEGIN ENCRYPTED {PRIVATE}\n{b64(90)}"),
    ("SSH", f"-----BEGIN OPENSSH {PRIVATE}\n{b64(90)}"),
    ("BUNDLE", f"-----BEGIN CERTIFICATE-----\n{b64(60)}\n-----END CERTIFICATE-----\n-----BEGIN {PRIVATE}\n{b64(60)}"),
    ("PFX", der("308209f0020103308209")),
    ("KEY_DER", der("308204bd020100300d06092a864886f70d")),
    ("KEY_DER", der("308204a40201000282010100")),
    ("AGE", "AGE-SECRET-" + "KEY-1" + draw(58, string.ascii_uppercase + string.digits)),
    ("GOOGLE", '{"type": "service_account", "private_key": "-----BEGIN ' + PRIVATE + "\\n" + b64(60) + '"}'),
    # tokens that need no name
    ("X", "gh" + "p_" + draw(36)),
    ("X", "gh" + "s_" + draw(36)),
    ("X", "github" + "_pat_" + draw(22) + "_" + draw(59)),
    ("X", "xo" + "xb-" + draw(12, string.digits) + "-" + draw(24)),
    ("X", "sk" + "_live_" + draw(24)),
    ("X", "sk" + "_test_" + draw(24)),
    ("X", "wh" + "sec_" + draw(32)),
    ("AWS_ACCESS_KEY_ID", "AK" + "IA" + draw(16, "ABCDEFGHJKLMNPQRSTUVWXYZ234567")),
    ("AWS_SECRET_ACCESS_KEY", draw(40)),
    ("MAPS", "AI" + "za" + draw(35)),
    ("X", "ey" + "JhbGciOiJIUzI1NiJ9." + "ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0." + draw(43)),
    ("X", "np" + "m_" + draw(36)),
    ("X", "gl" + "pat-" + draw(20)),
    ("X", "py" + "pi-AgEI" + draw(120)),
    ("AZURE_CLIENT", draw(3) + "8" + "Q~" + draw(34)),
    ("X", draw(52, "abcdefghijklmnopqrstuvwxyz234567") ),
    ("X", draw(76) + "AZ" + "DO" + draw(4)),
    ("X", "S" + "G." + draw(22) + "." + draw(43)),
    ("X", "sk-" + "proj-" + draw(48)),
    ("X", "h" + "f_" + draw(34)),
    ("X", "do" + "p_v1_" + hex_(64)),
    ("X", "shp" + "at_" + hex_(32)),
    ("X", "da" + "pi" + hex_(32)),
    ("X", "hv" + "s." + draw(24)),
    ("HOOK_URL", "https://hooks.slack" + ".com/services/T" + draw(8) + "/B" + draw(8) + "/" + draw(24)),
    ("HOOK_URL", "https://discord" + ".com/api/webhooks/" + draw(18, string.digits) + "/" + draw(68)),
    ("BOT", draw(9, "123456789") + ":A" + "A" + draw(33)),
    # names
    ("PASSWORD", PW),
    ("DB_PASSWORD", "hunter" + "2"),
    ("DB_PASSWORD", "correct horse battery"),
    ("DB_PASSWORD", "123456"),
    ("db.password", PW),
    ("dbPassword", PW),
    ("Smtp__Password", PW),
    ("Smtp:Password", PW),
    ("smtp-passwd", PW),
    ("PGPASSWORD", PW),
    ("MYSQL_PWD", PW),
    ("REDIS_PASS", PW),
    ("DB_PASSWORD_PROD", PW),
    ("PASSWORD_2", PW),
    ("SA_PASSWORD", "P@ssw0rd" + "!"),
    ("KEY_PASSPHRASE", "three little words"),
    ("AZURE_CLIENT_SECRET", draw(40)),
    ("clientSecret", draw(24)),
    ("AzureAd:ClientSecret", draw(24)),
    ("JWT_SECRET", "my" + "supersecretjwtkey"),
    ("SECRET_KEY", "django-insecure-" + draw(50)),
    ("SECRET_KEY_BASE", hex_(128)),
    ("FLASK_SECRET", draw(20)),
    ("ACCESS_TOKEN", draw(30)),
    ("TOKEN", hex_(40)),
    ("githubToken", draw(20)),
    ("TELEGRAM_TOKEN_BOT", draw(20)),
    ("API_KEY", draw(32)),
    ("API_KEY", guid()),
    ("apiKey", hex_(32)),
    ("OPENAI_APIKEY", draw(24)),
    ("X-Api-Key", draw(24)),
    ("AZURE_OPENAI_KEY", hex_(32)),
    ("COGNITIVE_KEY", hex_(32)),
    ("COSMOS_KEY", KEY64),
    ("COSMOS_PRIMARY_KEY", KEY64),
    ("STORAGE_ACCOUNT_KEY", KEY64),
    ("ENCRYPTION_KEY", b64(32)),
    ("SIGNING_KEY", b64(32)),
    ("HASH_SALT", draw(24)),
    ("NPM_AUTH", b64(30)),
    ("SESSION_COOKIE", draw(32)),
    ("DB_CREDENTIALS", draw(16)),
    ("DevOps_PAT", draw(40)),
    ("REDIS_CONNECTION_STRING", draw(32)),
    ("WEBHOOK_SECRET", draw(20)),
    ("FUNCTION_HOST_KEY", draw(54)),
    ("WIFI_PSK", "correct horse battery"),
    ("BASIC_AUTH", "admin:" + PW),
    ("UPSTREAM", "Basic " + b64(18) + "7w=="),
    ("UPSTREAM", "Bearer " + draw(24) + "7"),
    ("DB_PASSWORD", "production"),
    ("REDIS_URL", "redis://:" + PW + "@cache:6379/0"),
    # neither, but drawn by lot
    ("VALUE", draw(40)),
    ("SETTING", b64(32)),
    ("SETTING", hex_(64)),
    ("DATA", '{"user": "app", "password": "' + PW + '"}'),
    ("DATA", '[{"apiKey": "' + draw(32) + '"}]'),
    ("QUOTED_PASSWORD", f"'{PW}'"),
]  # fmt: skip

HARMLESS = [
    # references of every form
    ("DB_PASSWORD", "@Microsoft.KeyVault(VaultName=my-vault;SecretName=db)"),
    ("DB_PASSWORD", f"@Microsoft.KeyVault(SecretUri=https://my-vault.vault.azure.net/secrets/db/{VERSION})"),
    ("DB_PASSWORD", "'@microsoft.keyvault(vaultname=my-vault;secretname=db)'"),
    ("DB_PASSWORD", "@Microsoft.AppConfiguration(Endpoint=https://x.azconfig.io; Key=a; Label=b)"),
    ("DB_PASSWORD", f"akvs://{guid()}/my-vault/db"),
    ("DB_SECRET", f"https://my-vault.vault.azure.net/secrets/db/{VERSION}"),
    ("SIGNING_KEY", f"https://my-vault.vault.azure.net/keys/sign/{VERSION}"),
    ("TLS_CERT", "https://my-vault.vault.azure.cn/certificates/tls"),
    ("DB_PASSWORD", '{"uri":"https://my-vault.vault.azure.net/secrets/db"}'),
    ("DB_PASSWORD", "secretref:db-password"),
    ("db-password", "keyvaultref:https://my-vault.vault.azure.net/secrets/db,identityref:system"),
    ("adminPassword", '{"reference": {"keyVault": {"id": "/subscriptions/x"}, "secretName": "db"}}'),
    ("adminPassword", "kv.getSecret('db')"),
    ("adminPassword", "az.getSecret('s','rg','my-vault','db')"),
    ("TOKEN", "op://dev/app/token"),
    # lookups
    ("DB_PASSWORD", "${DB_PASSWORD}"),
    ("DB_PASSWORD", "${DB_PASSWORD:-}"),
    ("DB_PASSWORD", "${DB_PASSWORD:?must be set}"),
    ("DB_PASSWORD", "$DB_PASSWORD"),
    ("DB_PASSWORD", "$(DB_PASSWORD)"),
    ("DB_PASSWORD", "%DB_PASSWORD%"),
    ("DB_PASSWORD", "{{ db_password }}"),
    ("DB_PASSWORD", "#{DbPassword}#"),
    ("DB_PASSWORD", "${{ secrets.DB_PASSWORD }}"),
    ("DB_PASSWORD", "<%= ENV['PW'] %>"),
    ("DB_PASSWORD", "process.env.DB_PASSWORD"),
    ("DB_PASSWORD", "os.environ['DB_PASSWORD']"),
    ("adminPassword", "[parameters('adminPassword')]"),
    ("DB_PASSWORD", "__DB_PASSWORD__"),
    ("DATABASE_URL", "postgres://${U}:${P}@db/app"),
    ("DATABASE_URL", f"postgres://app:$(DB_PASSWORD)@{HOST}/app"),
    ("Db", f"Server={HOST};Database=app;User ID=app;Password=${{PW}};"),
    ("Db", f"Server={HOST};Database=app;User ID=app;Password={{{{ pw }}}};"),
    # placeholders
    ("DB_PASSWORD", ""),
    ("DB_PASSWORD", "''"),
    ("DB_PASSWORD", "changeme"),
    ("DB_PASSWORD", "change-me-please"),
    ("DB_PASSWORD", "CHANGE_ME"),
    ("DB_PASSWORD", "ChangeThis!"),
    ("DB_PASSWORD", "<your-password>"),
    ("DB_PASSWORD", "<password>"),
    ("DB_PASSWORD", "your-password-here"),
    ("DB_PASSWORD", "your_password"),
    ("DB_PASSWORD", "YourStrong(!)Password"),
    ("API_KEY", "your-api-key"),
    ("API_KEY", "insert-key-here"),
    ("API_KEY", "xxxxxxxxxxxx"),
    ("API_KEY", "XXXX-XXXX-XXXX"),
    ("API_KEY", "sk-" + "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ("API_KEY", "gh" + "p_" + "x" * 36),
    ("API_KEY", "********"),
    ("API_KEY", "..."),
    ("API_KEY", "sk-abc..." + "....."),
    ("API_KEY", "TODO"),
    ("API_KEY", "example"),
    ("API_KEY", "example-key"),
    ("API_KEY", "none"),
    ("API_KEY", "null"),
    ("API_KEY", "dummy"),
    ("API_KEY", "fake-key"),
    ("API_KEY", "placeholder"),
    ("API_KEY", "REPLACE_WITH_KEY"),
    ("API_KEY", "[redacted]"),
    ("AWS_ACCESS_KEY_ID", "AKIA" + "IOSFODNN7" + "EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCY" + "EXAMPLEKEY"),
    ("POSTGRES_PASSWORD", "postgres"),
    ("RABBIT_PASSWORD", "guest"),
    ("DATABASE_URL", "postgres://postgres:postgres@localhost:5432/app"),
    ("DATABASE_URL", "postgres://user:password@localhost/app"),
    ("DATABASE_URL", "mysql://app:app@db/app"),
    ("BROKER_URL", "amqp://guest:guest@localhost:5672//"),
    ("Db", f"Server={HOST};Database=app;User ID=app;Password=<password>;"),
    ("Db", "Server=.;Database=app;User ID=sa;Password=your_password;"),
    # switches, numbers, identifiers
    ("DEBUG", "true"), ("PORT", "8080"), ("RATIO", "0.25"), ("TIMEOUT", "30s"), ("MEM", "512Mi"),
    ("USE_PASSWORD", "false"), ("MAX_TOKENS", "4096"), ("TOKEN", "1"), ("PASSWORD", "no"),
    ("AZURE_CLIENT_ID", guid()), ("AZURE_TENANT_ID", guid()), ("X", guid()),
    ("ARM_SUBSCRIPTION_ID", guid()), ("SECRET_ID", guid()), ("X", "{" + guid() + "}"),
    ("APPINSIGHTS_INSTRUMENTATIONKEY", guid()),
    ("APPLICATIONINSIGHTS_CONNECTION_STRING", f"InstrumentationKey={guid()};IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/;LiveEndpoint=https://westeurope.livediagnostics.monitor.azure.com/;ApplicationId={guid()}"),
    ("APPLICATIONINSIGHTS_CONNECTION_STRING", f"InstrumentationKey={guid()}"),
    # names that only mention a secret
    ("TOKEN_URL", "https://login.microsoftonline.com/common/oauth2/v2.0/token"),
    ("PASSWORD_MIN_LENGTH", "twelve"), ("SECRET_NAME", "db-connection-string"),
    ("KEYBOARD", "qwertz-de-nodeadkeys"), ("KEY_VAULT_NAME", "my-vault-prod"),
    ("KeyVault__SecretName", "sql-admin-password"), ("PASSWORD_FILE", "/run/secrets/db"),
    ("DB_PASSWORD_FILE", "/run/secrets/db_password"), ("DB_PASSWORD", "/run/secrets/db_password"),
    ("PASSWORD_POLICY", "strict-with-history"), ("TOKEN_ISSUER", "https://sts.windows.net/x"),
    ("SECRETS_PATH", "./secrets/dev"), ("API_KEY_HEADER", "X-Functions-Key"),
    ("AUTH_TOKEN_TYPE", "bearer-with-refresh"), ("PASSWORD_HASHER", "argon2"),
    ("passwordPlaceholderText", "Enter your password"), ("TOKENIZER", "cl100k-base-2024-06"),
    ("MONKEY", "banana-bread"), ("COMPASS", "north-by-northwest"), ("SORT_KEY", "created_at_desc_v2"),
    ("PARTITION_KEY", "/tenantId"), ("PRIMARY_KEY", "customer_order_id"),
    ("CACHE_KEY", "users:list:page:1:v20240601"), ("SSH_KEY_PATH", "~/.ssh/id_ed25519"),
    ("AUTHOR", "Maria Muster"), ("AUTH_MODE", "managed-identity"), ("SECRET", "short"[:3]),
    # public material
    ("JWT_KEY", "-----BEGIN PUBLIC KEY-----\n" + b64(90) + "\n-----END PUBLIC KEY-----"),
    ("TLS", "-----BEGIN CERTIFICATE-----\n" + b64(200) + "\n-----END CERTIFICATE-----"),
    ("DEPLOY_KEY", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5" + b64(30) + " me@host"),
    ("PUBLIC_KEY", spki()), ("SIGNING_CERT", der("308203a030820288a003020102")),
    ("STRIPE_PUBLISHABLE_KEY", "pk" + "_live_" + draw(24)),
    ("PUBLIC_KEY", b64(32)), ("ICON", "data:image/png;base64," + b64(60)),
    ("INTEGRITY", "sha512-" + b64(64)), ("IMAGE", "app@sha256:" + hex_(64)),
    ("GIT_SHA", hex_(40)), ("COMMIT", hex_(40)), ("FILE_HASH", hex_(64)), ("CERT_THUMBPRINT", hex_(40).upper()),
    # emulators
    ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
    ("STORAGE_KEY", AZURITE),
    ("STORAGE", f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURITE};BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"),
    ("COSMOS_KEY", COSMOS),
    ("COSMOS", f"AccountEndpoint=https://localhost:8081/;AccountKey={COSMOS}"),
    ("SERVICEBUS", "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"),
    # addresses and strings without a password
    ("ConnectionStrings__Default", "Server=(localdb)\\mssqllocaldb;Database=app;Trusted_Connection=True;"),
    ("Db", f"Server=tcp:{HOST},1433;Database=app;Authentication=Active Directory Default;"),
    ("Db", "Data Source=app.db"),
    ("REDIS_CONNECTION_STRING", "localhost:6379"),
    ("REDIS", "acme.redis.cache.windows.net:6380,ssl=True,abortConnect=False"),
    ("DATABASE_URL", "sqlite:///app.db"), ("DATABASE_URL", f"postgres://app@{HOST}/app"),
    ("API", "https://api.contoso.com/v1/items?page=2"), ("API_KEY", "https://portal.contoso.com/keys"),
    ("SENTRY_DSN", f"https://{hex_(32)}@o12345.ingest.sentry.io/678"),
    ("HOST", "acme-prod-westeurope-001.azurewebsites.net"), ("MAIL_FROM", "no-reply@contoso.com"),
    ("ALLOWED", "http://localhost:3000,https://app.contoso.com"), ("PATHS", "/usr/bin:/usr/local/bin"),
    ("STORAGE_ID", f"/subscriptions/{guid()}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/acme"),
    ("LOG", "/var/log/app-2024-06-01T00-00.log"), ("WIN", "C:\\Program Files\\App\\app.exe"),
    ("IMAGE", "mcr.microsoft.com/dotnet/aspnet:8.0-alpine3.19"), ("VERSION", "2024.6.1-beta.3+build.77"),
    ("CRON", "0 */5 * * * *"), ("GREETING", "Hello, how are you today?"), ("LOCALE", "de_DE.UTF-8"),
    ("WEBSITE_RUN_FROM_PACKAGE", "1"), ("FUNCTIONS_WORKER_RUNTIME", "dotnet-isolated"),
    ("FEATURES", '{"beta": true, "limit": 10}'), ("MODEL", "gpt-4o-mini-2024-07-18"),
    ("QUEUE", "orders-incoming-priority-high"), ("SKU", "Standard_D2s_v5"), ("JAVA_OPTS", "-Xmx512m -Dfile.encoding=UTF-8"),
    ("AUTH_HEADER", "Bearer token-based-authentication"), ("DOCS", "Basic knowledge-of-authentication"),
    ("BASIC_AUTH_ENABLED", "true"), ("BUILD_ID", "20240601.3-" + hex_(32)), ("APP_ENV", "development"),
    ("MODEL_PATH", "models/bert-base-uncased-finetuned-2024"), ("SIGNING_KEY_ID", hex_(16)),
    ("SMTP_HOST", "smtp.example.net"), ("BASE_URL", "https://localhost:8080/app"),
    ("CONNECTION_STRING_NAME", "DefaultConnection"), ("TYPE", "Microsoft.Extensions.Logging.ApplicationInsights"),
]  # fmt: skip


def test_there_are_enough_of_both():
    assert len(SECRETS) >= 75
    assert len(HARMLESS) >= 75
    assert len(SECRETS) + len(HARMLESS) >= 150


@pytest.mark.parametrize(("key", "value"), SECRETS)
def test_secret(key, value):
    verdict = judge(key, value)
    assert verdict.secret, verdict


@pytest.mark.parametrize(("key", "value"), HARMLESS)
def test_harmless(key, value):
    verdict = judge(key, value)
    assert not verdict.secret, verdict


@pytest.mark.parametrize(("key", "value"), SECRETS)
def test_the_reason_holds_no_value(key, value):
    verdict = judge(key, value)
    assert verdict.why
    assert verdict.rule
    for at in range(0, max(1, len(value) - 12), 4):
        piece = value[at : at + 12]
        assert len(piece) < 12 or piece not in verdict.why + verdict.rule


@given(st.text(max_size=30), st.text(max_size=80))
def test_it_judges_anything(key, value):
    verdict = judge(key, value)
    assert verdict.why
    assert judge(key, value) == verdict


@given(st.text(alphabet="${}()#%@<>[]'\"=;:/?&a1~. \n-_", max_size=60))
def test_it_judges_odd_punctuation(value):
    assert judge("PASSWORD", value).rule


@pytest.mark.parametrize(
    "value",
    ["a" * 100_000, "=" * 50_000, ";a=" * 20_000, "${" * 30_000, "http://" * 10_000, "{" * 50_000,
     "-----BEGIN " * 5_000, "password=" * 8_000, "a.b" * 20_000, "<" * 50_000, "a:" * 30_000 + "@",
     "postgres://a:" * 5_000, "sig=" * 20_000 + "se=", "/" * 50_000, "x://" + "a:" * 20_000,
     "A1" * 30_000, "{{" * 20_000, "@@" * 20_000, "%(" * 20_000, "<%" * 20_000, "#{" * 20_000],
    ids=lambda v: v[:12],
)  # fmt: skip
def test_no_value_makes_it_slow(value):
    started = time.process_time()
    judge("SETTING", value)
    judge("PASSWORD", value)
    assert time.process_time() - started < 2.0


def test_importing_it_compiles_nothing_and_loads_little():
    code = (
        "import sys, re, dataclasses, enum, functools, importlib; compiled = []; real = re._compiler.compile; "
        "re._compiler.compile = lambda *a: compiled.append(a[0]) or real(*a); "
        "import devvault.scan.judge; assert not compiled, compiled; "
        "assert not {'json', 'dotenv', 'asyncio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
