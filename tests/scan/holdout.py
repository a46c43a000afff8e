# ruff: noqa: E501  # a template a line
"""A second labelled set, in a hand of its own: other names, other styles, other passwords.

It is there to measure with, not to tune on. Each file is a template; `+kind|` before a line says
that it holds a secret, `-kind|` that it is a hard negative, `|` that it is neither.
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator

from tests.scan.corpus import File
from tests.scan.forge import Forge

_LABEL = re.compile(r"([+-][a-z0-9-]+)?\|")
_B64 = re.compile(r"\{base64<([^<>]*)>\}")
_HUMAN = re.compile(r"\{human\}")
_SYLLABLES = [
    "ba",
    "ke",
    "lo",
    "mi",
    "ru",
    "sta",
    "vel",
    "dor",
    "pin",
    "gra",
    "tuk",
    "fen",
    "zor",
    "wil",
]


def human(r: random.Random) -> str:
    """A password of another hand than the corpus': invented words, years, marks in odd places."""

    def word() -> str:
        return "".join(r.sample(_SYLLABLES, 2))

    a, b = word(), word()
    number = r.randint(1, 999)
    return r.choice(
        (
            f"{a.capitalize()}#{number}", f"{number}{a}{b.capitalize()}!", f"{a.upper()}_{b}_{number}x",
            f"my{a.capitalize()}{b.capitalize()}{number}", f"{a}.{b}@{number}", f"{a[:3]}${number}%{b}Q",
            f"Pa55-{a}-{number}", f"{b.capitalize()}{number}{a.capitalize()}{number}", f"L0ve{a}{r.choice('!?+')}{number}",
            f"{a.capitalize()}@{r.randint(1990, 2026)}", f"{r.choice(['Welcome', 'Admin', 'Test', 'Passw0rd'])}{number}{r.choice('!#')}{a}",
        )
    )  # fmt: skip


