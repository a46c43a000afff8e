"""Local Azure Key Vault for development."""
