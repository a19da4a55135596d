"""A signed tree head: the root of a partition's Merkle tree up to the end of a segment, signed by the operator's key.

It is a signed tree head of RFC 6962 except for its text, which is a JSON Web Signature, as for all checkpoints here.
"""

from datetime import UTC, datetime, timedelta
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


#: An offset, a place, an index or a count. The upper bound is in no schema: it is more than a double holds exactly, and
#: some readers of JSON have no other numbers.
Count = Annotated[int, AfterValidator(_fits)]


class Document(BaseModel):
    """Base of what is signed, and of the documents for auditors. Unknown members are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class SegmentSaid(Document):
    """A segment of a partition's records. `tick`: the quarter hour whose end completed it; absent if it was full."""

    start: Count = Field(ge=0)
    end: Count = Field(ge=1)
    records: Count = Field(ge=1)
    root: Hex
    tick: datetime | None = None

    @property
    def segment(self) -> Segment:
        """The segment in the form that trees are made from."""
        return Segment(self.start, self.end, self.records, self.root, self.tick)


def segment_said(segment: Segment) -> SegmentSaid:
    """A segment in the form for JSON."""
    return SegmentSaid(**segment._asdict())


class Head(Document):
    """Says that the tree of segments 1 to `size` of a partition has this root. `segment`: the last of them.

    `peaks`: the roots of the tree's complete subtrees. With them the tree can be grown, so that whoever has the newest
    head needs no earlier one.
    """

    topic: str
    partition: Count = Field(ge=0)
    size: Count = Field(ge=1)
    segment: SegmentSaid
    root: Hex
    peaks: tuple[Hex, ...]

    @property
    def tree(self) -> Tree:
        """The tree whose root is signed, to be grown by the next segment."""
        return Tree(self.topic, self.partition, self.size, self.segment.end, self.peaks)

    @property
    def named(self) -> str:
        """The head's name for people: number, topic and partition."""
        return f"checkpoint {self.size} of {self.topic}/{self.partition}"

    @property
    def as_of(self) -> str:
        """How far the head reaches, for people: the quarter hour that ended its last segment, else its end offset."""
        tick = self.segment.tick
        moment = f"{tick.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if tick else f"offset {self.segment.end}"
        return f"as of {moment}"


def head_of(tree: Tree, last: Segment) -> Head:
    """The head, not signed yet, of a tree. `last`: the tree's last segment."""
    return Head(
        topic=tree.topic,
        partition=tree.partition,
        size=tree.size,
        segment=segment_said(last),
        root=tree.root,
        peaks=tree.peaks,
    )


def notary(secret: bytes) -> Signer:
    """The signer of heads whose key follows from the operator's secret."""
    return Signer(secret, _AUDIENCE)


def key_by(secret: SecretStr | None) -> str | None:
    """The thumbprint of the key that follows from the operator's secret; None for None."""
    return notary(secret.get_secret_value().encode()).key if secret else None


def sign_head(signer: Signer, head: Head) -> str:
    """The signed head, as a token. Signing the same head again gives the same token."""
    return signer.sign({_MEMBER: head.model_dump(mode="json", by_alias=True, exclude_none=True)})


def read_head(token: str, key: str | None = None) -> tuple[Head, str]:
    """The head in a token, and the thumbprint of the key that signed it.

    Raises: OtherKeyError if `key` is given and another key signed; ForgedError if the signature is wrong;
    StrangeHeadError if the content is no head, or contradicts itself.
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
    tick = head.segment.tick
    if tick is not None and tick.utcoffset() != timedelta(0):  # no log has such a tick, and not all have a time in UTC
        raise StrangeHeadError
    return head
