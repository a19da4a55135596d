"""Writes a log as relay and ingest would: facts with their sequences, usage as `UsageRated`, ticks."""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from events.codec import encode
from events.envelope import Envelope, seal
from events.facts.base import Fact, Route
from events.facts.catalog import (
    AggregationCreated,
    MeterCreated,
    PlanCreated,
    PlanTemplateCreated,
    PricingCreated,
    ProductCreated,
)
from events.facts.clock import ClockTicked
from events.facts.commitments import CommitmentCreated
from events.facts.resources import AccountCreated, AccountPlanCreated, OrganizationConfigured
from events.facts.usage import UsageRated, UsageRead
from events.sources import read_source, usage_source
from events.topics import CATALOG, EVENTS
from services.kafka import BatchWriter, Cluster, Record
from tests.api_client import CONFIG

START = datetime(2026, 1, 1, tzinfo=UTC)


def id_of(name: str) -> str:
    """A stable id of 36 characters for a name."""
    return str(uuid5(NAMESPACE_URL, name))


@dataclass
class Log:
    """Collects records by (topic, partition) and appends them."""

    organization: str
    partitions: int
    #: Sources of one generation number upwards, so each log of a topic needs a name of its own.
    generation: str = "first"
    positions: Any = field(default_factory=lambda: itertools.count(1))
    usage_offsets: dict[int, int] = field(default_factory=dict)
    pending: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)

    def id(self, name: str) -> str:
        """Ids are of the organization: two logs may use the same names."""
        return id_of(f"{self.organization} {name}")

    def _put(self, topic: str, partition: int, envelope: Envelope) -> None:
        self.pending.setdefault((topic, partition), []).append(encode(envelope))

    def command(self, fact: Fact, *, partition: int = 0, account: str | None = None, time: datetime = START) -> None:
        """A fact of the event store, relayed where its route says."""
        envelope = seal(
            fact,
            source=f"commands/{self.generation}",
            sequence=next(self.positions),
            organization=self.organization,
            time=time,
            account=account,
        )
        if fact.route in (Route.ACCOUNT, Route.BOTH):
            self._put(EVENTS, partition, envelope)
        if fact.route in (Route.CATALOG, Route.BOTH):
            self._put(CATALOG, 0, envelope)

    def tick(self, now: datetime) -> None:
        """A tick of the real clock, everywhere."""
        quarter = int(now.timestamp()) // 900
        envelope = seal(
            ClockTicked(now=now), source=f"clock/{self.generation}", sequence=quarter, organization="", time=now
        )
        for partition in range(self.partitions):
            self._put(EVENTS, partition, envelope)
        self._put(CATALOG, 0, envelope)

    def usage(
        self, account: str, meter: str, ts: datetime, partition: int = 0, *, repeat: bool = False, **measure: Any
    ) -> None:
        """A rated usage record; `repeat` appends it twice, as an ingest worker after a lost acknowledgement may."""
        offset = self.usage_offsets.get(partition, 0)
        self.usage_offsets[partition] = offset + 1
        fact = UsageRated(
            usage_id=f"u{partition}-{offset}",
            usage_source="test",
            meter_id=self.id(meter),
            ts=ts,
            measure={name: Decimal(str(value)) for name, value in measure.items()},
            who={"user": f"u{offset % 3}"},
            catalog_offset=0,
            digest=hashlib.blake2b(f"{self.generation}/{partition}/{offset}".encode(), digest_size=16).hexdigest(),
        )
        envelope = seal(
            fact,
            source=usage_source(self.generation, partition),
            sequence=offset,
            organization=self.organization,
            time=ts,
            account=self.id(account),
        )
        for _ in range(1 + repeat):
            self._put(EVENTS, partition, envelope)

    def read(self, partition: int = 0) -> None:
        """The end of a poll of `usage`."""
        following = self.usage_offsets.get(partition, 0)
        fact = UsageRead(next_offset=following, rated=0, duplicate=0, rejected=0, rerouted=0)
        source = read_source(self.generation, partition)
        self._put(EVENTS, partition, seal(fact, source=source, sequence=following, organization="", time=START))

    async def append(self, cluster: Cluster, *, only: Iterable[str] = (EVENTS, CATALOG)) -> None:
        """Write what is pending, `billing.events` first."""
        async with BatchWriter(cluster) as writer:
            for topic in only:
                for topic_partition in sorted(
                    topic_partition for topic_partition in self.pending if topic_partition[0] == topic
                ):
                    await writer.append(
                        *topic_partition, [Record(None, value) for value in self.pending.pop(topic_partition)]
                    )

    # What a price needs.

    def organization_exists(self) -> None:
        self._catalog(OrganizationConfigured, self.organization, **CONFIG)

    def catalog(self, *, meter: str = "m", aggregation: str | None = "tokens", price: str = "0.01") -> None:
        """A product, a meter of `tokens`, a plan by the month and, if an aggregation is named, a price for it."""
        self.organization_exists()
        self._catalog(ProductCreated, self.id("product"), code="product", name="Product")
        fields = [{"code": "tokens", "category": "MEASURE"}, {"code": "user", "category": "WHO"}]
        self._catalog(MeterCreated, self.id(meter), code=meter, name=meter, dataFields=fields)
        self._catalog(
            PlanTemplateCreated,
            self.id("template"),
            name="T",
            productId=self.id("product"),
            currency="USD",
            billFrequency="MONTHLY",
            standingCharge=0,
        )
        self._catalog(PlanCreated, self.id("plan"), code="plan", name="Plan", planTemplateId=self.id("template"))
        if aggregation:
            self.aggregation(aggregation, meter)
            self.price(aggregation, price)

    def aggregation(self, name: str, meter: str, function: str = "SUM", target: str = "tokens") -> None:
        self._catalog(
            AggregationCreated,
            self.id(name),
            name=name,
            meterId=self.id(meter),
            targetField=target,
            aggregation=function,
            rounding="NONE",
            quantityPerUnit=1,
            unit="token",
        )

    def price(self, aggregation: str, price: str) -> None:
        self._catalog(
            PricingCreated,
            self.id(f"price of {aggregation}"),
            planId=self.id("plan"),
            aggregationId=self.id(aggregation),
            startDate="2026-01-01",
            cumulative=True,
            pricingBands=[{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": price}],
        )

    def account(
        self, name: str, partition: int = 0, *, zone: str = "UTC", prepaid: str | None = None, planned: bool = True
    ) -> None:
        """A root account on the plan, with a prepayment over the year if an amount is given."""
        account = self.id(name)
        body = {"code": name, "name": name, "emailAddress": "a@example.com"}
        at: dict[str, Any] = {"partition": partition, "account": account}
        placed = {"rootId": account, "partition": partition, "timezone": zone}
        self.command(AccountCreated.model_validate({"id": account, "version": 1, "body": body, **placed}), **at)
        if planned:
            attached = {"accountId": account, "planId": self.id("plan"), "startDate": "2026-01-01"}
            self.command(
                AccountPlanCreated.model_validate({"id": self.id(f"{name} plan"), "version": 1, "body": attached}), **at
            )
        if prepaid:
            self.commitment(name, prepaid, partition)

    def commitment(self, name: str, amount: str, partition: int = 0, **more: Any) -> None:
        account = self.id(name)
        terms = {"accountId": account, "amount": amount, "currency": "USD", "startDate": "2026-01-01"}
        terms |= {"endDate": "2027-01-01"} | more
        fact = CommitmentCreated.model_validate({"id": self.id(f"{name} prepaid"), "version": 1, "body": terms})
        self.command(fact, partition=partition, account=account)

    def _catalog(self, fact: type[Any], id: str, **body: Any) -> None:
        self.command(fact.model_validate({"id": id, "version": 1, "body": body}))


def days(count: int, start: date = date(2026, 1, 1)) -> Sequence[datetime]:
    """Noon of each of so many days."""
    return [datetime(start.year, start.month, start.day, 12, tzinfo=UTC) + timedelta(days=n) for n in range(count)]
