"""What the console's tests, and its pictures, look at: an organization with prepaid, minimum, yen, a family, hostile
names, pending and approved bills, late usage, and usage that was refused."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from events.topics import USAGE, partition_of
from services.access.keys import create_key
from services.access.scopes import ALL, Scope
from services.kafka import BatchWriter
from services.postgres import connected
from services.readside.waiter import Waiter
from services.readside.watching import open_watcher
from services.run.up import System
from tests.api_client import CONFIG, Api
from tests.catalog import (
    SUM_OF_CALLS,
    YEAR,
    create_account,
    create_meter,
    create_plan,
    create_pricing,
    create_product,
    flat,
)
from tests.usage_events import usage_event, usage_record

#: What a name may hold: markup, quotes, and more than fits a line.
HOSTILE = """O'Neil & "Söhne" <script>alert(1)</script> {{ 7919*7919 }}"""
LONG = "Vereinigte Gesellschaft für maschinelle Schlussfolgerung und Rechenzentrumsbetrieb mbH & Co. KG"
FORMULA = '=HYPERLINK("http://evil.example","x")'


@dataclass(slots=True)
class Office:
    """The organization, and ids of what it has, by their codes."""

    system: System
    api: Api
    ids: dict[str, str] = field(default_factory=dict)
    #: Access key id and secret by what they are good for.
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: Moments of log time: when usage had come, and when bills had been made of it.
    moments: dict[str, str] = field(default_factory=dict)

    def note(self, name: str) -> None:
        """Remember this moment."""
        self.moments[name] = datetime.now(UTC).isoformat().replace("+00:00", "Z")

    @property
    def url(self) -> str:
        """Where API and console answer."""
        return self.system.addresses.api_url

    @property
    def base(self) -> str:
        """The console's path for the organization."""
        return f"/console/organizations/{self.api.organization}"

    async def projected(self) -> None:
        """Wait until all that was sent is in the read models."""
        endpoints = self.system.endpoints
        async with open_watcher(endpoints.database_url, endpoints.kafka) as watcher:
            await Waiter(watcher).until_projected()

    async def look_up(self) -> None:
        """Ids of a line, of usage that was refused, and of what a webhook was sent."""
        lines = (await self.api.do("GET", f"bills/{self.ids['bill-acme']}"))["lineItems"]
        self.ids["line"] = next(line["id"] for line in lines if line["lineItemType"] == "USAGE")
        self.ids["refused"] = await self._first("usage/rejected")
        self.ids["delivery"] = await self._first(f"integrationdestinations/webhooks/{self.ids['webhook']}/deliveries")

    async def _first(self, path: str) -> str:
        """The id of the first one of a list, once it has any."""
        async with asyncio.timeout(60):
            while not (listed := (await self.api.do("GET", path))["data"]):
                await asyncio.sleep(0.1)
        return str(listed[0]["id"])

    async def opened_bill(self) -> str:
        """A pending bill of 10, of an account of its own."""
        code = f"own-{len(self.ids)}"
        account = self.ids[code] = await self.api.create(
            "accounts", code=code, name="Own", emailAddress="own@example.com"
        )
        plan = {"planId": self.ids["plan-USD"], "startDate": "2026-02-01", "endDate": "2026-03-01"}
        await self.api.create("accountplans", accountId=account, **plan)
        await bill(self, "2026-02-28", accountIds=[account])
        [opened] = (await self.api.do("GET", "bills", accountId=account))["data"]
        return str(opened["id"])

    async def key(self, name: str, scopes: frozenset[Scope]) -> None:
        """Make an access key."""
        async with connected(self.system.endpoints.database_url) as connection:
            made = await create_key(connection, self.api.organization, scopes, name)
        self.keys[name] = made.key.id, made.secret


async def open_office(system: System, organization: str) -> Office:
    """Play the story."""
    office = Office(system, Api(lambda: system.addresses.api_url, organization))
    await office.api.do("PUT", "organizationconfig", CONFIG | {"testClock": True, "autoApproveBillsGracePeriod": 9})
    await office.api.do("POST", "clock", {"now": "2026-03-01T00:00:00Z"})
    for name, scopes in {"all": ALL, "reader": frozenset({Scope.READ}), "auditor": frozenset({Scope.AUDIT})}.items():
        await office.key(name, scopes)
    await _catalog(office)
    await _accounts(office)
    await _commitments(office)
    await _use(office, USED)
    await office.projected()
    office.note("used")
    await bill(office, "2026-01-31")
    for code in ("acme", "kaisha", "long"):
        [opened] = (await office.api.do("GET", "bills", accountId=office.ids[code]))["data"]
        await office.api.do("PUT", f"bills/{opened['id']}/status", {"status": "APPROVED"})
        office.ids[f"bill-{code}"] = opened["id"]
    await office.projected()
    office.note("billed")
    await _use(office, LATE)
    await office.projected()
    above = {"accountId": office.ids["acme"], "currency": "USD", "threshold": 5000}
    office.ids["above"] = await office.api.create("thresholdbillings", code="above", name="Above", **above)
    hooks = "integrationdestinations/webhooks"
    told = {"name": "Ledger", "description": "What we bill", "url": "https://hooks.acme.example/trueup"}
    office.ids["webhook"] = await office.api.create(hooks, **told, eventTypes=["alert.*", "configuration.commitment.*"])
    office.ids["delivery"] = (await office.api.do("POST", f"{hooks}/{office.ids['webhook']}/test"))["id"]
    [pending] = (await office.api.do("GET", "bills", accountId=office.ids["hostile"]))["data"]
    office.ids["pending"] = pending["id"]
    return office


