"""Rules in the catalog: whom one touches, and what does not begin anew for it."""

from datetime import UTC, datetime
from typing import Any

from aiokafka import ConsumerRecord

from events.codec import encode
from events.envelope import Envelope, seal
from events.facts.automation import (
    AutomaticTopUpCreated,
    AutomaticTopUpDeleted,
    ThresholdBillingCreated,
    ThresholdBillingUpdated,
)
from events.facts.base import Fact
from events.facts.catalog import (
    NotificationConfigurationCreated,
    NotificationConfigurationDeleted,
    NotificationConfigurationUpdated,
    ProductCreated,
)
from events.sources import Origins
from services.ingest.catalogs import CatalogFollower, Catalogs
from services.kafka import Cluster
from services.projection.catalog_fold import CatalogLog

ORIGINS = Origins(frozenset({"here"}))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
USED = {"name": "N", "code": "c", "description": "D", "eventName": "alert.funds.used", "threshold": "80"}
AMENDED = {"name": "N", "code": "d", "description": "D", "eventName": "alert.terms.amended"}


def told(fact: type[Fact], sequence: int, **fields: Any) -> Envelope:
    data = fact.model_validate(fields)
    return seal(data, source="commands/here", sequence=sequence, organization="org", time=NOW)


STORY = (
    told(ProductCreated, 1, id="p", version=1, body={"code": "p", "name": "P"}),
    told(NotificationConfigurationCreated, 2, id="used", version=1, body=USED),
    told(NotificationConfigurationCreated, 3, id="amended", version=1, body=AMENDED),
    told(NotificationConfigurationUpdated, 4, id="used", version=2, body=USED | {"active": False}),
    told(NotificationConfigurationDeleted, 5, id="used", version=3),
)


def test_a_rule_by_level_touches_its_organization_and_compiles_no_terms_anew() -> None:
    log = CatalogLog(ORIGINS)
    ladders, versions = [], []
    for offset, envelope in enumerate(STORY):
        value = encode(envelope)
        log.fold(ConsumerRecord("billing.catalog", 0, offset, 0, 1, None, value, None, 0, len(value), ()))
        ladders.append(len(log.rules("org").ladders))
        versions.append(log.versions["org"])
        assert log.rules("org") is log.rules("org")
    assert ladders == [0, 1, 1, 0, 0]
    assert versions == [1] * len(STORY)
    touched = [change.plans is None for change in log.changes_since(0)]
    assert touched == [False, True, False, True, True]


def test_an_automatic_rule_touches_its_account_alone() -> None:
    """Made, changed and deleted: ten thousand of them do not settle ten thousand accounts each."""
    log = CatalogLog(ORIGINS)
    low = {"name": "n", "code": "low", "accountId": "a" * 36, "currency": "USD", "threshold": 5, "amount": 10}
    high = {"name": "n", "code": "high", "accountId": "b" * 36, "currency": "USD", "threshold": 5}
    told_of = (
        told(AutomaticTopUpCreated, 1, id="low", version=1, body=low | {"balanceId": "c" * 36, "maxTimes": 1}),
        told(ThresholdBillingCreated, 2, id="high", version=1, body=high),
        told(ThresholdBillingUpdated, 3, id="high", version=2, body=high | {"active": False}),
        told(AutomaticTopUpDeleted, 4, id="low", version=2),
    )
    names = []
    for offset, envelope in enumerate(told_of):
        value = encode(envelope)
        log.fold(ConsumerRecord("billing.catalog", 0, offset, 0, 1, None, value, None, 0, len(value), ()))
        names.append(sorted(log.rules("org").names))
    assert names == [["automatic.topup"], ["automatic.bill", "automatic.topup"], ["automatic.topup"], []]
    changes = log.changes_since(0)
    assert [change.plans for change in changes] == [frozenset()] * 4
    assert ["".join(change.accounts)[:1] for change in changes] == ["a", "b", "b", "a"]
    assert not log.versions, "no terms are compiled anew"


def test_ingest_has_nothing_to_forget_for_a_rule() -> None:
    catalogs = Catalogs(CatalogFollower(Cluster("nowhere:1"), ORIGINS))
    assert catalogs.changed(STORY[:1]).organizations == {"org"}
    assert not catalogs.changed(STORY[1:])
