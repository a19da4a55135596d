"""A whole system, and organizations in it with a test clock, one account and one product to bill."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio

from events.topics import USAGE, partition_of
from services.audit.audit import audit
from services.audit.report import Report
from services.kafka import BatchWriter
from services.postgres import open_postgres
from services.readside.waiter import Waiter
from services.readside.watching import open_watcher
from services.run.settings import load_settings
from services.run.stack import Stack
from services.run.up import System
from tests.api_client import CONFIG, Api
from tests.catalog import create_account, create_catalog, flat
from tests.system.running import system_on
from tests.usage_events import usage_event, usage_record

PARTITIONS = 2
GRACE = {"autoApproveBillsGracePeriod": 2, "autoApproveBillsGracePeriodUnit": "DAYS"}


class Shop(Api):
    """One organization: a monthly plan with a standing charge of 10 and calls at 0.5 each."""

    def __init__(self, system: System) -> None:
        super().__init__(lambda: system.addresses.api_url, f"shop-{uuid4().hex[:10]}")
        self.system = system
        self.version = self.serial = 0
        self.config: dict[str, Any] = CONFIG | {"testClock": True}
        self.product = self.plan = ""

    async def configure(self, **more: Any) -> None:
        """Put the configuration, changed by `more`."""
        self.config |= more
        versioned = self.config | ({"version": self.version} if self.version else {})
        self.version = (await self.do("PUT", "organizationconfig", versioned))["version"]

    async def clock(self, now: str) -> None:
        """Move the test clock."""
        await self.do("POST", "clock", {"now": now})

    async def catalog(self) -> None:
        """Product, meter, plan and price."""
        catalog = await create_catalog(self.create, 10, flat(0.5))
        self.product, self.plan = catalog.product, catalog.plan

    async def account(self, code: str, *, planned: bool = True, **more: Any) -> str:
        """An account on the plan from 2026 on."""
        return await create_account(self.create, code, self.plan if planned else None, **more)

    async def use(self, code: str, day: str, calls: int) -> None:
        """Publish usage."""
        self.serial += 1
        noon, measured = f"{day}T12:00:00Z", {"calls": calls}
        event = usage_event(self.organization, code, f"event-{self.serial}", noon, measure=measured)
        partition = partition_of(self.organization, code, PARTITIONS)
        async with asyncio.timeout(30), BatchWriter(self.system.endpoints.kafka) as writer:
            await writer.append(USAGE, partition, [usage_record(event)])

    async def done(self, job: dict[str, Any], status: str = "COMPLETE") -> dict[str, Any]:
        """Wait until the job has this status."""
        async with asyncio.timeout(60):
            while job["status"] != status:
                await asyncio.sleep(0.05)
                job = await self.do("GET", f"billjobs/{job['id']}")
        return job

    async def bill(self, last_day: str, **more: Any) -> dict[str, Any]:
        """Run a bill job to its end."""
        return await self.done(await self.do("POST", "billjobs", {"lastDateInBillingPeriod": last_day} | more))

    async def bills(self, **query: Any) -> list[dict[str, Any]]:
        """The list of bills, newest first, once it knows every command."""
        endpoints = self.system.endpoints
        async with open_watcher(endpoints.database_url, endpoints.kafka) as watcher:
            await Waiter(watcher).until_commands_projected()
        return list((await self.do("GET", "bills", **query))["data"])

    async def audit(self) -> Report:
        """The audit of the whole system."""
        async with open_postgres(self.system.endpoints.database_url, most=4) as postgres:
            return await audit(postgres, self.system.endpoints.kafka)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def billing_system(stack: Stack, tmp_path_factory: Any) -> AsyncIterator[System]:
    home = tmp_path_factory.mktemp("billing")
    settings = load_settings(home=home, partitions=PARTITIONS, worker_session_ms=6000, api_port=0)
    async with system_on(stack, settings) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="session")
async def shop(billing_system: System) -> Shop:
    """An organization without a grace period, its clock on 2026-02-01."""
    return await opened_shop(billing_system)


@pytest_asyncio.fixture(loop_scope="session")
async def patient(billing_system: System) -> Shop:
    """An organization whose bills stay pending for two days."""
    return await opened_shop(billing_system, **GRACE)


async def opened_shop(system: System, **more: Any) -> Shop:
    found = Shop(system)
    await found.configure(**more)
    await found.clock("2026-02-01T00:00:00Z")
    await found.catalog()
    return found
