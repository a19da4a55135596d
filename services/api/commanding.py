"""Changes of state by requests: a transaction under the organization's lock, and an answer that is made once.

A repeated POST with the same Idempotency-Key gets the first answer again, byte for byte. When the answer is stored
depends on the function that a handler uses:

- `once`: in the transaction that does the work. Nearly every command uses it.
- `once_settled`: the transaction stores what was done, and the first caller stores the answer. For answers with fields
  that settlement derives: of a top-up, and of a cancellation.
- `once_by_itself`: a transaction before the work stores the key, another one after it stores the answer. For work that
  has transactions of its own or waits for something, and can be repeated without harm.
- `answer_at_last`: in the last transaction of such work, if that changes something.

A PUT or DELETE has no key, and runs `in_turn`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response

from projections.entities import Entity
from projections.resources import Resources
from services.api.calls import Call
from services.api.derived import document_at
from services.api.grouping import Shared
from services.api.sent import Sent, Unread
from services.api.wire import document_of, encode, parse_object, raw_answer
from services.commands.kind import Kind
from services.commands.messages import Command
from services.commands.organization_rules import check_exists
from services.commands.refused import CommandError, InvalidField
from services.store import idempotency
from services.store.execute import Executed, execute, now_of
from services.store.view import load_config


@dataclass(frozen=True, slots=True)
class Turn:
    """A transaction in which no other command of the organization is decided, and the state that is valid in it."""

    call: Call
    connection: Any
    #: The configuration and the test clock; a command adds the resources it loads.
    resources: Resources
    now: datetime

    async def execute(self, command: Command) -> Executed:
        """Execute a command. Raises: CommandError, StreamMovedError, RecordTooLargeError; nothing has then changed."""
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
async def in_turn(call: Call, *, must_exist: bool = True) -> AsyncIterator[Turn]:
    """A transaction, for the length of the block, in which no other command of the organization is decided.

    The block's changes are committed when this ends, possibly together with other commands, and undone if it raises.
    Raises: UnknownOrganization, NoTurnError, PostgresUnreachableError.
    """
    async with call.api.commands.shared(call.postgres, call.organization) as shared:
        resources = await _configured(shared, call.organization)
        if must_exist:
            check_exists(resources)
        call.found(resources)
        yield Turn(call, shared.connection, resources, now_of(resources))
        shared.leave(resources)


async def _configured(shared: Shared, organization: str) -> Resources:
    """The configuration and the test clock, as left by the command before in the transaction."""
    before: Resources | None = shared.held
    if before is None:
        return await load_config(shared.connection, organization)
    return Resources(organization, before.config, before.clock)


async def once(
    call: Call,
    sent: Sent[Any] | Unread,
    work: Callable[[Turn], Awaitable[Any]],
    *,
    kept: Callable[[Any], Any] | None = None,
) -> Response:
    """Do the work in one transaction, once per key, and answer with its document.

    `kept`: the part of the document that a repeated request gets, if not all of it: a secret is shown once.
    """
    asked = _asked(call, sent)
    async with in_turn(call) as turn:
        before = await idempotency.find(turn.connection, asked)
        if before is None:
            document = await work(turn)
            payload = encode(document)
            await idempotency.remember(turn.connection, asked, payload if kept is None else encode(kept(document)))
    return raw_answer(payload if before is None else before.answer)


async def once_settled(
    call: Call, sent: Sent[Any], kind: Kind, work: Callable[[Turn], Awaitable[Entity[Any]]]
) -> Response:
    """Do the work in one transaction, once per key, and answer with its commitment and the commitment's settled fields.

    The transaction only stores what was done. The settled fields are read after the commit, without a lock (decision
    3), by each caller, so after a kill the answer is made in the same way. The first stored answer is given to all. An
    answer under a key that cannot be stored is given to nobody.
    """
    asked = _asked(call, sent)
    async with in_turn(call) as turn:
        done = await idempotency.find(turn.connection, asked)
        if done is None:
            done = idempotency.StoredAnswer(encode(document_of(await work(turn))), whole=False)
            await idempotency.remember(turn.connection, asked, done.answer, whole=False)
    if done.whole:
        return raw_answer(done.answer)
    shown = parse_object(done.answer)
    document = await document_at(call.postgres, call.organization, kind, shown["id"], shown["version"])
    return raw_answer(await _made_whole(call, asked, done.answer if document is None else encode(document)))


async def once_by_itself(call: Call, sent: Sent[Any], work: Callable[[], Awaitable[Any]]) -> Response:
    """Do work that has transactions of its own and can be repeated without harm, and answer with its document; work
    that may change something ends with `answer_at_last`.

    From the beginning the key stands for this body, so another body is refused at once. The same body is worked on
    again until there is an answer: the first one stays. A refusal frees the key. Nothing else does, because the work
    may have been done.
    """
    asked = _asked(call, sent)
    if asked.key is None:
        async with call.reading():
            pass
        return raw_answer(_encoded(await work()))
    async with in_turn(call) as turn:
        before = await idempotency.find(turn.connection, asked)
        if before is None:
            await idempotency.remember(turn.connection, asked, b"", whole=False)
    if before is not None and before.whole:
        return raw_answer(before.answer)
    try:
        payload = _encoded(await work())
    except CommandError:
        async with call.postgres.connection() as connection:
            await idempotency.forget(connection, asked)
        raise
    return raw_answer(await _made_whole(call, asked, payload))


async def answer_before(turn: Turn, sent: Sent[Any]) -> bytes | None:
    """The stored answer under this key (see `answer_at_last`); None: there is none."""
    before = await idempotency.find(turn.connection, _asked(turn.call, sent))
    return before.answer if before is not None and before.whole else None


async def answer_at_last(turn: Turn, sent: Sent[Any], document: Any) -> bytes:
    """The answer of work `once_by_itself`, stored in the transaction of its last change: a repeated request gets that
    answer, even after a kill, and whatever others have changed since.
    """
    asked, payload = _asked(turn.call, sent), encode(document)
    return payload if asked.key is None else await idempotency.make_whole(turn.connection, asked, payload)


async def _made_whole(call: Call, asked: idempotency.Request, payload: bytes) -> bytes:
    """The valid answer: this one, unless another request was faster."""
    if asked.key is None:
        return payload
    async with call.postgres.connection() as connection:
        return await idempotency.make_whole(connection, asked, payload)


def _encoded(document: Any) -> bytes:
    """An answer as bytes; that of `answer_at_last` is already encoded."""
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
