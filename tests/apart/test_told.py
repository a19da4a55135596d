"""What machines tell each other: works, parts and results as JSON, and signs of life."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter

from events.facts.usage import RecordMark
from events.sources import Origins
from services.apart.stint import Signs
from services.audit.partition_audit import (
    PARTITION_AUDIT,
    PartitionAudit,
    PartitionProved,
    RangeDigest,
    Schemas,
    Stretch,
)
from services.projection.filling import FILLING, Filling, PartitionToFold


def test_what_machines_tell_each_other_loses_nothing() -> None:
    work = PartitionAudit(Origins(frozenset({"a", "b"})), Schemas("rm_1", "rm_2"), frozenset({"r"}), "0003-1")
    stretch = Stretch(3, 5, 2, 90, 7, ranges=((0, 5), (5, 60)))
    proved = PartitionProved(
        3, 4, "it differs", Decimal("0.100"), RecordMark(offset=1, ms=2, digest="0f"), [RangeDigest((5, 60), "d")]
    )
    assert again(PARTITION_AUDIT.work, work) == work
    assert again(PARTITION_AUDIT.job, stretch) == stretch
    assert again(PARTITION_AUDIT.result, proved) == proved
    assert again(FILLING.work, Filling("rm_2", work.origins)) == Filling("rm_2", work.origins)
    assert again(FILLING.job, PartitionToFold(1, 2)) == PartitionToFold(1, 2)


def again(form: TypeAdapter[Any], value: object) -> object:
    return form.validate_json(form.dump_json(value))


def test_who_looks_rarely_finds_nobody_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.apart.stint.SILENT_LOOKS", 2)
    signs = Signs()
    assert [signs.look("a", beats) for beats in (1, 1, 1, 1, 2, 2, 2, 2)] == [*[False] * 3, True, *[False] * 3, True]
    assert not signs.look("b", 2)
