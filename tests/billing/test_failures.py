"""What fails for no passing reason costs itself only, an account, a bill or a job: never the runner or the others."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
import structlog

from events.codec import NewerRecordError
from events.facts.bills import BillDropped
from projections.resources import Resources
from services.api.bill_jobs import job_document
from services.billing import approving, run
from services.billing.approving import AutoApprover
from services.billing.jobs import BILL_JOBS, BillJob, create_job
from services.billing.life import BillNotPending
from services.billing.runner import BillRunner
from services.billing.selection import FamilyToSettle
from services.concurrency import Turns
from services.kafka import Cluster, KafkaUnreachableError
from services.readside.waiter import Waiter
from services.readside.watching import ProjectionStalledError, open_watcher
from tests.store.kit import Store

NOW = datetime(2026, 2, 1, tzinfo=UTC)
BUG = "an error inside Trueup; its log says more"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs here that could be waited for."""

    async def projected(_: Waiter) -> None:
        pass

    monkeypatch.setattr(Waiter, "until_projected", projected)
    monkeypatch.setattr(Waiter, "until_commands_projected", projected)


async def job_of(store: Store, **request: Any) -> BillJob:
    async with store.postgres.connection() as connection:
        return await create_job(connection, store.organization, str(uuid4()), request, date(2026, 2, 1), NOW)


async def carried_out(store: Store, job: BillJob) -> dict[str, Any]:
    """The job's document, once it was taken up."""
    async with open_watcher(store.endpoints.database_url, Cluster("nowhere:1")) as watcher:
        await BillRunner(store.postgres, store.postgres, watcher)._jobs._carry_out_all(
            job.organization, [job], asyncio.Event()
        )
    async with store.postgres.connection() as connection:
        held = await BILL_JOBS.get(connection, job.organization, job.id)
    assert held is not None
    return job_document(held)


@pytest.mark.stack
async def test_an_account_that_fails_is_named_on_the_job_and_the_others_are_billed(
    store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, refused, good = [await store.account() for _ in range(3)]
    billed = []

    async def settle_page(_: Any, __: Any, targets: Sequence[FamilyToSettle]) -> list[Any]:
        roots = [target.root_id for target in targets]
        if broken in roots:
            raise AssertionError("a law does not hold")
        if refused in roots:
            raise BillNotPending(id="b", rule="is moved")
        billed.extend(roots)
        return []

    monkeypatch.setattr(run, "settle_page", settle_page)
    document = await carried_out(store, await job_of(store))
    assert billed == [good]
    assert (document["status"], document["total"], document["pending"]) == ("COMPLETE", 3, 0)
    messages = {failure["accountId"]: failure["message"] for failure in document["failures"]}
    assert messages == {broken: BUG, refused: str(BillNotPending(id="b", rule="is moved"))}


@pytest.mark.stack
async def test_what_passes_is_tried_again_and_what_failed_before_is_forgotten(
    store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.account()
    errors: list[Exception] = [
        KafkaUnreachableError(Cluster("kafka:9092"), "away"),
        NewerRecordError("a process of the next release has written it"),
        AssertionError("a bug"),
        ValueError("x"),
    ]

    async def settle_page(*_: Any) -> list[Any]:
        raise errors.pop(0)

    monkeypatch.setattr(run, "settle_page", settle_page)
    job = await job_of(store)
    for _ in range(2):
        document = await carried_out(store, job)
        assert (document["status"], "failures" in document) == ("RUNNING", False)
    document = await carried_out(store, job)
    assert (document["status"], len(document["failures"])) == ("COMPLETE", 1)


@pytest.mark.stack
async def test_a_bill_that_is_not_recalculated_is_named(
    store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def recalculate(*_: Any) -> bool:
        raise AssertionError("a bug")

    monkeypatch.setattr(run, "recalculate_bill", recalculate)
    document = await carried_out(store, await job_of(store, billIds=["one"]))
    assert (document["status"], document["failures"]) == ("COMPLETE", [{"billId": "one", "message": BUG}])


@pytest.mark.stack
async def test_a_job_that_cannot_be_carried_out_ends_and_says_so(
    store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await carried_out(store, await job_of(store, dueDate="no date"))
    assert (document["status"], document["failures"]) == ("COMPLETE", [{"message": BUG}])
    async with store.postgres.connection() as connection:
        assert store.organization not in {job.organization for job in await BILL_JOBS.open(connection)}


@pytest.mark.stack
async def test_an_approval_that_fails_rests_and_the_others_go_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    resources = Resources(store.organization)

    async def approve(_: Any, __: Any, ___: str, bill_id: str, *____: Any) -> BillDropped:
        asked.append(bill_id)
        if bill_id == "broken":
            raise AssertionError("a bug")
        return BillDropped(bill_id=bill_id, account_id="account", root_id="account")

    monkeypatch.setattr(approving, "approve_or_drop", approve)
    async with open_watcher(store.endpoints.database_url, Cluster("nowhere:1")) as watcher:
        approver = AutoApprover(store.postgres, store.postgres, Waiter(watcher), Turns("bills", most=1, share=1))
        works = {id: approver._in_turn(store.postgres, resources, id) for id in ("broken", "good")}
        done = [await approver._guarded(id, work) for id, work in works.items()]
    assert (done, asked, list(approver._resting)) == ([0, True], ["broken", "good"], ["broken"])


@pytest.mark.stack
async def test_a_silent_kafka_is_named_and_an_http_wait_ends_early(store: Store) -> None:
    await store.account()  # no relay runs, so this is never published
    with pytest.raises(KafkaUnreachableError, match=r"Kafka at 127.0.0.1:9 did not answer"):
        async with open_watcher(store.endpoints.database_url, Cluster("127.0.0.1:9")) as watcher:
            await Waiter(watcher, 0.2).until_commands_projected()
    with pytest.raises(ProjectionStalledError, match=r"every command for 0 s without progress: is the relay running"):
        async with open_watcher(store.endpoints.database_url, store.endpoints.kafka) as watcher:
            await Waiter(watcher, 0.2).until_commands_projected()


@pytest.mark.stack
async def test_what_keeps_interrupting_an_organizations_jobs_is_said_once_and_so_is_its_end(
    store: Store, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.outage.BACKOFF_S", (0.0,))
    away = True

    async def run_job(_: Any, __: BillJob) -> None:
        if away:
            raise KafkaUnreachableError(Cluster("there:9092"), OSError("refused"))

    monkeypatch.setattr(run.BillRun, "run_job", run_job)
    jobs = [await job_of(store) for _ in range(2)]
    async with open_watcher(store.endpoints.database_url, Cluster("nowhere:1")) as watcher:
        running = BillRunner(store.postgres, store.postgres, watcher)._jobs
        with structlog.testing.capture_logs() as said:
            for _ in range(3):
                await running._carry_out_all(store.organization, jobs, asyncio.Event())
            away = False
            await running._carry_out_all(store.organization, jobs, asyncio.Event())
    assert [(line["event"], line["organization"]) for line in said] == [
        ("bill_job_interrupted", store.organization),
        ("bill_job_interrupted_over", store.organization),
    ]
