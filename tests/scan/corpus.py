# ruff: noqa: E501  # a template a line
"""A labelled corpus: files as people write them, every value made up from a seed, every line labelled.

A line is a secret's (`+kind`), a hard negative's (`-kind`), or neither. Nothing here is stored as
it is scanned, and no value was ever live. `files(seed)` gives the same files for the same seed.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.scan.forge import AZURITE, COSMOS_EMULATOR, Forge

REGIONS = ("westeurope", "northeurope", "eastus2", "germanywestcentral", "swedencentral")


@dataclass
class File:
    """A file, and what its lines are: line (from 1) -> kind of secret, or of hard negative."""

    name: str
    lines: list[str] = field(default_factory=list)
    secrets: dict[int, str] = field(default_factory=dict)
    harmless: dict[int, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def add(self, line: str, label: str = "") -> None:
        first = len(self.lines) + 1
        parts = line.split("\n")
        self.lines += parts
        if label[:1] == "+":
            self.secrets[first] = label[1:]
        elif label[:1] == "-":
            for number in range(first, first + len(parts)):
                self.harmless[number] = label[1:]


@dataclass(frozen=True)
class Item:
    """A setting: the words of its name, its value, its label."""

    words: tuple[str, ...]
    value: str
    label: str


# kind -> (names, templates)
SECRETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "storage": (
        (
            "azure web jobs storage",
            "storage connection string",
            "blob connection",
            "queue storage",
            "table storage connection string",
            "data lake connection",
            "diagnostics storage",
        ),
        (
            "DefaultEndpointsProtocol=https;AccountName=st{lower:8};AccountKey={b64:86}==;EndpointSuffix=core.windows.net",
            "BlobEndpoint=https://st{lower:6}.blob.core.windows.net/;AccountName=st{lower:6};AccountKey={b64:86}==",
            "DefaultEndpointsProtocol=https;AccountName=st{lower:8};AccountKey={b64:76}+ASt{b64:6}==;EndpointSuffix=core.windows.net",
        ),
    ),
    "storage-key": (
        (
            "storage account key",
            "storage key",
            "blob access key",
            "account key",
            "primary storage key",
        ),
        ("{b64:86}==", "{b64:76}+ASt{b64:6}=="),
    ),
    "sas": (
        (
            "blob sas url",
            "sas token",
            "upload url",
            "container sas",
            "backup sas token",
            "asset url",
        ),
        (
            "https://st{lower:6}.blob.core.windows.net/data/in.csv?sv=2022-11-02&st=2024-01-01T00%3A00%3A00Z&se=2031-01-01T00%3A00%3A00Z&sr=b&sp=r&sig={alnum:42}%3D",
            "?sv=2023-01-03&ss=bfqt&srt=sco&sp=rwdlacupiytfx&se=2031-05-01T08:00:00Z&spr=https&sig={alnum:42}%3D",
            "sv=2021-10-04&si=policy&sr=c&sig={alnum:20}%2B{alnum:20}%3D",
            "https://prod-{digits:2}.westeurope.logic.azure.com:443/workflows/{hex:32}/triggers/manual/paths/invoke?api-version=2016-10-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={b64u:43}",
        ),
    ),
    "service-bus": (
        (
            "service bus connection",
            "event hub connection string",
            "orders bus",
            "eventhub listener",
            "relay connection",
        ),
        (
            "Endpoint=sb://sb-{lower:6}.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={b64:43}=",
            "Endpoint=sb://evh-{lower:6}.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey={b64:33}+AEhB{b64:5}=;EntityPath=in",
            "Endpoint=sb://sb-{lower:6}.servicebus.windows.net/;SharedAccessKeyName=listen;SharedAccessKey={b64:33}+ASbC{b64:5}=",
        ),
    ),
    "iot": (
        ("iot hub connection string", "iothub", "device connection string", "dps connection"),
        (
            "HostName=iot-{lower:6}.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={b64:43}=",
            "HostName=iot-{lower:6}.azure-devices.net;DeviceId=dev-{digits:3};SharedAccessKey={b64:33}AIoT{b64:6}=",
        ),
    ),
    "cosmos": (
        ("cosmos connection string", "cosmos db", "document db connection"),
        (
            "AccountEndpoint=https://cosmos-{lower:6}.documents.azure.com:443/;AccountKey={b64:86}==;",
        ),
    ),
    "cosmos-key": (
        ("cosmos key", "cosmos primary key", "cosmos db account key"),
        ("{b64:86}==", "{b64:76}ACDb{b64:6}=="),
    ),
    "cosmos-mongo": (
        ("mongo uri", "mongo connection string", "cosmos mongo url", "mongodb uri"),
        (
            "mongodb://cos{lower:6}:{alnum:86}==@cos{lower:6}.mongo.cosmos.azure.com:10255/?ssl=true&replicaSet=globaldb&retrywrites=false",
            "mongodb+srv://app:{pw}@cluster0.{lower:5}.mongodb.net/shop?retryWrites=true",
        ),
    ),
    "sql": (
        (
            "default connection",
            "sql connection string",
            "db connection",
            "orders database",
            "sql connection",
            "connection strings default",
            "identity db",
        ),
        (
            "Server=tcp:sql-{lower:6}.database.windows.net,1433;Initial Catalog=app;Persist Security Info=False;User ID=appadmin;Password={pw};MultipleActiveResultSets=False;Encrypt=True;",
            "Data Source=sql-{lower:6}.database.windows.net;Initial Catalog=shop;User Id=shop_rw;Password={pw}",
            "Driver={ODBC Driver 18 for SQL Server};Server=tcp:sql-{lower:6}.database.windows.net,1433;Database=app;Uid=app;Pwd={pw};Encrypt=yes;",
            "server=sql-{lower:6}.database.windows.net;database=crm;uid=crm;pwd={pw}",
            "Host=pg-{lower:6}.postgres.database.azure.com;Database=app;Username=app;Password={pw};SSL Mode=Require",
        ),
    ),
    "redis": (
        ("redis connection string", "redis cache", "cache connection", "redis"),
        (
            "redis-{lower:6}.redis.cache.windows.net:6380,password={b64:43}=,ssl=True,abortConnect=False",
            "redis-{lower:6}.redis.cache.windows.net:6380,password={alnum:33}AzCaB{alnum:5}=,ssl=True",
            "rediss://:{alnum:43}=@redis-{lower:6}.redis.cache.windows.net:6380/0",
        ),
    ),
    "app-configuration": (
        ("app configuration connection string", "app config", "app configuration"),
        (
            "Endpoint=https://appcs-{lower:6}.azconfig.io;Id={alnum:4}-l0-s0:{alnum:20};Secret={b64:43}=",
        ),
    ),
    "signalr": (
        ("azure signal r connection string", "signalr connection", "web pub sub connection string"),
        (
            "Endpoint=https://sigr-{lower:6}.service.signalr.net;AccessKey={b64:43}=;Version=1.0;",
            "Endpoint=https://wps-{lower:6}.webpubsub.azure.com;AccessKey={b64:43}=;Version=1.0;",
        ),
    ),
    "communication": (
        ("communication services connection string", "acs connection"),
        ("endpoint=https://acs-{lower:6}.europe.communication.azure.com/;accesskey={b64:86}==",),
    ),
    "batch": (("batch account key", "batch key"), ("{b64:76}+ABa{b64:6}==",)),
    "acr": (
        (
            "acr password",
            "registry password",
            "docker registry server password",
            "container registry password",
        ),
        ("{alnum:42}+ACR{alnum:6}", "{alnum:31}/"),
    ),
    "function-key": (
        ("function key", "functions host key", "azure function key", "master key"),
        ("{b64u:44}AzFu{b64u:5}A==", "{alnum:54}=="),
    ),
    "function-url": (
        ("function url", "webhook url", "notify endpoint", "callback function"),
        (
            "https://func-{lower:6}.azurewebsites.net/api/orders?code={b64u:44}AzFu{b64u:5}A==",
            "https://func-{lower:6}.azurewebsites.net/api/notify?clientId=app&code={alnum:54}==",
        ),
    ),
    "apim": (
        (
            "apim subscription key",
            "ocp apim subscription key",
            "subscription key",
            "api management key",
        ),
        ("{hex:32}",),
    ),
    "ai": (
        (
            "azure open ai api key",
            "openai api key",
            "cognitive services key",
            "speech key",
            "form recognizer key",
            "translator key",
            "ai services key",
        ),
        ("{hex:32}", "{alnum:52}JQQJ99{alnum:26}"),
    ),
    "search": (
        ("search admin key", "azure search key", "search api key", "cognitive search key"),
        ("{alnum:42}AzSeB{alnum:5}", "{HEX:32}"),
    ),
    "maps": (("azure maps key", "maps subscription key"), ("{b64u:43}",)),
    "pat": (
        (
            "azure devops pat",
            "azure devops ext pat",
            "devops token",
            "system access token pat",
            "personal access token",
        ),
        ("{base32:52}", "{alnum:76}AZDO{alnum:4}"),
    ),
    "entra": (
        (
            "azure client secret",
            "client secret",
            "azure ad client secret",
            "sp client secret",
            "arm client secret",
            "app registration secret",
        ),
        ("{alnum:3}8Q~{alnum:34}", "{alnum:3}7Q~{b64u:33}{lower:1}", "{alnum:34}"),
    ),
    "publish": (
        ("publish password", "deployment password", "ftp password", "scm password"),
        ("{alnum:60}",),
    ),
    "pfx": (
        ("signing certificate", "cert pfx base64", "ssl certificate pfx", "code signing pfx"),
        ("MIIJqQIBAzCC{b64:300}", "MIIKXwIBAzCC{b64:260}=="),
    ),
    "admin": (
        (
            "admin password",
            "sql admin password",
            "administrator login password",
            "vm admin password",
            "sa password",
            "windows admin password",
        ),
        ("{password}",),
    ),
    "password": (
        (
            "db password",
            "database password",
            "postgres password",
            "mysql root password",
            "rabbitmq password",
            "ldap bind password",
            "keystore password",
            "password",
        ),
        ("{password}",),
    ),
    "smtp": (
        (
            "smtp password",
            "mail password",
            "email host password",
            "mailer password",
            "spring mail password",
        ),
        ("{password}", "{alnum:16}"),
    ),
    "uri": (
        ("database url", "postgres url", "broker url", "sqlalchemy database uri", "amqp url"),
        (
            "postgresql://app:{pw}@pg-{lower:6}.postgres.database.azure.com:5432/app?sslmode=require",
            "postgres://svc%40pg:{pw}@db.contoso.invalid/app",
            "mysql://root:{pw}@mysql.contoso.invalid:3306/shop",
            "amqps://svc:{pw}@mq.contoso.invalid:5671/prod",
            "postgresql+psycopg2://app:{pw}@db.contoso.invalid/app",
        ),
    ),
    "jwt": (("service token", "jwt", "id token", "test token", "bearer token"), ("{jwt}",)),
    "jwt-secret": (
        (
            "jwt secret",
            "signing key",
            "jwt signing key",
            "session secret",
            "encryption key",
            "token secret",
        ),
        ("{alnum:40}", "{b64:43}=", "{hex:64}"),
    ),
    "vendor": (
        (
            "github token",
            "api token",
            "deploy token",
            "access token",
            "stripe secret key",
            "slack bot token",
            "sendgrid api key",
            "openai key",
            "npm token",
        ),
        (
            "gh{sp0}p_{alnum:36}",
            "github{sp0}_pat_{alnum:22}_{alnum:59}",
            "gl{sp0}pat-{alnum:20}",
            "xox{sp0}b-{digits:12}-{digits:12}-{alnum:24}",
            "sk_{sp0}live_{alnum:24}",
            "S{sp0}G.{b64u:22}.{b64u:43}",
            "sk-{sp0}proj-{alnum:48}",
            "np{sp0}m_{alnum:36}",
            "AK{sp0}IA{base32u:16}",
            "do{sp0}p_v1_{hex:64}",
        ),
    ),
    "api-key": (
        ("api key", "payment gateway api key", "weather api key", "client api key", "x api key"),
        ("{alnum:32}", "{hex:32}", "{alnum:40}"),
    ),
}

HARMLESS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "reference": (
        (
            "db password",
            "client secret",
            "storage connection string",
            "api key",
            "redis connection string",
            "smtp password",
            "service bus connection",
            "jwt secret",
        ),
        (
            "@Microsoft.KeyVault(VaultName=kv-{lower:6};SecretName=db-password)",
            "@Microsoft.KeyVault(SecretUri=https://kv-{lower:6}.vault.azure.net/secrets/api-key/{hex:32})",
            "@Microsoft.KeyVault(SecretUri=https://kv-{lower:6}.vault.azure.net/secrets/api-key/)",
        ),
    ),
    "secret-uri": (
        (
            "secret uri",
            "key vault secret id",
            "db password secret uri",
            "key vault secret",
            "certificate secret id",
            "client secret uri",
        ),
        (
            "https://kv-{lower:6}.vault.azure.net/secrets/db-password/{hex:32}",
            "https://kv-{lower:6}.vault.azure.net/secrets/sql-admin",
            "https://kv-{lower:6}.vault.azure.net/certificates/tls/{hex:32}",
        ),
    ),
    "vault-url": (
        ("key vault url", "vault uri", "key vault endpoint"),
        ("https://kv-{lower:6}.vault.azure.net/",),
    ),
    "insights": (
        (
            "application insights connection string",
            "appinsights instrumentation key",
            "instrumentation key",
            "telemetry connection string",
        ),
        (
            "InstrumentationKey={guid};IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/;LiveEndpoint=https://westeurope.livediagnostics.monitor.azure.com/;ApplicationId={guid}",
            "InstrumentationKey={guid}",
            "{guid}",
            "InstrumentationKey={guid};IngestionEndpoint=https://eastus-8.in.applicationinsights.azure.com/",
        ),
    ),
    "emulator": (
        (
            "azure web jobs storage",
            "storage connection string",
            "cosmos connection string",
            "cosmos key",
            "storage key",
            "blob connection",
        ),
        (
            "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={azurite};BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;",
            "UseDevelopmentStorage=true",
            "AccountEndpoint=https://localhost:8081/;AccountKey={emulator}",
            "{emulator}",
            "{azurite}",
            "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;",
        ),
    ),
    "placeholder": (
        (
            "db password",
            "api key",
            "client secret",
            "admin password",
            "smtp password",
            "token",
            "storage key",
            "jwt secret",
            "access token",
        ),
        (
            "changeme",
            "<your-password>",
            "your-api-key-here",
            "CHANGE_ME",
            "xxxxxxxxxxxxxxxx",
            "REPLACE_WITH_REAL_VALUE",
            "<client-secret>",
            "***",
            "TODO",
            "placeholder",
            "<redacted>",
            "YOUR_SECRET_HERE",
            "insert-token-here",
            "00000000000000000000000000000000",
            "dummy-value",
            "example-password",
            "__DB_PASSWORD__",
            "#{DbPassword}#",
        ),
    ),
    "guid": (
        (
            "azure client id",
            "tenant id",
            "subscription id",
            "application id",
            "object id",
            "azure ad client id",
            "correlation id",
            "arm tenant id",
            "user assigned identity client id",
            "principal id",
        ),
        ("{guid}",),
    ),
    "sha": (
        (
            "git sha",
            "commit",
            "build source version",
            "release commit",
            "revision",
            "file hash",
            "image digest",
            "source version",
        ),
        ("{hex:40}", "{hex:64}", "sha256:{hex:64}"),
    ),
    "thumbprint": (
        ("certificate thumbprint", "ssl thumbprint", "client cert thumbprint"),
        ("{HEX:40}",),
    ),
    "public-key": (
        ("public key", "ssh public key", "jwt public key", "deploy public key"),
        (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{b64:43} deploy@contoso",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ{b64:300} ops@contoso",
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA{b64:300}",
        ),
    ),
    "certificate": (
        ("ca certificate", "root cert", "server certificate"),
        ("MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYD{b64:200}",),
    ),
    "data-url": (
        ("logo", "icon", "avatar", "badge image"),
        (
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA{b64:120}",
            "data:image/svg+xml;base64,{b64:100}",
        ),
    ),
    "resource-id": (
        (
            "storage account resource id",
            "key vault id",
            "workspace resource id",
            "subnet id",
            "user assigned identity",
        ),
        (
            "/subscriptions/{guid}/resourceGroups/rg-app/providers/Microsoft.Storage/storageAccounts/st{lower:6}",
            "/subscriptions/{guid}/resourceGroups/rg-app/providers/Microsoft.KeyVault/vaults/kv-{lower:6}",
        ),
    ),
    "no-password": (
        (
            "default connection",
            "sql connection string",
            "service bus connection",
            "redis connection",
            "cosmos endpoint",
            "database url",
            "signalr connection",
        ),
        (
            "Server=tcp:sql-{lower:6}.database.windows.net,1433;Database=app;Authentication=Active Directory Default;Encrypt=True;",
            "Server=(localdb)\\\\mssqllocaldb;Database=app;Trusted_Connection=True;",
            "Endpoint=sb://sb-{lower:6}.servicebus.windows.net/",
            "redis-{lower:6}.redis.cache.windows.net:6380,ssl=True,abortConnect=False",
            "https://cosmos-{lower:6}.documents.azure.com:443/",
            "postgresql://app@db.contoso.invalid:5432/app",
            "Endpoint=https://sigr-{lower:6}.service.signalr.net;AuthType=azure.msi;Version=1.0;",
            "Data Source=app.db",
        ),
    ),
    "about": (
        (
            "token endpoint",
            "token url",
            "password policy",
            "secret name",
            "key vault secret name",
            "auth mode",
            "token lifetime",
            "password min length",
            "api key header",
            "token issuer",
            "jwt audience",
            "secret store",
            "token type",
            "credential type",
            "password reset url",
            "access key name",
        ),
        (
            "https://login.microsoftonline.com/{guid}/oauth2/v2.0/token",
            "strict",
            "db-password",
            "managed-identity",
            "3600",
            "X-Api-Key",
            "api://contoso-orders",
            "RootManageSharedAccessKey",
            "https://contoso.invalid/reset",
        ),
    ),
    "plain": (
        (
            "log level",
            "environment",
            "region",
            "host name",
            "container image",
            "feature flags",
            "queue name",
            "allowed origins",
            "site name",
            "storage account name",
            "model deployment",
            "sku",
            "blob container",
        ),
        (
            "Information",
            "production",
            "westeurope",
            "app-{lower:6}.azurewebsites.net",
            "crcontoso.azurecr.io/orders:1.{digits:2}.{digits:1}",
            "beta,search-v2",
            "orders-incoming",
            "https://app.contoso.invalid,http://localhost:3000",
            "gpt-4o-mini-2024-07-18",
            "Standard_D2s_v5",
        ),
    ),
}


def case(style: str, words: tuple[str, ...]) -> str:
    """Write a name's words in one of the styles of naming."""
    lower = [w.lower() for w in words]
    camel = lower[0] + "".join(w.capitalize() for w in lower[1:])
    return {
        "SNAKE": "_".join(w.upper() for w in words),
        "snake": "_".join(lower),
        "kebab": "-".join(lower),
        "camel": camel,
        "Pascal": camel[0].upper() + camel[1:],
        "dotted": ".".join(lower),
        "colon": ":".join(w.capitalize() for w in words),
        "Dunder": "__".join(w.capitalize() for w in words),
    }[style]


