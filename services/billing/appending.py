"""Appending what families were settled to, many in one transaction, each only if its bills are still those it knew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from events.bill_parts import divided
from events.facts.bills import BillFact, BillIssued
from services.readside.family_now import LoadedFamily
from services.store.events import APPEND_LOCK, NewEvent, append, bills_of, fact_room
from services.store.generations import load_generations

_LOCK = "SELECT pg_advisory_xact_lock($1)"
#: A look-up per stream, however many versions it has; $1 organization, $2 streams.
_VERSIONS = """
SELECT stream, (SELECT max(version) FROM store.events held WHERE held.organization = $1 AND held.stream = asked.stream)
FROM unnest($2::text[]) AS asked (stream)
"""
#: $2 the number before the first, $3 how many are taken; the last of them is returned.
_NUMBERS = """
INSERT INTO store.invoice_numbers AS held (organization, last) VALUES ($1, $2::bigint + $3::bigint)
ON CONFLICT (organization) DO UPDATE SET last = greatest(held.last, $2::bigint) + $3::bigint
RETURNING last
"""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a family was settled to, good as long as its bills' stream has the version that was settled from."""

    organization: str
    root_id: str
    #: The one account that was to be billed, if not all were.
    account_id: str | None
    version: int
    partition: int
    #: Prefix of invoice numbers and the number before the first; None: bills have none.
    numbering: tuple[str, int] | None
    facts: tuple[BillFact, ...]

    @classmethod
    def of(cls, loaded: LoadedFamily, facts: Sequence[BillFact], account_id: str | None = None) -> Self:
        """Facts that the loaded family came to; what it was loaded with is let go."""
        config = loaded.resources.config
        prefix = config.body.bill_prefix if config else None
        numbering = (prefix, config.body.sequence_start_number or 0) if config and prefix else None
        place = loaded.bills_version, loaded.positions.partition
        return cls(loaded.organization, loaded.root_id, account_id, *place, numbering, tuple(facts))


async def append_page(
    connection: Any,
    page: Sequence[Settled],
    now: datetime,
    correlation: str | None = None,
    actor: str | None = None,
) -> tuple[list[BillFact], list[Settled]]:
    """Append the facts of all families of one organization in the caller's transaction, with their invoice numbers.

    Returns what was appended, durable with the commit (a bill whole, also one that no record has room for), and the
    families whose bills changed since they were settled: of them nothing was appended, and they have to be settled
    again. Raises: RecordTooLargeError.
    """
    generations = await load_generations(connection)
    # The lock comes before the look at the versions: nobody can append between the two, so a page that is found to
    # stand is inserted whole. Before the numbers, too, which all paths take in this order, so none waits for another.
    await connection.execute(_LOCK, APPEND_LOCK)
    standing, moved = await _standing(connection, page)
    if not standing:
        return [], moved
    facts, room = await _numbered(connection, standing), fact_room(generations)
    events = [
        NewEvent(
            organization=one.organization,
            stream=bills_of(one.root_id),
            version=one.version + place,
            fact=fact,
            time=now,
            account=fact.account_id,
            partition=one.partition,
            correlation=correlation,
            actor=actor,
        )
        for one, of_family in zip(standing, facts, strict=True)
        for place, fact in enumerate(_stored(of_family, room), start=1)
    ]
    await append(connection, events, generations)
    return [fact for of_family in facts for fact in of_family], moved


def _stored(facts: Sequence[BillFact], room: int) -> Iterator[BillFact]:
    """The facts as the store and the log have them."""
    for fact in facts:
        if isinstance(fact, BillIssued):
            yield from divided(fact, room)
        else:
            yield fact


async def _standing(connection: Any, page: Sequence[Settled]) -> tuple[list[Settled], list[Settled]]:
    """The families whose bills are as they were settled from, and the others.

    Of two accounts of one family the second is among the others: the first one's bill moves it.
    """
    streams = {bills_of(one.root_id) for one in page}
    rows = await connection.fetch(_VERSIONS, page[0].organization, sorted(streams))
    versions = {stream: version or 0 for stream, version in rows}
    standing: list[Settled] = []
    moved: list[Settled] = []
    for one in page:
        stands = versions.pop(bills_of(one.root_id), None) == one.version
        (standing if stands else moved).append(one)
    return standing, moved


async def _numbered(connection: Any, page: Sequence[Settled]) -> list[list[BillFact]]:
    """The families' facts; each bill that is issued has the next invoice number, where there are such."""
    facts = [list(one.facts) for one in page]
    # One numbering for all, but while a change of the configuration is on its way to the partitions.
    for prefix, before in dict.fromkeys(one.numbering for one in page if one.numbering is not None):
        bills = [
            (of_family, place)
            for one, of_family in zip(page, facts, strict=True)
            if one.numbering == (prefix, before)
            for place, fact in enumerate(of_family)
            if isinstance(fact, BillIssued)
        ]
        if bills:
            last = await connection.fetchval(_NUMBERS, page[0].organization, before, len(bills))
            for number, (of_family, place) in enumerate(bills, start=last - len(bills) + 1):
                numbered = {"sequential_invoice_number": f"{prefix}{number}"}
                of_family[place] = of_family[place].model_copy(update=numbered)
    return facts
