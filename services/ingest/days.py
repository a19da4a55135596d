"""The day of an account's zone on which usage lies, remembered: usage comes in order of time, so minutes repeat."""

from datetime import date, datetime

from projections.calendar import local_day

_MOST = 100_000


class Days:
    """`projections.calendar.local_day` with a memory by zone and minute."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], date] = {}

    def of(self, ts: datetime, ts_text: str, zone: str) -> date:
        """The day of instant `ts`; `ts_text` is its text in UTC, as the log spells it.

        Offsets from UTC are whole minutes since Liberia gave up its 44.5 in 1972; before that, seconds count.
        """
        key = (zone, ts_text[:16] if ts_text > "1973" else ts_text[:19])
        day = self._known.get(key)
        if day is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            day = self._known[key] = local_day(ts, zone)
        return day
