"""Opens sealed texts for callers who may read them: the only way out of an organization for personal texts.

Opened texts are never stored, so the first read after a forgetting shows the tombstone.
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
    """Whether it may hold sealed texts."""
    return _BYTES_MARK in payload


async def opened_json(postgres: Postgres, organization: str, keyring: Keyring, payload: bytes) -> bytes:
    """The JSON with all sealed texts opened. No connection is held meanwhile.

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
