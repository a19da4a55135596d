"""Who did it is in the log: what is derived from the log has it, and Postgres lost whole gets it back."""

import json
from collections import defaultdict
from typing import Any

import pytest

from events.codec import decode
from events.topics import EVENTS
from services.postgres import open_postgres
from services.readside.live import reading_live
from tests.api_client import By, http_client
from tests.continuity.home import Home
from tests.system.story import ACCOUNTS, publish, set_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
ORGANIZATION = "actors"


async def ask(home: Home, by: str, method: str, path: str, body: Any = None) -> Any:
    """A request that must succeed, by whom; returns its document."""
    async with http_client(f"{home.url}/organizations/{ORGANIZATION}", by=By(by)) as client:
        answer = await client.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def hands(document: dict[str, Any]) -> tuple[str, str]:
    return document["createdBy"], document["lastModifiedBy"]


async def in_the_log(home: Home) -> dict[str, set[str | None]]:
    """Who did the facts of each type, as the log has it."""
    hands_by_kind = defaultdict(set)
    for values in (await home.values(EVENTS)).values():
        for document in map(json.loads, values):
            hands_by_kind[document["type"]].add(document.get("actor"))
    return hands_by_kind


async def in_the_read_models(home: Home) -> dict[str, set[str | None]]:
    """The same by table `facts`."""
    hands_by_kind = defaultdict(set)
    async with open_postgres(home.database_url, most=2) as postgres, reading_live(postgres) as connection:
        for row in await connection.fetch("SELECT record FROM facts"):
            envelope = decode(bytes(row["record"]))
            hands_by_kind[envelope.type].add(envelope.actor)
    return hands_by_kind


async def shown(home: Home, account: str, commitment: str) -> dict[str, tuple[str, str]]:
    """Who did it, as the API tells it."""
    hands_by_path = {path: hands(await ask(home, "zoe", "GET", path)) for path in (f"accounts/{account}", commitment)}
    bills = (await ask(home, "zoe", "GET", "bills?pageSize=100"))["data"]
    return hands_by_path | {f"bills/{bill['id']}": hands(bill) for bill in bills}


async def test_what_is_derived_from_the_log_says_who_did_it(home: Home) -> None:
    await home.start()
    wire = home.wire(ORGANIZATION)
    account = (await set_up(wire))[ACCOUNTS[0]]
    changed = await ask(home, "alice", "GET", f"accounts/{account}")
    await ask(home, "bob", "PUT", f"accounts/{account}", changed | {"name": "Renamed"})
    terms = {"currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01"}
    made = await ask(home, "alice", "POST", "commitments", {"accountId": account, "amount": 7, **terms})
    commitment = f"commitments/{made['id']}"
    await publish(home.cluster, ORGANIZATION, 0, home.settings.partitions)
    await home.settled()
    status, said = await home.trueup("bill", "--organization", ORGANIZATION, "--date", "2026-02-01")
    assert status == 0 and "bills issued" in said, said
    await home.settled()

    told = await in_the_log(home)
    assert (told["UsageRated"], told["UsageRead"], told["BillIssued"]) == ({None}, {None}, {"billing"})
    assert (told["AccountUpdated"], told["CommitmentCreated"]) == ({"USER_bob"}, {"USER_tests", "USER_alice"})
    assert told["ClockTicked"] == {"relay"}
    facts = await in_the_read_models(home)
    assert facts["BillIssued"] == {"billing"} and facts["CommitmentCreated"] == {"USER_tests", "USER_alice"}
    expected = await shown(home, account, commitment)
    assert expected[f"accounts/{account}"] == ("USER_tests", "USER_bob")
    assert expected[commitment] == ("USER_alice", "USER_alice")
    assert len(expected) > 3 and set(list(expected.values())[2:]) == {("billing", "billing")}

    await home.lose_postgres()
    await home.stop()
    status, said = await home.trueup("rebuild-store")
    assert status == 0 and "events added to the store" in said, said
    await home.start()
    await home.settled()
    assert await shown(home, account, commitment) == expected
    assert await in_the_read_models(home) == facts
    status, said = await home.trueup("audit")
    assert status == 0 and "live == replay, unexplained 0.00" in said, said
    await home.stop()