#: Usage: account code, id, day, calls, meter.
USED = (
    ("acme", "a-1", "2026-01-05", 900, "api"), ("acme", "a-2", "2026-01-12", 1500, "api"),
    ("acme", "a-3", "2026-01-25", 2000, "api"), ("kaisha", "k-1", "2026-01-10", 1234, "api"),
    ("hostile", "h-<b>1</b>", "2026-01-09", 321, "api"), ("long", "l-1", "2026-01-20", 100, "api"),
    ("long-child", "c-1", "2026-01-21", 40, "api"), ("acme", "x-1", "2026-01-21", 5, "later"),
    ("acme", "x-2", "2026-01-22", 6, "later"),
)  # fmt: skip
LATE = (("acme", "a-4", "2026-01-30", 200, "api"), ("acme", "a-5", "2026-02-11", 400, "api"),
        ("hostile", "h-2", "2026-02-10", 50, "api"), ("acme", "a-1", "2026-01-05", 901, "api"))  # fmt: skip


async def _catalog(office: Office) -> None:
    api, ids = office.api, office.ids
    ids["product"] = await create_product(api.create, "Inference API")
    calls = await api.create("aggregations", meterId=await create_meter(api.create), **SUM_OF_CALLS)
    for currency, charge, bands in (
        ("USD", 10, [*flat(0.5), {"lowerLimit": 1000, "fixedPrice": 0, "unitPrice": 0.25}]),
        ("JPY", 1000, flat(35.5)),
    ):
        named = {"code": f"monthly-{currency}", "name": f"Monthly {currency}", "currency": currency}
        _, plan = await create_plan(api.create, ids["product"], charge, **named)
        ids[currency] = await create_pricing(api.create, plan, calls, bands, cumulative=True)
        ids[f"plan-{currency}"] = plan


async def _accounts(office: Office) -> None:
    names = {
        "acme": "Acme",
        "kaisha": "株式会社 推論",
        "hostile": HOSTILE,
        "long": LONG,
        "idle": "Nothing yet",
    }
    for code, name in names.items():
        more: dict[str, Any] = {"timezone": "Asia/Tokyo", "currency": "JPY"} if code == "kaisha" else {}
        more |= {"customFields": {"locale": "de-DE"}} if code == "long" else {}
        plan = None if code == "idle" else office.ids["plan-JPY" if code == "kaisha" else "plan-USD"]
        office.ids[code] = await create_account(
            office.api.create, code, plan, name=name, emailAddress="billing@example.com", **more
        )
    office.ids["long-child"] = await office.api.create(
        "accounts", code="long-child", name="A child", emailAddress="b@example.com", parentAccountId=office.ids["long"]
    )


async def _commitments(office: Office) -> None:
    for code, account, terms in (
        ("prepaid", "acme", {"amount": 1500, "currency": "USD", "overageSurchargePercent": 10, "billingPlanId": "USD"}),
        ("minimum", "hostile", {"amount": 400, "currency": "USD", "commitmentType": "MINIMUM",
                                "commitmentPeriodInterval": 1}),
        ("yen", "kaisha", {"amount": 30000, "currency": "JPY"}),
        (FORMULA, "long", {"amount": 25, "currency": "USD", "commitmentUsageDescription": FORMULA}),
    ):  # fmt: skip
        named = {"billingPlanId": office.ids["plan-USD"]} if "billingPlanId" in terms else {}
        office.ids[code] = await office.api.create(
            "commitments", code=code, accountId=office.ids[account], **YEAR, **terms | named
        )
    prepaid = f"commitments/{office.ids['prepaid']}"
    await office.api.do("POST", f"{prepaid}/topups", {"amount": 200, "date": "2026-02-01", "version": 1})
    office.ids["balance"] = await office.api.create(
        "balances", code="goodwill", name="Goodwill", accountId=office.ids["hostile"], currency="USD", **YEAR
    )


async def _use(office: Office, usage: tuple[tuple[str, str, str, int, str], ...]) -> None:
    """Publish usage to Kafka, as publishers do: of what they send nothing is looked at on its way."""
    partitions = office.system.settings.partitions
    organization = office.api.organization
    async with asyncio.timeout(30), BatchWriter(office.system.endpoints.kafka) as writer:
        for code, id, day, calls, meter in usage:
            measured = {"calls": calls}
            event = usage_event(organization, code, id, f"{day}T12:00:00Z", meter=meter, measure=measured)
            await writer.append(USAGE, partition_of(organization, code, partitions), [usage_record(event)])


async def bill(office: Office, last_day: str, **more: Any) -> None:
    """Run a bill job to its end."""
    job: dict[str, Any] = await office.api.do("POST", "billjobs", {"lastDateInBillingPeriod": last_day} | more)
    async with asyncio.timeout(60):
        while job["status"] != "COMPLETE":
            await asyncio.sleep(0.05)
            job = await office.api.do("GET", f"billjobs/{job['id']}")
