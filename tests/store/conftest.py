"""The migrated store of the session's stack."""

from tests.store.kit import store

__all__ = ["store"]
