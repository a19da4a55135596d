"""Forms in which somebody may write a date or date-time, and what each means where no zone is known."""

from datetime import UTC, date, datetime

NEW_YEAR = date(2026, 1, 1)
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
EVENING = datetime(2025, 12, 31, 22, tzinfo=UTC)
LATER = datetime(2026, 1, 1, 10, 30, tzinfo=UTC)
#: What is finer than a microsecond is cut: rounded, it would be on the next day.
LAST = datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
#: Form -> the day where a day is meant, what it is where a day or date-time is, and where an instant is.
FORMS: dict[str, tuple[date | None, date | datetime | None, datetime | None]] = {
    "2026-01-01": (NEW_YEAR, NEW_YEAR, None),
    "2026-01-01T00:00:00Z": (NEW_YEAR, MIDNIGHT, MIDNIGHT),
    "2026-01-01t00:00:00z": (NEW_YEAR, MIDNIGHT, MIDNIGHT),
    "2026-01-01T00:00:00.000Z": (NEW_YEAR, MIDNIGHT, MIDNIGHT),
    "2026-01-01T00:00:00+00:00": (NEW_YEAR, MIDNIGHT, MIDNIGHT),
    "2025-12-31T19:00:00-05:00": (NEW_YEAR, MIDNIGHT, MIDNIGHT),
    "2026-01-01T02:00:00+02:00": (NEW_YEAR, MIDNIGHT, MIDNIGHT),
    "2026-01-01T00:00:00": (NEW_YEAR, MIDNIGHT, None),
    "2026-01-01T00:00:00+02:00": (None, EVENING, EVENING),
    "2026-01-01T10:30:00Z": (None, LATER, LATER),
    "2026-01-01T10:30:00": (None, LATER, None),
    "2026-01-01T10:30:00.0000009Z": (None, LATER, LATER),
    "2025-12-31T23:59:59.9999999Z": (None, LAST, LAST),
}
OTHERS = (
    "", "20260101", "2026-W01-1", "2026-001", "2026-1-1", "26-01-01", "2026-01", "2026-02-30", "2026-13-01",
    " 2026-01-01", "2026-01-01 ", "2026-01-01\n", "2026/01/01", "01.01.2026", "٢٠٢٦-01-01", "0000-01-01",
    "2026-01-01 00:00:00Z", "2026-01-01T00:00Z", "2026-01-01T00:00.00Z", "20260101T000000Z", "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+0000", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:60",
    "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Z\n", "2026-02-30T00:00:00Z",
    "today",
)  # fmt: skip
FORMS |= dict.fromkeys(OTHERS, (None, None, None))
#: Written well, and outside the years of the wire.
FAR = (
    "1969-12-31",
    "2200-01-02",
    "9999-12-31",
    "9999-12-31T23:59:59.9999999Z",
    "2200-01-02T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2200-01-02T00:00:00",
)
