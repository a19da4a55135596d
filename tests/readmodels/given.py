"""Facts for the specs of read models: any fact, and the golden ones as they stand in the log."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from events.codec import decode
from events.envelope import Envelope, seal
from events.facts.base import Fact

GOLDEN = Path(__file__).parent.parent / "golden"
AT = datetime(2026, 1, 20, 10, tzinfo=UTC)


def golden(name: str) -> tuple[Envelope, bytes]:
    """A golden record, read and as its bytes."""
    record = (GOLDEN / f"{name}.json").read_bytes()
    return decode(record), record


def told(fact: type[Fact], sequence: int = 1, account: str | None = None, **fields: Any) -> Envelope:
    """A fact of organization `org`, told by a command."""
    data = fact.model_validate(fields)
    return seal(data, source="commands/first", sequence=sequence, organization="org", time=AT, account=account)


def named(row: Any, *names: str) -> dict[str, Any]:
    """These columns of a row."""
    return {name: getattr(row, name) for name in names}
