"""With what personal texts of usage are sealed, in organizations that keep keys: an account's sealer is found before
its first usage is judged, and dropped when the log says that the account was forgotten.
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
#: Organizations that are looked for by name; of more, to decode is not dearer.
_SOUGHT_MOST = 4


class SealerFinder:
    """Finds sealers in Postgres; a key that is not there is made."""

    def __init__(self, postgres: Postgres, keyring: Keyring) -> None:
        self._postgres, self._keyring = postgres, keyring

    async def find(self, records: Sequence[FetchedRecord], partition: int, catalogs: Catalogs) -> None:
        """Have the catalogs know the sealer of every account of the partition that these records are of.

        Where the operator's key is missing, they do not: usage of these accounts is refused, and nobody else's waits.
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
    """Whether any record may be of one of these: nobody else's usage is decoded twice because of them.

    An organization stands in its records by its name, unless JSON spells that with a backslash, or headers have it.
    """
    if not organizations or len(organizations) > _SOUGHT_MOST or any([record.headers for record in records]):
        return bool(organizations)
    values = b"".join([record.value or b"" for record in records])
    return b"\\" in values or any(organization.encode() in values for organization in organizations)


def _wanted(records: Sequence[FetchedRecord], partition: int, catalogs: Catalogs) -> dict[str, set[str]]:
    """By organization, accounts whose sealer is not known."""
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
