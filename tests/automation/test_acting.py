"""On a system that runs: an automatic rule acts once an arming, whoever is killed; what it may not is told."""

import asyncio
from typing import Any

import pytest

from services.postgres import open_postgres
from services.projection.replay import replay
from services.run.up import System
from tests.alerts.customer import Customer
from tests.alerts.test_raised import kill, until
from tests.system.story import settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


class Automatic(Customer):
    """A customer with automatic rules."""

    async def begin(self, **config: Any) -> None:
        """On the day of all its usage, in January."""
        await super().begin(testClock=True, **config)
        await self.do("POST", "clock", {"now": "2026-01-10T12:00:00Z"})
        self.account = (await self.do("GET", f"commitments/{self.commitment}"))["accountId"]

    async def automatic(self, path: str, **body: Any) -> str:
        whole = {"name": body["code"], "accountId": self.account, "currency": "USD", **body}
        return await self.create(path, **whole)

    async def acts(self, count: int, **query: str) -> list[dict[str, Any]]:
        """What rules did, oldest first, once that is so much."""
        async with asyncio.timeout(60):
            while len(found := (await self.do("GET", "automaticacts", None, **query))["data"]) < count:
                await asyncio.sleep(0.1)
        assert len(found) == count
        return list(reversed(found))

    async def bills_of(self, last: str) -> list[str]:
        """The bills of a run for the account."""
        job = {"accountIds": [self.account], "lastDateInBillingPeriod": last}
        job_id = (await self.do("POST", "billjobs", job))["id"]
        async with asyncio.timeout(60):
            while (done := await self.do("GET", f"billjobs/{job_id}"))["status"] != "COMPLETE":
                await asyncio.sleep(0.1)
        return list(done["billIds"])

    async def has_due(self) -> bool:
        return await self.rows_due() == 1


async def test_a_top_up_is_once_an_arming_whoever_is_killed(common_system: System) -> None:
    customer = Automatic(common_system)
    await customer.begin()
    body = {"threshold": 20, "amount": 100, "commitmentId": customer.commitment}
    rule = await customer.automatic("automatictopups", code="refill", maxTimes=2, **body)
    await customer.use(80)
    await settled(common_system.endpoints)
    await customer.acts(0)  # 20 are left, and that is not below 20

    # The API is not there when it falls below; the projector is killed with the row written.
    await kill(common_system, "api")
    await customer.publish(5)
    await until(customer.has_due)
    await kill(common_system, "projector")
    await common_system.start(("projector", "api"))
    [act] = await customer.acts(1)
    told = {name: act[name] for name in ("ruleId", "resourceId", "action", "outcome", "amount", "createdBy")}
    assert told == {
        "ruleId": rule, "resourceId": customer.commitment, "action": "TOP_UP", "outcome": "DONE", "amount": 100,
        "createdBy": "RULE_refill",
    }  # fmt: skip

    # Back and forth, with everybody killed in between; then the rows are made anew.
    await customer.use(-60)
    await settled(common_system.endpoints)
    await customer.use(70)
    await kill(common_system, "api", "projector", "relay")
    await common_system.start(("relay", "projector", "api"))
    await settled(common_system.endpoints)
    async with open_postgres(common_system.endpoints.database_url) as postgres:
        await replay(postgres, common_system.endpoints.kafka)
    await settled(common_system.endpoints)
    assert await customer.acts(1) == [act]
    commitment = await customer.do("GET", f"commitments/{customer.commitment}")
    assert [top_up["amount"] for top_up in commitment["topUps"]] == [100]
    assert commitment["lastModifiedBy"] == "RULE_refill"

    # Twice in the month, and no more: the third time it is told why not, once.
    await customer.use(90)
    await customer.acts(2)
    await customer.use(100)
    *_, refused = await customer.acts(3)
    assert refused["outcome"] == "REFUSED" and "maxTimes" in refused["reason"] and "amount" not in refused
    await customer.use(1)
    await settled(common_system.endpoints)
    await customer.acts(3)
    events = (await customer.do("GET", "events", None, eventName="automatic.topup"))["data"]
    assert [event["m3terEvent"]["eventData"]["newDto"]["outcome"] for event in events] == ["REFUSED", "DONE", "DONE"]
    assert {notified["data"]["id"] for notified in await customer.notified()} == {
        act["id"] for act in await customer.acts(3)
    }

    # Other terms are another rule: with room again it pays in at once.
    whole = {"name": "refill", "code": "refill", "accountId": customer.account, "currency": "USD", **body}
    await customer.do("PUT", f"automatictopups/{rule}", whole | {"maxTimes": 3, "version": 1})
    *_, last = await customer.acts(4)
    assert (last["outcome"], last["amount"]) == ("DONE", 100)


