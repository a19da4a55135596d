"""The same stack as the projector's tests, one for each module."""

from tests.projector.conftest import place

__all__ = ["place"]
