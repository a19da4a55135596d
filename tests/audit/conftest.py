"""Such an installation as the projector's tests have, for this package."""

from tests.projector.conftest import installation

__all__ = ["installation"]
