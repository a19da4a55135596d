"""The acts of automatic rules, each done once (decision 34)."""