FILES: dict[str, str] = {
    "services/billing/.env.production": """
|NODE_ENV=production
+password|PG_PASS={human}
+uri|PG_URL="postgres://billing:{pw}@pg-billing.postgres.database.azure.com/billing?sslmode=verify-full"
-reference|STRIPE_SK=@Microsoft.KeyVault(VaultName=kv-billing;SecretName=stripe)
+storage|AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=https;AccountName=billing{lower:4};AccountKey={b64:86}==;EndpointSuffix=core.windows.net
-insights|APPLICATIONINSIGHTS_CONNECTION_STRING=InstrumentationKey={guid};IngestionEndpoint=https://swedencentral-0.in.applicationinsights.azure.com/
-guid|AZURE_TENANT_ID={guid}
-guid|AZURE_CLIENT_ID={guid}
+entra|AZURE_CLIENT_SECRET={alnum:3}8Q~{b64u:30}{alnum:4}
-placeholder|SENTRY_AUTH_TOKEN=
-placeholder|OPENAI_API_KEY=sk-your-key
-plain|SESSION_COOKIE_NAME=__Host-billing
-about|JWT_ALGORITHM=RS256
-about|JWT_PUBLIC_KEY_PATH=./keys/jwt.pub
+jwt-secret|JWT_HS_SECRET={b64u:48}
-emulator|LOCAL_QUEUE="UseDevelopmentStorage=true"
-no-password|SB_NAMESPACE=sb-billing.servicebus.windows.net
-plain|KEYCLOAK_REALM=contoso
+redis|CACHE=billing-{lower:4}.redis.cache.windows.net:6380,password={b64:43}=,ssl=True,abortConnect=False
# nothing below
-placeholder|MAIL_PASSWORD=<set in portal>
+smtp|MAILJET_SECRET_KEY={hex:32}
-plain|PASSWORD_RESET_PATH=/account/reset
-plain|TOKEN_BUDGET=4096
""",
    ".env.example": """
-placeholder|DB_PASSWORD=your_db_password
-placeholder|API_TOKEN=xxxxxxxxxxxxxxxxxxxx
-placeholder|AZURE_CLIENT_SECRET=<client secret>
-placeholder|JWT_SECRET=change-me-in-production
-placeholder|ADMIN_PASSWORD=admin
-placeholder|STORAGE_CONNECTION=DefaultEndpointsProtocol=https;AccountName=<name>;AccountKey=<key>;EndpointSuffix=core.windows.net
-placeholder|DATABASE_URL=postgres://user:password@localhost:5432/db
-placeholder|SLACK_TOKEN=xox{sp0}b-your-token
-placeholder|GITHUB_TOKEN=gh{sp0}p_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
-guid|TENANT=00000000-0000-0000-0000-000000000000
-placeholder|SECRET_KEY=insecure-dev-key
""",
    "src/Web/appsettings.Staging.json": """
|{
|  "Serilog": { "MinimumLevel": "Debug" },
|  "ConnectionStrings": {
+sql|    "CatalogContext": "Data Source=tcp:sql-cat.database.windows.net,1433;Initial Catalog=Catalog;User Id=cat_app@sql-cat;Password={human};TrustServerCertificate=False",
-no-password|    "IdentityContext": "Server=tcp:sql-id.database.windows.net;Database=Identity;Authentication=Active Directory Managed Identity;User Id={guid}",
+service-bus|    "Bus": "Endpoint=sb://bus-{lower:5}.servicebus.windows.net/;SharedAccessKeyName=app;SharedAccessKey={b64:43}=",
+app-configuration|    "AppConfig": "Endpoint=https://cfg-{lower:5}.azconfig.io;Id=x{alnum:3};Secret={b64:43}="
|  },
|  "AzureAd": {
|    "Instance": "https://login.microsoftonline.com/",
-guid|    "TenantId": "{guid}",
-guid|    "ClientId": "{guid}",
+entra|    "ClientSecret": "{alnum:3}7Q~{alnum:34}",
-about|    "CallbackPath": "/signin-oidc",
-about|    "ClientCertificates": [ { "SourceType": "KeyVault", "KeyVaultCertificateName": "aad-login" } ]
|  },
|  "ApplicationInsights": {
-insights|    "InstrumentationKey": "{guid}"
|  },
|  "Email": { "Host": "smtp.office365.com", "Port": 587, "User": "noreply@contoso.invalid",
+smtp|             "Password": "{human}" },
|  "Jwt": {
+jwt-secret|    "Key": "{alnum:48}",
-about|    "Issuer": "https://contoso.invalid", "Audience": "contoso-api", "ExpiryMinutes": "60"
|  },
|  "Features": {
-about|    "PasswordPolicy": { "RequireDigit": true, "RequiredLength": 12 },
-about|    "TokenProvider": "DataProtectorTokenProvider"
|  },
-reference|  "Payments": { "ApiKey": "@Microsoft.KeyVault(SecretUri=https://kv-web.vault.azure.net/secrets/pay/{hex:32})" },
+ai|  "CognitiveServices": { "Endpoint": "https://contoso.cognitiveservices.azure.com/", "SubscriptionKey": "{hex:32}" },
+search|  "Search": { "ServiceName": "srch", "QueryApiKey": "{alnum:42}AzSeC{alnum:5}" },
-sha|  "Build": { "SourceVersion": "{hex:40}" }
|}
""",
    "functions/local.settings.json": """
|{
|  "IsEncrypted": false,
|  "Values": {
-emulator|    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
|    "FUNCTIONS_EXTENSION_VERSION": "~4",
+service-bus|    "ServiceBusConnection": "Endpoint=sb://orders-{lower:4}.servicebus.windows.net/;SharedAccessKeyName=listen;SharedAccessKey={b64:33}+ASbD{b64:5}=;EntityPath=orders",
-no-password|    "ServiceBusConnection__fullyQualifiedNamespace": "orders.servicebus.windows.net",
+cosmos|    "CosmosDbConnectionString": "AccountEndpoint=https://orders-{lower:4}.documents.azure.com:443/;AccountKey={b64:76}ACDb{b64:6}==;",
-emulator|    "CosmosLocal": "AccountEndpoint=https://localhost:8081/;AccountKey={emulator}",
+ai|    "OpenAI__Key": "{alnum:52}JQQJ99{alnum:26}",
+communication|    "ACS": "endpoint=https://acs-{lower:4}.communication.azure.com/;accesskey={b64:86}==",
-insights|    "APPINSIGHTS_INSTRUMENTATIONKEY": "{guid}",
-reference|    "SendGridApiKey": "@Microsoft.KeyVault(SecretUri=https://kv-fn.vault.azure.net/secrets/sendgrid/)",
+function-url|    "NotifyUrl": "https://notify-{lower:4}.azurewebsites.net/api/Notify?code={b64u:44}AzFu{b64u:5}Q==&clientId=default"
|  },
|  "Host": { "LocalHttpPort": 7071, "CORS": "*" },
|  "ConnectionStrings": {
+sql|    "SqlConnection": { "ConnectionString": "Server=sql-orders.database.windows.net;Database=orders;User=orders_fn;Password={human};Encrypt=true", "ProviderName": "System.Data.SqlClient" }
|  }
|}
""",
    "infra/params/prod.parameters.json": """
|{
|  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
|  "parameters": {
|    "vmAdminUsername": { "value": "azureuser" },
+admin|    "vmAdminPassword": { "value": "{human}" },
|    "sqlAdministratorLoginPassword": {
+admin|      "value": "{human}"
|    },
-reference|    "clusterSecret": { "reference": { "keyVault": { "id": "/subscriptions/{guid}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv" }, "secretName": "cluster" } },
-guid|    "aadClientId": { "value": "{guid}" },
-public-key|    "sshPublicKey": { "value": "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ{b64:180} me@laptop" },
-about|    "keyVaultSecretName": { "value": "sql-password" },
-resource-id|    "diskEncryptionSetId": { "value": "/subscriptions/{guid}/resourceGroups/rg/providers/Microsoft.Compute/diskEncryptionSets/des" },
-thumbprint|    "certificateThumbprint": { "value": "{HEX:40}" },
+pfx|    "certificatePfx": { "value": "MIIKRgIBAzCC{b64:240}" },
+storage-key|    "diagStorageKey": { "value": "{b64:86}==" },
-plain|    "sku": { "value": "Standard_LRS" }
|  }
|}
""",
    "infra/azuredeploy.json": """
|{
|  "parameters": {
-about|    "adminPassword": { "type": "securestring", "metadata": { "description": "Password of the administrator account." } },
+admin|    "dbPassword": { "type": "string", "defaultValue": "{human}" }
|  },
|  "variables": {
-lookup|    "storageConn": "[concat('DefaultEndpointsProtocol=https;AccountName=', parameters('name'), ';AccountKey=', listKeys(resourceId('Microsoft.Storage/storageAccounts', parameters('name')), '2022-09-01').keys[0].value)]"
|  },
|  "resources": [
-lookup|    { "type": "Microsoft.Sql/servers", "properties": { "administratorLoginPassword": "[parameters('adminPassword')]" } },
-lookup|    { "name": "appsettings", "properties": { "AzureWebJobsStorage": "[variables('storageConn')]" } }
|  ]
|}
""",
    "infra/web.bicep": """
|param env string = 'prod'
-about|@description('the administrator password, kept in Key Vault')
|@secure()
-lookup|param dbAdminPassword string
+admin|param vmPassword string = '{human}'
-about|param passwordSecretName string = 'sql-admin-password'
-plain|param keyVaultName string = 'kv-contoso-prod'
+entra|var graphSecret = '{alnum:3}8Q~{alnum:34}'
|resource app 'Microsoft.Web/sites@2023-01-01' = {
|  properties: { siteConfig: { appSettings: [
-reference|    { name: 'SQL_PASSWORD', value: '@Microsoft.KeyVault(VaultName=${keyVaultName};SecretName=sql)' }
-insights|    { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: insights.properties.ConnectionString }
+apim|    { name: 'ApimSubscriptionKey', value: '{hex:32}' }
-lookup|    { name: 'Storage', value: 'DefaultEndpointsProtocol=https;AccountName=${sa.name};AccountKey=${sa.listKeys().keys[0].value}' }
-lookup|    { name: 'REDIS', value: '${redis.properties.hostName}:6380,password=${redis.listKeys().primaryKey},ssl=True' }
+sas|    { name: 'PackageUrl', value: 'https://pkg{lower:4}.blob.core.windows.net/rel/app.zip?sp=r&st=2024-02-01T00:00:00Z&se=2030-02-01T00:00:00Z&sv=2022-11-02&sr=b&sig={alnum:40}%3D' }
|  ] } }
|}
-lookup|output cs string = 'Server=tcp:${sql.properties.fullyQualifiedDomainName};User ID=${login};Password=${dbAdminPassword};'
""",
    "deploy/prod.bicepparam": """
|using './web.bicep'
+admin|param vmPassword = '{human}'
-reference|param dbAdminPassword = az.getSecret('{guid}', 'rg-kv', 'kv-contoso', 'sql-admin')
-lookup|param apiKey = readEnvironmentVariable('API_KEY')
-guid|param objectId = '{guid}'
""",
    "infra/main.tf": """
|provider "azurerm" {
-guid|  subscription_id = "{guid}"
-guid|  client_id       = "{guid}"
+entra|  client_secret   = "{alnum:3}8Q~{alnum:34}"
-guid|  tenant_id       = "{guid}"
|}
|resource "azurerm_mssql_server" "main" {
|  administrator_login          = "sqladmin"
+admin|  administrator_login_password = "{human}"
|}
|resource "azurerm_linux_virtual_machine" "vm" {
-lookup|  admin_password = random_password.vm.result
-public-key|  public_key     = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{alnum:43}"
|}
|resource "azurerm_key_vault_secret" "db" {
|  name         = "db-password"
+password|  value        = "{human}"
|}
|data "azurerm_key_vault_secret" "api" {
-about|  name         = "api-key"
-lookup|  key_vault_id = azurerm_key_vault.kv.id
|}
|resource "azurerm_app_service" "a" {
|  app_settings = {
-lookup|    "DB_PASSWORD"        = data.azurerm_key_vault_secret.api.value
-reference|    "API_KEY"            = "@Microsoft.KeyVault(SecretUri=${azurerm_key_vault_secret.db.id})"
-insights|    "APPINSIGHTS_INSTRUMENTATIONKEY" = azurerm_application_insights.ai.instrumentation_key
+vendor|    "SENDGRID_API_KEY"   = "S{sp0}G.{b64u:22}.{b64u:43}"
-plain|    "WEBSITE_RUN_FROM_PACKAGE" = "1"
|  }
|  connection_string {
|    type  = "SQLAzure"
+sql|    value = "Server=tcp:sql.database.windows.net;Database=a;User ID=a;Password={human};Encrypt=true;"
|  }
|}
-about|output "password_version" { value = "v2" }
""",
    "infra/secrets.auto.tfvars": """
+admin|db_admin_password = "{human}"
+pat|devops_pat        = "{base32:52}"
+pat|agent_token       = "{alnum:76}AZDO{alnum:4}"
-guid|tenant            = "{guid}"
-plain|key_vault_name    = "kv-shared"
-about|secret_names      = ["db-password", "api-key"]
-placeholder|api_key           = "REPLACE_ME"
""",
    "docker/compose.yaml": """
|services:
|  web:
|    image: ghcr.io/contoso/web@sha256:{hex:64}
|    environment:
-plain|      ASPNETCORE_ENVIRONMENT: Development
+sql|      ConnectionStrings__Shop: "Server=db;Database=shop;User Id=sa;Password={human};TrustServerCertificate=true"
-lookup|      Redis__Password: "${REDIS_PASSWORD?err}"
+acr|      REGISTRY_PASSWORD: {alnum:42}+ACR{alnum:6}
-about|      API_TOKEN_FILE: /run/secrets/api_token
|  sql:
|    image: mcr.microsoft.com/mssql/server:2022-latest
|    environment:
|      - ACCEPT_EULA=Y
+admin|      - MSSQL_SA_PASSWORD={human}
|  azurite:
|    image: mcr.microsoft.com/azure-storage/azurite
-emulator|    command: azurite --blobHost 0.0.0.0
|  worker:
|    environment:
-emulator|      - STORAGE=DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={azurite};BlobEndpoint=http://azurite:10000/devstoreaccount1;
+uri|      - BROKER=amqp://worker:{pw}@rabbit:5672/
-placeholder|      - RABBIT=amqp://guest:guest@rabbit:5672/
-placeholder|      - PGPASSWORD=postgres
""",
    "k8s/all.yaml": """
|apiVersion: v1
|kind: Secret
|metadata: { name: shop }
|data:
+k8s|  DB_PASSWORD: {base64<{human}>}
+k8s|  storage-connection: {base64<DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={b64:86}==>}
-plain|  DB_USER: {base64<shop>}
|stringData:
+k8s|  api-token: {alnum:40}
-placeholder|  smtp-password: changeme
|---
|apiVersion: v1
|kind: ConfigMap
|data:
-plain|  LOG_LEVEL: info
-about|  TOKEN_ISSUER: https://sts.windows.net/{guid}/
|  appsettings.json: |
|    {
+sql|      "Conn": "Server=sql;Database=x;User Id=x;Password={human};",
-insights|      "AppInsights": "InstrumentationKey={guid}"
|    }
|---
|kind: Deployment
|spec:
|  containers:
|  - name: shop
|    env:
-lookup|    - { name: DB_PASSWORD, valueFrom: { secretKeyRef: { name: shop, key: DB_PASSWORD } } }
|    - name: REDIS_PASSWORD
+password|      value: {human}
|    - name: AZURE_CLIENT_ID
-guid|      value: {guid}
|    imagePullSecrets:
-about|    - name: acr-pull-secret
""",
    "charts/values.yaml": """
|image:
|  tag: 1.4.2
|postgresql:
|  auth:
+password|    postgresPassword: {human}
-about|    existingSecret: shop-postgres
-about|    secretKeys: { adminPasswordKey: postgres-password }
|ingress:
-about|  tlsSecretName: wildcard-tls
|keyVault:
-vault-url|  url: https://kv-shop.vault.azure.net
|serviceAccount:
-guid|  clientId: {guid}
|redis:
-placeholder|  password: ""
|signalr:
+signalr|  connectionString: Endpoint=https://hub-{lower:4}.service.signalr.net;AccessKey={b64:43}=;Version=1.0;
""",
    ".github/workflows/release.yaml": """
|on: { push: { tags: ['v*'] } }
|jobs:
|  build:
|    runs-on: ubuntu-24.04
|    steps:
-sha|      - uses: azure/login@{hex:40}
-lookup|        with: { creds: '${{ secrets.AZURE_CREDENTIALS }}' }
-lookup|      - run: echo "::add-mask::$TOKEN"
|      - env:
-lookup|          NUGET_TOKEN: ${{ secrets.NUGET_TOKEN }}
+vendor|          NPM_TOKEN: np{sp0}m_{alnum:36}
+publish|          FTP_PASSWORD: {alnum:60}
|        run: |
-lookup|          docker login -u ci -p "${{ secrets.ACR_PASSWORD }}" acr.azurecr.io
+acr|          docker login -u ci -p {alnum:42}+ACR{alnum:6} acr.azurecr.io
-lookup|          az keyvault secret set --vault-name kv --name db --value "$DB_PASSWORD"
+storage-key|          az storage blob upload-batch --account-name st --account-key "{b64:86}==" -s out -d '$web'
-guid|          az login --identity --client-id {guid}
""",
    "pipelines/azure-pipelines.yml": """
|variables:
|  - group: shop-secrets
|  - name: sqlPassword
+admin|    value: {human}
|  - name: vaultName
-plain|    value: kv-shop
-lookup|  - { name: apiKey, value: $(ApiKeyFromVault) }
|steps:
|  - task: AzureCLI@2
|    inputs:
-guid|      azureSubscription: {guid}
|      inlineScript: |
-lookup|        az sql db create --admin-password $(sqlPassword)
+pat|        echo {base32:52} | az devops login --org https://dev.azure.com/contoso
-lookup|        curl -u ":$(System.AccessToken)" https://dev.azure.com/contoso/_apis/projects
+pat|        curl -u ":{base32:52}" https://dev.azure.com/contoso/_apis/projects
""",
    "app/db.py": """
|import os, pyodbc
|from azure.storage.blob import BlobServiceClient
-lookup|PASSWORD = os.environ["SQL_PASSWORD"]
-lookup|conn_str = f"Driver={{ODBC Driver 18 for SQL Server}};Server={server};Uid={user};Pwd={PASSWORD};"
+storage|blob = BlobServiceClient.from_connection_string("DefaultEndpointsProtocol=https;AccountName=reports;AccountKey={b64:86}==;EndpointSuffix=core.windows.net")
+storage-key|svc = BlobServiceClient(account_url=URL, credential="{b64:86}==")
-emulator|dev = BlobServiceClient("http://127.0.0.1:10000/devstoreaccount1", credential="{azurite}")
+password|engine = create_engine(url, connect_args={"user": "app", "password": "{human}"})
+uri|engine2 = create_engine("mssql+pyodbc://app:{pw}@sql.database.windows.net/app?driver=ODBC+Driver+18+for+SQL+Server")
-about|def check_password(password: str, hashed: str) -> bool:
-about|    return bcrypt.checkpw(password.encode(), hashed.encode())
-about|assert token_type == "access_token"
-about|errors["password"] = "Password must contain a number and a symbol."
-sha|GIT_COMMIT = "{hex:40}"
-sha|EXPECTED_SHA256 = "{hex:64}"
-about|SECRET_NAME = "storage-account-key"
-lookup|secret = client.get_secret(SECRET_NAME).value
-about|headers = {"Authorization": f"Bearer {token}"}
+ai|client = AzureOpenAI(api_key="{hex:32}", azure_endpoint=ENDPOINT, api_version="2024-06-01")
+search|search = SearchClient(endpoint, "idx", AzureKeyCredential("{alnum:42}AzSeA{alnum:5}"))
""",
    "tests/conftest.py": """
|import pytest
-about|@pytest.fixture
-about|def token() -> str: return "token"
-placeholder|os.environ.setdefault("SECRET_KEY", "test-secret")
-placeholder|user = User(password="password")
-placeholder|api = Client(api_key="test-key", client_secret="fake-secret")
-guid|TENANT = "{guid}"
-about|monkeypatch.setenv("AZURE_KEY_VAULT_NAME", "kv-test")
+password|login("root@contoso.invalid", "{human}")
""",
    "src/server.ts": """
|import express from 'express';
-lookup|const { DB_PASSWORD, API_KEY } = process.env;
-lookup|const pool = new Pool({ user: 'app', password: process.env.PGPASSWORD, host });
+password|const legacy = new Pool({ user: 'app', password: '{human}', host: 'db1' });
+jwt-secret|app.use(session({ secret: '{alnum:32}', resave: false }));
-about|router.post('/forgot-password', forgotPassword);
-about|const PASSWORD_REGEX = /^(?=.*[A-Z])(?=.*\\d).{12,}$/;
-about|throw new Error('Invalid client secret');
-about|export type TokenKind = 'access_token' | 'refresh_token';
+cosmos-key|const cosmos = new CosmosClient({ endpoint, key: '{b64:86}==' });
-emulator|const local = new CosmosClient({ endpoint: 'https://localhost:8081', key: '{emulator}' });
+sas|const url = 'https://media{lower:4}.blob.core.windows.net/v/a.mp4?sv=2021-12-02&se=2029-12-31T23%3A59%3A59Z&sr=b&sp=r&sig={alnum:43}%3D';
-lookup|const sasUrl = `${base}?${sasToken}`;
-lookup|const cs = `AccountEndpoint=${endpoint};AccountKey=${key};`;
+vendor|const stripe = new Stripe('sk_{sp0}live_{alnum:24}');
-public-key|const pk = 'pk_{sp0}live_{alnum:24}';
+maps|const MAPS_KEY = '{b64u:43}';
-data-url|const logo = 'data:image/png;base64,iVBORw0KGgo{b64:100}';
+jwt|const T = '{jwt}';
-about|i18n.add('de', { password: 'Kennwort', forgot: 'Passwort vergessen?', apiKey: 'API-Schlüssel' });
""",
    "web/src/Login.tsx": """
-about|<label htmlFor="password">Password</label>
-about|<input id="password" type="password" autoComplete="current-password" />
-about|const [password, setPassword] = useState('');
-about|setError('password', { message: 'Wrong password' });
-about|localStorage.setItem('auth_token', token);
-insights|const ai = new ApplicationInsights({ config: { connectionString: 'InstrumentationKey={guid};IngestionEndpoint=https://uksouth-1.in.applicationinsights.azure.com/' } });
-guid|const msal = { auth: { clientId: '{guid}', authority: 'https://login.microsoftonline.com/{guid}' } };
""",
    "src/Api/Program.cs": """
|var builder = WebApplication.CreateBuilder(args);
-lookup|var secret = builder.Configuration["Jwt:Key"];
+jwt-secret|var key = new SymmetricSecurityKey(Encoding.UTF8.GetBytes("{alnum:44}"));
-vault-url|builder.Configuration.AddAzureKeyVault(new Uri("https://kv-api.vault.azure.net/"), new DefaultAzureCredential());
+entra|var cred = new ClientSecretCredential(tenantId, clientId, "{alnum:3}8Q~{alnum:34}");
+sql|services.AddDbContext<Ctx>(o => o.UseSqlServer(@"Server=tcp:sql.database.windows.net;Database=x;User ID=x;Password={human};Encrypt=True"));
-no-password|services.AddDbContext<Dev>(o => o.UseSqlServer("Server=(localdb)\\\\mssqllocaldb;Database=x;Trusted_Connection=True;"));
+signalr|services.AddSignalR().AddAzureSignalR("Endpoint=https://h{lower:4}.service.signalr.net;AccessKey={b64:43}=;Version=1.0;");
+smtp|smtp.Credentials = new System.Net.NetworkCredential("mailer", "{human}");
-about|[DataType(DataType.Password)] public string Password { get; set; } = string.Empty;
-about|options.Password.RequiredLength = 12;
-about|const string TokenPrefix = "Bearer ";
+function-key|client.DefaultRequestHeaders.Add("x-functions-key", "{b64u:44}AzFu{b64u:5}A==");
+apim|request.Headers.Add("Ocp-Apim-Subscription-Key", "{hex:32}");
-lookup|request.Headers.Authorization = new("Bearer", accessToken);
+iot|static string s_cs = "HostName=hub-{lower:4}.azure-devices.net;DeviceId=d1;SharedAccessKey={b64:43}=";
""",
    "src/main/resources/application.yml": """
|spring:
|  datasource:
|    url: jdbc:sqlserver://sql.database.windows.net:1433;database=x
|    username: app
+password|    password: {human}
|  data:
|    redis:
-lookup|      password: ${REDIS_PW}
|  cloud:
|    azure:
|      servicebus:
+service-bus|        connection-string: Endpoint=sb://b{lower:4}.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={b64:43}=
|  mail:
+smtp|    password: '{human}'
|jwt:
+jwt-secret|  secret: {b64u:43}
-about|  expiration: 3600000
|management:
-about|  endpoint: { env: { keys-to-sanitize: 'password,secret,key,token' } }
""",
    "src/main/java/com/contoso/Db.java": """
|public class Db {
-lookup|  private final String password = System.getProperty("db.password");
+password|  private static final String PASSWORD = "{human}";
+sql|  static final String URL = "jdbc:sqlserver://sql.database.windows.net:1433;database=x;user=x@sql;password={human};encrypt=true";
-about|  static final String PASSWORD_PROPERTY = "javax.persistence.jdbc.password";
|  static final String S = "DefaultEndpointsProtocol=https;AccountName=j{lower:4};" +
+storage|      "AccountKey={b64:86}==;EndpointSuffix=core.windows.net";
-about|  log.info("token refreshed for {}", user);
|}
""",
    "cmd/api/main.go": """
|package main
-lookup|var apiKey = os.Getenv("API_KEY")
+password|var dbPass = "{human}"
+uri|const dsn = "sqlserver://app:{pw}@sql.database.windows.net:1433?database=app"
-lookup|dsn2 := fmt.Sprintf("sqlserver://%s:%s@%s", user, pass, host)
+entra|cred, _ := azidentity.NewClientSecretCredential(tenant, client, "{alnum:3}8Q~{alnum:34}", nil)
-about|flag.StringVar(&token, "token", "", "access token for the API")
-about|const headerAPIKey = "X-API-Key"
-sha|const commit = "{hex:40}"
""",
    "app/config/database.rb": """
-lookup|password = ENV.fetch("DATABASE_PASSWORD") { raise "no password" }
+password|DB = { adapter: 'postgresql', username: 'app', password: '{human}' }
+jwt-secret|Rails.application.config.secret_key_base = '{hex:128}'
-about|validates :password, length: { minimum: 12 }, presence: true
-lookup|url = "redis://:#{secret}@cache:6379"
""",
    "public/wp-config.php": """
|<?php
+password|define( 'DB_PASSWORD', '{human}' );
-plain|define( 'DB_NAME', 'wordpress' );
+jwt-secret|define( 'AUTH_KEY',         '{alnum:30}!{alnum:20}%{alnum:12}' );
-placeholder|define( 'NONCE_SALT',       'put your unique phrase here' );
-lookup|$key = getenv('API_KEY');
+smtp|$mail->Password = '{human}';
""",
    "db/setup.sql": """
+password|CREATE LOGIN [shop_app] WITH PASSWORD=N'{human}', DEFAULT_DATABASE=[shop]
+password|ALTER LOGIN sa WITH PASSWORD = '{human}';
-about|CREATE USER shop FROM LOGIN shop_app;
+storage-key|CREATE EXTERNAL DATA SOURCE ds WITH (LOCATION = 'wasbs://c@s.blob.core.windows.net'); CREATE DATABASE SCOPED CREDENTIAL c WITH IDENTITY = 'user', SECRET = '{b64:86}==';
-about|INSERT INTO settings (name, value) VALUES ('password_policy', 'strong');
-lookup|EXEC sp_addlogin 'x', '$(pw)';
-guid|DECLARE @tenant uniqueidentifier = '{guid}';
+password|SET PASSWORD FOR 'app'@'%' = PASSWORD('{human}');
-sha|INSERT INTO builds (sha) VALUES ('{hex:40}');
""",
    "ops/bootstrap.sh": """
|#!/bin/sh
-lookup|PW=$(pwgen -s 24 1)
+admin|SQL_ADMIN_PW='{human}'
-lookup|az vm create -n vm -g rg --admin-password "$PW"
+admin|az vm create -n vm -g rg --admin-username me --admin-password {pw}
+entra|az login --service-principal -u {guid} -p {alnum:3}8Q~{alnum:34} --tenant {guid}
-guid|az account set --subscription {guid}
+password|mysql -u root -p{pw} -e 'show databases'
+password|sshpass -p '{pw}' ssh deploy@host
+redis|redis-cli -h r.redis.cache.windows.net -p 6380 -a {b64:43}= ping
-lookup|redis-cli -a "$REDIS_KEY" ping
+function-key|curl -H "x-functions-key: {alnum:54}==" https://f.azurewebsites.net/api/x
-about|echo "Enter the password for $USER:"
-lookup|export TOKEN=`cat /run/secrets/token`
+sas|azcopy copy ./out 'https://bk{lower:4}.blob.core.windows.net/b?sv=2022-11-02&ss=b&srt=co&sp=rwl&se=2031-01-01T00:00:00Z&sig={alnum:43}%3D'
-about|kubectl create secret generic db --from-literal=password="$PW"
+password|kubectl create secret generic db2 --from-literal=password={pw}
""",
    "ops/Deploy.ps1": """
|[CmdletBinding()] param(
-about|  [Parameter(Mandatory)][SecureString] $AdminPassword,
-plain|  [string] $VaultName = 'kv-ops')
+admin|$pw = ConvertTo-SecureString -String "{pw}" -AsPlainText -Force
-lookup|$pw2 = ConvertTo-SecureString $env:PW -AsPlainText -Force
+entra|$ClientSecret = "{alnum:3}8Q~{alnum:34}"
+storage-key|$ctx = New-AzStorageContext -StorageAccountName 'x' -StorageAccountKey '{b64:86}=='
-lookup|$key = (Get-AzStorageAccountKey -ResourceGroupName rg -Name x)[0].Value
-about|Write-Host "The password was rotated"
+admin|Set-AzVMOperatingSystem -Credential (New-Object PSCredential('admin', (ConvertTo-SecureString '{pw}' -AsPlainText -Force)))
-thumbprint|Connect-AzAccount -CertificateThumbprint '{HEX:40}' -ApplicationId '{guid}'
""",
    "site.PublishSettings": """
+publish|<publishData><publishProfile profileName="x - Zip Deploy" publishMethod="ZipDeploy" userName="$x" userPWD="{alnum:60}" destinationAppUrl="http://x.azurewebsites.net" mySQLDBConnectionString="" hostingProviderForumLink="" /></publishData>
""",
    "legacy/Web.Release.config": """
|<configuration>
|  <connectionStrings>
+sql|    <add name="Shop" connectionString="Data Source=sql;Initial Catalog=shop;User ID=shop;Password={human}" providerName="System.Data.SqlClient" xdt:Transform="SetAttributes" />
-no-password|    <add name="Log" connectionString="Data Source=.;Integrated Security=SSPI" />
|  </connectionStrings>
|  <appSettings>
+api-key|    <add key="PaymentApiKey" value="{alnum:32}"/>
-plain|    <add key="ValidationMode" value="strict"/>
-reference|    <add key="MailPassword" value="@Microsoft.KeyVault(VaultName=kv;SecretName=mail)"/>
+service-bus|    <add key="Microsoft.ServiceBus.ConnectionString" value="Endpoint=sb://x{lower:4}.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={b64:43}="/>
|  </appSettings>
+jwt-secret|  <machineKey validationKey="{HEX:128}" decryptionKey="{HEX:64}" validation="SHA1" decryption="AES" />
-public-key|  <dependentAssembly><assemblyIdentity name="Newtonsoft.Json" publicKeyToken="30ad4fe6b2a6aeed" culture="neutral" /></dependentAssembly>
|</configuration>
""",
    "config/app.properties": """
|# mail
+smtp|mail.smtp.password={human}
-plain|mail.smtp.auth=true
+storage|azure.storage.connection=DefaultEndpointsProtocol=https;AccountName=p{lower:4};AccountKey={b64:86}==
-lookup|db.password=${DB_PASSWORD}
-about|security.token.header=X-Auth-Token
+password|keystore.password = {human}
""",
    "setup.cfg": """
|[metadata]
|name = app
|[distutils]
-about|password_store = keyring
+password|[pypi]
""",
    "conf/settings.toml": """
|[database]
+password|password = "{human}"
-plain|pool_key = "tenant"
|[azure]
+iot|iothub = "HostName=i{lower:4}.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey={b64:43}="
+batch|batch_key = '{b64:76}+ABa{b64:6}=='
-guid|client_id = "{guid}"
-no-password|eventhub = "Endpoint=sb://e.servicebus.windows.net/"
|[tool.poetry.dependencies]
-plain|python-keyring = "^24"
""",
    "certs/app.pem": """
-certificate|-----BEGIN CERTIFICATE-----
-certificate|{b64:64}
-certificate|-----END CERTIFICATE-----
+pem|-----BEGIN EC PRIVATE{sp}KEY-----
|{b64:64}
|{b64:64}
|-----END EC PRIVATE{sp}KEY-----
""",
    "certs/ca.crt": """
-certificate|-----BEGIN CERTIFICATE-----
-certificate|{b64:64}
-certificate|{b64:64}
-certificate|-----END CERTIFICATE-----
-public-key|-----BEGIN PUBLIC KEY-----
-public-key|{b64:64}
-public-key|-----END PUBLIC KEY-----
""",
    "web/package-lock.json": """
|{ "lockfileVersion": 3, "packages": {
-lock|  "node_modules/a": { "resolved": "https://registry.npmjs.invalid/a.tgz", "integrity": "sha512-{b64:86}==" },
-lock|  "node_modules/js-tokens": { "integrity": "sha512-{b64:86}==" },
-lock|  "node_modules/secret-stack": { "integrity": "sha1-{b64:27}=" }
|} }
""",
    "pnpm-lock.yaml": """
-lock|  /token-types@5.0.1: {resolution: {integrity: sha512-{b64:86}==}}
-lock|  /password-prompt@1.1.3: {resolution: {integrity: sha512-{b64:86}==}}
""",
    "src/packages.lock.json": """
-lock|      "Azure.Security.KeyVault.Secrets": { "type": "Direct", "resolved": "4.6.0", "contentHash": "{b64:86}==" },
-lock|      "Microsoft.IdentityModel.Tokens": { "type": "Transitive", "contentHash": "{b64:86}==" }
""",
    "Cargo.lock": """
|[[package]]
-lock|name = "secrecy"
-lock|checksum = "{hex:64}"
""",
    "docs/runbook.md": """
|# Runbook
-about|Rotate the *admin password* every 90 days. The API key lives in Key Vault under `api-key`.
-about|* **Password**: ask the on-call engineer
-placeholder|* Connection string: `Server=<server>;Database=<db>;User ID=<user>;Password=<password>`
-about|Tokens expire after 60 minutes; set `TOKEN_TTL=3600` to change it.
|```sh
-placeholder|curl -H "Authorization: Bearer <token>" https://api.contoso.invalid
-lookup|export DB_PASSWORD="$(az keyvault secret show --vault-name kv --name db --query value -o tsv)"
+storage|az webapp config appsettings set --settings STORAGE="DefaultEndpointsProtocol=https;AccountName=run{lower:4};AccountKey={b64:86}==;EndpointSuffix=core.windows.net"
|```
+admin|Jump host login: user `ops`, password: `{human}`
-emulator|Use the well-known key `{azurite}` with Azurite.
-reference|Set it to `@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/db/{hex:32})`.
-guid|Tenant: `{guid}`
-insights|`InstrumentationKey={guid};IngestionEndpoint=https://x.in.applicationinsights.azure.com/`
|```json
+sql|{ "Default": "Server=tcp:sql.database.windows.net;Database=x;User ID=x;Password={human};" }
-placeholder|{ "Default": "Server=tcp:myserver.database.windows.net;Database=mydb;User ID=myuser;Password={your_password};Encrypt=True;" }
|```
""",
    "notes.txt": """
-about|remember to rotate the token of the build agent
+password|vpn password: {human}
-about|password: ask Anna
-about|the key is under the mat
+uri|mongo is at mongodb://admin:{pw}@10.0.0.4:27017/admin
""",
    "notebooks/train.ipynb": """
|{ "cells": [ { "cell_type": "code", "source": [
+ai|  "openai.api_key = \\"{hex:32}\\"\\n",
+storage-key|  "account_key = '{b64:86}=='\\n",
-lookup|  "token = os.environ['HF_TOKEN']\\n",
-about|  "tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased')\\n",
-about|  "max_tokens = 4096"
| ], "outputs": [ { "data": {
-data-url|   "image/png": "iVBORw0KGgoAAAANSUhEUgAA{b64:200}"
| } } ] } ], "nbformat": 4 }
""",
    "Dockerfile": """
-sha|FROM node:20@sha256:{hex:64}
-lookup|ARG NPM_TOKEN
+password|ENV ADMIN_PASSWORD={pw}
-about|ENV SECRET_STORE=/run/secrets
+vendor|RUN echo "//registry.npmjs.org/:_authToken=np{sp0}m_{alnum:36}" > .npmrc
-lookup|RUN echo "//registry.npmjs.org/:_authToken=${NPM_TOKEN}" > .npmrc
""",
    ".npmrc": """
|registry=https://pkgs.dev.azure.com/contoso/_packaging/feed/npm/registry/
+pat|//pkgs.dev.azure.com/contoso/_packaging/feed/npm/registry/:_password={base64<{base32:52}>}
-about|//pkgs.dev.azure.com/contoso/_packaging/feed/npm/registry/:email=npm@contoso.invalid
-lookup|//registry.npmjs.org/:_authToken=${NPM_TOKEN}
""",
    "NuGet.Config": """
|<configuration><packageSourceCredentials><feed>
|  <add key="Username" value="ci" />
+pat|  <add key="ClearTextPassword" value="{base32:52}" />
-lookup|  <add key="ClearTextPassword" value="%FEED_PAT%" />
|</feed></packageSourceCredentials></configuration>
""",
    ".git-credentials": """
+pat|https://contoso:{base32:52}@dev.azure.com
+vendor|https://me:gh{sp0}p_{alnum:36}@github.com
""",
    "home/.netrc": """
|machine api.contoso.invalid
|  login ci
+password|  password {human}
""",
    ".docker/config.json": """
|{ "auths": { "acr.azurecr.io": {
+acr|    "auth": "{base64<ci:{alnum:42}+ACR{alnum:6}>}"
|} }, "credsStore": "desktop" }
""",
    ".azure/msal_token_cache.json": """
|{ "RefreshToken": { "x": {
+token-cache|    "secret": "0.A{b64u:60}.AgA{b64u:300}",
-guid|    "client_id": "{guid}"
|} } }
""",
    "postman/env.json": """
|{ "values": [
-plain|  { "key": "baseUrl", "value": "https://api.contoso.invalid", "enabled": true },
+jwt|  { "key": "token", "value": "{jwt}", "enabled": true },
+api-key|  { "key": "apiKey", "value": "{alnum:40}", "enabled": true },
-placeholder|  { "key": "password", "value": "", "enabled": true }
|] }
""",
    "i18n/en.json": """
|{
-about|  "login.password": "Password",
-about|  "login.forgotPassword": "Forgot your password?",
-about|  "errors.invalidToken": "The token is invalid or has expired.",
-about|  "settings.apiKey": "API key",
-about|  "settings.secret": "Client secret"
|}
""",
    "openapi.yaml": """
|components:
|  securitySchemes:
-about|    apiKey: { type: apiKey, in: header, name: X-API-Key }
|  schemas:
|    Login:
|      properties:
-about|        password: { type: string, format: password, minLength: 12 }
-about|        token: { type: string, description: the access token }
""",
}
FILES.pop("setup.cfg")


def files(seed: int) -> Iterator[File]:
    """Return the hold-out set of a seed."""
    forge = Forge(seed + 5000)
    r = random.Random(seed + 77)
    for name, template in FILES.items():
        file = File(name)
        for line in template.strip("\n").split("\n"):
            match = _LABEL.match(line)
            label, body = (match[1] or "", line[match.end() :]) if match else ("", line)
            body = _HUMAN.sub(lambda _: human(r), body)
            body = _B64.sub(lambda m: base64.b64encode(forge.fill(m[1]).encode()).decode(), body)
            body = forge.fill(body)
            if name.endswith(".json") and "\\" not in body:
                assert json.dumps(body)
            file.add(body, label)
        yield file
