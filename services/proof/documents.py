"""The documents that auditors get and `trueup verify` reads, each with all that its proof needs.

Records are texts exactly as in the log: JSON in UTF-8. Places and indexes count from 0.
"""

import json
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from events.decimals import Number
from events.facts.bills import BillLine
from projections.proof.segments import record_leaf
from services.failures import ExpectedFailure, Worded
from services.proof.head import Count, Document, Hex, SegmentSaid


class Inclusion(Document):
    """Proof that a record is in the log: the record is in a segment, and the segment in the tree of a checkpoint.

    Both paths are audit paths of RFC 6962. `place` is the record's place in its segment, `index` the segment's in the
    tree.
    """

    kind: Literal["inclusion"] = "inclusion"
    topic: str
    partition: Count = Field(ge=0)
    offset: Count = Field(ge=0)
    value: str
    place: Count = Field(ge=0)
    segment_path: tuple[Hex, ...]
    segment: SegmentSaid
    index: Count = Field(ge=0)
    tree_path: tuple[Hex, ...]
    checkpoint: str


class Consistency(Document):
    """Proof that a later checkpoint begins with all that an earlier one covers, unchanged (RFC 6962, 2.1.2)."""

    kind: Literal["consistency"] = "consistency"
    first: str
    second: str
    path: tuple[Hex, ...]


class RecordSaid(Document):
    """A record of a segment. `leaf`: the hash that its offset and value must have."""

    offset: Count = Field(ge=0)
    place: Count = Field(ge=0)
    value: str
    leaf: Hex

    @property
    def raw(self) -> bytes:
        """The record's value as bytes."""
        return self.value.encode(errors="surrogatepass")

    @property
    def is_as_said(self) -> bool:
        """Whether its offset and value have the hash `leaf`."""
        return record_leaf(self.offset, self.raw) == self.leaf


class SegmentProof(Document):
    """Some records of a segment, and the hashes of all subtrees between them, from the left."""

    index: Count = Field(ge=0)
    segment: SegmentSaid
    records: Annotated[tuple[RecordSaid, ...], Field(min_length=1)]
    hashes: tuple[Hex, ...]


class PartitionProof(Document):
    """Some segments of a partition, and the hashes of all subtrees between them, under a checkpoint."""

    topic: str
    partition: Count = Field(ge=0)
    checkpoint: str
    segments: tuple[SegmentProof, ...]
    hashes: tuple[Hex, ...]


class BillExport(Document):
    """An issued bill as the API shows it, and all records of log and catalog that it follows from, with their proofs.

    `generations`: all names that this system's store and `usage` ever had; the source of a record contains one.
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


class UnreadableError(Worded, ExpectedFailure):
    """{file} is no document of `trueup export`, `trueup proof` or the API: {why}"""


def read_document(text: bytes, file: object) -> Provable:
    """The document in a text. `file`: its name, for messages. Raises: UnreadableError.

    The text must be just as `written` makes it, so that a person who reads the file reads what is verified. So members
    that are unknown or given twice are refused, and so are numbers in another notation.
    """
    try:
        said = json.loads(text, object_pairs_hook=_once)
        document = READER.validate_json(text)
    except ValidationError as error:
        raise UnreadableError(file=file, why=error.errors(include_url=False)[0]["msg"]) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(file=file, why=str(error) or "it is no JSON") from error
    if (other := _otherwise(said, json.loads(written(document)))) is not None:
        raise UnreadableError(file=file, why=f"{other or 'it'} is not spelled as it is written there")
    return document


def written(document: Document) -> str:
    """The JSON text of a document."""
    return document.model_dump_json(by_alias=True, exclude_none=True)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, times in Counter(name for name, _ in members).items():
        if times > 1:
            raise ValueError(f"its member {name[:80]!r} stands {times} times")
    return dict(members)


def _otherwise(said: Any, ours: Any, where: str = "") -> str | None:
    """The path to the first difference of two JSON values; None if they are equal. `1`, `1.0` and `true` differ."""
    if type(said) is not type(ours):
        return where
    if isinstance(ours, dict):
        if said.keys() != ours.keys():
            return f"{where}.{min(said.keys() ^ ours.keys())[:80]}".removeprefix(".")
        pairs = [(said[name], ours[name], f"{where}.{name}".removeprefix(".")) for name in ours]
    elif isinstance(ours, list):
        pairs = [(*both, f"{where}[{index}]") for index, both in enumerate(zip(said, ours, strict=True))]
    else:
        return None if said == ours else where
    return next((problem for pair in pairs if (problem := _otherwise(*pair)) is not None), None)
