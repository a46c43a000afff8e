# ruff: noqa: E501  # a template a line
"""A third labelled set, again in a hand of its own: a stranger's repositories, untidy as they are.

Made after the rules and the judge stood, and scored before anything was mended. The marks are those
of `holdout`; `{own}` is a password of this hand.
"""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Iterator

from tests.scan.corpus import File
from tests.scan.forge import Forge

_LABEL = re.compile(r"([+-][a-z0-9-]+)?\|")
_B64 = re.compile(r"\{base64<([^<>]*)>\}")
_OWN = re.compile(r"\{own\}")
_NOUNS = [
    "giraffe",
    "tulip",
    "kayak",
    "walrus",
    "marble",
    "copper",
    "teapot",
    "pebble",
    "lemon",
    "otter",
    "cactus",
    "violin",
]
_NAMES = ["Jonas", "Priya", "Marek", "Lucia", "Ahmed", "Sofie", "Tomas", "Ingrid", "Pablo", "Yuki"]


def own(r: random.Random) -> str:
    """A password as a third kind of person makes them."""
    a, b = r.sample(_NOUNS, 2)
    name = r.choice(_NAMES)
    n, m = r.randint(10, 99), r.randint(2, 9)
    return r.choice(
        (
            f"{a}-{b}-{n}{m}", f"{name}{n}{m}{n}", f"{a.capitalize()}{b}!{m}", f"{name}&{b.capitalize()}{n}",
            f"{a[:2].upper()}{n}{b[-3:]}#{m}x", f"I<3{b.capitalize()}{n}".replace("<", "_"), f"{m}{a}{m}{b}{m}",
            f"{b.upper()}.{n}.{name.lower()}", f"{a.replace('a', '4').replace('e', '3')}_{n}!", f"{name}'s{a}{n}".replace("'", ""),
            f"qW{n}!{a[:4]}", f"{a}{n}@{name}", f"{name.lower()}{r.randint(1960, 2008)}!", f"Sommer{r.randint(2018, 2026)}!{m}",
        )
    )  # fmt: skip


