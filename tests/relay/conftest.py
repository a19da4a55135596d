"""The migrated store of the session's stack."""

from tests.store.kit import opened, store

__all__ = ["opened", "store"]
