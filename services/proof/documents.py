"""What is given to an auditor: documents that `trueup verify` reads, each with all that its proof needs.

Records are the texts that stand in the log, byte for byte: JSON, which is UTF-8. Places and indexes count from 0.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from events.decimals import Number
from events.facts.bills import BillLine
from projections.proof.segments import record_leaf
from services.proof.head import Document, Hex, SegmentSaid


class Inclusion(Document):
    """Proof that a record stands in the log: it is in its segment, and its segment in the tree of a checkpoint.

    Both paths are RFC 6962's audit paths. `place` is the record's in its segment, `index` the segment's in the tree.
    """

    kind: Literal["inclusion"] = "inclusion"
    topic: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    value: str
    place: int = Field(ge=0)
    segment_path: tuple[Hex, ...]
    segment: SegmentSaid
    index: int = Field(ge=0)
    tree_path: tuple[Hex, ...]
    checkpoint: str


class Consistency(Document):
    """Proof that all that an earlier checkpoint stands for is what a later one begins with (RFC 6962, 2.1.2)."""

    kind: Literal["consistency"] = "consistency"
    first: str
    second: str
    path: tuple[Hex, ...]


class RecordSaid(Document):
    """A record of a segment. `leaf` says which one it has to be."""

    offset: int = Field(ge=0)
    place: int = Field(ge=0)
    value: str
    leaf: Hex

    @property
    def raw(self) -> bytes:
        """Its bytes."""
        return self.value.encode(errors="surrogatepass")

    @property
    def is_as_said(self) -> bool:
        """Whether its bytes have this leaf."""
        return record_leaf(self.offset, self.raw) == self.leaf


class SegmentProof(Document):
    """Some records of a segment, and the roots of all subtrees between them, from the left."""

    index: int = Field(ge=0)
    segment: SegmentSaid
    records: Annotated[tuple[RecordSaid, ...], Field(min_length=1)]
    hashes: tuple[Hex, ...]


class PartitionProof(Document):
    """Some segments of a partition, and the roots of all subtrees between them, under a checkpoint."""

    topic: str
    partition: int = Field(ge=0)
    checkpoint: str
    segments: tuple[SegmentProof, ...]
    hashes: tuple[Hex, ...]


class BillExport(Document):
    """An issued bill as it is shown, and all records of log and catalog that it follows from, proved.

    `generations`: the names that this system's store and `usage` ever had, which its sources of records bear.
    """

    kind: Literal["bill"] = "bill"
    organization: str
    generations: Annotated[tuple[str, ...], Field(min_length=1)]
    bill_id: str
    total: Number
    lines: tuple[BillLine, ...]
    log: PartitionProof
    catalog: PartitionProof


Provable = BillExport | Inclusion | Consistency
READER: TypeAdapter[Provable] = TypeAdapter(Annotated[Provable, Field(discriminator="kind")])