class Maker:
    """Draws settings, and writes files of them."""

    def __init__(self, seed: int) -> None:
        self.forge = Forge(seed)
        self.random = random.Random(seed * 31 + 7)
        self._queue: dict[str, list[str]] = {"+": [], "-": []}

    def kinds(self, sign: str) -> str:
        """Every kind in turn, in an order of its own each time."""
        if not self._queue[sign]:
            table = SECRETS if sign == "+" else HARMLESS
            self._queue[sign] = self.random.sample(sorted(table), len(table))
        return self._queue[sign].pop()

    def item(self, sign: str, *avoid: str) -> Item:
        table = SECRETS if sign == "+" else HARMLESS
        kind = self.kinds(sign)
        for _ in range(60):
            if kind not in avoid:
                break
            kind = self.kinds(sign)
        names, values = table[kind]
        template = self.random.choice(values)
        value = self.forge.fill(template)
        return Item(tuple(self.random.choice(names).split()), value, sign + kind)

    def items(self, secrets: int, harmless: int, *avoid: str) -> list[Item]:
        drawn = [self.item("+", *avoid) for _ in range(secrets)]
        drawn += [self.item("-", *avoid) for _ in range(harmless)]
        self.random.shuffle(drawn)
        seen: set[tuple[str, ...]] = set()
        unique = []
        for number, one in enumerate(drawn):
            words = one.words
            if words in seen:
                words = (
                    self.random.choice(["prod", "legacy", "backup", "orders", "internal", "eu"]),
                    *words,
                )
            if words in seen:
                words = (f"svc{number}", *words)
            seen.add(words)
            unique.append(Item(words, one.value, one.label))
        return unique

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)


