"""A record as a consumer has it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Came:
    """`services.kafka.FetchedRecord`."""

    key: bytes | None
    value: Any
    headers: Any = field(default_factory=list)
    offset: int = 0
    timestamp: int = 0
    timestamp_type: int = 1
