from devvault.adapters.dotenv import load_dotenv as load_dotenv
from devvault.resolver.chain import DefaultVaultChain as DefaultVaultChain
from devvault.resolver.settings import load_settings as load_settings
from devvault.resolver.settings import resolve as resolve
from devvault.secretvalue import SecretValue as SecretValue

__version__: str
__all__ = ["DefaultVaultChain", "SecretValue", "load_dotenv", "load_settings", "resolve"]