def dotenv(m: Maker, n: int) -> File:
    f = File(
        m.pick(
            ".env",
            ".env.local",
            f"apps/api/.env.{m.pick('dev', 'prod', 'staging')}",
            "config/prod.env",
        )
    )
    f.add(f"# settings of service {n}")
    for one in m.items(8, 9):
        key = case("SNAKE", one.words)
        quote = m.pick("", '"', "'") if not set("$#`'\"\\ ") & set(one.value) else "'"
        head = m.pick("", "", "", "export ")
        f.add(f"{head}{key}={quote}{one.value}{quote}", one.label)
        if m.random.random() < 0.2:
            f.add(m.pick("", "# --- next", "PORT=8080", "DEBUG=false"))
    return f


def appsettings(m: Maker, n: int) -> File:
    f = File(
        m.pick(
            "appsettings.json",
            f"src/Api{n}/appsettings.Development.json",
            "appsettings.Production.json",
        )
    )
    f.add("{")
    f.add(
        '  "Logging": { "LogLevel": { "Default": "Information", "Microsoft.AspNetCore": "Warning" } },'
    )
    if m.random.random() < 0.5:
        f.add("  // set by the pipeline")
    f.add('  "ConnectionStrings": {')
    some = m.items(7, 8, "pfx")
    flat = [i for i in some if "connection" in i.words or "database" in i.words]
    for one in flat:
        f.add(f'    "{case("Pascal", one.words)}": {json.dumps(one.value)},', one.label)
    f.add('    "Local": "Server=(localdb)\\\\mssqllocaldb;Database=app;Trusted_Connection=True"')
    f.add("  },")
    for one in some:
        if one in flat:
            continue
        words = one.words
        if len(words) > 1 and m.random.random() < 0.6:
            f.add(f'  "{case("Pascal", words[:-2] or words[:1])}": {{')
            f.add(f'    "{case("Pascal", words[-2:])}": {json.dumps(one.value)}', one.label)
            f.add("  },")
        else:
            f.add(
                f'  "{case(m.pick("Pascal", "colon", "camel"), words)}": {json.dumps(one.value)},',
                one.label,
            )
    f.add('  "AllowedHosts": "*"')
    f.add("}")
    return f


