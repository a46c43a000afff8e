"""Local Azure Key Vault for development: the public names, each imported on first use.

Importing this module imports nothing else, so that a program pays only for what it asks for. What
type checkers see stands in `__init__.pyi`.
"""

__version__ = "0.1.0"

_FROM = {
    "DefaultVaultChain": "devvault.resolver.chain",
    "SecretValue": "devvault.secretvalue",
    "load_dotenv": "devvault.adapters.dotenv",
    "load_settings": "devvault.resolver.settings",
    "resolve": "devvault.resolver.settings",
}

__all__ = ["DefaultVaultChain", "SecretValue", "load_dotenv", "load_settings", "resolve"]


def __getattr__(name: str) -> object:
    """Import the module that a public name lives in, and keep what it gave."""
    if name not in _FROM:
        msg = f"module 'devvault' has no attribute {name!r}"
        raise AttributeError(msg)
    found: object = getattr(__import__(_FROM[name], fromlist=[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
