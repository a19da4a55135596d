"""An audit goes on from what an earlier one has proved, reads only what came since, and believes nothing unsigned."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest
import pytest_asyncio

from events.topics import CHECKPOINTS, EVENTS
from services.audit.audit import audit
from services.audit.checkpoint import SCHEMA, Checkpoint, Seal, newest_token, published_tokens
from services.audit.report import Report
from services.kafka import BatchWriter, LogReader, Record
from services.projection.replay import replay
from services.run.stack import Stack
from services.signatures import NoSecretError
from tests.audit.billing import a_quarter, bill_of, execute
from tests.projector.conftest import Installation, fresh_installation
from tests.projector.driving import project
from tests.projector.log import Log, days

pytestmark = pytest.mark.stack

SEAL = Seal(b"an operator's key of thirty-two bytes")
ORGANIZATION = "checked"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def installation(stack: Stack) -> AsyncIterator[Installation]:
    """An installation of its own: what is written here fails audits."""
    async with fresh_installation(stack) as fresh:
        yield fresh


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def log(installation: Installation) -> Log:
    """A quarter's usage of two accounts, and a bill."""
    log = Log(ORGANIZATION, 2, generation=ORGANIZATION)
    a_quarter(log)
    await told(installation, log)
    log.command(await bill_of(installation, log, "acme", date(2026, 2, 1)), partition=0, account=log.id("acme"))
    await told(installation, log)
    return log


@pytest_asyncio.fixture(loop_scope="session")
async def checkpoint(installation: Installation, log: Log) -> AsyncIterator[Checkpoint]:
    """What an audit of everything so far has proved."""
    report = await whole(installation)
    assert report.passed and report.kept is not None, report.first_lines()
    yield SEAL.read(await stored(installation))


async def told(installation: Installation, log: Log) -> None:
    await log.append(installation.cluster)
    await project(installation)


async def whole(installation: Installation) -> Report:
    return await audit(installation.postgres, installation.cluster, seal=SEAL)


async def since(installation: Installation, seal: Seal = SEAL) -> Report:
    return await audit(installation.postgres, installation.cluster, seal=seal, from_checkpoint=True)


async def stored(installation: Installation) -> str:
    async with installation.postgres.connection() as connection:
        token = await newest_token(connection)
    assert token is not None
    return token


async def a_day_passes(installation: Installation, log: Log, day: date) -> None:
    """A tick, and usage of one account: five records in one partition, two in the other."""
    log.tick(datetime(day.year, day.month, day.day, tzinfo=UTC))
    for ts in days(3, day):
        log.usage("acme", "m", ts, 0, tokens=5)
    log.read(0)
    await told(installation, log)


async def test_it_reads_a_day_and_not_a_history(installation: Installation, log: Log, checkpoint: Checkpoint) -> None:
    await a_day_passes(installation, log, date(2026, 3, 21))
    log.command(await bill_of(installation, log, "bolt", date(2026, 3, 1)), partition=1, account=log.id("bolt"))
    await told(installation, log)
    report = await since(installation)
    assert report.passed, report.first_lines()
    assert report.last_line() == (
        f"audit: 8 events since checkpoint {checkpoint.number}, 2 accounts, 1 bills, live == replay, unexplained 0.00"
    )
    assert report.first_lines() == [f"audit: checkpoint {checkpoint.number + 1} is kept"]
    again = await since(installation)
    assert again.passed and (again.since, again.events, again.bills) == (report.kept, 0, 0)


async def test_usage_before_it_counts_for_an_aggregation_that_came_since(
    installation: Installation, log: Log, checkpoint: Checkpoint
) -> None:
    await a_day_passes(installation, log, date(2026, 3, 22))
    log.aggregation("largest", "m", "MAX")
    await told(installation, log)
    days_before = f"FROM usage_totals WHERE aggregation_id = '{log.id('largest')}' AND day < '2026-03-01'"
    told_first = await execute(installation, f"CREATE TEMP TABLE found ON COMMIT DROP AS SELECT {days_before}")
    assert told_first == "SELECT 118"
    report = await since(installation)
    assert report.passed and report.since == checkpoint.number, report.first_lines()
    checkpoint_read = SEAL.read(await stored(installation))
    assert (await whole(installation)).passed
    other = SEAL.read(await stored(installation))
    assert [segment.mark for segment in checkpoint_read.segments] == [segment.mark for segment in other.segments]
    assert all(
        late.start > early.start == 0 for late, early in zip(checkpoint_read.segments, other.segments, strict=True)
    )