def local_settings(m: Maker, n: int) -> File:
    f = File(m.pick("local.settings.json", f"func{n}/local.settings.json"))
    f.add(
        '{\n  "IsEncrypted": false,\n  "Values": {\n    "FUNCTIONS_WORKER_RUNTIME": "dotnet-isolated",'
    )
    for one in m.items(6, 7):
        f.add(
            f'    "{case(m.pick("Pascal", "SNAKE", "Dunder", "colon"), one.words)}": {json.dumps(one.value)},',
            one.label,
        )
    f.add('    "AzureFunctionsJobHost__logging__logLevel__default": "Information"\n  }\n}')
    return f


def arm_parameters(m: Maker, n: int) -> File:
    f = File(m.pick("azuredeploy.parameters.json", f"infra/main{n}.parameters.json"))
    f.add(
        '{\n  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",\n  "contentVersion": "1.0.0.0",\n  "parameters": {'
    )
    for one in m.items(4, 6, "placeholder"):
        name = case("camel", one.words)
        if m.random.random() < 0.5:
            f.add(f'    "{name}": {{ "value": {json.dumps(one.value)} }},', one.label)
        else:
            f.add(f'    "{name}": {{')
            f.add(f'      "value": {json.dumps(one.value)}', one.label)
            f.add("    },")
    f.add('    "sqlPassword": {\n      "reference": {')
    f.add(
        f'        "keyVault": {{ "id": "/subscriptions/{m.forge.guid()}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-{n}" }},',
        "-reference",
    )
    f.add('        "secretName": "sql-admin-password"', "-about")
    f.add("      }\n    }\n  }\n}")
    return f


def bicep(m: Maker, n: int) -> File:
    f = File(m.pick("main.bicep", f"infra/app{n}.bicep", "modules/web.bicep"))
    f.add("targetScope = 'resourceGroup'\nparam location string = resourceGroup().location")
    f.add("@secure()\nparam sqlAdminPassword string", "-lookup")
    settings = m.items(5, 6, "pfx")
    for one in settings[:5]:
        kind = m.pick("param {} string = '{}'", "var {} = '{}'")
        f.add(
            kind.format(
                case("camel", one.words), one.value.replace("\\", "\\\\").replace("'", "\\'")
            ),
            one.label,
        )
    f.add(
        "resource web 'Microsoft.Web/sites@2022-09-01' = {\n  name: 'app-web'\n  properties: {\n    siteConfig: {\n      appSettings: ["
    )
    for one in settings[5:]:
        value = one.value.replace("\\", "\\\\").replace("'", "\\'")
        f.add("        {")
        f.add(f"          name: '{case(m.pick('SNAKE', 'Dunder', 'Pascal'), one.words)}'")
        f.add(f"          value: '{value}'", one.label)
        f.add("        }")
    f.add("        {\n          name: 'SQL_PASSWORD'")
    f.add("          value: sqlAdminPassword", "-lookup")
    f.add("        }\n        {\n          name: 'STORAGE'")
    f.add(
        "          value: 'DefaultEndpointsProtocol=https;AccountName=${st.name};AccountKey=${st.listKeys().keys[0].value};EndpointSuffix=core.windows.net'",
        "-lookup",
    )
    f.add("        }\n      ]\n    }\n  }\n}")
    f.add(f"resource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = {{\n  name: 'kv-{n}'\n}}")
    f.add("module db 'db.bicep' = {\n  name: 'db'\n  params: {")
    f.add("    adminPassword: kv.getSecret('sql-admin-password')", "-reference")
    f.add("  }\n}")
    return f


def terraform(m: Maker, n: int) -> File:
    tfvars = m.random.random() < 0.4
    f = File(
        m.pick("terraform.tfvars", f"env/prod{n}.tfvars")
        if tfvars
        else m.pick("main.tf", f"modules/app/m{n}.tf", "variables.tf")
    )
    some = m.items(5, 6, "pfx")
    if tfvars:
        f.add('location = "westeurope"')
        for one in some:
            f.add(
                f"{case('snake', one.words)}{m.pick(' ', '    ')}= {json.dumps(one.value)}",
                one.label,
            )
        return f
    f.add(
        'terraform {\n  required_providers {\n    azurerm = { source = "hashicorp/azurerm", version = "~> 4.0" }\n  }\n}'
    )
    for one in some[:3]:
        f.add(f'variable "{case("snake", one.words)}" {{\n  type = string')
        f.add(f"  default = {json.dumps(one.value)}", one.label)
        f.add("}")
    f.add('resource "azurerm_linux_web_app" "app" {\n  name = "app-web"\n  app_settings = {')
    for one in some[3:]:
        key = case(m.pick("SNAKE", "Dunder"), one.words)
        f.add(f"    {m.pick(key, chr(34) + key + chr(34))} = {json.dumps(one.value)}", one.label)
    f.add("    DB_PASSWORD = var.db_password", "-lookup")
    f.add("    STORAGE_KEY = azurerm_storage_account.st.primary_access_key", "-lookup")
    f.add(
        '    API_KEY = "@Microsoft.KeyVault(SecretUri=${azurerm_key_vault_secret.api.versionless_id})"',
        "-reference",
    )
    f.add('  }\n}\nresource "azurerm_key_vault_secret" "api" {\n  name = "api-key"')
    f.add("  value = random_password.api.result", "-lookup")
    f.add("}")
    return f


