"""The organizations' resources as `billing.catalog` tells them, followed in memory.

Holds the organization-wide facts and the directory (accounts and account plans), no commitments: these stand in
`billing.events` only. Facts are applied by the sequence rule, so a fact relayed twice counts once.
"""

from events.codec import ForeignRecordError, UndecodableRecordError, decode_own
from events.envelope import Envelope
from events.origins import Origins
from events.topics import CATALOG
from projections.resources import Resources
from services.failures import ExpectedFailure
from services.kafka import FetchedRecord, LogReader


class CatalogStoppedError(ExpectedFailure):
    """billing.catalog holds a fact that this program does not understand."""

    def __init__(self, offset: int, why: Exception) -> None:
        super().__init__(f"{CATALOG}/0 at offset {offset}: {why}; run a newer version of Trueup")


class CatalogFollower:
    """Folds `billing.catalog` from its beginning. `offset` is the next offset that it has not folded."""

    def __init__(self, bootstrap: str, origins: Origins) -> None:
        self._bootstrap, self._origins = bootstrap, origins
        self._sequences: dict[str, int] = {}
        self.offset = 0
        self.organizations: dict[str, Resources] = {}

    def resources(self, organization: str) -> Resources | None:
        """The organization's resources; None while it is unknown."""
        return self.organizations.get(organization)

    async def catch_up(self, *, until: int | None = None) -> list[Envelope]:
        """Fold to the topic's end as it is now (or to offset `until`); returns what was applied, in order.

        A stranger's records are passed over. Raises: CatalogStoppedError at one of ours that is not understood.
        """
        applied: list[Envelope] = []
        async with LogReader(self._bootstrap) as reader:
            end = until if until is not None else (await reader.end_offsets(CATALOG, [0]))[0]
            async for records in reader.read(CATALOG, 0, self.offset, end):
                for record in records:
                    envelope = self._own(record)
                    if envelope is not None and self._apply(envelope):
                        applied.append(envelope)
                self.offset = records[-1].offset + 1
        self.offset = max(self.offset, end)
        return applied

    def _own(self, record: FetchedRecord) -> Envelope | None:
        try:
            return decode_own(record.value, self._origins)
        except ForeignRecordError:
            return None
        except UndecodableRecordError as error:
            raise CatalogStoppedError(record.offset, error) from error

    def _apply(self, envelope: Envelope) -> bool:
        if envelope.sequence <= self._sequences.get(envelope.source, -1):
            return False
        self._sequences[envelope.source] = envelope.sequence
        if envelope.organization:
            held = self.organizations.setdefault(envelope.organization, Resources(envelope.organization))
            held.evolve(envelope)
        return True
