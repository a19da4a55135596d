"""The sealers for personal texts of usage, in organizations that encrypt them with keys.

An account's sealer is found before its first usage is judged, and dropped when the log says that the account was
forgotten.
"""

from collections.abc import Collection, Sequence

import structlog

from services.ingest.catalogs import Catalogs
from services.ingest.cloudevent import decode
from services.kafka import FetchedRecord
from services.personal.keyring import Keyring, NoPersonalKeyError, WrongPersonalKeyError
from services.personal.keys import sealers_of
from services.postgres import Postgres
from services.refusals.refusal import Refused

log = structlog.get_logger(__name__)
#: Most organizations that are searched by name in a record's bytes; for more, decoding is as cheap.
_SOUGHT_MOST = 4


class SealerFinder:
    """Finds sealers in Postgres; a missing key is created."""

    def __init__(self, postgres: Postgres, keyring: Keyring) -> None:
        self._postgres, self._keyring = postgres, keyring

    async def find(self, records: Sequence[FetchedRecord], partition: int, catalogs: Catalogs) -> None:
        """Give the catalogs the sealer of every account of this partition that these records name.

        Without the operator's key there are no sealers: usage of these accounts is refused, and other usage does not
        wait.
        """
        if not may_be_of(catalogs.keeping, records):
            return
        for organization, accounts in _wanted(records, partition, catalogs).items():
            async with self._postgres.connection() as connection:
                try:
                    catalogs.know(await sealers_of(connection, organization, accounts, self._keyring))
                except (NoPersonalKeyError, WrongPersonalKeyError) as error:
                    log.error("usage_not_sealed", organization=organization, error=str(error))


def may_be_of(organizations: Collection[str], records: Sequence[FetchedRecord]) -> bool:
    """Whether any record may belong to one of these organizations, so that other usage is not decoded twice.

    A record contains its organization's name, unless JSON escapes it with a backslash, or headers hold it.
    """
    if not organizations or len(organizations) > _SOUGHT_MOST or any([record.headers for record in records]):
        return bool(organizations)
    values = b"".join([record.value or b"" for record in records])
    return b"\\" in values or any(organization.encode() in values for organization in organizations)


def _wanted(records: Sequence[FetchedRecord], partition: int, catalogs: Catalogs) -> dict[str, set[str]]:
    """Accounts whose sealer is not known, by organization."""
    wanted: dict[str, set[str]] = {}
    for record in records:
        try:
            event = decode(record.value or b"", record.headers)
        except Refused:
            continue
        directory = catalogs.directory(event.organization)
        account = None if directory is None else directory.accounts.get(event.subject)
        if directory is None or account is None or not directory.keeps_keys:
            continue
        if account.partition == partition and not catalogs.knows(account.id):
            wanted.setdefault(event.organization, set()).add(account.id)
    return wanted
