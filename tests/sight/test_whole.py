"""How the whole system stands: at the API's port, and in a terminal."""

import asyncio
import json
import time
from typing import Any

import pytest

from events.codec import encode
from events.envelope import seal
from events.facts.clock import ClockTicked
from events.sources import clock_source
from events.topics import CATALOG, EVENTS, USAGE, partition_of, usage_key
from services.kafka import BatchWriter, Record
from services.postgres import connected
from services.run.process import environment_of
from services.status.processes import told_in
from services.store.generations import load_generations
from tests import forked
from tests.sight.asking import Numbers, until_not_ready
from tests.sight.conftest import PARTITIONS, Seen
from tests.system.story import START, Wire, set_up, settled, usage_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def trueup(seen: Seen, *words: str, **more: str) -> tuple[int, str]:
    """Exit status and what it printed; `more` of its environment."""
    environment = environment_of(seen.settings, seen.system.endpoints) | {"COLUMNS": "200"} | more
    code, told, _ = await forked.trueup(*words, environment=environment)
    return code, told


async def status(seen: Seen) -> tuple[int, dict[str, Any]]:
    code, told = await trueup(seen, "status", "--json")
    found: dict[str, Any] = json.loads(told)
    return code, found


async def looked(seen: Seen) -> Numbers:
    """What the API shows once it has looked again."""
    asked = time.time()
    async with asyncio.timeout(60):
        while ((shown := await seen.numbers("api")).of("trueup_looked_timestamp_seconds") or 0) < asked:
            await asyncio.sleep(0.2)
    return shown


async def test_everything_is_projected_and_the_api_shows_it(seen: Seen) -> None:
    wire = Wire(lambda: seen.system.addresses.api_url, "whole")
    await set_up(wire)
    await settled(seen.system.endpoints)
    shown = await looked(seen)
    async with connected(seen.system.endpoints.database_url) as connection:
        assert shown.of("trueup_store_position") == await connection.fetchval("SELECT max(position) FROM store.events")
    assert [shown.of("trueup_behind_records", by=who) for who in ("relay", "ingest worker", "projector")] == [0, 0, 0]
    assert (shown.of("trueup_usage_unprojected_seconds"), shown.total("trueup_due_families")) == (0, 0)
    assert [shown.of("trueup_servers_away", server=name) for name in ("Postgres", "Kafka")] == [0, 0]
    assert shown.of("trueup_unexplained_amount", by="conservation") == 0
    assert shown.of("trueup_bill_jobs_open") == 0


async def test_usage_that_no_worker_reads_grows_old_before_everybodys_eyes(seen: Seen) -> None:
    await seen.system.supervisor.stop("ingest")
    sent = time.time()
    async with BatchWriter(seen.system.endpoints.kafka) as writer:
        [first, second] = [Record(usage_key("whole", code), value) for code, value in usage_of("whole", 0)[:2]]
        await writer.append(USAGE, 0, [first])
        await asyncio.sleep(1.5)
        await writer.append(USAGE, 1, [second])
    shown = await looked(seen)
    assert shown.of("trueup_behind_records", by="ingest worker") == 2
    assert 1.5 <= (shown.of("trueup_usage_unprojected_seconds") or 0) <= time.time() - sent + 1
    with told_in(seen.settings.home, seen.urls):
        code, document = await status(seen)
    assert code == 1
    assert [problem for problem in document["problems"] if problem.startswith("ingest at http://127.0.0.1:")]
    assert len(document["problems"]) == 1
    assert document["behind"] == {"relay": 0, "ingest worker": 2, "projector": 0}
    assert [(one["partition"], one["behind"]) for one in document["usage"]] == [(0, 1), (1, 1)]
    assert 1.5 <= document["oldestUnprojectedSeconds"] <= time.time() - sent + 1
    await seen.system.start(["ingest"])
    await settled(seen.system.endpoints)
    assert (await looked(seen)).of("trueup_usage_unprojected_seconds") == 0


async def test_what_an_audit_found_is_shown_until_the_next_one(seen: Seen) -> None:
    _, document = await status(seen)
    least = {str(one["partition"]): one["end"] for one in document["log"]}
    assert (await trueup(seen, "audit"))[0] == 0
    before = time.time()
    shown = await looked(seen)
    assert (shown.of("trueup_unexplained_amount", by="audit"), shown.of("trueup_pass_holds", by="audit")) == (0, 1)
    assert before - 60 < (shown.of("trueup_pass_timestamp_seconds", by="audit") or 0) <= before
    _, document = await status(seen)
    [audit] = [one for one in document["passes"] if one["by"] == "audit"]
    most = {str(one["partition"]): one["end"] for one in document["log"]}  # the clock goes on beside the audit
    assert audit["holds"] and audit["positions"].keys() == least.keys()
    assert all(least[key] <= audit["positions"][key] <= most[key] for key in least)
    assert [shown.of("trueup_audit_position", partition=key) for key in audit["positions"]] == [
        *audit["positions"].values()
    ]


