"""On the real stack: what is personal stands in no process's log, and in no metric of it, however it was refused."""

import asyncio

import httpx
import pytest

from tests.insight.conftest import Played
from tests.insight.corrected import corrected_organization, event
from tests.insight.test_stack_erasure import ACCOUNT, ADDRESS, PLAIN

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def test_no_process_tells_its_log_or_its_metrics_whom_it_has_kept_or_refused(played: Played) -> None:
    erasable = {"personalData": "ERASABLE", "personalCustomFields": ["contact"]}
    wire = await corrected_organization(lambda: played.system.addresses.api_url, "unlogged", ACCOUNT, **erasable)
    refused = {"code": "fifth", "name": "Eve Acmeson", "emailAddress": "ann@quiet.example"}
    await wire.refused(400, "POST", "accounts", refused | {"address": ADDRESS | {"floor": "Bert"}})
    await wire.refused(400, "POST", "accounts", refused | {"timezone": "Yorkminster/Quiet Lane"})
    wrong = event("w", 1, "Bert") | {"where": {"user": "Acmeson"}}
    await wire.do("POST", "measurements", {"measurements": [wrong]})
    async with asyncio.timeout(60):
        while not (rejected := (await wire.do("GET", "usage/rejected"))["data"]):
            await asyncio.sleep(0.1)
    assert rejected[0]["reason"] == "wrong-type" and "Acmeson" not in str(rejected)
    logs = {file.name: file.read_text() for file in played.system.settings.home.glob("*.log")}
    assert {"api.log", "ingest.log", "projector.log", "relay.log"} <= logs.keys()
    async with httpx.AsyncClient() as client:
        for name, url in played.system.addresses.sight.items():
            logs[f"metrics of {name}"] = (await client.get(f"{url}/metrics")).text
    assert "unlogged" in "".join(logs.values())
    assert [(name, word) for name, text in logs.items() for word in PLAIN if word in text] == []
