"""The control plane: the part of Azure Resource Manager that concerns vaults."""
