"""On the real stack: balances as of a service day and as known at a moment of log time."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from events.topics import CATALOG, EVENTS
from services.kafka import LogReader
from services.projection.filling import fold_to, settle_due
from services.projection.projection import Projection
from services.projection.schemas import FixedTarget, drop_schema, scratch_schema
from services.store.generations import load_generations
from tests.insight.conftest import Played
from tests.insight.story import PARTITIONS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def test_the_balance_without_parameters_is_the_commitments_own(played: Played) -> None:
    for commitment in await played.commitments():
        found = await played.get(f"commitments/{commitment['id']}/balance")
        exact = {name: Decimal(str(commitment[name])) for name in ("amountSpent", "amountRemaining")}
        assert found["spent"] == exact["amountSpent"]
        assert found["remaining"] == exact["amountRemaining"]
        assert found["status"] == commitment["status"]
        assert found["days"][-1]["spent"] == found["spent"]
        drawn = 0 if commitment.get("commitmentType") == "MINIMUM" else found["spent"]
        assert drawn == sum(draw["amount"] for draw in found["draws"])
        assert drawn == sum(piece["amount"] for draw in found["draws"] for piece in draw["slices"])


async def test_as_of_a_day_is_where_the_burn_down_stood(played: Played) -> None:
    [commitment] = [commitment for commitment in await played.commitments() if commitment.get("code") == "second"]
    whole = await played.get(f"commitments/{commitment['id']}/balance")
    assert len(whole["days"]) > 5
    for entry in whole["days"][:: max(1, len(whole["days"]) // 5)]:
        found = await played.get(f"commitments/{commitment['id']}/balance", asOf=entry["day"])
        assert (found["spent"], found["remaining"]) == (entry["spent"], entry["remaining"])
        assert found["asOf"] == entry["day"]


async def test_as_known_at_equals_a_replay_cut_there(played: Played) -> None:
    """Moments between the story's steps, and moments in the middle of the log."""
    commitments = {commitment["id"]: commitment for commitment in await played.commitments()}
    moments = [*played.moments, *await _log_times(played)]
    seen = set()
    for moment in moments:
        rows = await _replay_cut_at(played, moment)
        for id in commitments:
            path = f"commitments/{id}/balance"
            if id not in rows:
                assert (await played.wire.ask("GET", path, knownAt=moment.isoformat())).status_code == 404
                continue
            found = await played.get(path, knownAt=moment.isoformat())
            row = rows[id]
            assert (found["spent"], found["remaining"], found["status"]) == (
                row["spent"],
                row["remaining"],
                row["status"],
            )
            # Nothing of a minimum rolls over or lapses, and its balance speaks of neither.
            beside = (row["rolled_over"], row["lapsed"]) if row["kind"] != "MINIMUM" else (None, None)
            assert (found.get("rolledOver"), found.get("lapsed")) == beside
            assert found["asOf"] == row["as_of"].isoformat()
            counted = [period["counted"] for period in found.get("periods", ())]
            assert counted == [Decimal(period["counted"]) for period in json.loads(row["periods"])]
            seen.add((id, found["spent"], sum(counted)))
    assert len(seen) > 2 * len(commitments), "the moments differ"


async def _log_times(played: Played) -> list[datetime]:
    """The log time of a record in the middle of the first partition."""
    found = []
    async with LogReader(played.cluster) as reader:
        end = (await reader.end_offsets(EVENTS, [0]))[0]
        for at in (end // 2,):
            async for [record] in reader.read(EVENTS, 0, at, at + 1):
                found.append(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=record.timestamp))
    return found


async def _replay_cut_at(played: Played, moment: datetime) -> dict[str, Any]:
    """Rows of `commitment_balances` of a replay that sees only records of a log time up to the moment."""
    rows: dict[str, Any] = {}
    async with played.postgres.connection() as guard:
        generations = await load_generations(guard)
        schema = await scratch_schema(played.postgres)
        try:
            async with LogReader(played.cluster) as side, LogReader(played.cluster) as main:
                catalog = await _first_after(main, CATALOG, 0, moment)
                for partition in range(PARTITIONS):
                    projection = Projection(FixedTarget(played.postgres, schema), side, generations.origins)
                    await projection.load([partition], catalog_end=0)
                    end = await _first_after(main, EVENTS, partition, moment)
                    await fold_to(projection, main, {partition: end}, catalog_end=0)
                    await projection.follow(catalog)
                    await settle_due(projection, catalog_end=catalog)
            for row in await guard.fetch(f'SELECT * FROM "{schema}".commitment_balances'):
                rows[row["commitment_id"]] = row
        finally:
            await drop_schema(guard, schema)
    return rows


async def _first_after(reader: LogReader, topic: str, partition: int, moment: datetime) -> int:
    """Offset of the first record later than the moment, found by reading them all."""
    end = (await reader.end_offsets(topic, [partition]))[partition]
    found = end
    async for records in reader.read(topic, partition, 0, end):
        for record in records:
            if datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=record.timestamp) > moment:
                found = min(found, int(record.offset))
    return found
