"""Readers of the examples, on one system: each has an organization and a shell in the repository."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio

from services.readside.waiter import Waiter
from services.readside.watching import open_watcher
from services.run.up import System
from tests.api_client import Api, http_client

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 200


class Reader(Api):
    """Somebody who tries the examples: their environment leads to the system, as `trueup up` and a key would."""

    def __init__(self, system: System) -> None:
        super().__init__(lambda: system.addresses.api_url, f"reader-{uuid4().hex[:10]}")
        self.system = system
        self.environment = (
            {name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")}
            | {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "COLUMNS": "200",
                # Kafka and Postgres are found by the home of the stack that runs.
                "TRUEUP_HOME": str(system.settings.home),
                "M3TER_BASE_URL": system.addresses.api_url,
                "M3TER_ORG_ID": self.organization,
            }
            | self._key(system.settings.home / "keys.json")
        )

    @staticmethod
    def _key(kept: Path) -> dict[str, str]:
        """An access key that opens the organization: the operator's, which the system has made."""
        held = json.loads(kept.read_text())["operator"]
        return {"M3TER_API_KEY": held["accessKeyId"], "M3TER_API_SECRET": held["apiSecret"]}

    async def token(self) -> str:
        """A bearer token of that key."""
        credentials = self.environment["M3TER_API_KEY"], self.environment["M3TER_API_SECRET"]
        async with http_client(self.system.addresses.api_url) as client:
            body = {"grant_type": "client_credentials"}
            answer = await client.post("/oauth/token", data=body, auth=httpx.BasicAuth(*credentials))
        return str(answer.json()["access_token"])

    @asynccontextmanager
    async def starts(self, *command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A command that runs, with both outputs on one pipe; it does not outlive the block."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=self.environment | environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def runs(self, *command: str, status: int = 0, **environment: str) -> str:
        """What a command says on both outputs; it must end with this status."""
        async with self.starts(*command, **environment) as process:
            said = (await process.communicate())[0].decode()
        assert process.returncode == status, f"{command} ended with {process.returncode}: {said}"
        return said

    async def example(self, name: str, *arguments: str, status: int = 0, **environment: str) -> str:
        """What an example says."""
        runner = "sh" if name.endswith(".sh") else "python"
        return await self.runs(runner, f"examples/{name}", *arguments, status=status, **environment)

    async def until_projected(self) -> None:
        """Wait until every command and all usage there is counts."""
        endpoints = self.system.endpoints
        async with open_watcher(endpoints.database_url, endpoints.kafka) as watcher:
            await Waiter(watcher).until_projected()

    async def calls(self) -> Counter[str]:
        """How many calls count, by the first day of their month."""
        await self.until_projected()
        [meter] = (await self.do("GET", "meters"))["data"]
        asked = {
            "aggregations": [{"fieldCode": "calls", "fieldType": "MEASURE", "function": "SUM", "meterId": meter["id"]}],
            "groups": [{"groupType": "TIME", "frequency": "MONTH"}],
        }
        rows = (await self.do("POST", "usage/query", asked))["data"]
        return Counter({row["startDate"]: row["aggregations"][0]["value"] for row in rows})

    async def bill(self, last_day: str) -> list[dict[str, Any]]:
        """Run a bill job to its end; all bills, the oldest first."""
        job = await self.do("POST", "billjobs", {"lastDateInBillingPeriod": last_day})
        async with asyncio.timeout(60):
            while (await self.do("GET", f"billjobs/{job['id']}"))["status"] != "COMPLETE":
                await asyncio.sleep(0.05)
        await self.until_projected()
        return list(reversed((await self.do("GET", "bills"))["data"]))


@pytest_asyncio.fixture(loop_scope="session")
async def reader(common_system: System) -> Reader:
    """Somebody with an organization that nothing is in yet."""
    return Reader(common_system)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def customer(common_system: System) -> Reader:
    """Somebody who has run `official_sdk.py`: account acme has a prepayment, and a bill for January. One for a file."""
    reader = Reader(common_system)
    await reader.example("official_sdk.py")
    return reader
