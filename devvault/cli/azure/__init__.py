"""The rest of az's words that concern a vault."""
