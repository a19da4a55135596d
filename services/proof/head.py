"""A signed tree head: what the operator's key says of a partition of the log, up to the end of a segment.

It is RFC 6962's in all but its text, which is a JSON Web Signature as all checkpoints here are.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from projections.proof.merkle import root_of_peaks
from projections.proof.segments import Segment, Tree
from services.failures import Worded
from services.signatures import Signed, Signer, read_signed

_AUDIENCE, _MEMBER = "trueup-tree-head", "head"
_HASH_BYTES = 32
_TOO_LARGE = 1 << 63


#: Topic and partition.
TopicPartition = tuple[str, int]


class StrangeHeadError(Worded):
    """it says nothing that this version understands"""


def _from_hexadecimal(value: object) -> object:
    return bytes.fromhex(value) if isinstance(value, str) else value


#: 32 bytes; hexadecimal in JSON.
Hex = Annotated[
    bytes,
    BeforeValidator(_from_hexadecimal),
    Field(min_length=_HASH_BYTES, max_length=_HASH_BYTES),
    PlainSerializer(bytes.hex, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{64}$", "examples": ["0f" * _HASH_BYTES]}),
]


def _fits(value: int) -> int:
    if not 0 <= value < _TOO_LARGE:
        raise ValueError("must be a whole number from 0 on, of at most 8 bytes, as offsets are")
    return value


#: An offset, a place, an index or a count. The bounds stand in no schema: they are beyond what a double holds exactly,
#: and some readers of JSON have no other numbers.
Count = Annotated[int, AfterValidator(_fits)]


class Document(BaseModel):
    """A part of what is signed, or of a file that is verified."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class SegmentSaid(Document):
    """A segment as it is written down. `tick`: the quarter hour that ended it; none where it was full."""

    start: Count = Field(ge=0)
    end: Count = Field(ge=1)
    records: Count = Field(ge=1)
    root: Hex
    tick: datetime | None = None

    @property
    def segment(self) -> Segment:
        """The segment as trees are made of it."""
        return Segment(self.start, self.end, self.records, self.root, self.tick)


def segment_said(segment: Segment) -> SegmentSaid:
    """How a segment is written down."""
    return SegmentSaid(**segment._asdict())


class Head(Document):
    """Segments 1 to `size` of this partition have this root; `segment` is the last of them.

    `peaks` are what the tree grows on from, so that whoever has the newest head needs no earlier one.
    """

    topic: str
    partition: Count = Field(ge=0)
    size: Count = Field(ge=1)
    segment: SegmentSaid
    root: Hex
    peaks: tuple[Hex, ...]

    @property
    def tree(self) -> Tree:
        """The tree whose root is signed, which the next segment grows."""
        return Tree(self.topic, self.partition, self.size, self.segment.end, self.peaks)

    @property
    def named(self) -> str:
        """Which one it is, in words."""
        return f"checkpoint {self.size} of {self.topic}/{self.partition}"

    @property
    def as_of(self) -> str:
        """When it stands, in words: the quarter hour that ended its last segment, else the offset that it reaches."""
        tick = self.segment.tick
        moment = f"{tick.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if tick else f"offset {self.segment.end}"
        return f"as of {moment}"


def head_of(tree: Tree, last: Segment) -> Head:
    """The head of a tree whose last segment this is."""
    return Head(
        topic=tree.topic,
        partition=tree.partition,
        size=tree.size,
        segment=segment_said(last),
        root=tree.root,
        peaks=tree.peaks,
    )


def notary(secret: bytes) -> Signer:
    """Who signs heads with the operator's secret."""
    return Signer(secret, _AUDIENCE)


def key_by(secret: SecretStr | None) -> str | None:
    """The thumbprint of the key that the operator's secret gives; None: there is none here."""
    return notary(secret.get_secret_value().encode()).key if secret else None


def sign_head(signer: Signer, head: Head) -> str:
    """The head as a token: the same one whenever it is signed."""
    return signer.sign({_MEMBER: head.model_dump(mode="json", by_alias=True, exclude_none=True)})


def read_head(token: str, key: str | None = None) -> tuple[Head, str]:
    """A head that was signed with the key of this thumbprint, or with any, and which key it was.

    Raises: OtherKeyError, ForgedError, StrangeHeadError.
    """
    signed: Signed = read_signed(token, _AUDIENCE, key)
    return _head(signed.content), signed.key


def _head(content: Any) -> Head:
    try:
        head = Head.model_validate(content.get(_MEMBER))
    except ValidationError as error:
        raise StrangeHeadError from error
    if root_of_peaks(head.peaks) != head.root or len(head.peaks) != head.size.bit_count():
        raise StrangeHeadError
    return head
