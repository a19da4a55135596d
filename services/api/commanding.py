"""The one way to change something: a transaction under the organization's lock, and an answer that is made once.

A POST with an Idempotency-Key that was done before gets its first answer again, byte for byte. Who keeps that answer:

- `once`: the transaction that does the work. Nearly every command is of this kind.
- `once_by_itself`: a transaction before the work takes the key, another one after it keeps the answer. For work that
  has transactions of its own or waits for something, and can be done again without harm.
- `at_last`: the last transaction of such work, if that does change something.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import structlog
from starlette.responses import Response

from projections.entities import Entity
from projections.resources import Resources
from services.api.calls import Call
from services.api.derived import derived_fields, is_fund
from services.api.grouping import Shared
from services.api.sent import Sent, Unread
from services.api.wire import document_of, encode, parse_object, raw_answer
from services.commands.kind import Kind
from services.commands.messages import Command
from services.commands.organization_rules import check_exists
from services.commands.refused import CommandError, InvalidField
from services.store import idempotency
from services.store.events import StreamMovedError
from services.store.execute import Executed, execute, lock_organization, now_of
from services.store.view import get, load_config

T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """A transaction in which no other command of the organization is decided, and what holds in it."""

    call: Call
    connection: Any
    #: The configuration and the test clock; a command adds what it loads.
    resources: Resources
    now: datetime

    async def execute(self, command: Command) -> Executed:
        """Raises: CommandError, StreamMovedError, RecordTooLargeError; nothing has been changed then."""
        call = self.call
        return await execute(
            self.connection,
            self.resources,
            command,
            call.api.generations,
            call.correlation,
            call.actor,
            call.api.keyring,
        )


@asynccontextmanager
async def locked(call: Call) -> AsyncIterator[Any]:
    """A transaction in which no other command of the organization is decided. Raises: NoTurnError."""
    async with call.api.commands.turns.turn(call.organization), call.postgres.transaction() as connection:
        await lock_organization(connection, call.organization)
        yield connection


async def in_turn(
    call: Call,
    work: Callable[[Turn], Awaitable[T]],
    *,
    must_exist: bool = True,
    attempts: int = 1,
    again_on: type[Exception] = StreamMovedError,
) -> T:
    """Do the work in one transaction, and up to `attempts` times while `again_on` says that somebody was faster.

    Raises: UnknownOrganization, NoTurnError, and the last attempt's `again_on`.
    """

    async def decided(shared: Shared) -> T:
        resources = await _configured(shared, call.organization)
        if must_exist:
            check_exists(resources)
        call.found(resources)
        result = await work(Turn(call, shared.connection, resources, now_of(resources)))
        shared.leave(resources)
        return result

    for left in reversed(range(attempts)):
        try:
            return await call.api.commands.do(call.postgres, call.organization, decided)
        except again_on:
            if not left:
                raise
    raise AssertionError("there is at least one attempt")


async def _configured(shared: Shared, organization: str) -> Resources:
    """The configuration and the test clock, as the command before in the transaction left them."""
    before: Resources | None = shared.held
    if before is None:
        return await load_config(shared.connection, organization)
    return Resources(organization, before.config, before.clock)


class _Answer(NamedTuple):
    """An answer, and the resource whose derived fields it still lacks; None: it is whole."""

    payload: bytes
    lacking: Entity[Any] | None = None


async def once(
    call: Call,
    sent: Sent[Any] | Unread,
    work: Callable[[Turn], Awaitable[Any]],
    *,
    kind: Kind | None = None,
    attempts: int = 1,
    again_on: type[Exception] = StreamMovedError,
    kept: Callable[[Any], Any] | None = None,
) -> Response:
    """Do the work in one transaction, once per key, and answer with the document that it returns.

    `kind`: it returns a resource of this kind, and the answer is the resource's document. What settlement derives of it
    is read after the commit, from a snapshot of its own; no lock is held meanwhile. Until then the key stands for the
    resource without it, and whoever asks first makes the answer whole, for all who ask later.
    `kept`: the part of the document that whoever asks again is told, if not all of it: a secret is told once.
    """
    asked = _asked(call, sent)

    async def keyed(turn: Turn) -> _Answer:
        before = await idempotency.find(turn.connection, asked)
        if before is not None:
            return _Answer(before.answer) if before.whole else await _unfinished(turn, asked, kind, before.answer)
        done = await work(turn)
        entity: Entity[Any] | None = None if kind is None else done
        lacks = entity is not None and is_fund(entity)
        if lacks and asked.key is None:
            return _Answer(b"", entity)  # nobody asks again: its document is made once, after the commit
        document = done if entity is None else document_of(entity)
        payload = encode(document)
        remembered = payload if kept is None else encode(kept(document))
        await idempotency.remember(turn.connection, asked, remembered, whole=not lacks)
        return _Answer(payload, entity if lacks else None)

    made = await in_turn(call, keyed, attempts=attempts, again_on=again_on)
    return raw_answer(made.payload if made.lacking is None else await _whole(call, asked, made.lacking))


async def once_by_itself(call: Call, sent: Sent[Any], work: Callable[[], Awaitable[Any]]) -> Response:
    """Do work that has transactions of its own, and that changes nothing when it is done again, and answer with its
    document; what might change something then is done `at_last`.

    From its beginning the key stands for this body, so another one is refused at once. The same one is worked on again
    until there is an answer: the first holds. A refusal frees the key, and nothing else does: who knows what was done?
    """
    asked = _asked(call, sent)
    if asked.key is None:
        async with call.reading():
            pass
        return raw_answer(_encoded(await work()))
    async with locked(call) as connection:
        await call.configured(connection)
        before = await idempotency.find(connection, asked)
        if before is None:
            await idempotency.remember(connection, asked, b"", whole=False)
    if before is not None and before.whole:
        return raw_answer(before.answer)
    try:
        payload = _encoded(await work())
    except CommandError:
        async with call.postgres.connection() as connection:
            await idempotency.forget(connection, asked)
        raise
    async with call.postgres.connection() as connection:
        return raw_answer(await idempotency.make_whole(connection, asked, payload))


async def at_last(turn: Turn, sent: Sent[Any], work: Callable[[], Awaitable[Any]]) -> bytes:
    """The change that work `once_by_itself` ends with, in one transaction with its answer: whoever asks again under the
    key gets that answer, after a kill too, and whatever somebody else has changed since.
    """
    asked = _asked(turn.call, sent)
    before = await idempotency.find(turn.connection, asked)
    if before is not None and before.whole:
        return before.answer
    payload = encode(await work())
    return payload if asked.key is None else await idempotency.make_whole(turn.connection, asked, payload)


async def _unfinished(turn: Turn, asked: idempotency.Request, kind: Kind | None, answer: bytes) -> _Answer:
    """An answer that was kept and that nobody has made whole yet."""
    assert kind is not None, "only what is about a resource is answered in two steps"
    entity = await _shown_by(turn, kind, answer)
    if entity is None:  # the answer stays as it is, whoever may be at work on it
        return _Answer(await idempotency.make_whole(turn.connection, asked, answer))
    return _Answer(answer, entity)


async def _shown_by(turn: Turn, kind: Kind, answer: bytes) -> Entity[Any] | None:
    """The resource that an answer without derived fields shows; None if it is another by now, or gone."""
    shown = parse_object(answer)
    entity = await get(turn.connection, turn.call.organization, kind.name, shown["id"])
    return entity if entity is not None and entity.version == shown["version"] else None


async def _whole(call: Call, asked: idempotency.Request, entity: Entity[Any]) -> bytes:
    """The answer with the derived fields, or without them if they cannot be had now: the command is committed, and an
    answer that says otherwise would have it sent once more.

    Under a key that does no harm: so if the answer cannot be kept, that is said, and the next to ask is told it.
    """
    derived: dict[str, dict[str, Any]] = {}
    try:
        derived = await derived_fields(call.postgres, call.organization, [entity])
    except Exception:
        _log.exception("derived_fields_left_out", organization=call.organization, id=entity.id)
    payload = encode(document_of(entity, derived.get(entity.id)))
    if asked.key is None:
        return payload
    async with call.postgres.connection() as connection:
        return await idempotency.make_whole(connection, asked, payload)


def _encoded(document: Any) -> bytes:
    """An answer; what was done `at_last` is one already."""
    return document if isinstance(document, bytes) else encode(document)


def _asked(call: Call, sent: Sent[Any] | Unread) -> idempotency.Request:
    request = call.request
    where = call.organization, request.method, request.url.path
    return idempotency.Request(*where, key_of(call), sent.raw, request.scope["query_string"])


def key_of(call: Call) -> str | None:
    """The Idempotency-Key of a POST; None without one. Raises: InvalidField."""
    request = call.request
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    if key is not None and not 1 <= len(key) <= idempotency.KEY_LENGTH_MAX:
        raise InvalidField(field="Idempotency-Key", rule=f"must have 1 to {idempotency.KEY_LENGTH_MAX} characters")
    return key
