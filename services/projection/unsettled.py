"""The families that cannot be settled, and why."""

from collections.abc import Container, Iterable

import structlog

from projections.readmodels import due
from projections.too_large import TooLargeError
from services.readside.family_state import FamilyState
from services.sight.metrics import UNSETTLED

log = structlog.get_logger(__name__)


class Unsettled:
    """The families whose last settlement failed. Each is counted every time, and logged once until it is settled: it
    is tried with whatever comes for it, and what comes may be many records a second.
    """

    def __init__(self) -> None:
        #: Partition and reason by root.
        self._why: dict[str, tuple[int, due.Failed]] = {}

    def note(self, family: FamilyState, error: Exception) -> None:
        """Note that the family could not be settled."""
        is_large = isinstance(error, TooLargeError)
        reason: due.Failed = due.TOO_LARGE if is_large else due.FAILED
        UNSETTLED.labels(reason).inc()
        if self._reason(family) != reason:
            about = {"organization": family.organization, "root_id": family.root_id}
            log.error("family_not_settled", **about, **({"why": str(error)} if is_large else {"exc_info": error}))
        self._why[family.root_id] = family.partition, reason

    def among(self, families: Iterable[FamilyState], reason: due.Failed) -> list[FamilyState]:
        """Those of the families that failed for this reason."""
        return [family for family in families if self._reason(family) == reason]

    def _reason(self, family: FamilyState) -> due.Failed | None:
        known = self._why.get(family.root_id)
        return None if known is None else known[1]

    def settled(self, root_id: str) -> None:
        """Note that all of the family could be settled."""
        self._why.pop(root_id, None)

    def forget(self, partitions: Container[int]) -> None:
        """Forget partitions that another process may write."""
        self._why = {id: why for id, why in self._why.items() if why[0] not in partitions}
