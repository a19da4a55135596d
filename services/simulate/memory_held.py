"""Usage of a story in memory that waits for its account or meter, by the rules of the services (docs/usage.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from events.dates import from_ms
from services.ingest.directory import Directory
from services.refusals.refusal import Reason, Refused
from services.simulate.player import UsageRecord
from services.simulate.telling import held_told, in_order


@dataclass(frozen=True, slots=True)
class _Held:
    """A record and the reason for its refusal; `until`: when it stops waiting, None once that time has passed."""

    record: UsageRecord
    reason: Reason
    until: datetime | None

    def has_come(self, directory: Directory) -> bool:
        """Whether the account or meter that it waits for exists."""
        if self.reason is Reason.UNKNOWN_ACCOUNT:
            return self.record.account in directory.accounts
        return self.reason is Reason.UNKNOWN_METER and self.record.meter in directory.meters


@dataclass(slots=True)
class MemoryHeld:
    """Held records, and those whose time has passed, ordered by their latest arrival."""

    _records: list[_Held] = field(default_factory=list)

    def hold(self, record: UsageRecord, refused: Refused, now: datetime) -> None:
        """Hold a refused record; if the same record is sent again, its time begins anew."""
        assert refused.hold is not None
        until = from_ms(replace(refused.hold, clock=now).until(0))
        self._records = [held for held in self._records if held.record != record]
        self._records.append(_Held(record, refused.reason, until))

    def expire(self, now: datetime) -> None:
        """Mark the records whose time has passed."""
        self._records = [
            replace(held, reason=Reason.HOLD_EXPIRED, until=None)
            if held.until is not None and held.until <= now
            else held
            for held in self._records
        ]

    def let_go(self, directory: Directory) -> list[UsageRecord]:
        """Remove and return the records whose account or meter now exists."""
        come = [held for held in self._records if held.has_come(directory)]
        self._records = [held for held in self._records if held not in come]
        return [held.record for held in come]

    def told(self) -> tuple[Mapping[str, Any], ...]:
        """All records, in the words of scenarios."""
        return in_order(
            [
                held_told(
                    {
                        "accountCode": held.record.account,
                        "meterCode": held.record.meter,
                        "uid": held.record.uid,
                        "reason": held.reason.value,
                        "heldUntil": held.until,
                    }
                )
                for held in self._records
            ]
        )