def compose(m: Maker, n: int) -> File:
    f = File(m.pick("docker-compose.yml", f"compose.dev{n}.yaml", "docker-compose.override.yml"))
    f.add(
        'services:\n  api:\n    image: crcontoso.azurecr.io/api:1.4\n    ports: ["8080:8080"]\n    environment:'
    )
    listed = m.random.random() < 0.5
    for one in m.items(5, 6, "pfx"):
        key = case(m.pick("SNAKE", "Dunder"), one.words)
        value = one.value.replace("$", "$$")
        if listed:
            f.add(
                f"      - {key}={value}"
                if "#" not in value and ": " not in value
                else f"      - '{key}={value}'",
                one.label,
            )
        else:
            quote = m.pick("'", '"') if "\\" not in value else "'"
            quote = "'" if '"' in value else quote
            f.add(f"      {key}: {quote}{value}{quote}", one.label)
    dash = "- {}={}" if listed else "{}: {}"
    f.add("      " + dash.format("REDIS_PASSWORD", "${REDIS_PASSWORD}"), "-lookup")
    f.add("      " + dash.format("DB_PASSWORD", "${DB_PASSWORD:?set it}"), "-lookup")
    f.add("      " + dash.format("DB_PASSWORD_FILE", "/run/secrets/db_password"), "-about")
    f.add("  db:\n    image: postgres:16\n    environment:")
    pw = m.forge.pw()
    f.add(f"      POSTGRES_PASSWORD: {pw}", "+password")
    f.add("      POSTGRES_USER: app\n      POSTGRES_DB: app")
    f.add("secrets:\n  db_password:\n    file: ./secrets/db_password.txt", "-about")
    return f


