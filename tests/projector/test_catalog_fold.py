"""The fold of the catalog, as ingest follows it and as the projection does."""

from datetime import UTC, datetime

import pytest
from aiokafka import ConsumerRecord

from events.codec import encode
from events.envelope import seal
from events.facts.catalog import ProductCreated
from events.sources import Origins
from services.ingest.catalogs import CatalogFollower
from services.kafka import Cluster
from services.projection.catalog_fold import CatalogFold, CatalogLog, CatalogStoppedError

ORIGINS = Origins(frozenset({"here"}))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FOLDS = (CatalogFollower(Cluster("nowhere:1"), ORIGINS), CatalogLog(ORIGINS))


def product(id: str, sequence: int, generation: str = "here") -> bytes:
    body = {"code": id, "name": id}
    fact = ProductCreated.model_validate({"id": id, "version": 1, "body": body})
    return encode(seal(fact, source=f"commands/{generation}", sequence=sequence, organization="org", time=NOW))


def record(value: bytes, offset: int) -> ConsumerRecord:
    return ConsumerRecord("billing.catalog", 0, offset, 0, 1, None, value, None, 0, len(value), ())


@pytest.mark.parametrize("fold", FOLDS, ids=lambda fold: type(fold).__name__)
def test_each_fact_of_ours_counts_once_and_one_that_is_not_understood_stops_it(fold: CatalogFold) -> None:
    values = (product("a", 1), product("b", 2), product("b", 2), product("c", 3, "elsewhere"), b"no envelope")
    for offset, value in enumerate(values):
        fold.fold(record(value, offset))
    assert set(fold.organizations["org"].products) == {"a", "b"} and fold.offset == 5
    unknown = product("d", 4).replace(b"ProductCreated", b"ProductFolded!")
    with pytest.raises(CatalogStoppedError, match=r"^acme\.billing\.catalog/0 at offset 7: .*; run a newer version"):
        fold.fold(record(unknown, 7), "acme.billing.catalog")
    assert fold.offset == 5
