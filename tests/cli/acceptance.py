"""The file of the acceptance: twenty lines, eight secrets. No literal here is one in one piece."""

from __future__ import annotations

KEY64 = "Zm9yLXRoZS1kZXYtYm94LW9ubHktbm90LWEtcmVhbC1hY2NvdW50LWtleS0wMTIzNDU2Nzg5MDEyMzQ1Njc4OQ=="
BUS = "bm90LWEtcmVhbC1rZXktanVzdC1mb3ItdGVzdHMtMDE="
SECRETS = {
    "DATABASE_URL": "postgres://app:" + "hT7-kq2-Vn41" + "@db.local:5432/app",
    "SMTP_PASSWORD": "summer-" + "rain-91",
    "STRIPE_KEY": "sk" + "_live_" + "51Kq0Vd9TrWmXeZbPuNsHaLcYf",
    "JWT_SIGNING_KEY": "c2lnbmluZy1rZXktZm9y" + "LXRoZS1kZXYtYm94LTIwMjY=",
    "STORAGE": (
        "DefaultEndpointsProtocol=https;AccountName=devbox;Account"
        f"Key={KEY64};EndpointSuffix=core.windows.net"
    ),
    "SERVICEBUS": (
        "Endpoint=sb://dev.servicebus.windows.net/;SharedAccessKeyName=Root;"
        f"SharedAccess{'Key'}={BUS}"
    ),
    "ADMIN_PW": "Tr0ub4" + "dor&3",
    "AZURE_CLIENT_SECRET": "abc8" + "Q~" + "dLbNqk1x0PzV5yTt7rWmHs3uJe9oGfXc2v",
}
INSIGHTS = (
    "InstrumentationKey=1b4e28ba-2fa1-11d2-883f-0016d3cca427;"
    "IngestionEndpoint=https://westeurope-1.in.applicationinsights.azure.com/"
)
PLAIN = {
    "APP_ENV": "development",
    "PORT": "8080",
    "LOG_LEVEL": "debug",
    "FEATURE_X": "true",
    "BASE_URL": "https://localhost:8080/app",
    "SMTP_HOST": "smtp.example.net",
    "AZURE_TENANT_ID": "72f988bf-0000-41af-91ab-2d7cd011db47",
    "AZURE_CLIENT_ID": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": INSIGHTS,
    "GREETING": "hello development",
}
S = SECRETS
LINES = [
    "# --- web ---",
    "APP_ENV=development",
    "PORT=8080",
    "LOG_LEVEL=debug   # chatty",
    "FEATURE_X=true",
    "BASE_URL=https://localhost:8080/app",
    f"DATABASE_URL={S['DATABASE_URL']}",
    "",
    "SMTP_HOST=smtp.example.net",
    f"SMTP_PASSWORD='{S['SMTP_PASSWORD']}'",
    f"STRIPE_KEY={S['STRIPE_KEY']}",
    f'JWT_SIGNING_KEY="{S["JWT_SIGNING_KEY"]}"',
    f'STORAGE="{S["STORAGE"]}"',
    f"SERVICEBUS={S['SERVICEBUS']}",
    f"ADMIN_PW={S['ADMIN_PW']}",
    "AZURE_TENANT_ID=72f988bf-0000-41af-91ab-2d7cd011db47",
    "AZURE_CLIENT_ID=0f8fad5b-d9cb-469f-a165-70867728950e",
    f"AZURE_CLIENT_SECRET={S['AZURE_CLIENT_SECRET']}",
    f"APPLICATIONINSIGHTS_CONNECTION_STRING={INSIGHTS}",
    'GREETING="hello ${APP_ENV}"',
]
FILE = "".join(f"{line}\n" for line in LINES).encode()