def kubernetes(m: Maker, n: int) -> File:
    f = File(m.pick("k8s/secret.yaml", f"deploy/app{n}.yml", "manifests/all.yaml"))
    f.add(f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: app-{n}\ntype: Opaque\ndata:")
    for one in m.items(3, 0, "pfx", "jwt"):
        f.add(
            f"  {case(m.pick('kebab', 'SNAKE', 'camel'), one.words)}: {base64.b64encode(one.value.encode()).decode()}",
            "+k8s-" + one.label[1:],
        )
    f.add(f"  username: {base64.b64encode(b'app-user').decode()}", "-plain")
    f.add("---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: more\nstringData:")
    for one in m.items(2, 1, "pfx"):
        f.add(f"  {case(m.pick('kebab', 'SNAKE'), one.words)}: {json.dumps(one.value)}", one.label)
    f.add("---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cfg\ndata:")
    for one in m.items(1, 6, "pfx", "certificate", "public-key"):
        f.add(f"  {case('SNAKE', one.words)}: {json.dumps(one.value)}", one.label)
    f.add(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app\nspec:\n  template:\n    spec:\n      containers:\n        - name: app\n          image: crcontoso.azurecr.io/app:2\n          env:"
    )
    f.add(
        "            - name: DB_PASSWORD\n              valueFrom:\n                secretKeyRef:\n                  name: app\n                  key: db-password",
        "-lookup",
    )
    one = m.item("+", "pfx", "jwt")
    f.add(f"            - name: {case('SNAKE', one.words)}")
    f.add(f"              value: {json.dumps(one.value)}", one.label)
    f.add(
        "---\napiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nspec:\n  provider: azure\n  parameters:\n    keyvaultName: kv-app"
    )
    f.add(f"    clientID: {m.forge.guid()}", "-guid")
    f.add(
        "    objects: |\n      array:\n        - |\n          objectName: db-password\n          objectType: secret",
        "-about",
    )
    return f


def workflow(m: Maker, n: int) -> File:
    f = File(
        m.pick(
            ".github/workflows/deploy.yml", f".github/workflows/ci{n}.yml", "azure-pipelines.yml"
        )
    )
    f.add("name: deploy\non: [push]\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    env:")
    for one in m.items(3, 4, "pfx", "data-url", "placeholder"):
        f.add(f"      {case('SNAKE', one.words)}: {json.dumps(one.value)}", one.label)
    f.add("      AZURE_CREDENTIALS: ${{ secrets.AZURE_CREDENTIALS }}", "-lookup")
    f.add("      DB_PASSWORD: $(DbPassword)", "-lookup")
    f.add("    steps:")
    f.add(f"      - uses: actions/checkout@{m.forge.text('hex', 40)} # v4", "-sha")
    f.add(
        "      - uses: azure/login@v2\n        with:\n          client-id: ${{ secrets.AZURE_CLIENT_ID }}",
        "-lookup",
    )
    f.add(f"          tenant-id: {m.forge.guid()}", "-guid")
    f.add("      - name: deploy\n        run: |")
    f.add(
        f"          az sql server update -g rg -n sql --admin-password '{m.forge.pw()}'", "+admin"
    )
    f.add(
        "          az keyvault secret show --vault-name kv --name db-password --query value -o tsv",
        "-about",
    )
    f.add(
        '          echo "${{ secrets.ACR_PASSWORD }}" | docker login crcontoso.azurecr.io -u ci --password-stdin',
        "-lookup",
    )
    f.add(
        f"          curl -fsS -H 'Authorization: Bearer {m.forge.jwt()}' https://api.contoso.invalid/deploy",
        "+jwt",
    )
    f.add(
        '          curl -H "Authorization: Bearer $TOKEN" https://api.contoso.invalid/ok', "-lookup"
    )
    f.add(
        f"          curl 'https://func-{n}.azurewebsites.net/api/run?code={m.forge.text('alnum', 54)}=='",
        "+function-url",
    )
    return f


def python(m: Maker, n: int) -> File:
    f = File(m.pick("app/settings.py", f"src/client{n}.py", "config.py", "tests/test_app.py"))
    f.add(
        '"""Settings."""\nimport os\nfrom azure.identity import DefaultAzureCredential\nfrom azure.keyvault.secrets import SecretClient\n'
    )
    for one in m.items(7, 6, "certificate"):
        name = case(m.pick("SNAKE", "snake"), one.words)
        value = json.dumps(one.value)
        quoted = m.pick(value, repr(one.value))
        forms = [
            f"{name} = {quoted}",
            f"{name}: str = {quoted}",
            f'    "{name}": {quoted},',
            f'os.environ["{name}"] = {quoted}',
            f'{name} = os.environ.get("{case("SNAKE", one.words)}", {quoted})',
            f"client = Client(endpoint, {case('snake', one.words)}={quoted})",
        ]
        f.add(m.pick(*forms), one.label)
    f.add('DB_PASSWORD = os.environ["DB_PASSWORD"]', "-lookup")
    f.add('api_key = os.getenv("API_KEY", "")', "-lookup")
    f.add(
        'client = SecretClient("https://kv-x.vault.azure.net", DefaultAzureCredential())', "-lookup"
    )
    f.add('password = client.get_secret("sql-admin-password").value', "-lookup")
    f.add('dsn = f"postgresql://app:{password}@db.contoso.invalid/app"', "-lookup")
    f.add(
        'conn = f"Server=tcp:x.database.windows.net;User ID=app;Password={password};Encrypt=True"',
        "-lookup",
    )
    f.add('parser.add_argument("--password", help="the password of the account to use")', "-about")
    f.add('raise ValueError("password must have 12 characters")', "-about")
    f.add('TOKEN_URL = "https://login.microsoftonline.com/common/oauth2/v2.0/token"', "-about")
    f.add('PASSWORD_FIELD = "password"', "-about")
    f.add(
        'def login(user: str, password: str = "") -> None:\n    session.auth = (user, password)',
        "-lookup",
    )
    f.add(f'smtp.login("mailer@contoso.invalid", "{m.forge.pw()}")', "+smtp")
    f.add(
        'conn = pyodbc.connect(\n    "Driver={ODBC Driver 18 for SQL Server};Server=tcp:sql.database.windows.net;"'
    )
    f.add(f'    "Database=app;Uid=app;Pwd={m.forge.pw()};Encrypt=yes"', "+sql")
    f.add(")")
    return f


def javascript(m: Maker, n: int) -> File:
    f = File(
        m.pick("src/config.ts", f"lib/client{n}.js", "server.js", "next.config.mjs", "src/app.tsx")
    )
    f.add("import { DefaultAzureCredential } from '@azure/identity';\n")
    for one in m.items(7, 6, "certificate"):
        name = case("camel", one.words)
        quoted = m.pick(
            json.dumps(one.value), "'" + one.value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        )
        if "`" not in one.value and "${" not in one.value and "\\" not in one.value:
            quoted = m.pick(quoted, quoted, f"`{one.value}`")
        forms = [
            f"const {name} = {quoted};",
            f"export const {case('SNAKE', one.words)}: string = {quoted};",
            f"  {name}: {quoted},",
            f"process.env.{case('SNAKE', one.words)} = {quoted};",
            f"const {name} = process.env.{case('SNAKE', one.words)} || {quoted};",
            f"  '{case('kebab', one.words)}': {quoted},",
        ]
        f.add(m.pick(*forms), one.label)
    f.add("const password = process.env.DB_PASSWORD;", "-lookup")
    f.add("const apiKey = process.env['API_KEY'] ?? '';", "-lookup")
    f.add("const url = `postgres://app:${password}@db.contoso.invalid/app`;", "-lookup")
    f.add("const secret = await client.getSecret('jwt-signing-key');", "-lookup")
    f.add("  password: yup.string().required('Password is required').min(12),", "-about")
    f.add('  <input type="password" name="password" placeholder="Enter your password" />', "-about")
    f.add("const TOKEN_KEY = 'auth_token';", "-about")
    f.add("headers: { Authorization: `Bearer ${token}` },", "-lookup")
    f.add(
        "const labels = { password: 'Passwort', token: 'Zugriffstoken', secret: 'Geheimnis' };",
        "-about",
    )
    f.add(
        f"const transport = nodemailer.createTransport({{ auth: {{ user: 'mailer', pass: '{m.forge.pw()}' }} }});",
        "+smtp",
    )
    return f


def csharp(m: Maker, n: int) -> File:
    f = File(m.pick("Program.cs", f"src/Services/Client{n}.cs", "Startup.cs"))
    f.add("using Azure.Identity;\nnamespace Contoso.Orders;\npublic class Settings\n{")
    for one in m.items(7, 6, "certificate"):
        name = case("Pascal", one.words)
        quoted = json.dumps(one.value)
        if "\\" not in one.value and '"' not in one.value:
            quoted = m.pick(quoted, "@" + quoted)
        forms = [
            f"    public const string {name} = {quoted};",
            f"    public string {name} {{ get; set; }} = {quoted};",
            f"    var {case('camel', one.words)} = {quoted};",
            f'    ["{case("colon", one.words)}"] = {quoted},',
            f"    private static readonly string _{case('camel', one.words)} = {quoted};",
            f'    Environment.SetEnvironmentVariable("{case("SNAKE", one.words)}", {quoted});',
        ]
        f.add(m.pick(*forms), one.label)
    f.add('    var password = Environment.GetEnvironmentVariable("DB_PASSWORD");', "-lookup")
    f.add('    var conn = builder.Configuration.GetConnectionString("Default");', "-lookup")
    f.add(
        '    var cs = $"Server=tcp:x.database.windows.net;User ID=app;Password={password};Encrypt=True";',
        "-lookup",
    )
    f.add('    var secret = await client.GetSecretAsync("sql-admin-password");', "-lookup")
    f.add('    [Display(Name = "Password")] public string Password { get; set; } = "";', "-about")
    f.add('    throw new ArgumentException("The client secret must not be empty");', "-about")
    f.add('    public const string TokenName = "access_token";', "-about")
    f.add(f'    var mail = new NetworkCredential("mailer", "{m.forge.pw()}");', "+smtp")
    f.add("}")
    return f


def other_code(m: Maker, n: int) -> File:
    language = ("java", "go", "rb", "php", "kt")[n % 5]
    f = File(
        {
            "java": f"src/main/java/App{n}.java",
            "go": f"internal/config{n}.go",
            "rb": f"config/initializers/app{n}.rb",
            "php": f"config{n}.php",
            "kt": f"src/App{n}.kt",
        }[language]
    )
    f.add(
        "<?php"
        if language == "php"
        else {
            "go": "package config",
            "java": "package com.contoso;",
            "rb": "# settings",
            "kt": "package com.contoso",
        }[language]
    )
    for one in m.items(5, 5, "certificate"):
        quoted = (
            json.dumps(one.value)
            if language != "php"
            else "'" + one.value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        )
        if language == "rb":
            quoted = m.pick(quoted, "'" + one.value.replace("\\", "\\\\").replace("'", "\\'") + "'")
        camel, snake, upper, pascal = (
            case(s, one.words) for s in ("camel", "snake", "SNAKE", "Pascal")
        )
        forms = {
            "java": [
                f"    private static final String {upper} = {quoted};",
                f"    String {camel} = {quoted};",
                f'    props.put("{case("dotted", one.words)}", {quoted});',
                f"    builder.{camel}({quoted});",
            ],
            "go": [
                f"const {camel} = {quoted}",
                f"\t{pascal}: {quoted},",
                f"var {camel} string = {quoted}",
                f'\tos.Setenv("{upper}", {quoted})',
            ],
            "rb": [
                f"  config.{snake} = {quoted}",
                f"  {snake}: {quoted},",
                f"ENV['{upper}'] = {quoted}",
                f"  :{snake} => {quoted},",
            ],
            "php": [
                f"define('{upper}', {quoted});",
                f"$config['{snake}'] = {quoted};",
                f"    '{snake}' => {quoted},",
                f"${camel} = {quoted};",
            ],
            "kt": [
                f"    val {camel} = {quoted}",
                f"const val {upper}: String = {quoted}",
                f'    put("{snake}", {quoted})',
            ],
        }[language]
        f.add(m.pick(*forms), one.label)
    for line in {
        "java": [
            '    String password = System.getenv("DB_PASSWORD");',
            '    @Value("${spring.datasource.password}") String password;',
        ],
        "go": [
            'password := os.Getenv("DB_PASSWORD")',
            'dsn := fmt.Sprintf("postgres://app:%s@db.contoso.invalid/app", password)',
        ],
        "rb": [
            "password = ENV.fetch('DB_PASSWORD')",
            'url = "postgres://app:#{password}@db.contoso.invalid/app"',
        ],
        "php": ["$password = getenv('DB_PASSWORD');", "'password' => env('DB_PASSWORD', ''),"],
        "kt": [
            'val password = System.getenv("DB_PASSWORD")',
            'val url = "jdbc:postgresql://db/app?user=app&password=$password"',
        ],
    }[language]:
        f.add(line, "-lookup")
    return f


def shell(m: Maker, n: int) -> File:
    f = File(m.pick("deploy.sh", f"scripts/setup{n}.sh", "scripts/run.bash"))
    f.add("#!/usr/bin/env bash\nset -euo pipefail")
    for one in m.items(4, 5, "pfx", "certificate", "public-key"):
        quote = "'" if "'" not in one.value else '"'
        f.add(
            f"{m.pick('export ', '', 'readonly ')}{case('SNAKE', one.words)}={quote}{one.value}{quote}",
            one.label,
        )
    f.add(
        f"az sql server create -n sql -g rg -u sqladmin -p '{m.forge.pw()}'"
        if False
        else f"az sql server create -n sql -g rg --admin-user sqladmin --admin-password '{m.forge.pw()}'",
        "+admin",
    )
    f.add(f"PGPASSWORD={m.forge.pw()} psql -h db.contoso.invalid -U app -c 'select 1'", "+password")
    f.add(
        f"az storage blob upload --account-name st --account-key {m.forge.fill('{b64:86}==')} -f x -c y",
        "+storage-key",
    )
    f.add(
        f"curl -u deploy:{m.forge.pw()} https://app.scm.azurewebsites.net/api/zipdeploy", "+publish"
    )
    f.add(
        "DB_PASSWORD=$(az keyvault secret show --vault-name kv --name db --query value -o tsv)",
        "-lookup",
    )
    f.add('export API_KEY="${API_KEY:-}"', "-lookup")
    f.add(
        'az webapp config appsettings set -g rg -n app --settings "DB_PASSWORD=$DB_PASSWORD"',
        "-lookup",
    )
    f.add("read -rs -p 'Password: ' PASSWORD", "-about")
    f.add(
        'curl -H "x-functions-key: $FUNCTION_KEY" https://func.azurewebsites.net/api/x', "-lookup"
    )
    f.add("openssl rand -base64 32 > secret.key", "-about")
    return f


def powershell(m: Maker, n: int) -> File:
    f = File(m.pick("deploy.ps1", f"scripts/Set-App{n}.ps1"))
    f.add("param([string]$ResourceGroup = 'rg-app')")
    for one in m.items(4, 4, "pfx", "certificate"):
        value = one.value.replace("'", "''")
        name = case("camel", one.words)
        f.add(
            m.pick(
                f"${name} = '{value}'",
                f"$env:{case('SNAKE', one.words)} = '{value}'",
                f"  '{case('Dunder', one.words)}' = '{value}'",
            ),
            one.label,
        )
    f.add(f"$secure = ConvertTo-SecureString '{m.forge.pw()}' -AsPlainText -Force", "+admin")
    f.add(f"New-AzSqlServer -ServerName sql -SqlAdministratorPassword '{m.forge.pw()}'", "+admin")
    f.add("$secure = ConvertTo-SecureString $env:ADMIN_PASSWORD -AsPlainText -Force", "-lookup")
    f.add(
        "$secret = Get-AzKeyVaultSecret -VaultName 'kv-app' -Name 'sql-admin-password' -AsPlainText",
        "-about",
    )
    f.add("$password = Read-Host -AsSecureString -Prompt 'Password'", "-about")
    f.add("[string]$Password = $(throw 'a password is needed')", "-about")
    return f


def sql(m: Maker, n: int) -> File:
    f = File(m.pick("db/init.sql", f"migrations/00{n}_users.sql"))
    f.add("USE master;\nGO")
    f.add(f"CREATE LOGIN app_rw WITH PASSWORD = '{m.forge.pw()}';", "+password")
    f.add(f"CREATE USER reporting IDENTIFIED BY '{m.forge.pw()}';", "+password")
    f.add(f"ALTER USER app WITH PASSWORD '{m.forge.pw()}';", "+password")
    f.add(
        f"CREATE DATABASE SCOPED CREDENTIAL blob WITH IDENTITY = 'SHARED ACCESS SIGNATURE', SECRET = '{m.forge.fill('sv=2022-11-02&ss=b&srt=co&sp=r&se=2031-01-01&sig={alnum:42}%3D')}';",
        "+sas",
    )
    f.add("CREATE USER [app-web] FROM EXTERNAL PROVIDER;", "-about")
    f.add("CREATE LOGIN deploy WITH PASSWORD = '$(DeployPassword)';", "-lookup")
    f.add("ALTER TABLE users ADD password_hash varchar(200) NOT NULL;", "-about")
    f.add("-- the password of the login is set by the pipeline", "-about")
    f.add("SELECT token, secret FROM sessions WHERE token = @token;", "-about")
    f.add(
        f"INSERT INTO apps (id, tenant_id) VALUES ('{m.forge.guid()}', '{m.forge.guid()}');",
        "-guid",
    )
    return f


def publish_profile(m: Maker, n: int) -> File:
    f = File(m.pick(f"app{n}.PublishSettings", "Properties/PublishProfiles/web.pubxml.user.xml"))
    one, two = m.forge.text("alnum", 60), m.forge.text("alnum", 60)
    f.add("<publishData>")
    f.add(
        f'<publishProfile profileName="app - Web Deploy" publishMethod="MSDeploy" publishUrl="app.scm.azurewebsites.net:443" msdeploySite="app" userName="$app" userPWD="{one}" destinationAppUrl="https://app.azurewebsites.net" SQLServerDBConnectionString="" webSystem="WebSites"><databases /></publishProfile>',
        "+publish",
    )
    f.add(
        f'<publishProfile profileName="app - FTP" publishMethod="FTP" publishUrl="ftps://waws.ftp.azurewebsites.windows.net/site/wwwroot" userName="app\\$app"\n  userPWD="{two}" webSystem="WebSites"><databases /></publishProfile>'
    )
    f.secrets[len(f.lines)] = "publish"
    f.add("</publishData>")
    return f


def web_config(m: Maker, n: int) -> File:
    f = File(m.pick("Web.config", f"src/App{n}/App.config"))
    f.add('<?xml version="1.0"?>\n<configuration>\n  <connectionStrings>')

    def esc(s):
        return (
            s.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
        )

    f.add(
        f'    <add name="Default" connectionString="{esc(m.forge.fill(SECRETS["sql"][1][0]))}" providerName="System.Data.SqlClient" />',
        "+sql",
    )
    f.add(
        '    <add name="Local" connectionString="Server=(localdb)\\mssqllocaldb;Integrated Security=True" />',
        "-no-password",
    )
    f.add("  </connectionStrings>\n  <appSettings>")
    for one in m.items(4, 5):
        f.add(
            f'    <add key="{case(m.pick("Pascal", "colon"), one.words)}" value="{esc(one.value)}" />',
            one.label,
        )
    f.add("  </appSettings>")
    f.add(
        f'  <system.net><mailSettings><smtp><network host="smtp.contoso.invalid" userName="mailer" password="{m.forge.pw()}" /></smtp></mailSettings></system.net>',
        "+smtp",
    )
    f.add("</configuration>")
    return f


def properties(m: Maker, n: int) -> File:
    kind = ("properties", "ini", "toml", "yaml")[n % 4]
    f = File(
        {
            "properties": "src/main/resources/application.properties",
            "ini": f"conf/app{n}.ini",
            "toml": f"config{n}.toml",
            "yaml": "application.yml",
        }[kind]
    )
    f.add({"properties": "# spring", "ini": "[app]", "toml": "[app]", "yaml": "app:"}[kind])
    for one in m.items(5, 6, "pfx"):
        if kind == "properties":
            f.add(f"app.{case('dotted', one.words)}={one.value}", one.label)
        elif kind == "ini":
            f.add(f"{case('snake', one.words)} = {one.value}", one.label)
        elif kind == "toml":
            f.add(f"{case('snake', one.words)} = {json.dumps(one.value)}", one.label)
        else:
            f.add(f"  {case('kebab', one.words)}: {json.dumps(one.value)}", one.label)
    if kind == "properties":
        f.add("spring.datasource.password=${DB_PASSWORD}", "-lookup")
    if kind == "yaml":
        f.add("  datasource:\n    password: ${DB_PASSWORD:}", "-lookup")
    return f


def pem(m: Maker, n: int) -> File:
    f = File(m.pick("certs/server.key", f"id_rsa{n}", "tls/bundle.pem"))
    kind = m.pick("RSA PRIVATE", "PRIVATE", "EC PRIVATE", "OPENSSH PRIVATE", "ENCRYPTED PRIVATE")
    f.add("-----BEGIN CERTIFICATE-----", "-certificate")
    for _ in range(4):
        f.add(m.forge.text("b64", 64), "-certificate")
    f.add("-----END CERTIFICATE-----")
    f.add(f"-----BEGIN {kind} KEY-----", "+pem")
    for _ in range(6):
        f.add(m.forge.text("b64", 64))
    f.add(f"-----END {kind} KEY-----")
    return f


def public_pem(m: Maker, n: int) -> File:
    f = File(m.pick("certs/ca.pem", f"keys/pub{n}.pem"))
    kind = m.pick("PUBLIC KEY", "CERTIFICATE", "RSA PUBLIC KEY", "CERTIFICATE REQUEST")
    f.add(f"-----BEGIN {kind}-----", "-public-key")
    for _ in range(5):
        f.add(m.forge.text("b64", 64), "-public-key")
    f.add(f"-----END {kind}-----")
    return f


def lock_file(m: Maker, n: int) -> File:
    kind = n % 5
    f = File(
        ("package-lock.json", "yarn.lock", "poetry.lock", "packages.lock.json", "go.sum")[kind]
    )
    for i in range(12):
        b = m.forge.b64(64)
        line = (
            f'    "node_modules/p{i}": {{ "version": "1.{i}.0", "resolved": "https://registry.npmjs.invalid/p{i}/-/p{i}-1.{i}.0.tgz", "integrity": "sha512-{b}" }},',
            f"  integrity sha512-{b}",
            f'    {{file = "token-{i}.tar.gz", hash = "sha256:{m.forge.text("hex", 64)}"}},',
            f'      "Secret.Key{i}": {{ "type": "Transitive", "resolved": "8.0.{i}", "contentHash": "{b}" }},',
            f"github.com/contoso/auth-token{i} v1.{i}.0 h1:{m.forge.b64(32)}",
        )[kind]
        f.add(line, "-lock")
    return f


def docs(m: Maker, n: int) -> File:
    f = File(m.pick("README.md", f"docs/setup{n}.md", "docs/deploy.md"))
    f.add(
        "# Orders service\n\nRun it with `docker compose up`. Secrets live in Key Vault; never commit a password."
    )
    f.add("Set the `DB_PASSWORD` variable to the database password before you start.", "-about")
    f.add("The token is valid for an hour; the client secret expires after two years.", "-about")
    f.add("\n```bash\nexport AZURE_CLIENT_SECRET=<your-client-secret>", "-placeholder")
    f.add(
        f"az login --service-principal -u {m.forge.guid()} -p $AZURE_CLIENT_SECRET --tenant {m.forge.guid()}",
        "-guid",
    )
    one = m.item("+", "pfx", "jwt")
    f.add(
        f"export {case('SNAKE', one.words)}='{one.value}'"
        if "'" not in one.value
        else f'export {case("SNAKE", one.words)}="{one.value}"',
        one.label,
    )
    f.add("```\n\n```json\n{")
    for one in m.items(2, 5, "pfx"):
        f.add(f'  "{case("Pascal", one.words)}": {json.dumps(one.value)},', one.label)
    f.add('  "Port": 8080\n}\n```\n')
    f.add("| Setting | Value |\n| --- | --- |")
    f.add("| `API_KEY` | the key from the portal |", "-about")
    f.add(
        "Add `@Microsoft.KeyVault(VaultName=my-vault;SecretName=db-password)` to the app setting.",
        "-reference",
    )
    f.add(
        "    Server=tcp:myserver.database.windows.net;Database=app;User ID=<user>;Password=<password>;",
        "-placeholder",
    )
    f.add(f"Image: `crcontoso.azurecr.io/orders@sha256:{m.forge.text('hex', 64)}`", "-sha")
    return f


def notebook(m: Maker, n: int) -> File:
    f = File(f"notebooks/explore{n}.ipynb")
    f.add(
        '{\n "cells": [\n  {\n   "cell_type": "code",\n   "metadata": {},\n   "outputs": [],\n   "source": [\n    "import os\\n",'
    )
    for one in m.items(4, 4, "pfx", "certificate"):
        code = f"{case('snake', one.words)} = {json.dumps(one.value)}"
        f.add(f"    {json.dumps(code + chr(10))},", one.label)
    f.add('    "password = os.environ[\\"DB_PASSWORD\\"]\\n",', "-lookup")
    f.add(
        '    "print(1)"\n   ]\n  }\n ],\n "metadata": {},\n "nbformat": 4,\n "nbformat_minor": 5\n}'
    )
    return f


def dockerfile(m: Maker, n: int) -> File:
    f = File(m.pick("Dockerfile", f"build/Dockerfile.app{n}"))
    f.add(f"FROM mcr.microsoft.com/dotnet/aspnet:8.0@sha256:{m.forge.text('hex', 64)}", "-sha")
    for one in m.items(3, 4, "pfx", "certificate", "public-key", "data-url"):
        value = (
            one.value
            if not set(" '\"$#;&") & set(one.value)
            else f'"{one.value}"'
            if "$" not in one.value
            else f"'{one.value}'"
        )
        f.add(
            f"{m.pick('ENV', 'ARG')} {case(m.pick('SNAKE', 'Dunder'), one.words)}={value}",
            one.label,
        )
    f.add(f"ENV DB_PASSWORD {m.forge.pw()}", "+password")
    f.add("ARG NPM_TOKEN\nENV TOKEN=$NPM_TOKEN", "-lookup")
    f.add("RUN --mount=type=secret,id=npm,target=/root/.npmrc npm ci", "-about")
    return f


BUILDERS: tuple[tuple[Callable[[Maker, int], File], int], ...] = (
    (dotenv, 6), (appsettings, 5), (local_settings, 4), (arm_parameters, 4), (bicep, 5), (terraform, 6),
    (compose, 5), (kubernetes, 4), (workflow, 4), (python, 6), (javascript, 6), (csharp, 6), (other_code, 10),
    (shell, 5), (powershell, 4), (sql, 3), (publish_profile, 3), (web_config, 4), (properties, 8), (pem, 4),
    (public_pem, 4), (lock_file, 5), (docs, 5), (notebook, 3), (dockerfile, 4),
)  # fmt: skip


def files(seed: int) -> Iterator[File]:
    """Return the corpus of a seed."""
    maker = Maker(seed)
    taken: set[str] = set()
    for build, count in BUILDERS:
        for number in range(count):
            file = build(maker, number)
            if file.name in taken:
                folder, _, base = file.name.rpartition("/")
                file.name = f"{folder or 'svc'}{number}/{base}"
            taken.add(file.name)
            yield file


__all__ = ["AZURITE", "COSMOS_EMULATOR", "File", "files"]
