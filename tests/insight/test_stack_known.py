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
from services.projection.schemas import FixedTarget, drop_schema, fresh_schema
from services.store.generations import load_generations
from tests.insight.conftest import Played
from tests.insight.story import PARTITIONS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def test_the_balance_without_parameters_is_the_commitments_own(played: Played) -> None:
    for commitment in await played.commitments():
        balance = await played.get(f"commitments/{commitment['id']}/balance")
        exact = {name: Decimal(str(commitment[name])) for name in ("amountSpent", "amountRemaining")}
        assert balance["spent"] == exact["amountSpent"]
        assert balance["remaining"] == exact["amountRemaining"]
        assert balance["status"] == commitment["status"]
        assert balance["days"][-1]["spent"] == balance["spent"]
        drawn = 0 if commitment.get("commitmentType") == "MINIMUM" else balance["spent"]
        assert drawn == sum(draw["amount"] for draw in balance["draws"])
        assert drawn == sum(piece["amount"] for draw in balance["draws"] for piece in draw["slices"])


async def test_as_of_a_day_is_where_the_burn_down_stood(played: Played) -> None:
    [commitment] = [commitment for commitment in await played.commitments() if commitment.get("code") == "second"]
    whole = await played.get(f"commitments/{commitment['id']}/balance")
    assert len(whole["days"]) > 5
    for entry in whole["days"][:: max(1, len(whole["days"]) // 5)]:
        balance = await played.get(f"commitments/{commitment['id']}/balance", asOf=entry["day"])
        assert (balance["spent"], balance["remaining"]) == (entry["spent"], entry["remaining"])
        assert balance["asOf"] == entry["day"]


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
            answer = await played.get(path, knownAt=moment.isoformat())
            row = rows[id]
            assert (answer["spent"], answer["remaining"], answer["status"]) == (
                row["spent"],
                row["remaining"],
                row["status"],
            )
            # Nothing of a minimum rolls over or lapses, and its balance speaks of neither.
            beside = (row["rolled_over"], row["lapsed"]) if row["kind"] != "MINIMUM" else (None, None)
            assert (answer.get("rolledOver"), answer.get("lapsed")) == beside
            assert answer["asOf"] == row["as_of"].isoformat()
            counted = [period["counted"] for period in answer.get("periods", ())]
            assert counted == [Decimal(period["counted"]) for period in json.loads(row["periods"])]
            seen.add((id, answer["spent"], sum(counted)))
    assert len(seen) > 2 * len(commitments), "the moments differ"


async def _log_times(played: Played) -> list[datetime]:
    """The log time of a record in the middle of the first partition."""
    moments = []
    async with LogReader(played.cluster) as reader:
        end = (await reader.end_offsets(EVENTS, [0]))[0]
        for at in (end // 2,):
            async for [record] in reader.read(EVENTS, 0, at, at + 1):
                moments.append(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=record.timestamp))
    return moments


async def _replay_cut_at(played: Played, moment: datetime) -> dict[str, Any]:
    """Rows of `commitment_balances` of a replay that sees only records of a log time up to the moment."""
    rows: dict[str, Any] = {}
    async with played.postgres.connection() as guard:
        generations = await load_generations(guard)
        schema = await fresh_schema(played.postgres)
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
    first_offset = end
    async for records in reader.read(topic, partition, 0, end):
        for record in records:
            if datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=record.timestamp) > moment:
                first_offset = min(first_offset, int(record.offset))
    return first_offset