async def test_a_threshold_bills_once_and_the_periods_bill_is_the_rest(common_system: System) -> None:
    customer = Automatic(common_system)
    await customer.begin()
    await customer.automatic("thresholdbillings", code="fifty", threshold=50)
    await customer.use(150)  # of which the prepayment pays 100: 50 is not more than 50
    await settled(common_system.endpoints)
    await customer.acts(0)
    await kill(common_system, "api")
    await customer.publish(10)
    await until(customer.has_due)
    await kill(common_system, "projector")
    await common_system.start(("projector", "api"))
    [act] = await customer.acts(1)
    assert (act["action"], act["outcome"], act["amount"], act["found"]) == ("BILL", "DONE", 60, 60)
    bill = await customer.do("GET", f"bills/{act['billId']}")
    assert (bill["billTotal"], bill["createdBy"]) == (60, "RULE_fifty")
    explained = await customer.do("GET", f"bills/{act['billId']}/lineitems/1/explain")
    assert (explained["billId"], explained["eventCount"]) == (act["billId"], 2)
    await customer.use(-20)
    await customer.use(20)
    await customer.use(30)
    await settled(common_system.endpoints)
    assert await customer.acts(1) == [act]
    # A run on the way leaves alone what was billed ahead, and the month's bill has the rest.
    assert await customer.bills_of("2026-01-15") == []
    [rest] = await customer.bills_of("2026-01-31")
    assert (await customer.do("GET", f"bills/{rest}"))["billTotal"] == 30


async def test_what_is_refused_beside_a_pending_bill_is_billed_once_that_is_deleted(common_system: System) -> None:
    customer = Automatic(common_system)
    await customer.begin(autoApproveBillsGracePeriod=90, autoApproveBillsGracePeriodUnit="DAYS")
    await customer.automatic("thresholdbillings", code="fifty", threshold=50)
    await customer.use(130)  # of which the prepayment pays 100
    await settled(common_system.endpoints)
    [pending] = await customer.bills_of("2026-01-31")
    await customer.use(40)
    [refused] = await customer.acts(1)
    assert refused["outcome"] == "REFUSED" and f"bill {pending}" in refused["reason"]
    await customer.do("DELETE", f"bills/{pending}")
    _, ahead = await customer.acts(2)
    assert (ahead["outcome"], ahead["amount"]) == ("DONE", 70)


async def test_what_no_rule_may_be_is_refused(common_system: System) -> None:
    customer = Automatic(common_system)
    await customer.begin()
    least = {"name": "n", "code": "c", "accountId": customer.account, "currency": "USD", "threshold": 5}
    top_up = least | {"amount": 10, "commitmentId": customer.commitment, "maxTimes": 1}
    for changed, why in (
        ({"maxTimes": None}, "maxTimes: must be given, or maxAmount"),
        ({"balanceId": customer.commitment}, "exactly one of commitmentId and balanceId"),
        ({"currency": "EUR"}, "currency: must be USD"),
        ({"amount": 0.001}, "finer than the minor unit"),
        ({"maxAmount": 9}, "maxAmount: must not be less than amount"),
        ({"chargeDescription": "Refill"}, "chargeDescription: is for a balance"),
    ):
        assert why in await customer.refused(400, "POST", "automatictopups", top_up | changed)
    assert "threshold" in await customer.refused(400, "POST", "thresholdbillings", least | {"threshold": 0})
