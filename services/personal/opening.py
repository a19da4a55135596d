"""Shows what is sealed to who may read it: the one way out of an organization for personal texts.

Nothing that is opened is kept, so the next who asks after the forgetting is shown the tombstone.
"""

from collections.abc import Sequence
from typing import Any

from services.concurrency import compute
from services.personal.keyring import Keyring
from services.personal.keys import sealers_called
from services.personal.sealed import MARK, keys_in, opened_in_json
from services.postgres import Postgres

_BYTES_MARK = MARK.encode()


def may_hold_sealed(payload: bytes) -> bool:
    """Whether anything in it may be sealed."""
    return _BYTES_MARK in payload


async def opened_json(postgres: Postgres, organization: str, keyring: Keyring, payload: bytes) -> bytes:
    """JSON with all that is sealed in it opened. No connection is held while that is done.

    Raises: NoPersonalKeyError, WrongPersonalKeyError.
    """
    text = payload.decode()
    if not (asked := keys_in(text)):
        return payload
    async with postgres.connection() as connection:
        sealers = await sealers_called(connection, organization, asked, keyring)
    return (await compute(organization, opened_in_json, text, sealers)).encode()


async def opened_documents(connection: Any, organization: str, keyring: Keyring, documents: Sequence[str]) -> list[str]:
    """The same of a few JSON texts. Raises: NoPersonalKeyError, WrongPersonalKeyError."""
    asked = set[str]().union(*map(keys_in, documents))
    if not asked:
        return list(documents)
    sealers = await sealers_called(connection, organization, asked, keyring)
    return [opened_in_json(document, sealers) for document in documents]
