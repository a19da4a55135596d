"""Corrections of usage through the real log into the tables: in any cuts, for aggregations that come late, and anew."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from events.codec import decode
from events.envelope import Envelope
from events.facts.corrections import UsageAmended, UsageCorrection, UsageFields
from events.facts.usage import UsageRated
from events.topics import EVENTS
from services.commands.correction_rules import LoggedUsage, amend, void
from services.kafka import LogReader
from tests.projector.conftest import Installation
from tests.projector.driving import empty, everything, project, rows
from tests.projector.log import Log, days

pytestmark = pytest.mark.stack


async def correct(
    installation: Installation, log: Log, usage_id: str, *, before: Envelope | None = None, **now: str
) -> None:
    """Void the account's event, or amend its tokens, as the API would: over what stands in the log by then."""
    usage = await logged(installation, log, usage_id)
    stands: UsageFields | None = usage.fields
    if before is not None:
        assert isinstance(before.data, UsageAmended)
        stands = before.data.now
    fact: UsageCorrection | None
    if now:
        fields = UsageFields(measure={"tokens": Decimal(now["tokens"])}, who={"user": now.get("user", "u0")})
        fact = amend(usage, stands, fields, "a test")
    else:
        fact = void(usage, stands, None)
    assert fact is not None
    log.command(fact, account=usage.account_id)


async def logged(installation: Installation, log: Log, usage_id: str) -> LoggedUsage:
    """The event where it stands first."""
    async with LogReader(installation.cluster) as reader:
        end = (await reader.end_offsets(EVENTS, [0]))[0]
        async for records in reader.read(EVENTS, 0, 0, end):
            for record in records:
                envelope = decode(record.value)
                fact = envelope.data
                if envelope.organization == log.organization and getattr(fact, "usage_id", None) == usage_id:
                    assert isinstance(fact, UsageRated) and envelope.account is not None
                    return LoggedUsage(log.organization, envelope.account, 0, record.offset, envelope.id, fact)
    raise AssertionError(f"{usage_id} is not in the log")


async def totals_of(installation: Installation, log: Log) -> dict[tuple[str, int], tuple[int, Decimal, str | None]]:
    """By aggregation and day of January: records, number, the rest of the state."""
    names = {log.id(name): name for name in ("tokens", "largest", "last", "users", "late")}
    found = await rows(installation, "usage_totals", f"account_id = '{log.id('acme')}'")
    return {
        (names[row["aggregation_id"]], row["day"].day): (row["records"], row["total"], row["state"]) for row in found
    }


async def test_corrected_usage_is_in_the_tables_as_if_it_had_come_so(installation: Installation) -> None:
    log = Log("amended", 2, generation="amended")
    log.catalog()
    for name, function, target in (
        ("users", "UNIQUE", "user"),
        ("largest", "MAX", "tokens"),
        ("last", "LATEST", "tokens"),
    ):
        log.aggregation(name, "m", function, target)
    log.account("acme", prepaid="100")
    log.tick(datetime(2026, 3, 20, tzinfo=UTC))
    for number, ts in enumerate(days(6)):
        for hour, tokens in enumerate((10, 40, 20)):
            log.usage("acme", "m", ts + timedelta(hours=hour), repeat=number % 2 == 0, tokens=f"{tokens + number}.50")
    await log.append(installation.cluster)
    await project(installation)
    as_sent = await totals_of(installation, log)
    assert as_sent["largest", 1] == (3, Decimal("40.50"), None)

    # The peak of the 1st is taken out, that of the 2nd falls, all of the 3rd goes; the 4th has a new peak.
    await correct(installation, log, "u0-1")
    await correct(installation, log, "u0-4", tokens="1", user="u9")
    for usage_id in ("u0-6", "u0-7", "u0-8"):
        await correct(installation, log, usage_id)
    await correct(installation, log, "u0-9", tokens="99", user="u1")
    await log.append(installation.cluster)
    await project(installation, cut=2)
    after = await totals_of(installation, log)
    assert after["tokens", 1] == (2, Decimal("31.00"), None) and after["largest", 1] == (2, Decimal("20.50"), None)
    assert after["largest", 2][:2] == (3, Decimal("21.50")) and '"u9"' in str(after["users", 2][2])
    assert {name: after[name, 3][0] for name in ("tokens", "largest", "last", "users")} == dict.fromkeys(
        ("tokens", "largest", "last", "users"), 0
    )
    assert after["largest", 4][:2] == (3, Decimal("99")) and after["last", 4][:2] == (3, Decimal("23.50"))
    assert {key: total for key, total in after.items() if key[1] > 4} == {
        key: total for key, total in as_sent.items() if key[1] > 4
    }
    [balance] = await rows(installation, "commitment_balances", "organization = 'amended'")
    assert balance["spent"] == sum(after["tokens", day][1] for day in range(1, 7)) / 100

    # An aggregation that comes now counts what stands, and so does who begins anew.
    log.aggregation("late", "m", "MAX")
    log.usage("acme", "m", days(3)[2], tokens="7")
    await log.append(installation.cluster)
    await project(installation)
    late = await totals_of(installation, log)
    assert {day: late["late", day] for day in range(1, 7)} == {day: late["largest", day] for day in range(1, 7)}
    assert late["tokens", 3] == (1, Decimal("7.00"), None) and late["largest", 3] == (1, Decimal(7), None)
    piecemeal = await everything(installation)
    for cut in (1, 1_000_000):
        await empty(installation)
        await project(installation, cut=cut)
        assert await everything(installation) == piecemeal
