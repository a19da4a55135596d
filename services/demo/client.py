"""The demo's client: uses HTTP and Kafka as any customer of the product would."""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from aiokafka import AIOKafkaProducer

from events.dates import instant_text
from events.topics import usage_key
from services.access.client import AsyncPatient, SignedIn
from services.access.local import LocalKey
from services.demo.story import CUSTOMERS, METER, METER_FIELDS, ORGANIZATION, PRICES, Customer, Month
from services.demo.trace_file import TraceRequest
from services.failures import ExpectedFailure


class DemoError(ExpectedFailure):
    """The product did not do what the demo asked of it; the message says which call and what it answered."""


class Client:
    """Calls the API for one organization. An unsuccessful answer ends the demo with a DemoError."""

    def __init__(self, url: str, organization: str, key: LocalKey) -> None:
        self.organization, self._url = organization, url
        self._http = AsyncPatient(base_url=f"{url}/organizations/{organization}", timeout=60, auth=SignedIn(key))

    async def console_link(self) -> str:
        """An address that signs a browser in to the console: once, within a quarter of an hour. Raises: DemoError."""
        address = f"{self._url}/console/links"
        answer = await self._http.post(address, data={"organization": self.organization})
        if answer.status_code != 200:
            raise DemoError(f"POST {address} answered {answer.status_code}: {answer.text}")
        return self._url + str(answer.json()["path"])

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        """Send a request; returns the answer's JSON, with fractions as Decimal. Raises: DemoError.

        `path`: below the organization's; `query`: parameters of the URL.
        """
        answer = await self._http.request(method, path, json=body, params=query)
        if answer.status_code != 200:
            raise DemoError(f"{method} {path} answered {answer.status_code}: {answer.text}")
        return json.loads(answer.text, parse_float=Decimal)

    async def create(self, path: str, **body: Any) -> str:
        """Create a resource with these fields; returns its id. Raises: DemoError."""
        return str((await self.call("POST", path, body))["id"])


async def set_up(client: Client, month: Month) -> dict[str, tuple[str, str | None]]:
    """Create the catalog, accounts and commitments. Raises: DemoError.

    Returns: customer code -> (account id, commitment id or None).
    """
    await client.call("PUT", "organizationconfig", ORGANIZATION)
    plan = await _catalog(client, month)
    customers = {}
    for customer in CUSTOMERS:
        account = await client.create(
            "accounts", code=customer.code, name=customer.name, emailAddress=f"billing@{customer.code}.example"
        )
        await client.create("accountplans", accountId=account, planId=plan, startDate=month.term["startDate"])
        commitment = await _commitment(client, customer, account, plan, month) if customer.commitment else None
        customers[customer.code] = (account, commitment)
    return customers


async def _catalog(client: Client, month: Month) -> str:
    product = await client.create("products", code="chat", name="Chat completions")
    meter = await client.create(
        "meters", code=METER, name="LLM", productId=product, dataFields=METER_FIELDS, derivedFields=[]
    )
    template = await client.create(
        "plantemplates", productId=product, name="Monthly", currency="USD", billFrequency="MONTHLY", standingCharge=0
    )
    plan = await client.create("plans", code="chat-monthly", name="Chat, monthly", planTemplateId=template)
    for price in PRICES:
        aggregation = await client.create(
            "aggregations",
            code=price.field,
            name=price.name,
            meterId=meter,
            targetField=price.field,
            aggregation="SUM",
            rounding="NONE",
            quantityPerUnit=price.per,
            unit="million tokens" if price.per > 1 else "request",
        )
        band = {"lowerLimit": 0, "fixedPrice": 0, "unitPrice": float(price.dollars)}
        await client.create(
            "pricings", planId=plan, aggregationId=aggregation, startDate=month.term["startDate"], pricingBands=[band]
        )
    return plan


async def _commitment(client: Client, customer: Customer, account: str, plan: str, month: Month) -> str:
    terms = month.term | {key: value for key, value in (customer.commitment or {}).items() if key != "billing"}
    if (customer.commitment or {}).get("billing"):
        terms["billingPlanId"] = plan
    return await client.create("commitments", accountId=account, currency="USD", **terms)


def cloud_event(organization: str, customer: Customer, request: TraceRequest) -> bytes:
    """A request as usage, in the form of a CloudEvent in JSON (decision 2)."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"request-{request.number}",
            "source": "/llm-gateway",
            "type": "trueup.usage",
            "subject": customer.code,
            "time": instant_text(request.moment),
            "organization": organization,
            "data": {
                "meter": METER,
                "measure": {"context": request.context_tokens, "generated": request.generated_tokens, "requests": 1},
            },
        }
    ).encode()


def dealt(requests: Sequence[TraceRequest]) -> Iterable[tuple[Customer, TraceRequest]]:
    """Each request with the customer it counts for: customers take turns, as when cards are dealt."""
    return ((CUSTOMERS[index % len(CUSTOMERS)], request) for index, request in enumerate(requests))


async def publish(
    producer: AIOKafkaProducer, topic: str, organization: str, hand: Iterable[tuple[Customer, TraceRequest]]
) -> None:
    """Send each request as a record of its own, keyed by organization and account (decision 1), and wait for all."""
    sent = [
        await producer.send(
            topic, key=usage_key(organization, customer.code), value=cloud_event(organization, customer, request)
        )
        for customer, request in hand
    ]
    for acknowledgement in sent:
        await acknowledgement
