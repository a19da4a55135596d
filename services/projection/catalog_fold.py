"""The fold of `billing.catalog`: its records in order, each of ours once, into the resources of every organization.

Ingest and projection follow the same topic by it; what each remembers of a fact beyond the resources is its own.
"""

from abc import ABC, abstractmethod
from contextlib import aclosing

from events.codec import ForeignRecordError, UndecodableRecordError, decode_own
from events.envelope import Envelope
from events.sources import LastSequences, Origins
from events.topics import CATALOG
from projections.resources import Resources
from services.failures import ExpectedFailure
from services.kafka import FetchedRecord, LogReader


class CatalogStoppedError(ExpectedFailure):
    """The catalog, in `topic`, holds a fact that this program does not understand; `why` says where and what."""

    def __init__(self, topic: str, offset: int, error: Exception) -> None:
        self.why = f"{topic}/0 at offset {offset}: {error}"
        super().__init__(f"{self.why}; run a newer version of Trueup")


class CatalogFold(ABC):
    """Folds `billing.catalog` from its beginning; `offset` is the next one that is not folded."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._sequences = LastSequences()
        self.offset = 0
        self.organizations: dict[str, Resources] = {}

    async def read(self, reader: LogReader, until: int | None = None) -> None:
        """Fold up to the topic's end as it is now, or to `until`.

        Raises: CatalogStoppedError; nothing behind that record is folded.
        """
        end = until if until is not None else (await reader.end_offsets(CATALOG, [0]))[0]
        if end <= self.offset:
            return
        async with aclosing(reader.read(CATALOG, 0, self.offset, end)) as polls:
            async for records in polls:
                for record in records:
                    self.fold(record, reader.cluster.topic(CATALOG))
        self.offset = end

    def fold(self, record: FetchedRecord, topic: str = CATALOG) -> None:
        """Apply one record, unless it is a stranger's or came before. `topic` is what the catalog is called there.

        Raises: CatalogStoppedError.
        """
        envelope = None
        try:
            if not self.passes_over(record.value or b""):
                envelope = decode_own(record.value or b"", self._origins)
        except ForeignRecordError as error:
            self.note_foreign(record, error)
        except UndecodableRecordError as error:
            raise CatalogStoppedError(topic, record.offset, error) from error
        self.offset = record.offset + 1
        if envelope is not None and self._sequences.accepts(envelope.source, envelope.sequence):
            self.apply(record, envelope)

    @abstractmethod
    def apply(self, record: FetchedRecord, envelope: Envelope) -> None:
        """Evolve by a fact that is new."""

    def passes_over(self, value: bytes) -> bool:
        """Whether a record need not even be decoded."""
        return False

    @abstractmethod
    def note_foreign(self, record: FetchedRecord, error: ForeignRecordError) -> None:
        """A stranger's record was passed over."""