async def test_money_that_nothing_explains_is_shown_and_named_as_a_problem(seen: Seen) -> None:
    async with connected(seen.system.endpoints.database_url) as connection:
        live = await connection.fetchval("SELECT name FROM store.live_schema")
        rows = f"UPDATE {live}.commitment_balances SET remaining = remaining {{}} 0.25 WHERE kind <> 'MINIMUM'"
        changed = int((await connection.execute(rows.format("+"))).removeprefix("UPDATE "))
        try:
            await connection.execute("UPDATE store.passes SET begun = begun - interval '1 hour'")
            shown = await looked(seen)
            assert shown.of("trueup_unexplained_amount", by="conservation") == 0.25 * changed > 0
            assert shown.of("trueup_pass_holds", by="conservation") == 0
            code, document = await status(seen)
            assert code == 1
            assert [problem for problem in document["problems"] if f"unexplained {0.25 * changed:.2f}" in problem]
        finally:
            await connection.execute(rows.format("-"))
            await connection.execute("UPDATE store.passes SET begun = begun - interval '1 hour'")
    assert (await looked(seen)).of("trueup_unexplained_amount", by="conservation") == 0


async def test_a_terminal_has_it_as_tables(seen: Seen) -> None:
    with told_in(seen.settings.home, seen.urls):
        code, told = await trueup(seen, "status")
    lines = [line.split() for line in told.splitlines()]
    assert code == 0, told
    for partition in range(PARTITIONS):
        assert [line for line in lines if line[:1] == [f"usage/{partition}"] and line[-1] == "0"]
    for process, url in seen.urls.items():
        assert [process, "yes", "yes", url] in lines
    assert "families to settle        none" in told
    assert {line[0] for line in lines if len(line) == 2 and line[1].isdigit()} >= {"rebalances", "duplicates"}
    assert "waits for Postgres's pool" in told and "signed up to" not in told  # no notary runs here
    assert f"last audit                holds, unexplained 0.00, {time.gmtime().tm_year}" in told


async def test_processes_elsewhere_are_asked_by_their_urls_and_who_does_not_answer_is_told(seen: Seen) -> None:
    code, told = await trueup(seen, "status", "--process", seen.urls["relay"], "--process", "http://127.0.0.1:1")
    assert code == 1
    assert "relay    " in told and "! http://127.0.0.1:1 at http://127.0.0.1:1: no process of ours answered" in told


async def test_without_a_server_the_rest_is_told_and_which_one_is_away(seen: Seen) -> None:
    asked = ("status", "--json", "--process", seen.urls["relay"])
    code, told = await trueup(seen, *asked, TRUEUP_KAFKA_BOOTSTRAP="127.0.0.1:1")
    document = json.loads(told)
    assert (code, document.keys()) == (1, {"problems", "processes", "shown"})
    assert "Kafka" in document["problems"][0] and "127.0.0.1:1" in document["problems"][0]
    assert document["processes"][0]["ready"]


async def newer_record(seen: Seen) -> Record:
    """One that a newer program has written."""
    async with connected(seen.system.endpoints.database_url) as connection:
        source = clock_source((await load_generations(connection)).commands)
    newer = seal(ClockTicked(now=START), source=source, sequence=10**9, organization="", time=START)
    return Record(None, encode(newer).replace(b'"schema":1', b'"schema":99', 1))


async def test_a_partition_that_must_not_go_on_is_named_with_the_rule_that_stopped_it(seen: Seen) -> None:
    """This and the next are the last, for they are not undone."""
    here = partition_of("stopped", "a", PARTITIONS)
    async with BatchWriter(seen.system.endpoints.kafka) as writer:
        await writer.append(EVENTS, here, [await newer_record(seen)])
    why = await until_not_ready(seen.urls["projector"], f"billing.events/{here} must not go on")
    assert "ClockTicked has schema version 99" in why
    shown = await seen.numbers("projector")
    assert (shown.of("trueup_partitions"), shown.of("trueup_partitions_stopped")) == (PARTITIONS - 1, 1)
    assert shown.of("trueup_ready") == 0


async def test_a_catalog_that_must_not_go_on_is_named_too(seen: Seen) -> None:
    async with BatchWriter(seen.system.endpoints.kafka) as writer:
        [(base, _, _)] = await writer.append(CATALOG, 0, [await newer_record(seen)])
    await until_not_ready(seen.urls["projector"], f"billing.catalog/0 at offset {base}", "schema version 99")
