"""The organizations' resources as `billing.catalog` tells them, followed in memory.

Holds the organization-wide facts and the directory (accounts and account plans), no commitments: these stand in
`billing.events` only.
"""

from events.envelope import Envelope
from events.origins import Origins
from projections.resources import Resources
from services.kafka import FetchedRecord, LogReader
from services.projection.catalog_fold import CatalogFold


class CatalogFollower(CatalogFold):
    """The fold, and what it applied since it was last asked."""

    def __init__(self, bootstrap: str, origins: Origins) -> None:
        super().__init__(origins)
        self._bootstrap = bootstrap
        self._applied: list[Envelope] = []

    def resources(self, organization: str) -> Resources | None:
        """The organization's resources; None while it is unknown."""
        return self.organizations.get(organization)

    async def catch_up(self, *, until: int | None = None) -> list[Envelope]:
        """Fold to the topic's end as it is now (or to offset `until`); returns what was applied, in order.

        What was applied before an error is returned by the next call. Raises: CatalogStoppedError.
        """
        async with LogReader(self._bootstrap) as reader:
            await self.read(reader, until)
        applied, self._applied = self._applied, []
        return applied

    def apply(self, record: FetchedRecord, envelope: Envelope) -> None:
        self._applied.append(envelope)
        self.evolve(envelope)

    def evolve(self, envelope: Envelope) -> None:
        """Hold what a fact says; a tick of the real clock is no organization's."""
        if envelope.organization:
            held = self.organizations.setdefault(envelope.organization, Resources(envelope.organization))
            held.evolve(envelope)
