"""Replay and audit: the same projection over the same log into other tables, to replace the live ones or prove them."""
