"""A small app: it knows settings by name, and not where it runs."""

import asyncio
import json
import sys

from devvault import DefaultVaultChain, load_settings
from devvault.errors import DevvaultError

chain = DefaultVaultChain()
try:
    first = chain.get_all(["DB", "API", "LOG_LEVEL"])
    settings = load_settings()
    awaited = asyncio.run(chain.aget("DB"))
except DevvaultError as error:
    print(type(error).__name__, error.code, file=sys.stderr)
    print(error.message, file=sys.stderr)
    sys.exit(78)
assert awaited == settings["DB"] == first["DB"]
azure = sorted(name for name in ("azure.identity", "azure.keyvault.secrets") if name in sys.modules)
print(json.dumps({**first, "source": chain.source, "azure": azure}))
