"""A checkpoint: what an audit that passed has proved, and up to where, signed with a key that only the operator has.

docs/how-to-audit.md says what it proves and what would have to be done to deceive it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from events.facts.usage import RecordMark
from events.topics import CHECKPOINTS
from projections.readmodels import registry
from projections.readmodels.registry import ALL
from services.audit.hashes import TABLE_SECONDS
from services.failures import Worded
from services.kafka import BatchWriter, Cluster, LogReader, Record
from services.signatures import ForgedError, OtherKeyError, Signer

_AUDIENCE = "trueup-checkpoint"
_ROOT = Path(__file__).parents[2]
#: What a row or an issued bill follows from, and what proves it.
_ROOMS = ("events", "projections", "services/projection", "services/readside", "services/audit")


class OtherVersionError(Worded):
    """another version of the program made it"""


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Segment(_Content):
    """How far one partition of `billing.events` is proved.

    `digest` is over the bytes of the log from `start`, where the checkpoint before it ended, or 0, to `next_offset`;
    `mark` is the last record before that.
    """

    partition: int
    start: int
    next_offset: int
    catalog_offset: int
    mark: RecordMark | None
    digest: str

    @property
    def range(self) -> tuple[int, int]:
        """From `start` to `next_offset`."""
        return self.start, self.next_offset


class Checkpoint(_Content):
    """What an audit has proved: that these read models are what the log up to these positions says.

    `state` is over every row of them, `catalog_digest` over the bytes of `billing.catalog` up to `catalog_offset`, the
    furthest that any partition holds. `program` and the names of store and `usage` say by whom, and of what.
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
        """How far this partition is proved."""
        return self.by_partition()[partition]

    def by_partition(self) -> Mapping[int, Segment]:
        """The segments, each by its partition."""
        return {segment.partition: segment for segment in self.segments}


class Seal:
    """Signs checkpoints, and reads those that it signed."""

    def __init__(self, secret: bytes) -> None:
        self._signer = Signer(secret, _AUDIENCE)

    def sign(self, checkpoint: Checkpoint) -> str:
        """The checkpoint as a signed token, which `read` takes."""
        return self._signer.sign({"checkpoint": checkpoint.model_dump(mode="json")})

    def read(self, token: str) -> Checkpoint:
        """What was signed. Raises: OtherKeyError, ForgedError, OtherVersionError."""
        try:
            return Checkpoint.model_validate(self._signer.read(token).get("checkpoint"))
        except ValidationError as error:
            raise OtherVersionError from error

    def readable(self, tokens: Iterable[str]) -> list[Checkpoint]:
        """Those of these that it signed and understands; others are of other keys, other versions, or nobody's."""
        readable = []
        for token in tokens:
            try:
                readable.append(self.read(token))
            except (OtherKeyError, ForgedError, OtherVersionError):
                continue
        return readable


@cache
def program_version() -> str:
    """A digest of every source file that what is folded depends on, and of the read models' definition.

    It is taken of the text itself: nobody has to remember to count a version up. A release that changes nothing but a
    comment costs one audit from the beginning.
    """
    digest = blake2b(registry.VERSION.encode(), digest_size=16)
    for path in sorted(path for room in _ROOMS for path in (_ROOT / room).rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_ROOT)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


SCHEMA = "checkpoint"

_NEWEST = "SELECT token FROM store.checkpoints ORDER BY number DESC LIMIT 1"
_ADD = "INSERT INTO store.checkpoints (number, token, made_at) VALUES ($1, $2, $3)"
_LAST = "SELECT coalesce(max(number), 0) FROM store.checkpoints"
_IS_THERE = "SELECT to_regnamespace($1) IS NOT NULL"


async def newest_token(connection: Any) -> str | None:
    """The newest checkpoint as the table has it; None if there is none."""
    schema: str | None = await connection.fetchval(_NEWEST)
    return schema


async def published_tokens(reader: LogReader) -> list[str]:
    """Every checkpoint that the topic holds, oldest first; what is no text is none."""
    [start] = (await reader.beginning_offsets(CHECKPOINTS, [0])).values()
    [end] = (await reader.end_offsets(CHECKPOINTS, [0])).values()
    tokens = []
    async for records in reader.read(CHECKPOINTS, 0, start, end):
        tokens += [(record.value or b"").decode(errors="replace") for record in records]
    return tokens


async def next_number(connection: Any, seal: Seal, reader: LogReader) -> int:
    """One more than any that was given, also by an audit that was killed before it had written its row."""
    last: int = await connection.fetchval(_LAST)
    return 1 + max([last, *(checkpoint.number for checkpoint in seal.readable(await published_tokens(reader)))])


async def copy_state(connection: Any, schema: str) -> bool:
    """The read models of the newest checkpoint into an empty schema, inside the caller's transaction; False: they are
    not there."""
    if not await connection.fetchval(_IS_THERE, SCHEMA):
        return False
    for table in ALL:
        copy = f'INSERT INTO "{schema}".{table.name} SELECT * FROM "{SCHEMA}".{table.name}'
        await connection.execute(copy, seconds=TABLE_SECONDS)
    return True


async def keep(connection: Any, cluster: Cluster, seal: Seal, checkpoint: Checkpoint, schema: str) -> None:
    """Publish a checkpoint, and keep this schema as what it proved, in place of the one before it."""
    token = seal.sign(checkpoint)
    async with BatchWriter(cluster) as writer:
        await writer.append(CHECKPOINTS, 0, [Record(None, token.encode())])
    # Published first: a checkpoint that the topic does not hold is trusted by nobody.
    async with connection.transaction():
        await connection.execute(f'DROP SCHEMA IF EXISTS "{SCHEMA}" CASCADE')
        await connection.execute(f'ALTER SCHEMA "{schema}" RENAME TO "{SCHEMA}"')
        await connection.execute(_ADD, checkpoint.number, token, checkpoint.made_at)
