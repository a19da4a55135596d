"""Proof that records stand in the log: Merkle trees of RFC 6962 over its segments."""
