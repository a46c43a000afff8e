"""A settings class of ten fields out of a vault: our source beside pydantic-settings' own."""

import importlib.util

from tests.bench.measure import Row
from tests.bench.start import SECRETS, installed

ROUNDS = 15
PAIR = """
import statistics, sys, time
from azure.identity import DefaultAzureCredential
from pydantic_settings import AzureKeyVaultSettingsSource as Theirs
from pydantic_settings import BaseSettings
from devvault.adapters.pydantic import AzureKeyVaultSettingsSource as Ours

URL = "https://bench-vault.vault.azure.net/"
credential = DefaultAzureCredential()

def settings(source):
    class Settings(BaseSettings):
        __annotations__ = {f"KEY_{number}": str for number in range(int(sys.argv[1]))}

        @classmethod
        def settings_customise_sources(cls, settings_cls, *_more, **_others):
            return (source(settings_cls, URL, credential, dash_to_underscore=True),)

    return Settings

ours, theirs = settings(Ours), settings(Theirs)

def spent(made):
    start = time.perf_counter()
    found = made()
    taken = time.perf_counter() - start
    assert found.KEY_3 == "value number 3"
    return taken

for _ in range(2):
    spent(ours), spent(theirs)
pairs = [(spent(ours), spent(theirs)) for _ in range(int(sys.argv[2]))]
print(statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs),
      statistics.median(a / b for a, b in pairs))
"""


def rows() -> list[Row]:
    what = f"a settings class of {SECRETS} fields, through our AzureKeyVaultSettingsSource"
    for package in ("pydantic_settings", "azure.identity", "azure.keyvault.secrets"):
        try:
            found = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return [Row(what, skipped=f"{package} is not installed")]
    with installed() as made:
        program = ["run", "--no-mask", "--", made.python, "-c", PAIR, SECRETS, ROUNDS]
        ours, theirs, ratio = map(float, made.do(*program).split())
    against = f"pydantic-settings' own against the same vault, {theirs * 1000:.0f} ms"
    return [Row(what, f"{ours * 1000:.1f} ms", against, ratio, 0.5)]