async def test_a_bill_settled_before_it_and_issued_after_it_is_derived(installation: Installation, log: Log) -> None:
    bill = await bill_of(installation, log, "acme", date(2026, 3, 1))
    log.usage("acme", "m", days(1)[0], 0, tokens=1000)
    await told(installation, log)
    assert (await whole(installation)).passed
    log.command(bill, partition=0, account=log.id("acme"))
    await told(installation, log)
    report = await since(installation)
    assert report.passed and report.bills == 1, report.first_lines()


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        ("UPDATE usage_totals SET total = total + 1 WHERE day = '2026-01-05'", "usage_totals of account_id"),
        ("UPDATE commitment_balances SET spent = spent - 1, remaining = remaining + 1", "commitment_balances of"),
        ("UPDATE bill_line_items SET amount = amount + 0.01", "bill_line_items of"),
        ("DELETE FROM draws", "draws of"),
    ],
)
async def test_a_row_that_nothing_has_moved_since_is_found_when_it_is_changed(
    installation: Installation, checkpoint: Checkpoint, tampering: str, named: str
) -> None:
    assert not (await execute(installation, tampering)).endswith(" 0")
    report = await since(installation)
    assert not report.passed and report.since == checkpoint.number and report.kept is None
    assert named in str(report.difference)
    await replay(installation.postgres, installation.cluster)
    assert (await since(installation)).passed


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        (f"UPDATE {SCHEMA}.usage_totals SET total = total + 1", "not what was signed"),
        (
            f"UPDATE {SCHEMA}.positions SET next_offset = next_offset - 1 WHERE topic = '{EVENTS}'",
            "not what was signed",
        ),
        (f"UPDATE {SCHEMA}.facts SET record = record || ' '::bytea", "not what was signed"),
        (f"DELETE FROM {SCHEMA}.seen_ids", "not what was signed"),
        (f"DROP TABLE {SCHEMA}.draws", "cannot be read"),
        ("UPDATE store.checkpoints SET token = overlay(token placing 'e30' from position('.' in token) + 1)", "signed"),
        ("UPDATE store.checkpoints SET token = 'x'", "signed"),
    ],
)
async def test_a_checkpoint_that_somebody_changed_is_named_and_not_believed(
    installation: Installation, checkpoint: Checkpoint, tampering: str, named: str
) -> None:
    assert not (await execute(installation, tampering)).endswith(" 0")
    report = await since(installation)
    assert not report.passed and report.since is None and report.kept is None
    assert report.difference is None and report.bills > 0
    [said] = report.first_lines()
    assert named in said and said.endswith("; the whole log was read")
    assert (await whole(installation)).passed and (await since(installation)).since is not None


async def test_rows_and_checkpoint_changed_alike_are_found(installation: Installation, checkpoint: Checkpoint) -> None:
    change = "UPDATE {}usage_totals SET total = total + 1 WHERE day = '2026-01-05'"
    for schema in ("", f"{SCHEMA}."):
        assert not (await execute(installation, change.format(schema))).endswith(" 0")
    report = await since(installation)
    assert "not what was signed" in str(report.refused) and "usage_totals" in str(report.difference)
    await replay(installation.postgres, installation.cluster)


async def test_one_of_another_key_program_store_or_that_was_never_published_is_refused(
    installation: Installation, checkpoint: Checkpoint
) -> None:
    report = await since(installation, Seal(b"the key of another operator, as long"))
    assert "another key" in str(report.refused) and report.passed and report.kept == checkpoint.number + 1
    for changed, why, suspicious in (
        ({"program": "other"}, "another version of the program", False),
        ({"store": "other"}, "begun anew", False),
        ({"segments": checkpoint.segments[:1]}, "other partitions", False),
        ({"number": 1000}, "the topic does not hold it", True),
    ):
        assert (await whole(installation)).passed
        token = SEAL.sign(checkpoint.model_copy(update=changed))
        async with installation.postgres.connection() as connection:
            await connection.execute(
                "UPDATE store.checkpoints SET token = $1 WHERE number = (SELECT max(number) FROM store.checkpoints)",
                token,
            )
        report = await since(installation)
        assert why in str(report.refused) and report.difference is None
        assert report.passed is not suspicious
    assert (await whole(installation)).passed


async def test_an_audit_that_fails_or_has_no_key_keeps_none(
    installation: Installation, log: Log, checkpoint: Checkpoint
) -> None:
    report = await audit(installation.postgres, installation.cluster)
    assert report.passed and report.kept is None and await stored(installation) == SEAL.sign(checkpoint)
    with pytest.raises(NoSecretError, match="TRUEUP_CHECKPOINT_SECRET"):
        await audit(installation.postgres, installation.cluster, from_checkpoint=True)


async def test_every_checkpoint_stands_in_the_topic_too(installation: Installation, checkpoint: Checkpoint) -> None:
    async with LogReader(installation.cluster) as reader:
        published = await published_tokens(reader)
    assert published[-1] == await stored(installation)
    numbers = [readable.number for readable in SEAL.readable(published)]
    assert numbers == sorted(set(numbers)) and numbers[-1] == checkpoint.number


async def test_a_whole_audit_finds_that_history_is_not_what_a_checkpoint_was_made_over(
    installation: Installation, checkpoint: Checkpoint
) -> None:
    first, *others = checkpoint.segments
    other = checkpoint.model_copy(update={"segments": (first.model_copy(update={"digest": "ab" * 32}), *others)})
    async with BatchWriter(installation.cluster) as writer:
        await writer.append(CHECKPOINTS, 0, [Record(None, SEAL.sign(other).encode())])
    report = await whole(installation)
    assert f"{EVENTS}/{first.partition} at offsets 0 to {first.next_offset} is not the log" in str(report.difference)
    assert report.kept is None


async def test_a_wrong_bill_settled_before_it_and_issued_after_it_is_named(
    installation: Installation, log: Log
) -> None:
    bill = await bill_of(installation, log, "bolt", date(2026, 4, 1))
    log.usage("bolt", "m", days(1)[0], 1, tokens=1000)
    await told(installation, log)
    other = Seal(b"a key of its own, whose checkpoints are fine")  # the topic has a false one of the others' by now
    assert (await audit(installation.postgres, installation.cluster, seal=other)).passed
    lines = tuple(line.model_copy(update={"description": "Another"}) for line in bill.lines)
    log.command(bill.model_copy(update={"lines": lines}), partition=1, account=log.id("bolt"))
    await told(installation, log)
    report = await since(installation, other)
    assert not report.passed and bill.bill_id in str(report.difference) and report.kept is None
