"""az's own words for vaults and secrets."""
