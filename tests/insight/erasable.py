"""An account with personal data, what becomes of it, and where to look for it."""

from events.topics import CATALOG, EVENTS
from services.kafka import LogReader
from services.personal.sealed import TOMBSTONE
from tests.insight.conftest import Played
from tests.insight.corrected import named
from tests.system.story import Wire

ADDRESS = {"addressLine1": "1 Quiet Lane", "locality": "Yorkminster", "postCode": "YO99", "country": "GB"}
ACCOUNT = {
    "code": "acme",
    "name": 'Ann "A" Acmeson',
    "emailAddress": "ann@quiet.example",
    "address": ADDRESS,
    "customFields": {"contact": "Bert Backup", "tier": "gold"},
}
#: Users in usage are one letter long: no search would tell.
PLAIN = ("Acmeson", "ann@quiet", "Quiet Lane", "Yorkminster", "YO99", "Bert")
FORGOTTEN = {
    "name": TOMBSTONE,
    "emailAddress": TOMBSTONE,
    "address": {**dict.fromkeys(ADDRESS, TOMBSTONE), "country": "GB"},
    "customFields": {"contact": TOMBSTONE, "tier": "gold"},
}


async def kept(played: Played) -> str:
    """All that the database and the log have, of this organization and of the others."""
    texts = list[str]()
    async with played.postgres.connection() as connection:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for table in sorted(row["name"] for row in tables):
            texts += [row["row"] for row in await connection.fetch(f"SELECT t::text AS row FROM {table} t")]
    async with LogReader(played.cluster) as reader:
        for topic, partitions in ((EVENTS, range(2)), (CATALOG, [0])):
            for partition, end in (await reader.end_offsets(topic, partitions)).items():
                async for records in reader.read(topic, partition, 0, end):
                    texts += [(record.value or b"").decode() for record in records]
    return "\n".join(texts)


async def acme(wire: Wire) -> str:
    """The account's id."""
    return next(id for id, name in wire.names.items() if name == "acme")


async def user(wire: Wire, id: str) -> str:
    """Who stands in an event of usage."""
    told = await wire.do("POST", "usage/void", named(id, dryRun=True))
    return str(told["was"]["who"]["user"])
