"""A checkpoint: what a passed audit has proved, and up to which positions, signed with a key that only the operator
has.

docs/how-to-audit.md says what it proves, and what an attacker would have to do to forge it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from events.facts.usage import RecordMark
from events.topics import CHECKPOINTS
from projections.readmodels.registry import ALL
from services.audit.hashes import TABLE_SECONDS
from services.failures import Worded
from services.kafka import BatchWriter, Cluster, LogReader, Record
from services.signatures import ForgedError, OtherKeyError, Signer

_AUDIENCE = "trueup-checkpoint"


class OtherVersionError(Worded):
    """another version of the program made it"""


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Segment(_Content):
    """The proved part of one partition of `billing.events`.

    `digest` covers the bytes of the log from `start`, where the previous checkpoint ended (or 0), to `next_offset`;
    `mark` is the last record before `next_offset`.
    """

    partition: int
    start: int
    next_offset: int
    catalog_offset: int
    mark: RecordMark | None
    digest: str

    @property
    def range(self) -> tuple[int, int]:
        """The offsets `[start, next_offset)`."""
        return self.start, self.next_offset


class Checkpoint(_Content):
    """The proof of an audit: these read models follow from the log up to these positions.

    `state` is a digest of every row of the read models, `catalog_digest` one of the bytes of `billing.catalog` up to
    `catalog_offset`, the furthest that any partition holds. `program` is the version of the code that made it; `store`
    and `usage` name the event store and the topic that it is about.
    """

    number: int
    #: How the digests of the log were made (`history.SCHEME`).
    scheme: int
    made_at: datetime
    program: str
    store: str
    usage: str
    catalog_offset: int
    catalog_digest: str
    segments: tuple[Segment, ...]
    state: str

    def segment(self, partition: int) -> Segment:
        """The proved part of this partition."""
        return self.by_partition()[partition]

    def by_partition(self) -> Mapping[int, Segment]:
        """The segments by partition."""
        return {segment.partition: segment for segment in self.segments}


class Seal:
    """Signs checkpoints, and reads checkpoints that were signed with the same secret."""

    def __init__(self, secret: bytes) -> None:
        self._signer = Signer(secret, _AUDIENCE)

    def sign(self, checkpoint: Checkpoint) -> str:
        """The checkpoint as a signed token, for `read`."""
        return self._signer.sign({"checkpoint": checkpoint.model_dump(mode="json")})

    def read(self, token: str) -> Checkpoint:
        """The checkpoint in a signed token. Raises: OtherKeyError, ForgedError, OtherVersionError."""
        try:
            return Checkpoint.model_validate(self._signer.read(token).get("checkpoint"))
        except ValidationError as error:
            raise OtherVersionError from error

    def readable(self, tokens: Iterable[str]) -> list[Checkpoint]:
        """The checkpoints among these tokens that this seal signed and can read. Others, which were signed with another
        key or by another version, or are no tokens, are left out.
        """
        readable = []
        for token in tokens:
            try:
                readable.append(self.read(token))
            except (OtherKeyError, ForgedError, OtherVersionError):
                continue
        return readable


SCHEMA = "checkpoint"

_NEWEST = "SELECT token FROM store.checkpoints ORDER BY number DESC LIMIT 1"
_ADD = "INSERT INTO store.checkpoints (number, token, made_at) VALUES ($1, $2, $3)"
_LAST = "SELECT coalesce(max(number), 0) FROM store.checkpoints"
_IS_THERE = "SELECT to_regnamespace($1) IS NOT NULL"


async def newest_token(connection: Any) -> str | None:
    """The token of the newest checkpoint in the table; None if there is none."""
    schema: str | None = await connection.fetchval(_NEWEST)
    return schema


async def published_tokens(reader: LogReader) -> list[str]:
    """The tokens of all checkpoints in the topic, oldest first. Bytes that are not UTF-8 are replaced; such a token is
    none that a seal can read.
    """
    [start] = (await reader.beginning_offsets(CHECKPOINTS, [0])).values()
    [end] = (await reader.end_offsets(CHECKPOINTS, [0])).values()
    tokens = []
    async for records in reader.read(CHECKPOINTS, 0, start, end):
        tokens += [(record.value or b"").decode(errors="replace") for record in records]
    return tokens


async def next_number(connection: Any, seal: Seal, reader: LogReader) -> int:
    """A new number, above all that were given, also by an audit that was killed before it had written its row."""
    last: int = await connection.fetchval(_LAST)
    return 1 + max([last, *(checkpoint.number for checkpoint in seal.readable(await published_tokens(reader)))])


async def copy_state(connection: Any, schema: str) -> bool:
    """Copy the read models of the newest checkpoint into an empty schema, inside the caller's transaction. Returns
    False if they do not exist.
    """
    if not await connection.fetchval(_IS_THERE, SCHEMA):
        return False
    for table in ALL:
        copy = f'INSERT INTO "{schema}".{table.name} SELECT * FROM "{SCHEMA}".{table.name}'
        await connection.execute(copy, seconds=TABLE_SECONDS)
    return True


async def keep(connection: Any, cluster: Cluster, seal: Seal, checkpoint: Checkpoint, schema: str) -> None:
    """Publish a checkpoint, and keep this schema as its proved rows, in place of the previous checkpoint's."""
    token = seal.sign(checkpoint)
    async with BatchWriter(cluster) as writer:
        await writer.append(CHECKPOINTS, 0, [Record(None, token.encode())])
    # It is published first: a checkpoint that the topic does not hold is not trusted.
    async with connection.transaction():
        await connection.execute(f'DROP SCHEMA IF EXISTS "{SCHEMA}" CASCADE')
        await connection.execute(f'ALTER SCHEMA "{schema}" RENAME TO "{SCHEMA}"')
        await connection.execute(_ADD, checkpoint.number, token, checkpoint.made_at)