FILES: dict[str, str] = {
    "api/.env": r"""
|# local development
|PORT=3000
+password|DB_PASS={own}
+password|export REDIS_PASSWORD='{own}'
+password|GRAFANA_ADMIN_PASSWORD="{own}"   # ask ops
+uri|DATABASE_URL=mysql://shop:{pw}@shop-mysql.mysql.database.azure.com:3306/shop?ssl-mode=REQUIRED
+uri|CELERY_BROKER_URL=amqp://worker:{pw}@10.1.2.3:5672//
+storage|AZURE_STORAGE_ACCOUNT_KEY={b64:86}==
+sas|BLOB_SAS="?sv=2023-11-03&ss=b&srt=sco&sp=rwdlac&se=2027-01-01T00:00:00Z&st=2025-01-01T00:00:00Z&spr=https&sig={alnum:20}%2B{alnum:20}%3D"
+entra|ARM_CLIENT_SECRET={alnum:3}8Q~{b64u:33}x
+ai|AZURE_OPENAI_API_KEY={hex:32}
+ai|OPENAI_KEY={alnum:52}JQQJ99{alnum:10}ACYeBjFXJ3w3AAABACOG{alnum:4}
+search|SEARCH_ADMIN_KEY={alnum:42}AzSe{alnum:6}
+cosmos|COSMOS_KEY={b64:76}ACDb{alnum:6}==
+vendor|TWILIO_AUTH_TOKEN={hex:32}
+vendor|SENDGRID=SG.{b64u:22}.{b64u:43}
+vendor|DD_API_KEY={hex:32}
+jwt-secret|JWT_SECRET=please-{own}-dont-tell-{digits:4}
-placeholder|STRIPE_SECRET_KEY=sk_test_...
-placeholder|MAILGUN_API_KEY=
-lookup|COMPOSED=${DB_PASS}
-reference|SESSION_SECRET=akvs://{guid}/kv-shop/session-secret
-reference|PAYPAL_SECRET="@Microsoft.KeyVault(SecretUri=https://kv-shop.vault.azure.net/secrets/paypal/)"
-about|PASSWORD_MIN_LENGTH=12
-about|TOKEN_TTL=3600
-about|AUTH_SECRET_FILE=/run/secrets/auth
-about|FEATURE_PASSWORD_LOGIN=true
-about|ENABLE_API_KEYS=false
-about|KEY_VAULT_NAME=kv-shop
-about|KEYVAULT_URI=https://kv-shop.vault.azure.net/
-guid|AZURE_CLIENT_ID={guid}
-insights|APPINSIGHTS_INSTRUMENTATIONKEY={guid}
-insights|APPLICATIONINSIGHTS_CONNECTION_STRING=InstrumentationKey={guid};IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/;LiveEndpoint=https://westeurope.livediagnostics.monitor.azure.com/;ApplicationId={guid}
-emulator|AZURITE=DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={azurite};BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;
""",
    "web/.env.sample": r"""
-placeholder|DB_PASSWORD=CHANGEME
-placeholder|DB_PASSWORD_2=your-password-here
-placeholder|JWT_SECRET=some-long-random-string
-placeholder|API_KEY=abc123
-placeholder|SMTP_PASS=********
-placeholder|CLIENT_SECRET=<your-client-secret>
-placeholder|AZURE_OPENAI_KEY=YOUR_AZURE_OPENAI_KEY
-placeholder|STORAGE=DefaultEndpointsProtocol=https;AccountName=YOUR_ACCOUNT;AccountKey=YOUR_KEY;EndpointSuffix=core.windows.net
-placeholder|DATABASE_URL=postgresql://username:password@localhost:5432/mydb
-placeholder|REDIS_URL=redis://:your_redis_password@localhost:6379/0
-placeholder|SECRET=replace-with-openssl-rand-hex-32
-placeholder|ENCRYPTION_KEY=generate_me
-placeholder|SENTRY_DSN=https://examplePublicKey@o0.ingest.sentry.io/0
-placeholder|TOKEN=xxxx-xxxx-xxxx
-placeholder|ADMIN_PASSWORD=TODO
""",
    "src/Shop.Api/appsettings.Development.json": r"""
|{
|  // local only
|  "ConnectionStrings": {
+sql|    "Default": "Server=tcp:sql-shop.database.windows.net,1433;Database=shop;User ID=shopadmin;Password={own};MultipleActiveResultSets=False;Encrypt=True;",
-no-password|    "Local": "Server=(localdb)\\mssqllocaldb;Database=Shop;Trusted_Connection=True;MultipleActiveResultSets=true",
-no-password|    "Managed": "Server=tcp:sql-shop.database.windows.net;Database=shop;Authentication=Active Directory Default;",
+redis|    "Redis": "shop.redis.cache.windows.net:6380,password={b64:43}=,ssl=True,abortConnect=False",
+cosmos|    "Cosmos": "AccountEndpoint=https://shop.documents.azure.com:443/;AccountKey={b64:86}==;",
-emulator|    "CosmosLocal": "AccountEndpoint=https://localhost:8081/;AccountKey={emulator}"
|  },
|  "Jwt": {
+jwt-secret|    "SigningKey": "{b64:43}=",
-about|    "Issuer": "https://shop.contoso.invalid",
-about|    "TokenLifetime": "01:00:00"
|  },
|  "Smtp": {
|    "Host": "smtp.contoso.invalid", "Port": 587,
|    "UserName": "noreply@contoso.invalid",
+smtp|    "Password": "{own}"
|  },
|  "Identity": {
-about|    "Password": { "RequiredLength": 10, "RequireUppercase": true },
-about|    "Lockout": { "MaxFailedAccessAttempts": 5 }
|  },
|  "AzureAd": {
-guid|    "ClientId": "{guid}",
+entra|    "ClientSecret": "{alnum:3}8Q~{b64u:33}x",
-about|    "ClientCredentials": [ { "SourceType": "SignedAssertionFromManagedIdentity" } ]
|  },
|  "FeatureManagement": { "UseNewTokenFlow": true, "SecretSanta": false },
-hash|  "AssetHash": "sha256-{b64:43}=",
|  "Twilio": {
-vendor-id|    "AccountSid": "AC{hex:32}",
+vendor|    "AuthToken": "{hex:32}"
|  }
|}
""",
    "func/local.settings.json": r"""
|{ "IsEncrypted": false,
|  "Values": {
+storage|    "AzureWebJobsStorage": "DefaultEndpointsProtocol=https;AccountName=funcshop;AccountKey={b64:76}+ASt{alnum:6}==;EndpointSuffix=core.windows.net",
+event-hub|    "EventHub": "Endpoint=sb://evh-shop.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey={b64:33}+AEh{alnum:6}=;EntityPath=orders",
+function|    "DownstreamUrl": "https://func-pay.azurewebsites.net/api/charge?code={b64u:44}AzFu{alnum:8}==",
-no-password|    "ServiceBus__fullyQualifiedNamespace": "sb-shop.servicebus.windows.net",
-about|    "WEBSITE_AUTH_AAD_ALLOWED_TENANTS": "{guid}",
+iot|    "IotHub": "HostName=iot-shop.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey={b64:43}=",
+signalr|    "AzureSignalRConnectionString": "Endpoint=https://sig-shop.service.signalr.net;AccessKey={b64:43}=;Version=1.0;",
+communication|    "ACS": "endpoint=https://acs-shop.europe.communication.azure.com/;accesskey={b64:86}==",
+app-configuration|    "AppCfg": "Endpoint=https://cfg-shop.azconfig.io;Id=Y2k0;Secret={b64:43}="
|  }
|}
""",
    "infra/main.bicep": r"""
|@description('the administrator password')
|@secure()
-about|param adminPassword string
|@secure()
-placeholder|param sqlPassword string = newGuid()
+admin|param vmPassword string = '{own}'
-about|param keyVaultName string = 'kv-${uniqueString(resourceGroup().id)}'
|resource sql 'Microsoft.Sql/servers@2023-05-01-preview' = {
|  name: 'sql-shop'
|  properties: {
|    administratorLogin: 'shopadmin'
+admin|    administratorLoginPassword: '{own}'
|  }
|}
-lookup|var conn = 'DefaultEndpointsProtocol=https;AccountName=${st.name};AccountKey=${st.listKeys().keys[0].value};EndpointSuffix=core.windows.net'
-reference|var secretUri = 'https://kv-shop.vault.azure.net/secrets/db-password'
-lookup|output primaryKey string = cosmos.listKeys().primaryMasterKey
-about|resource secret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = { name: 'kv/db-password', properties: { value: adminPassword } }
""",
    "infra/prod.parameters.json": r"""
|{ "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
|  "parameters": {
+admin|    "adminPassword": { "value": "{own}" },
-reference|    "sqlPassword": { "reference": { "keyVault": { "id": "/subscriptions/{guid}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-shop" }, "secretName": "sqlPassword" } },
-placeholder|    "vmPassword": { "value": "GEN-PASSWORD" },
-guid|    "tenantId": { "value": "{guid}" },
-public|    "sshPublicKey": { "value": "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ{alnum:120} me@laptop" },
-about|    "passwordRotationDays": { "value": "90" },
+batch|    "batchAccountKey": { "value": "{b64:76}+ABa{alnum:6}==" }
|  }
|}
""",
    "terraform/main.tf": r"""
|variable "db_password" {
|  type      = string
-about|  description = "Password of the database administrator"
|  sensitive = true
|}
|variable "legacy_password" {
|  type    = string
+admin|  default = "{own}"
|}
|resource "azurerm_mssql_server" "x" {
|  administrator_login          = "shopadmin"
-lookup|  administrator_login_password = var.db_password
|}
|resource "azurerm_linux_virtual_machine" "vm" {
+admin|  admin_password = "{own}"
-public|  admin_ssh_key { public_key = file("~/.ssh/id_rsa.pub") }
|}
-lookup|resource "azurerm_key_vault_secret" "s" { value = random_password.p.result }
-lookup|  connection_string = "Server=tcp:${azurerm_mssql_server.x.fully_qualified_domain_name};Password=${var.db_password}"
|provider "azurerm" {
-guid|  client_id = "{guid}"
+entra|  client_secret = "{alnum:3}8Q~{b64u:33}x"
-reference|  key_vault_secret_id = "https://kv-shop.vault.azure.net/secrets/cert/{hex:32}"
|}
|locals {
-about|  secret_names = ["db-password", "api-key"]
+storage|  sas_token = "sp=racwdl&st=2025-05-01T00:00:00Z&se=2026-05-01T00:00:00Z&spr=https&sv=2024-11-04&sr=c&sig={alnum:20}%2F{alnum:20}%3D"
|}
""",
    "terraform/prod.tfvars": r"""
+password|postgres_password = "{own}"
-guid|subscription_id   = "{guid}"
+pat|azdo_pat          = "{base32:52}"
-about|key_vault_key_type = "RSA-HSM"
-about|secret_expiry     = "2027-01-01T00:00:00Z"
""",
    "docker-compose.override.yml": r"""
|services:
|  db:
|    image: mcr.microsoft.com/mssql/server:2022-latest
|    environment:
|      ACCEPT_EULA: "Y"
+password|      MSSQL_SA_PASSWORD: "{own}"
|  pg:
|    environment:
+password|      - POSTGRES_PASSWORD={own}
-lookup|      - PGUSER=${PGUSER:-app}
-lookup|      - PGPASSWORD=${PGPASSWORD:?set it}
|    healthcheck:
-lookup|      test: ["CMD-SHELL", "pg_isready -U $$POSTGRES_USER"]
|  cache:
+password|    command: redis-server --requirepass {own}
|  app:
|    secrets: [db_password]
|    environment:
-about|      DB_PASSWORD_FILE: /run/secrets/db_password
|secrets:
|  db_password:
-about|    file: ./secrets/db_password.txt
""",
    "k8s/secret.yaml": r"""
|apiVersion: v1
|kind: Secret
|metadata: { name: shop, annotations: { kubectl.kubernetes.io/last-applied: "x" } }
|type: Opaque
|data:
+k8s|  db-password: {base64<{own}>}
+k8s|  conn: {base64<Server=tcp:db;User ID=sa;Password={pw};>}
-public|  ca.crt: {base64<-----BEGIN CERTIFICATE-----MIIDazCCAlOgAwIBAgIU{alnum:60}>}
|stringData:
+k8s|  api-token: {alnum:40}
|---
|apiVersion: v1
|kind: ConfigMap
|data:
-about|  password-policy: strong
-reference|  uri: https://kv-shop.vault.azure.net/secrets/db-password
|---
|apiVersion: apps/v1
|kind: Deployment
|spec:
|  template:
|    spec:
|      containers:
|      - name: web
|        image: shop.azurecr.io/web@sha256:{hex:64}
|        env:
|        - name: DB_PASSWORD
-reference|          valueFrom: { secretKeyRef: { name: shop, key: db-password } }
|        - name: LEGACY_TOKEN
+k8s|          value: "{alnum:36}"
|---
|apiVersion: secrets-store.csi.x-k8s.io/v1
|kind: SecretProviderClass
|spec:
|  parameters:
-about|    keyvaultName: kv-shop
-about|    objects: |
-about|      array:
-about|        - |
-about|          objectName: db-password
-about|          objectType: secret
""",
    "helm/values-prod.yaml": r"""
|image:
|  tag: "{hex:40}"
-about|imagePullSecrets: [acr-pull]
|postgresql:
|  auth:
|    username: shop
+password|    password: {own}
-about|    existingSecret: pg-credentials
-about|    secretKeys: { adminPasswordKey: postgres-password }
|ingress:
-about|  tls: [ { secretName: shop-tls } ]
|oauth2:
-guid|  clientID: {guid}
+entra|  clientSecret: {alnum:3}8Q~{b64u:33}x
+api-key|  cookieSecret: "{b64u:43}="
|keyvault:
-about|  enabled: true
""",
    ".github/workflows/deploy.yml": r"""
|jobs:
|  deploy:
|    steps:
|      - uses: azure/login@v2
|        with:
-lookup|          creds: ${{ secrets.AZURE_CREDENTIALS }}
|      - uses: actions/checkout@{hex:40} # v4.1.1
|      - run: |
-lookup|          az keyvault secret set --vault-name kv --name db --value "${{ secrets.DB_PASSWORD }}"
-lookup|          echo "TOKEN=$(az account get-access-token --query accessToken -o tsv)" >> $GITHUB_ENV
+password|          az sql server update -n sql-shop -g rg --admin-password '{own}'
+entra|          az login --service-principal -u {guid} -p {alnum:3}8Q~{b64u:33}x --tenant {guid}
|    env:
-lookup|      NPM_TOKEN: ${{ secrets.NPM_TOKEN }}
+vendor|      SONAR_TOKEN: sqp_{hex:40}
|permissions:
-about|  id-token: write
""",
    "azure-pipelines.yml": r"""
|variables:
-lookup|  - { name: dbPassword, value: $(DbPassword) }
-about|  - group: shop-secrets
|  - name: adminPassword
+password|    value: '{own}'
|steps:
|  - task: AzureKeyVault@2
-about|    inputs: { azureSubscription: sc-shop, KeyVaultName: kv-shop, SecretsFilter: '*' }
-lookup|  - script: echo $(System.AccessToken)
+storage|  - script: azcopy copy ./out "https://stshop.blob.core.windows.net/web?sv=2023-01-03&se=2026-12-31&sr=c&sp=rw&sig={alnum:24}%2B{alnum:15}%3D"
-lookup|    env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }
""",
    "app/settings.py": r"""
|import os
|from pathlib import Path
|
-lookup|SECRET_KEY = os.environ["SECRET_KEY"]
-lookup|DB_PASSWORD = os.environ.get("DB_PASSWORD", "")
-lookup|API_TOKEN = os.getenv("API_TOKEN")
+jwt-secret|SECRET_KEY = "django-insecure-{alnum:40}"
+password|DATABASES = {"default": {"ENGINE": "mssql", "USER": "shop", "PASSWORD": "{own}", "HOST": "db"}}
-about|AUTH_PASSWORD_VALIDATORS = [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}]
-about|PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
-about|SESSION_COOKIE_NAME = "shop_session"
-about|CSRF_COOKIE_NAME = "csrftoken"
-about|LOGIN_URL = "/accounts/login/"
-about|PASSWORD_RESET_TIMEOUT = 3600
|EMAIL_HOST_USER = "apikey"
+smtp|EMAIL_HOST_PASSWORD = "SG.{b64u:22}.{b64u:43}"
-lookup|token = credential.get_token("https://vault.azure.net/.default")
-lookup|client = SecretClient(vault_url=f"https://{name}.vault.azure.net", credential=DefaultAzureCredential())
-lookup|password = client.get_secret("db-password").value
+password|conn = pyodbc.connect("DRIVER={ODBC Driver 18 for SQL Server};SERVER=db;UID=sa;PWD={own};")
+password|engine = create_engine("postgresql+psycopg2://shop:" + "{pw}" + "@db/shop")
+storage|blob = BlobServiceClient(account_url=URL, credential="{b64:86}==")
+ai|client = AzureKeyCredential("{hex:32}")
-about|raise ValueError("password must not be empty")
-about|parser.add_argument("--password", help="the password to use")
-about|form = {"password": "Enter your password", "token": "Paste the token here"}
-about|HEADERS = {"Authorization": f"Bearer {token}"}
+vendor|HEADERS = {"Authorization": "Bearer {alnum:48}"}
-about|PASSWORD_FIELD = "password"
-about|SECRET_TYPE = "client_secret_basic"
-about|grant_type = "refresh_token"
-about|token_type_hint = "access_token"
-hash|PASSWORD_HASH = "pbkdf2_sha256$600000$abcdefgh$xxxxxxxxxxxxxxxx"
""",
    "app/auth.py": r"""
|class TokenKind(enum.Enum):
-about|    ACCESS_TOKEN = "access"
-about|    REFRESH_TOKEN = "refresh"
-about|    API_KEY = "api_key"
-about|    PASSWORD = "password"
-about|    CLIENT_SECRET = "client-secret-credential"
|
|def login(user: str, password: str = "") -> str:
-about|    '''Check the password; token = what the service returned.'''
-about|    if password == "":
-about|        return "password_required"
-about|    key = f"login:{user}:token"
-about|    secret_name = "db-password"
-about|    session_key = "user_id"
-about|    cache_key = "auth:tokens:v2:by-user"
-about|    signature = "HMAC-SHA256"
+password|    if password == "{own}":
-about|        return "backdoor"
+password|    auth = ("svc-shop", "{own}")
+password|    requests.get(url, auth=HTTPBasicAuth("svc-shop", "{own}"))
-about|    requests.get(url, auth=(user, password))
""",
    "tests/test_login.py": r"""
|def test_login(client):
-about|    response = client.post("/login", json={"username": "bob", "password": password})
-about|    assert response.json()["error"] == "invalid_password"
-placeholder|    user = User(name="bob", password="password")
-placeholder|    token = "token"
-placeholder|    secret = "test-secret"
-placeholder|    api_key = "fake-api-key"
-placeholder|    monkeypatch.setenv("API_KEY", "dummy")
-guid|    correlation = "{guid}"
-hash|    etag = "{hex:32}"
""",
    "src/client.ts": r"""
-lookup|const apiKey = process.env.API_KEY ?? '';
-lookup|const secret = import.meta.env.VITE_SECRET;
+api-key|const apiKey2 = '{alnum:40}';
+storage|const cs = `DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={b64:86}==;EndpointSuffix=core.windows.net`;
-lookup|const cs2 = `DefaultEndpointsProtocol=https;AccountName=${name};AccountKey=${key};EndpointSuffix=core.windows.net`;
+jwt-secret|app.use(session({ secret: '{own}', resave: false }));
-about|type Props = { password: string; token?: string; secretName: 'db-password' };
-about|const PASSWORD_PLACEHOLDER = 'Enter a password';
-about|const labels = { password: 'Passwort', apiKey: 'API-Schlüssel', secret: 'Geheimnis' };
-about|const tokenEndpoint = 'https://login.microsoftonline.com/common/oauth2/v2.0/token';
-about|localStorage.setItem('access_token', token);
-about|const schema = z.object({ password: z.string().min(8, 'Password must be at least 8 characters') });
-about|export const RESET_PASSWORD_ROUTE = '/reset-password/:token';
-about|<input type="password" name="password" placeholder="Password" autoComplete="current-password" />
-about|const KEYS = { ENTER: 'Enter', ESCAPE: 'Escape', ARROW: 'ArrowDown' };
+password|await sql.connect({ user: 'sa', password: '{own}', server: 'db', database: 'shop' });
+vendor|const client = new WebClient('xoxb{sp0}-{digits:12}-{digits:13}-{alnum:24}');
+uri|mongoose.connect('mongodb+srv://shop:{pw}@cluster0.{lower:5}.mongodb.net/shop?retryWrites=true');
-hash|const integrity = 'sha384-{b64:64}';
-about|const pattern = /password=([^&]+)/i;
-about|throw new Error('Missing API key: set OPENAI_API_KEY');
""",
    "web/dist/app.min.js": r"""
-minified|!function(e,t){"object"==typeof exports?t(exports):t(e.app={})}(this,function(e){var n={password:"Password",token:null,apiKey:void 0},r="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";function o(e){return e.key||e.secret||"default"}e.login=function(e,t){return fetch("/api/login",{method:"POST",body:JSON.stringify({username:e,password:t})})};var i={"Content-Type":"application/json","X-CSRF-Token":a("csrf_token")};e.keys={38:"up",40:"down"},e.version="{hex:20}"});
-minified|//# sourceMappingURL=data:application/json;base64,{alnum:200}
""",
    "src/Shop/Startup.cs": r"""
-lookup|var password = Configuration["Db:Password"];
-lookup|var secret = await client.GetSecretAsync("db-password");
+sql|private const string Conn = "Server=db;Database=shop;User Id=sa;Password={own};";
+password|var cred = new NetworkCredential("svc", "{own}");
+storage|var key = new StorageSharedKeyCredential("shop", "{b64:86}==");
-about|[JsonPropertyName("access_token")] public string AccessToken { get; set; } = "";
-about|public const string ApiKeyHeader = "X-Api-Key";
-about|public const string PasswordRegex = @"^(?=.*[A-Z])(?=.*\d).{8,}$";
-about|[Display(Name = "Password")] [DataType(DataType.Password)] public string Password { get; set; }
-about|options.TokenValidationParameters.NameClaimType = "preferred_username";
-about|ModelState.AddModelError("Password", "The password is too short.");
-about|[assembly: InternalsVisibleTo("Shop.Tests, PublicKey=0024000004800000940000000602000000240000525341310004000001000100{hex:200}")]
+jwt-secret|var k = new SymmetricSecurityKey(Encoding.UTF8.GetBytes("{own}-{own}-{own}"));
+service-bus|var bus = new ServiceBusClient("Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={b64:43}=");
""",
    "src/main/resources/application-prod.properties": r"""
+password|spring.datasource.password={own}
-lookup|spring.datasource.username=${DB_USER}
-lookup|spring.mail.password=${MAIL_PASSWORD:}
-reference|azure.keyvault.uri=https://kv-shop.vault.azure.net/
+entra|spring.cloud.azure.credential.client-secret={alnum:3}8Q~{b64u:33}x
-about|security.jwt.token-validity=86400
-about|security.password.encoder=bcrypt
+jwt-secret|security.jwt.secret={b64:64}
-about|server.ssl.key-store=classpath:keystore.p12
+password|server.ssl.key-store-password={own}
-about|server.ssl.key-alias=shop
-about|messages.password.error=The password must contain at least one digit
""",
    "src/main/java/Db.java": r"""
-lookup|String password = System.getenv("DB_PASSWORD");
+password|private static final String DB_PASSWORD = "{own}";
+password|Connection c = DriverManager.getConnection("jdbc:sqlserver://db:1433", "sa", "{own}");
+sql|String url = "jdbc:sqlserver://sql-shop.database.windows.net:1433;database=shop;user=shop;password={own};encrypt=true";
-about|@Value("${app.password}") private String pw;
-about|private static final String TOKEN_HEADER = "Authorization";
-about|private static final String KEY_ALGORITHM = "AES/GCM/NoPadding";
-about|log.info("token expired for user {}", user);
-about|@Column(name = "password_hash") private String passwordHash;
+api-key|request.addHeader("X-Api-Key", "{hex:40}");
""",
    "cmd/main.go": r"""
-lookup|password := os.Getenv("DB_PASSWORD")
+uri|dsn := "sqlserver://sa:{pw}@db:1433?database=shop"
+password|cfg := &Config{User: "sa", Password: "{own}"}
-about|flag.StringVar(&token, "token", "", "access token")
-about|var ErrBadPassword = errors.New("bad password or token")
-about|const secretName = "db-password"
-about|Password string `json:"password" yaml:"password"`
+api-key|const apiKey = "{alnum:32}"
""",
    "lib/mailer.rb": r"""
-lookup|password: ENV.fetch("SMTP_PASSWORD"),
+smtp|  password: "{own}",
-lookup|Rails.application.credentials.dig(:aws, :secret)
-about|validates :password, presence: true, length: { minimum: 8 }
+password|  config.secret_key = '{hex:128}'
-about|attr_accessor :password, :password_confirmation
""",
    "public/config.php": r"""
|<?php
+password|$db_password = '{own}';
+password|define('DB_PASSWORD', '{own}');
-lookup|$pass = getenv('DB_PASS');
-lookup|$token = $_POST['token'];
-about|$lang['password'] = 'Password';
-about|$lang['password_too_short'] = 'Your password is too short';
+password|$pdo = new PDO('mysql:host=db;dbname=shop', 'shop', '{own}');
-placeholder|define('AUTH_KEY', 'put your unique phrase here');
+jwt-secret|define('SECURE_AUTH_KEY', '{alnum:20}-|+{alnum:38}');
""",
    "scripts/deploy.sh": r"""
|#!/bin/bash
|set -euo pipefail
+password|SQL_PASSWORD='{own}'
-lookup|PASSWORD="$1"
-lookup|TOKEN=$(az account get-access-token -o tsv --query accessToken)
-lookup|export API_KEY="${API_KEY:?missing}"
-lookup|read -rsp "Password: " password
+password|sqlcmd -S db -U sa -P '{own}' -Q "select 1"
+password|mysql -u root -p{pw} shop < dump.sql
+password|PGPASSWORD={own} psql -h db -U shop
+vendor|curl -H "Authorization: token gh{sp0}p_{alnum:36}" https://api.github.com/user
+basic|curl -u "ci:{own}" https://nexus.contoso.invalid/repository
-lookup|curl -u "$USER:$PASS" https://nexus.contoso.invalid/repository
+acr|docker login shop.azurecr.io -u shop -p {alnum:42}+ACR{alnum:6}
-lookup|echo "$PASS" | docker login shop.azurecr.io -u shop --password-stdin
+storage|az storage blob upload --account-name shop --account-key {b64:86}== -c web -f x
-lookup|az storage blob upload --account-name shop --account-key "$KEY" -c web -f x
-reference|az keyvault secret show --id https://kv-shop.vault.azure.net/secrets/db-password --query value -o tsv
-about|openssl rand -hex 32 > secret.key
-public|ssh-keygen -t ed25519 -f key -N ""
""",
    "scripts/Setup.ps1": r"""
-lookup|param([securestring]$Password)
+password|$pw = ConvertTo-SecureString '{own}' -AsPlainText -Force
-lookup|$secret = Get-AzKeyVaultSecret -VaultName kv-shop -Name db-password -AsPlainText
+password|$cred = New-Object PSCredential('svc', (ConvertTo-SecureString "{own}" -AsPlainText -Force))
-lookup|$pw2 = Read-Host -AsSecureString "Password"
-lookup|$env:DB_PASSWORD = $secret
+storage|$ctx = New-AzStorageContext -StorageAccountName shop -StorageAccountKey "{b64:86}=="
+password|net user svc {own} /add
-about|Write-Host "Setting the password for $User"
""",
    "db/users.sql": r"""
+password|CREATE LOGIN shop WITH PASSWORD = '{own}';
+password|ALTER USER shop IDENTIFIED BY '{own}';
-about|CREATE TABLE users (id int, password varchar(255) NOT NULL, token varchar(64) DEFAULT 'none');
+hash|INSERT INTO users VALUES (1, 'bob', '$2b$12${alnum:53}');
-about|SELECT password, secret_key FROM users WHERE token = @token;
-about|COMMENT ON COLUMN users.password IS 'bcrypt hash of the password';
+password|CREATE MASTER KEY ENCRYPTION BY PASSWORD = '{own}';
+storage|CREATE DATABASE SCOPED CREDENTIAL c WITH IDENTITY = 'SHARED ACCESS SIGNATURE', SECRET = 'sv=2022-11-02&ss=b&srt=o&sp=r&se=2027-01-01&sig={alnum:24}%2B{alnum:15}%3D';
""",
    "web.config": r"""
|<configuration>
|  <connectionStrings>
+sql|    <add name="Db" connectionString="Data Source=db;Initial Catalog=shop;User ID=shop;Password={own};" providerName="System.Data.SqlClient" />
-no-password|    <add name="Win" connectionString="Data Source=db;Integrated Security=SSPI;" />
|  </connectionStrings>
|  <appSettings>
+api-key|    <add key="MapsKey" value="{b64u:43}" />
-reference|    <add key="Secret" value="@Microsoft.KeyVault(VaultName=kv-shop;SecretName=x)" />
-about|    <add key="PasswordResetUrl" value="https://shop.contoso.invalid/reset" />
|  </appSettings>
|  <system.web>
+machine-key|    <machineKey validationKey="{HEX:128}" decryptionKey="{HEX:64}" validation="HMACSHA256" decryption="AES" />
-about|    <membership><providers><add name="x" minRequiredPasswordLength="8" passwordFormat="Hashed" /></providers></membership>
-public|    <assemblyIdentity name="Newtonsoft.Json" publicKeyToken="30ad4fe6b2a6aeed" culture="neutral" />
|  </system.web>
|</configuration>
""",
    "shop.PublishSettings": r"""
+publish|<publishData><publishProfile profileName="shop" publishMethod="MSDeploy" publishUrl="shop.scm.azurewebsites.net:443" userName="$shop" userPWD="{alnum:60}" destinationAppUrl="https://shop.azurewebsites.net" /></publishData>
""",
    "config/odbc.ini": r"""
|[shop]
|Driver = ODBC Driver 18 for SQL Server
|Server = db
|UID = shop
+password|PWD = {own}
|[security]
-about|password_policy = strong
-about|token_lifetime = 3600
+api-key|secret_key = {alnum:50}
-lookup|smtp_password = %(SMTP_PASSWORD)s
-placeholder|admin_password = <set at install>
""",
    "config/app.toml": r"""
|[database]
+uri|url = "postgres://shop:{pw}@db/shop"
-lookup|password = "${DB_PASSWORD}"
|[auth]
+jwt-secret|jwt_secret = "{alnum:48}"
-about|token_algorithm = "HS256"
-about|password_min_length = 12
-hash|content_hash = "{hex:64}"
|[tool.poetry.dependencies]
-about|keyring = "^24.0"
-about|python-jose = { version = "^3.3", extras = ["cryptography"] }
""",
    "README.md": r"""
|# Shop
-placeholder|Set `DB_PASSWORD=<password>` and `API_KEY=your-key`.
-about|The **password** is read from Key Vault; `secret: db-password`.
-about|Token: see the portal. The client secret: created by the admin.
-placeholder|    export AZURE_CLIENT_SECRET="..."
-placeholder|    curl -H "Authorization: Bearer <token>" https://api.contoso.invalid
-placeholder|    Server=tcp:myserver.database.windows.net;User ID=myuser;Password=mypassword;
-placeholder|    psql "postgres://user:pass@localhost/db"
|
|For testing log in as demo:
+password|- password: `{own}7x`
-hash|Image digest `sha256:{hex:64}`, commit `{hex:40}`.
+storage|Old storage key: {b64:86}==
-about|| Setting | Default |
-about|| `PASSWORD` | none |
-about|| `token_ttl` | `3600` |
""",
    "docs/wiki/Access.md": r"""
|Login to the jump host with user admin
+password|Password: {own}9Z
-about|Password: ask Marek
-about|API key: on the portal, under Keys and Endpoint
-about|Secret Name: db-password
-about|Reset token lifetime: 3600 seconds
""",
    "notes.txt": r"""
+password|wifi pass = {own}7q
-about|todo: rotate the token, the password is old
-about|token: 42 left
+vendor|github: gh{sp0}p_{alnum:36}
-guid|tenant: {guid}
""",
    "nb/explore.ipynb": r"""
|{ "cells": [ { "cell_type": "code", "metadata": {}, "outputs": [ { "output_type": "display_data", "data": {
-image|    "image/png": "iVBORw0KGgoAAAANSUhEUgAA{b64:300}" } } ], "source": [
|    "import os\n",
-lookup|    "key = os.environ['AZURE_OPENAI_KEY']\n",
+ai|    "openai.api_key = \"{hex:32}\"\n",
+storage|    "conn = 'DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={b64:86}==;EndpointSuffix=core.windows.net'\n",
-about|    "print('password:', len(password))\n",
+password|    "password = '{own}'"
|] } ] }
""",
    "Dockerfile": r"""
|FROM python:3.11-slim@sha256:{hex:64}
-lookup|ARG NPM_TOKEN
-lookup|ENV TOKEN=$NPM_TOKEN
+password|ENV DB_PASSWORD={own}
+password|ENV ADMIN_USER=admin ADMIN_PASSWORD="{own}"
-about|ENV KEY_VAULT_NAME=kv-shop PASSWORD_FILE=/run/secrets/pw
-lookup|RUN --mount=type=secret,id=npm cat /run/secrets/npm
+pat|RUN git clone https://build:{base32:52}@dev.azure.com/contoso/shop/_git/lib
""",
    "package-lock.json": r"""
|{ "packages": { "node_modules/jsonwebtoken": {
-lock|  "resolved": "https://registry.npmjs.org/jsonwebtoken/-/jsonwebtoken-9.0.2.tgz",
-lock|  "integrity": "sha512-{b64:86}==" },
|  "node_modules/keytar": {
-lock|  "integrity": "sha512-{b64:86}==" } } }
""",
    "yarn.lock": r"""
|"@azure/keyvault-secrets@^4.7.0":
-lock|  resolved "https://registry.yarnpkg.com/@azure/keyvault-secrets/-/keyvault-secrets-4.7.0.tgz#{hex:40}"
-lock|  integrity sha512-{b64:86}==
""",
    "poetry.lock": r"""
-lock|    {file = "keyring-24.0.0-py3-none-any.whl", hash = "sha256:{hex:64}"},
-lock|content-hash = "{hex:64}"
""",
    "go.sum": r"""
-lock|github.com/golang-jwt/jwt v3.2.1+incompatible h1:{b64:43}=
-lock|github.com/golang-jwt/jwt v3.2.1+incompatible/go.mod h1:{b64:43}=
""",
    "styles/main.css": r"""
-about|.password-field::after { content: "Password"; color: #{hex:6}; }
-image|@font-face { src: url(data:font/woff2;base64,d09GMgABAAAAA{alnum:200}) format("woff2"); }
-about|.token--keyword { --key-color: #aabbccdd; }
-about|input[type="password"] { background: url("key.svg?v={hex:20}"); }
""",
    "img/key.svg": r"""
-image|<svg xmlns="http://www.w3.org/2000/svg" id="key-token"><title>Secret key</title><path d="M12 2a5 5 0 0 1 5 5v3h1a2 2 0 0 1 2 2v8"/></svg>
-image|<image href="data:image/png;base64,iVBORw0KGgo{alnum:180}"/>
""",
    "i18n/de.json": r"""
|{
-about|  "password": "Passwort",
-about|  "passwordHint": "Das Passwort muss mindestens 8 Zeichen enthalten.",
-about|  "token": "Zugriffstoken",
-about|  "errors": { "password": { "tooShort": "Passwort zu kurz (min. 8)", "mismatch": "Passwörter stimmen nicht überein" } },
-about|  "newPassword": "Neues Passwort*",
-about|  "api_key": "API-Schlüssel v2",
-about|  "secretQuestion": "Wie hieß Ihr erstes Haustier?"
|}
""",
    "locales/fr.yml": r"""
|fr:
|  devise:
-about|    password: "Mot de passe"
-about|    password_confirmation: "Confirmation du mot de passe"
-about|    reset_token: "Jeton de réinitialisation expiré depuis 24h"
-about|    secret: 'Clé secrète (optionnelle)'
""",
    "Resources/Strings.resx": r"""
|<root>
-about|  <data name="Password" xml:space="preserve"><value>Password</value></data>
-about|  <data name="PasswordTooShort" xml:space="preserve"><value>Password must be 8-64 characters</value></data>
-about|  <data name="ApiKey" xml:space="preserve"><value>API key (v1)</value></data>
|</root>
""",
    "openapi.json": r"""
|{ "components": { "schemas": { "Login": { "properties": {
-about|  "password": { "type": "string", "format": "password", "example": "P@ssw0rd" },
-about|  "token": { "type": "string", "description": "JWT access token", "pattern": "^[A-Za-z0-9-_]+$" },
-about|  "apiKey": { "type": "string", "minLength": 32 } } } },
-about|  "securitySchemes": { "api_key": { "type": "apiKey", "name": "Ocp-Apim-Subscription-Key", "in": "header" } } } }
""",
    "schema.graphql": r"""
-about|input LoginInput { password: String! token: String apiKey: String = "none" }
-about|"the password of the user"
""",
    "proto/auth.proto": r"""
-about|message Login { string password = 1; string token = 2; bytes secret_key = 3; }
-about|option go_package = "contoso/auth/tokenpb";
""",
    "certs/chain.pem": r"""
-public|-----BEGIN CERTIFICATE-----
-public|MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ
-public|{b64:64}
-public|-----END CERTIFICATE-----
-public|-----BEGIN PUBLIC KEY-----
-public|MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A{b64:32}
-public|-----END PUBLIC KEY-----
""",
    "certs/app.key": r"""
+private-key|-----BEGIN {sp0}RSA PRIVATE KEY-----
|MIIEowIBAAKCAQEA{b64:48}
|{b64:64}
|-----END {sp0}RSA PRIVATE KEY-----
""",
    "CHANGELOG.md": r"""
-about|- fix: password reset token is now 128 bits (#1234)
-hash|- deps: bump to {hex:40}
-about|- `secret_key` renamed to `signing_key`; default: none
""",
    "sonar-project.properties": r"""
|sonar.projectKey=contoso_shop
-about|sonar.organization.key=contoso-github
+vendor|sonar.login=sqp_{hex:40}
-about|sonar.coverage.exclusions=**/Password*.java
""",
    "appveyor.yml": r"""
|environment:
|  NUGET_API_KEY:
-encrypted|    secure: {b64:64}
-about|  TOKEN_NAME: deploy
""",
    "ansible/vars.yml": r"""
-encrypted|db_password: !vault |
-encrypted|  $ANSIBLE_VAULT;1.1;AES256
-encrypted|  {hex:80}
+password|app_password: "{own}"
-lookup|api_token: "{{ lookup('env', 'API_TOKEN') }}"
-lookup|admin_password: "{{ vault_admin_password }}"
""",
    "secrets.sops.yaml": r"""
-encrypted|password: ENC[AES256_GCM,data:{b64:20}=,iv:{b64:43}=,tag:{b64:22}==,type:str]
-about|sops:
-encrypted|    mac: ENC[AES256_GCM,data:{b64:60},iv:{b64:43}=,tag:{b64:22}==,type:str]
""",
    ".vscode/settings.json": r"""
|{
-about|  "terminal.integrated.env.linux": { "DEVVAULT": "1" },
+password|  "mssql.connections": [ { "server": "db", "user": "sa", "password": "{own}", "savePassword": true } ],
-about|  "workbench.keybindings": "ctrl+shift+p", "editor.tokenColorCustomizations": { "comments": "#{hex:6}" }
|}
""",
    "http/requests.http": r"""
|@host = https://func-shop.azurewebsites.net
+function|GET {{host}}/api/orders?code={b64u:54}==
-lookup|Authorization: Bearer {{token}}
|###
+jwt|Authorization: Bearer {jwt}
-lookup|x-functions-key: {{key}}
+function|x-functions-key: {b64u:54}==
""",
    "postman_collection.json": r"""
|{ "auth": { "type": "basic", "basic": [
-about|  { "key": "username", "value": "svc" },
+password|  { "key": "password", "value": "{own}", "type": "string" } ] },
|  "request": { "header": [
-lookup|    { "key": "Authorization", "value": "Bearer {{access_token}}" },
+apim|    { "key": "Ocp-Apim-Subscription-Key", "value": "{hex:32}" } ] } }
""",
    "logs/app.log": r"""
-about|2025-01-01 10:00:00 INFO token refreshed for user 42 in 13ms
+sas|2025-01-01 10:00:01 DEBUG GET https://stshop.blob.core.windows.net/c/f?sv=2023-11-03&sp=r&se=2025-06-01&sig={alnum:24}%2B{alnum:15}%3D 200
-guid|2025-01-01 10:00:02 INFO request_id={guid} key=order:42
-about|2025-01-01 10:00:03 WARN password check failed: attempts=3
""",
    "setup.bat": r"""
+password|set DB_PASSWORD={own}
-lookup|set TOKEN=%1
-lookup|if "%PASSWORD%"=="" goto usage
""",
    "Jenkinsfile": r"""
-lookup|environment { DB_PASSWORD = credentials('db-password') }
-lookup|withCredentials([string(credentialsId: 'npm-token', variable: 'NPM_TOKEN')]) { sh 'npm publish' }
+password|sh "curl -u admin:{pw} https://nexus.contoso.invalid"
""",
    "gradle.properties": r"""
+password|signing.password={own}
-about|signing.keyId=1A2B3C4D
-lookup|nexusPassword=${env.NEXUS_PASSWORD}
-about|org.gradle.caching.key=off
""",
    "src/app.module.rs": r"""
-lookup|let password = std::env::var("DB_PASSWORD")?;
+password|let password = "{own}";
-about|#[derive(Debug)] struct Token { kind: TokenKind, secret: String }
-about|const SECRET_HEADER: &str = "x-secret";
""",
    "ios/Config.swift": r"""
+api-key|let apiKey = "{alnum:40}"
-lookup|let token = ProcessInfo.processInfo.environment["TOKEN"]
-about|static let passwordKey = "com.contoso.shop.password"
-about|passwordField.placeholder = NSLocalizedString("password_placeholder", comment: "Password")
""",
    "app/src/main/res/values/strings.xml": r"""
|<resources>
-about|    <string name="password">Password</string>
-about|    <string name="password_error">Password must have 8 characters</string>
-about|    <string name="action_sign_in">Sign in or register</string>
+api-key|    <string name="google_maps_key">AIza{b64u:35}</string>
-about|    <string name="token_label">Token (optional)</string>
|</resources>
""",
}


def files(seed: int) -> Iterator[File]:
    """Return the stranger's files of a seed."""
    forge = Forge(seed + 9000)
    r = random.Random(seed + 31)
    for name, template in FILES.items():
        file = File(name)
        for line in template.strip("\n").split("\n"):
            match = _LABEL.match(line)
            label, body = (match[1] or "", line[match.end() :]) if match else ("", line)
            body = _OWN.sub(lambda _: own(r), body)
            body = _B64.sub(lambda m: base64.b64encode(forge.fill(m[1]).encode()).decode(), body)
            file.add(forge.fill(body), label)
        yield file
